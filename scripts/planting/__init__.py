"""Is a wrong commit ever named? Histories of the mini kernel in which the right answer is planted."""
