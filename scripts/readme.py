"""Where in the README do a script's figures stand? Between `<!-- made by scripts/NAME -->` and `<!-- end -->`."""

from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
END = "<!-- end -->"


def _parts(name: str) -> tuple[str, str, str]:
    begin = f"<!-- made by scripts/{name} -->"
    before, found, rest = README.read_text().partition(begin)
    if not found:
        raise SystemExit(f"README.md has no place for the figures: {begin}")
    inside, _, after = rest.partition(END)
    return f"{before}{begin}", inside, f"{END}{after}"


def has(name: str) -> bool:
    """Tell whether there is a place for the figures of `scripts/NAME`."""
    return f"<!-- made by scripts/{name} -->" in README.read_text()


def written(name: str) -> str:
    """Return what stands there now."""
    return _parts(name)[1].strip("\n")


def put(name: str, figures: str) -> None:
    """Let the figures of `scripts/NAME` stand in place of those that it printed before."""
    before, _, after = _parts(name)
    README.write_text(f"{before}\n{figures}\n{after}")
