"""Which command wants to hear of each event? It gets one line on its standard input, and so much time."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress

from bisector.errors import HostError
from bisector.host import process, stopping

# Seconds that a command has for an event: a session waits for it; and where we were asked to stop. Failures in a row
# after which it is not called.
SECONDS, HURRIED, PATIENCE = 10.0, 0.3, 3


class Listener:
    """A person's shell command, told each event. What it does, and that it fails, is never the session's matter."""

    def __init__(self, command: str, warn: Callable[[str], None], seconds: float = SECONDS) -> None:
        self._command, self._warn, self._seconds = command, warn, seconds
        self._failed = 0

    def tell(self, line: bytes) -> None:
        """Run the command with this line. Never fails."""
        if self._failed >= PATIENCE:
            return
        # Whoever stops us waits for no command: what it may have is what the ending leaves.
        if why := self._told(line, HURRIED if stopping.asked() else self._seconds):
            self._failed += 1
            ends = " and is not called any more" if self._failed >= PATIENCE else ""
            self._warn(f"--on-event: the command {why}{ends}")
        else:
            self._failed = 0

    def _told(self, line: bytes, seconds: float) -> str:
        try:
            with process.starting():
                child = subprocess.Popen(
                    process.bound_to_us(["sh", "-c", self._command]),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except (HostError, OSError) as error:
            return f"could not be started: {error}"
        try:
            # One that does not read its input has done its work as well.
            with suppress(BrokenPipeError):
                child.communicate(line + b"\n", seconds)
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"did not end in {seconds:.0f} s, and was ended"
        finally:
            with stopping.deferred():
                # Also what it left in the background.
                process.end_group(child.pid, child.poll)
                child.wait()
                if child.stdin is not None:
                    with suppress(BrokenPipeError):
                        child.stdin.close()
        return f"ended with exit code {code}" if code else ""
