"""bisector: which commit changed what an arm64 kernel does when a breakpoint's signal steps into its handler?"""

__version__ = "0.1.0"
