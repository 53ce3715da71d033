"""Is it on the disk, whatever happens next? Files that are whole or not there, and directories that are gone."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bisector.errors import HostError
from bisector.host import process

# Seconds: all objects of a kernel's modules are gone in some ten.
REMOVAL = 600.0
_SCRATCH = "scratch."
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
    """Hold an empty directory in `home`, and remove it afterwards. Raises HostError.

    What a killed process leaves goes with the next one's; in /tmp nobody would know it for ours.
    """
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
        sweep(home)
        place, held = _held(home)
    try:
        yield place
    finally:
        try:
            remove(place)
        finally:
            os.close(held)


def sweep(home: Path) -> None:
    """Remove the scratch directories in `home` that nobody holds any more, as far as that can be done."""
    for left in home.glob(f"{_SCRATCH}*"):
        with suppress(OSError, HostError):
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if locked(held, 0):
                    remove(left)
            finally:
                os.close(held)


def _held(home: Path) -> tuple[Path, int]:
    """Make a directory; return it with the descriptor whose lock says that somebody is at work there."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=home))
        with suppress(FileNotFoundError):
            held = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            # Somebody who swept may have come between.
            if locked(held, 0) and place.exists():
                return place, held
            os.close(held)


def _force(path: Path) -> None:
    """Remove a directory that Python could not.

    A build may leave directories without the right to write or even look into them, and more of them in each other
    than Python can call itself or than a path can name: chmod and rm walk with open directories.
    """
    with suppress(HostError):
        process.output(process.bound_to_us(["chmod", "-R", "u+rwX", "--", str(path)]), seconds=REMOVAL)
    process.output(process.bound_to_us(["rm", "-rf", "--", str(path)]), seconds=REMOVAL)


def locked(lock: TextIO | int, seconds: float, how: int = fcntl.LOCK_EX) -> bool:
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
