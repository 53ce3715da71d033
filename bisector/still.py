"""Does a guest whose clock stands, and that says nothing, still do something? (judged by what QEMU works for it)"""

from __future__ import annotations

import time

from bisector.errors import HostError
from bisector.host import console, monitor
from bisector.model import Ending

# Host seconds for which QEMU sleeps in all its threads and the guest's clock stands before we say that nothing in
# the guest can ever wake it: with the clock that counts instructions an idle guest leaps to its next timer at once.
STILL = 2.0
# QEMU's own processor seconds for which it works, the guest's clock stands, and hardly an instruction is executed
# before we say the same: a CPU whose fault handler faults. Of these QEMU counts none or, measured, 0.4 million a
# second, and executes 170 million of a busy guest's, some millions where each third one asks a device.
WORKED, INSTRUCTIONS = 5.0, 1_000_000


class Still:
    """How long the guest has done nothing. To be told of all that moves, and looked at in between."""

    def __init__(self, said: console.Console, qemu: monitor.Monitor) -> None:
        self._said, self._qemu = said, qemu
        self._since = 0.0
        # QEMU's processor seconds, and the guest's instructions, when it last moved; None: not asked since.
        self._worked: tuple[float, int] | None = None
        self.moved()

    def moved(self) -> None:
        """Take note that the guest said something, or that its clock went on."""
        self._since, self._worked = time.monotonic(), None

    def look(self, *, asleep: bool) -> Ending | None:
        """Return SILENT if nothing can come of this guest any more. Raises HostError if QEMU itself stopped it."""
        if not asleep:
            self._since = time.monotonic()
        if time.monotonic() - self._since >= STILL or self._works_in_vain():
            _require_running(self._qemu)
            return Ending.SILENT
        return None

    def _works_in_vain(self) -> bool:
        spent, executed = self._said.worked(), self._qemu.instructions()
        if self._worked is None or executed - self._worked[1] > INSTRUCTIONS * WORKED:
            self._worked = spent, executed
        return spent - self._worked[0] >= WORKED


def _require_running(qemu: monitor.Monitor) -> None:
    """A VM that QEMU stopped by itself (KVM gave up, an error of its devices) is no silence of the guest's."""
    state = qemu.state()
    if state != "running":
        raise HostError(
            f"QEMU stopped its guest by itself: {state}", "see the console's log, then resume", transient=True
        )
