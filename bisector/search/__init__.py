"""Who picks the next commit? git, through `git bisect run`."""
