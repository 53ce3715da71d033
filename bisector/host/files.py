"""What stands in a file that somebody else may have put there? Regular files only, and only so many bytes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

# A configuration or a fragment: a thousand times what a person writes.
SMALL = 1 << 20


def read(path: Path, most: int = SMALL) -> bytes:
    """Return the file's bytes. Raises OSError, with its reason in words, also for what is no file of that size.

    A pipe that nobody writes to would hold us for ever, and /dev/zero would fill the memory.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "a path has no NUL")
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        there = os.fstat(stream.fileno())
        if stat.S_ISDIR(there.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(there.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        # fstat's size may be out of date, or 0 below /proc: one byte more than allowed tells.
        if there.st_size > most or len(found := stream.read(most + 1)) > most:
            raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB")
    return found
