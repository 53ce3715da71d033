"""How do the manual pages come to be? From the commands themselves, by click-man: one for each."""

from __future__ import annotations

import sys
from pathlib import Path

from click_man.core import write_man_pages

from bisector import __version__
from bisector.cli import cli

DATE = "bisector"


def write(into: Path) -> list[Path]:
    """Write all pages below `into`, and return them."""
    place = into / "man1"
    place.mkdir(parents=True, exist_ok=True)
    write_man_pages("bisector", cli, version=__version__, target_dir=str(place), date=DATE)
    return sorted(place.glob("*.1"))


if __name__ == "__main__":
    for page in write(Path(sys.argv[1])):
        print(page)
