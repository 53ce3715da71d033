"""How does git search for us? `git bisect run`, whose child asks; which commit is next, `evidence.midpoint` says."""
