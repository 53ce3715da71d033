"""What does a person see? The live display as a terminal has it in the middle of a search, and the report's page."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import pexpect
import pyte
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from tests.minitree import MiniTree

COLUMNS, ROWS = 112, 26
# Of the page: what is seen before one scrolls, twice over.
WIDTH, HEIGHT = 1000, 1500


def main(into: Path) -> None:
    """Run a session, and draw both pictures."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        tree = MiniTree.create(Path(home, "linux"))
        ids = tree.story(30, 17, edits={14: {"breaks": "compile"}, 15: {"mends": True}})
        words = ["-m", "bisector", "start", "--state", f"{home}/state", "--repo", str(tree.path)]
        words += ["--old", tree.base, "--new", ids[-1]]
        screen = pyte.Screen(COLUMNS, ROWS)
        stream = pyte.Stream(screen)
        running = pexpect.spawn(
            sys.executable, words, encoding="utf-8", codec_errors="replace", dimensions=(ROWS, COLUMNS), timeout=120
        )
        # In the middle of a search: three of its steps are told, and the next one is at work.
        for _ in range(3):
            running.expect(r"search +[0-9a-f]{12} [a-z]+ [^\n]*\n")
            stream.feed(str(running.before) + str(running.after))
        running.expect("left")
        stream.feed(str(running.before) + str(running.after))
        _terminal(screen, into / "live.svg")
        running.expect(pexpect.EOF)
        running.close()
        [page] = Path(home, "state", "sessions").glob("*/report.html")
        _page(page, into / "report.png")


def _terminal(screen: pyte.Screen, path: Path) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for row in range(ROWS):
        line = Text()
        for column in range(COLUMNS):
            cell = screen.buffer[row][column]
            colour = "" if cell.fg == "default" else cell.fg.replace("brown", "yellow")
            line.append(cell.data, style=colour)
        line.rstrip()
        console.print(line, no_wrap=True)
    console.save_svg(str(path), title="bisector start")


def _page(page: Path, path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        shown.goto(page.as_uri())
        shown.screenshot(path=str(path))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
