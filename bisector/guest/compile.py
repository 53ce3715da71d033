"""Where is the probe's program? Compiled on this machine from the sources beside this file, once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from bisector.errors import HostError
from bisector.host import disk, process

# A slow machine needs some ten.
SECONDS = 300.0
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
    if program.exists():
        # Whoever was killed when it had just been made left the rest.
        disk.sweep(cache)
        return program.read_bytes()
    with disk.scratch(cache) as place:
        _compile(compiler, place)
        with disk.writing(program):
            # An empty file in its place would be an empty /init, at every commit.
            disk.settle(place / "probe")
            (place / "probe").rename(program)
            disk.settle(cache)
    return program.read_bytes()


def _compile(compiler: Sequence[str], place: Path) -> None:
    """Compile `probe` in a directory that holds the compiler's temporary files too: a kill leaves nothing else."""
    units = [str(path) for path in sources() if path.suffix != ".h"]
    argv, log = [*compiler, *_FLAGS, str(place / "probe"), *units], place / "log"
    done = process.run(argv, env=dict(os.environ) | {"TMPDIR": str(place)}, log=log, seconds=SECONDS)
    if done.code != 0 or done.overdue:
        said = log.read_text(errors="backslashreplace").splitlines()[1:] or [f"exit code {done.code}"]
        raise HostError(
            f"the probe does not compile: {said[0][:400]}",
            "the probe needs a cross compiler and its static C library: bisector doctor",
        )
