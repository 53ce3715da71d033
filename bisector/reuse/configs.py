"""Which configuration has a kernel that is kept, and has another commit the same? Then Kconfig is not asked."""

from __future__ import annotations

from pathlib import Path

from bisector.host import disk, files, sandbox
from bisector.model import Kernel

# Our own copy of tinyconfig's result, to tell what the fragments changed. It lies beside the objects, where no
# Makefile has business. Not `tiny.config`: that is the name of a make target which tinyconfig calls.
TINY = "tinyconfig.result"
# The most bytes that a .config may have.
BYTES = 16 << 20


def kept(kernel: Kernel) -> tuple[bytes, bytes] | None:
    """Return tinyconfig's result and the .config that are kept with a kernel; None if they cannot be read."""
    config = Path(kernel.config)
    try:
        return files.read(config.with_name(TINY), BYTES), files.read(config, BYTES)
    except (OSError, ValueError):  # ValueError: a path that is none, from a damaged journal
        return None


def put_back(kernel: Kernel, objects: Path, log: Path) -> bool:
    """Write a kept kernel's configuration where make looks for it; False if it cannot be read.

    `log`: the build's, where it is said. An equal .config keeps its time stamp: kbuild would otherwise read every
    Kconfig file once more. Raises HostError.
    """
    if (texts := kept(kernel)) is None:
        return False
    for path, text in zip((objects.with_name(TINY), objects / ".config"), texts, strict=True):
        with disk.writing(path):
            if sandbox.odd(path.parent, path.name, BYTES):
                disk.remove(path)
            if not path.exists() or path.read_bytes() != text:
                path.write_bytes(text)
    with disk.writing(log), log.open("a") as told:
        told.write(f"$ # configured as {kernel.commit}: nothing differs that make and Kconfig would read for that\n")
    return True
