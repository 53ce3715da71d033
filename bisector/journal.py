"""What has this session done? One fsynced line an event, append only; everything else is derived from it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from bisector import events
from bisector.errors import Held, HostError, UserError
from bisector.events import Recorded, Started
from bisector.host import disk, files, stopping
from bisector.known import Session

NAME = "journal.jsonl"
# Bytes that are read: a step's line has some ten kB, and a search of a million commits has twenty steps.
MOST = 256 << 20
# Bytes of a line that is written. Whatever a commit or a kernel says was cut before; this is the net below it.
LINE = 16 << 20
EMPTY = "it is empty"
# How the hidden name of a session ends whose first line is not yet on the disk.
_NEW = ".new"


class Journal:
    """The open journal of one session: its only writer."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def append(self, event: Recorded) -> Recorded:
        """Write the event to the disk, then to the session's values; return it with its time."""
        event = msgspec.structs.replace(event, at=events.now())
        _write(self.session.directory / NAME, events.encode(event))
        self.session.take(event)
        return event


def _write(path: Path, line: bytes) -> None:
    """Append the line and wait until it is on the disk; if that fails, the file is as it was.

    A signal waits meanwhile: what was seen in a boot is not lost to a Ctrl-C in the last moment.
    """
    if len(line) > LINE:
        raise HostError(f"a line of {len(line) >> 20} MiB is too long for {path}", "nothing was written")
    with disk.writing(path), stopping.deferred(), path.open("ab+", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            # A line that a power cut tore is ended here and skipped by the reader.
            stream.seek(-1, os.SEEK_END)
            line = line if stream.read(1) == b"\n" else b"\n" + line
        left = memoryview(line + b"\n")
        try:
            while left:
                # A disk that is almost full takes the first bytes and says nothing.
                left = left[stream.write(left) or 0 :]
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                stream.truncate(size)
            raise


def create(directory: Path, started: Started) -> Journal:
    """Begin a session's journal in a new directory. Raises HostError."""
    started = msgspec.structs.replace(started, at=events.now())
    new = directory.with_name(f".{directory.name}{_NEW}")
    try:
        new.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise HostError(f"cannot make {new}: {error.strerror}", "choose another --state directory") from error
    _write(new / NAME, events.encode(started))
    with disk.writing(directory):
        disk.settle(new)
    try:
        # Whoever kills us leaves a session that can be read, or what the next one sweeps away.
        new.rename(directory)
    except OSError as error:
        disk.remove(new)
        raise HostError(f"cannot make {directory}: {error.strerror}", "choose another --state directory") from error
    with disk.writing(directory):
        for place in (directory.parent, directory.parent.parent):
            disk.settle(place)
    return Journal(Session(directory, started, last=started.at))


def begun(directory: Path) -> Started | None:
    """Return how a session began without reading all of it, None if it cannot be told."""
    try:
        with (directory / NAME).open("rb") as stream:
            event = events.decode(stream.readline())
    except (OSError, events.Unreadable):
        return None
    return event if isinstance(event, Started) else None


def read(directory: Path) -> Session:
    """Read a session. Raises UserError, with the line's number, if it is not one of ours."""
    path = directory / NAME
    try:
        lines = files.read(path, MOST).split(b"\n")
    except OSError as error:
        hint = "a session's journal is a file in its directory; nothing was changed"
        raise UserError(f"cannot read {path}: {error.strerror}", hint) from error
    session: Session | None = None
    spoiled: list[int] = []
    first = EMPTY
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = events.decode(line)
        except events.Unreadable as error:
            if error.newer or error.older:
                who = "a newer" if error.newer else "an older"
                raise UserError(
                    f"{path}, line {number}: written by {who} bisector", "read it with that version"
                ) from error
            first = first if first != EMPTY else f"line {number} cannot be read: {str(error)[:200]}"
            spoiled.append(number)
            continue
        if isinstance(event, Started):
            session = session or Session(directory, event, last=event.at)
        elif session is not None:
            session.take(event)
        elif first == EMPTY:
            first = f"line {number} is another event"
    if session is None:
        hint = "its first line should be the event `started`; nothing was changed"
        raise UserError(f"{path} is not a journal of bisector: {first}", hint)
    session.spoiled = tuple(spoiled)
    return session


def is_held(directory: Path) -> bool:
    """Tell whether a bisector works at this session now; the kernel drops a dead one's lock."""
    path = directory / "lock"
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the session against a second bisector. Raises Held, which names the holder's process."""
    path = directory / "lock"
    with disk.writing(path):
        lock = path.open("a+")
    with lock:
        # Who looks whether it is held has it for a moment.
        if not disk.locked(lock, 0.5):
            lock.seek(0)
            raise Held(
                f"session {directory.name} is held by process {lock.read().strip() or '?'}",
                "wait for it, or end it",
            )
        with disk.writing(path):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        yield


@contextmanager
def choosing(home: Path) -> Iterator[None]:
    """Look for a session and take or begin one, while nobody else does. Raises HostError after ten seconds."""
    path = home.with_name(f"{home.name}.lock")
    with disk.writing(path):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = path.open("a+")
    with lock:
        if not disk.locked(lock, 10.0):
            raise HostError(f"another bisector has held {path} for ten seconds", "wait for it, or end it")
        for unfinished in home.glob(f".*{_NEW}"):
            disk.remove(unfinished)
        yield
