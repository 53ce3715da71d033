"""May make trust the objects that it finds? make goes by time stamps alone, and some things do not show in them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bisector.errors import HostError
from bisector.host import disk, process

MARK, MADE_BY = ".bisector-builds-here", ".bisector-made-by"
DISTRUSTED = "another session found a spoiled kernel"


def notes(objects: Path) -> list[Path]:
    """Return our own files among the objects: make has no business there."""
    return [path for path in (objects / MARK, objects / MADE_BY) if path.exists()]


def _others(objects: Path) -> Path:
    """Return the mark of other sessions: where make cannot write, and nobody but `prepare` removes it."""
    return objects.with_name(f"{objects.name}-distrusted")


@contextmanager
def building(objects: Path) -> Iterator[int]:
    """Mark that make is writing objects; the mark goes when make has ended by itself, and with nothing else.

    Yields the time stamp, ns, than which nothing that make writes is older.

    After anything else (our death, a signal, a killed compiler, a full disk) an object may be torn and look up
    to date, so the next build begins from nothing: with ccache that is half a minute.
    """
    mark = objects / MARK
    with disk.writing(mark):
        objects.mkdir(parents=True, exist_ok=True)
        mark.touch()
        # Before make writes anything: a mark that the power took with it would leave the objects trusted.
        disk.settle(mark)
        disk.settle(objects)
        since = mark.stat().st_mtime_ns
    yield since
    if not mark.exists():
        # make then fails in as many words as it has files, and none of them is the commit's fault.
        raise HostError(f"{objects} was taken away while make ran", "resume builds it again", transient=True)
    if _others(objects).exists():
        raise HostError(f"{DISTRUSTED} while make ran in {objects}", "resume builds it from nothing", transient=True)
    mark.unlink()


def prepare(objects: Path, tree: Path, maker: str) -> str:
    """Empty the object directory if make must not trust it; return why, "" if it may. Call before the checkout.

    `maker`: what tells this compiler's objects from another's. An object that is newer than now (a clock that was
    set back) is held for up to date although the checkout that follows changes its source; the files of `tree` that
    the checkout leaves alone are then no older.
    """
    stamp = objects / MADE_BY
    with disk.writing(objects):
        objects.mkdir(parents=True, exist_ok=True)
        why = ""
        if _others(objects).exists():
            why = DISTRUSTED
        elif (objects / MARK).exists():
            why = "the last build was broken off"
        elif (stamp.read_text(errors="replace") if stamp.exists() else None) != maker and any(objects.iterdir()):
            why = "another compiler or linker made them"
        elif _newest(objects) > time.time():
            why = "they are newer than this machine's clock"
            set_back(tree)
    if why:
        emptied(objects)
        disk.remove(_others(objects))
    if not stamp.exists():
        disk.write(stamp, maker.encode())
    return why


def _newest(place: Path) -> float:
    """Return the latest time stamp below a directory, in 30 ms for a kernel. What is closed to us is too new."""
    newest, left = 0.0, [str(place)]
    while left:
        if not os.access(left[-1], os.R_OK | os.X_OK):
            return math.inf
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
    return newest


def set_back(tree: Path) -> None:
    """Give the files below that are newer than now the time that it is; make would not believe them for so long.

    git then finds out which of them are as they were; its own files are left to it.
    """
    with disk.writing(tree):
        for place, directories, names in os.walk(tree):
            directories[:] = [name for name in directories if name != ".git"]
            for path in (os.path.join(place, name) for name in (*names, *directories)):
                if os.lstat(path).st_mtime > time.time():
                    os.utime(path, follow_symlinks=False)


def distrust(several: Iterable[Path]) -> None:
    """Leave a mark beside object directories that others may hold: whoever builds there begins from nothing."""
    for objects in several:
        with disk.writing(objects), suppress(FileNotFoundError):
            _others(objects).touch()


def emptied(objects: Path) -> None:
    """Make the object directory empty, all at once: half of it must never look like the whole."""
    disk.discard(objects)
    with disk.writing(objects):
        objects.mkdir(parents=True)


def without_later(cache: Path, began: float) -> None:
    """Remove what was put into ccache's directory since then: ccache does not count, nor clean, a stranger's files.

    By the time that nobody can set (ctime). Another session's fresh entries go too, and are made again.
    """
    with suppress(HostError):
        words = ["find", str(cache), "-xdev", "-type", "f", "-newerct", f"@{began:.6f}", "-delete"]
        process.output(process.bound_to_us(words), seconds=disk.REMOVAL)


def begin_anew(objects: Path) -> None:
    """Make the object directory as `prepare` leaves an empty one."""
    stamp = objects / MADE_BY
    maker = stamp.read_bytes() if stamp.exists() else b""
    emptied(objects)
    disk.write(stamp, maker)
