"""How does a program of ours work beside us, on what nobody else wants of this machine? Lines in, lines out."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bisector.host import process, stopping

# The scheduler's idle class, and the disk's: what runs there gets what is left over.
_IDLE = ("ionice", "-c", "3", "chrt", "--idle", "0")


class Aside:
    """One such program, from its start to `end`. It dies with us, and no terminal's signal reaches it.

    `module`: of ours, run as a program; `log`: where its standard error goes. Raises HostError if it cannot start.
    """

    def __init__(self, module: str, log: Path) -> None:
        # -P: what lies in the current directory, a stranger's tree, is no module of ours.
        words = [*_IDLE, sys.executable, "-P", "-m", module]
        with process.logging(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as sink:
                self._child = subprocess.Popen(
                    process.bound_to_us(words),
                    env=_findable(os.environ),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=sink,
                    start_new_session=True,
                )
        process.leave_alone(self._child.pid)
        self._said = b""

    def say(self, line: bytes) -> None:
        """Give it a line. One that has ended hears nothing."""
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()

    def heard(self, seconds: float) -> bytes | None:
        """Return its next line; b"" if none comes in so many seconds, None if it has ended."""
        assert self._child.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            while b"\n" not in self._said:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return b""
                if not (block := os.read(self._child.stdout.fileno(), 1 << 16)):
                    return None
                self._said += block
        line, _, self._said = self._said.partition(b"\n")
        return line

    def end(self) -> None:
        """End it and all that it started."""
        with stopping.deferred():
            process.end_group(self._child.pid, self._child.poll)
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()


def _findable(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which another Python finds this package."""
    home = str(Path(__file__).parents[2])
    return dict(environ) | {"PYTHONPATH": os.pathsep.join([home, *filter(None, [environ.get("PYTHONPATH")])])}
