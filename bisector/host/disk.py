"""Is it on the disk, whatever happens next? Files that are whole or not there, and directories that are gone."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bisector.errors import HostError
from bisector.host import process

# Seconds: all objects of a kernel's modules are gone in some ten.
REMOVAL = 600.0
ROOM = "make room or mend the disk, then resume"


@contextmanager
def writing(what: Path) -> Iterator[None]:
    """Make a HostError of what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise HostError(f"cannot write {what}: {error.strerror or error}", ROOM) from error


def settle(path: Path) -> None:
    """Wait until the file's bytes, or the directory's entries, are on the disk: a file under no name is lost."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes) -> None:
    """Write the file wholly or not at all, to the disk. Raises HostError; the file is then as it was."""
    part = path.with_name(f"{path.name}.part")
    with writing(path):
        try:
            part.write_bytes(content)
            settle(part)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        settle(path.parent)


def digest(path: Path) -> str:
    """Return the SHA-256 of the file's bytes. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def size(directory: Path) -> int:
    """Return the bytes of the files in a directory; what goes meanwhile has none."""
    total = 0
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def discard(path: Path) -> None:
    """Remove a file or a whole directory, so that a kill in the middle leaves nothing under its name.

    Raises HostError if it cannot be removed: what is left could be taken for whole.
    """
    doomed = path.with_name(f"{path.name}.gone")
    remove(doomed)
    with writing(path), suppress(FileNotFoundError):
        path.rename(doomed)
    remove(doomed)


def remove(path: Path) -> None:
    """Remove a file or a whole directory, none is fine. Raises HostError if something is left."""
    with writing(path), suppress(FileNotFoundError):
        if not path.is_dir() or path.is_symlink():
            path.unlink()
            return
        try:
            shutil.rmtree(path)
        except (OSError, RecursionError):
            _force(path)


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Hold an empty directory in `home`, one for this process. Raises HostError.

    What a killed process leaves goes with the next one's; in /tmp nobody would know it for ours.
    """
    place = home / f"scratch.{os.getpid()}"
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    for left in home.glob("scratch.*"):
        # One that is at work has its process.
        if left == place or not Path(f"/proc/{left.suffix[1:]}").exists():
            remove(left)
    try:
        with writing(place):
            place.mkdir()
        yield place
    finally:
        remove(place)


def _force(path: Path) -> None:
    """Remove a directory that Python could not.

    A build may leave directories without the right to write or even look into them, and more of them in each other
    than Python can call itself or than a path can name: chmod and rm walk with open directories.
    """
    with suppress(HostError):
        process.output(process.bound_to_us(["chmod", "-R", "u+rwX", "--", str(path)]), seconds=REMOVAL)
    process.output(process.bound_to_us(["rm", "-rf", "--", str(path)]), seconds=REMOVAL)


def locked(lock: TextIO, seconds: float, how: int = fcntl.LOCK_EX) -> bool:
    """Take a file's lock, which goes with the open file; False if somebody else has it for so long."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)


def boot_id() -> str:
    """Return what names this boot of our machine: what was written under another may have been lost on the way."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
