"""Is it on the disk, whatever happens next? Files that are whole or not there, and directories that are gone."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bisector.errors import HostError

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
    """Remove a file or a whole directory, none is fine. Raises HostError."""

    def refused(again: Callable[[str], object], name: str, _: object) -> None:
        # A build may leave directories without the right to write or even look into them.
        os.chmod(os.path.dirname(name), stat.S_IRWXU)
        if again in (os.rmdir, os.unlink):
            again(name)
        else:
            os.chmod(name, stat.S_IRWXU)
            shutil.rmtree(name)

    with writing(path), suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=refused)
        else:
            path.unlink()


def boot_id() -> str:
    """Return what names this boot of our machine: what was written under another may have been lost on the way."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
