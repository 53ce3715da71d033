"""`python -m bisector` is the `bisector` command."""

from bisector.cli import main

if __name__ == "__main__":
    main()
