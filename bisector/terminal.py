"""How do words stand on a terminal? A line that moves, lines that fold, tables (the home of Rich)."""

from __future__ import annotations

import errno
import os
from typing import TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bisector.report import harmless


class _Console(Console):
    """A console whose reader may go: Rich itself would end the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class Terminal:
    """Lines that stay, and below them, where `live` and the terminal can, one that moves."""

    def __init__(self, stream: TextIO, *, live: bool) -> None:
        self._console = _Console(file=stream, highlight=False, soft_wrap=True, emoji=False, markup=False)
        self._bar: Progress | None = None
        if live and self._console.is_terminal and not self._console.is_dumb_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()

    @property
    def moves(self) -> bool:
        """Whether there is a line that moves."""
        return self._bar is not None

    def close(self) -> None:
        """Take the moving line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, clock: str, words: str, colour: str) -> None:
        """Print one line that stays."""
        said = Text(words, style=colour)
        if self._bar is None:
            self._console.print(Text(f"{clock}  ") + said)
            return
        # A terminal would break lines in the middle of words, and begin the rest of them at its edge.
        row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        row.add_column(no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(clock, said)
        self._console.print(row, soft_wrap=False)

    def move(self, words: str) -> None:
        """Change what the moving line says."""
        if self._bar is not None:
            self._bar.update(self._task, description=words)


def table(stream: TextIO, head: list[str], rows: list[list[str]]) -> None:
    """Print a table; cells are made harmless here. Cells fold on a terminal, and are whole in a pipe."""
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 100_000
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in head:
        made.add_column(Text(harmless.line(title)), overflow="fold")
    for row in rows:
        made.add_row(*(Text(harmless.line(cell)) for cell in row))
    with console.capture() as captured:
        console.print(made)
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
