"""What does it cost to call bisector at all, before and beside what it is asked to do?"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benching.pairs import spread, timed
from bisector.host import process

ROUNDS = 9


def rows() -> list[str]:
    """Return a row for the start of some commands, and for what stands between us and a build's `make`."""
    with tempfile.TemporaryDirectory() as place:
        python = [sys.executable, "-m", "bisector"]
        commands = {
            "`bisector --version`": [*python, "--version"],
            "`bisector list`, without a session": [*python, "list", "--state", place],
            "`bisector start --help`": [*python, "start", "--help"],
        }
        idle = functools.partial(_run, [sys.executable, "-c", ""])
        told = [
            _row(f"{name} ({ROUNDS} times)", functools.partial(_run, words), idle, "Python with nothing to do")
            for name, words in commands.items()
        ]
        kept = _row(
            f"a command under its keeper, as make is ({ROUNDS} times)",
            lambda: process.run(["true"], env=dict(os.environ), log=Path(place, "log"), seconds=60),
            lambda: _run(["true"]),
            "`true` alone",
        )
    return [*told, kept]


def _row(name: str, ours: Callable[[], object], bare: Callable[[], object], beside: str) -> str:
    taken: list[tuple[float, float]] = []
    ours()
    for _ in range(ROUNDS):
        taken.append((timed(ours), timed(bare)))
    mine, theirs = ([one[at] for one in taken] for at in (0, 1))
    more = spread([one - other for one, other in taken], 3)
    return f"| {name} | {spread(mine, 3)} s | {spread(theirs, 3)} s, {beside} | {more} s more |"


def _run(words: list[str]) -> None:
    subprocess.run(words, check=True, capture_output=True, stdin=subprocess.DEVNULL)
