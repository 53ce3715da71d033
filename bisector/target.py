"""Did make do what it was told? make run once -> nothing, or why this commit fails, as its log says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bisector import buildlog
from bisector.errors import HostError
from bisector.host import process, sandbox
from bisector.model import BrokenBuild, Commit
from bisector.recipe import Recipe
from bisector.reuse import configs

# How the reason of a build begins that used more than it may.
EXCESS = "its build "
# Also by what others put into the cache of ccache at the same time.
FLOODED = f"{EXCESS}wrote more"
# What is read of a log: this much of its beginning and of its end, and of a longer line the same.
LOG_BYTES, LINE = 2 << 20, 500
# What is read of a build's files by us, outside of its walls, and the most bytes that each may have.
READ = {".config": configs.BYTES, "System.map": 64 << 20, "vmlinux": 2 << 30}


def made(
    recipe: Recipe,
    commit: Commit,
    tree: Path,
    objects: Path,
    log: Path,
    target: str,
    seconds: float,
    on_line: Callable[[str], None] | None = None,
) -> BrokenBuild | None:
    """Run make once; return why it failed, None if it did not. Raises HostError."""
    begin = log.stat().st_size if log.exists() else 0
    done = process.run(
        recipe.make(tree, objects, target),
        env=recipe.environment(tree),
        log=log,
        seconds=seconds,
        on_line=on_line,
        walls=recipe.walls(tree, objects),
        bounds=recipe.bounds(objects),
    )
    if done.excess:
        return BrokenBuild(commit.id, EXCESS + done.excess)
    _in_time(done, seconds, log)
    if done.code != 0:
        return broken(commit, log, tree, begin)
    for name, most in (READ | {recipe.architecture.image_path: 1 << 30}).items():
        if why := sandbox.odd(objects, name, most):
            return BrokenBuild(commit.id, f"make left {name}, {why}")
    return None


def _in_time(done: process.Finished, seconds: float, log: Path) -> None:
    if done.overdue:
        raise HostError(f"make did not end within {seconds / 60:.0f} minutes", f"see {log}")
    if done.code >= 126:
        # 126, 127: make could not be run; more: it died of a signal. make's own failures are 1 and 2.
        raise HostError(f"make ended with exit code {done.code}", f"see {log}", transient=done.code > 127)


def broken(commit: Commit, log: Path, tree: Path, begin: int = 0) -> BrokenBuild:
    """Read from a failed build's log why it failed. Raises HostError if it was our machine.

    `begin`: the byte at which this attempt's lines begin. Paths are told as the commit has them, ccache's too.
    """
    because = buildlog.because(lines(log, begin))
    return BrokenBuild(commit.id, because.replace(f"{tree}/", "").replace(f"../{tree.name}/", ""))


def lines(log: Path, begin: int) -> list[str]:
    """Return the log's lines from a byte on, without our own; of a log without measure, only both its ends."""
    with log.open("rb") as stream:
        stream.seek(begin)
        read, end = stream.read(LOG_BYTES), stream.seek(0, os.SEEK_END)
        stream.seek(max(begin + len(read), end - LOG_BYTES))
        read += (b"\n" if stream.tell() > begin + len(read) else b"") + stream.read()
    whole = read.decode(errors="backslashreplace").splitlines()
    return [
        line if len(line) <= LINE else f"{line[: LINE - 100]} … {line[-97:]}"
        for line in whole
        if not line.startswith("$ ")
    ]
