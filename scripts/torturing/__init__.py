"""Does a bisection survive whatever happens to it? Campaigns on the tests' mini kernel: see `scripts/torture`."""
