"""Where is the probe's program? Compiled on this machine from the sources beside this file, once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from bisector.errors import HostError
from bisector.host import disk, process

_FLAGS = ("-static", "-O2", "-Wall", "-Wextra", "-o")


def sources() -> list[Path]:
    """Return the probe's source files, headers included, sorted."""
    home = Path(str(resources.files("bisector.guest"))) / "probe"
    return sorted(path for path in home.iterdir() if path.suffix in (".c", ".h", ".S"))


def probe(compiler: Sequence[str], cache: Path) -> bytes:
    """Return the static program, made by `compiler` (argv) unless `cache` has it. Raises HostError."""
    digest = hashlib.sha256("\0".join(compiler).encode())
    for path in sources():
        digest.update(path.name.encode() + path.read_bytes())
    program = cache / f"probe-{digest.hexdigest()[:16]}"
    if not program.exists():
        with disk.writing(program):
            cache.mkdir(parents=True, exist_ok=True)
        part = program.with_suffix(f".{os.getpid()}")
        for left in cache.glob("probe-*.*"):
            # A compiler that was killed left it; one that is at work has its process.
            if not Path(f"/proc/{left.suffix[1:]}").exists():
                left.unlink(missing_ok=True)
        units = [str(path) for path in sources() if path.suffix != ".h"]
        try:
            process.output([*compiler, *_FLAGS, str(part), *units], seconds=300)
        except HostError as error:
            hint = "the probe needs a cross compiler and its static C library: bisector doctor"
            raise HostError(f"the probe does not compile: {error.message[:400]}", hint) from error
        with disk.writing(program):
            # An empty file in its place would be an empty /init, at every commit.
            disk.settle(part)
            part.rename(program)
            disk.settle(cache)
    return program.read_bytes()
