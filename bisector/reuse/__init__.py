"""Which commits cannot differ, and which kernels are there already?"""
