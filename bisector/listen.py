"""How does a boot go on, and when is it over? A console and QEMU's monitor, heard until an ending."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from bisector.errors import HostError
from bisector.host import console, monitor, process
from bisector.model import Ending, Limits
from bisector.watch import Watch

# Host seconds: how long one read waits, and how often QEMU is asked for the guest's clock (1 ms an answer).
TICK, LOOK = 0.1, 0.05
# A look that comes this much late means that we did not run: Ctrl-Z, a swapping or suspended host.
SLEPT = 2.0
# Host seconds for which QEMU sleeps in all its threads and the guest's clock stands before we say that nothing in
# the guest can ever wake it: with the clock that counts instructions an idle guest leaps to its next timer at once.
STILL = 2.0


@dataclass(slots=True)
class Seen:
    """How a boot went, on the host's clock. `started` moves on by the time in which we did not run.

    `text`: what it said until it ended or was given up.
    """

    watch: Watch
    ending: Ending | None = None
    started: float = field(default_factory=time.monotonic)
    began: float | None = None
    seconds: float = 0.0
    text: str = ""

    def hear(self, block: str) -> None:
        self.watch.hear(block)
        if self.began is None and self.watch.begun:
            self.began = time.monotonic() - self.started


def run_out(said: console.Console, output: int) -> None:
    """Read what a QEMU that is gone has left on its console: for so long and so much as such a rest can be."""
    deadline = time.monotonic() + process.GRACE
    while output > 0 and time.monotonic() < deadline and (block := said.read(TICK)):
        output -= len(block)


def listened(said: console.Console, seen: Seen, qemu: monitor.Monitor, register: int) -> Ending | None:
    """Listen until the guest ends or a limit is broken; None if QEMU ends first, without its guest.

    Raises Gone, and HostError at the last net.
    """
    watch = seen.watch
    looked = still_since = time.monotonic()
    guest = stood = 0.0
    while True:
        qemu.hear(TICK)
        ended = qemu.guest_ended
        block = said.read(0)
        now = time.monotonic()
        if now - looked > SLEPT:
            seen.started += now - looked
            still_since = now
        seen.hear(block or "")
        if watch.flooded:
            return Ending.FLOODED
        if ended and not block:
            return Ending.POWERED_OFF
        if block is None:
            return None
        if now - looked < LOOK:
            continue
        looked = now
        if now - seen.started > watch.limits.host:
            raise _overloaded(watch.limits, guest)
        asleep = said.asleep()
        told = qemu.clock(register)
        if told is None:
            still_since = now
            continue
        guest = told
        # What was said before the clock was read waits by now, or there is nothing. What waits may have been said
        # after it as well, and the clock of an idle guest leaps: it counts as said at the next look.
        late = said.read(0)
        if (ending := watch.look(guest, quiet=late == "")) is not None:
            return ending
        seen.hear(late or "")
        if guest != stood or late or block or not asleep:
            stood, still_since = guest, now
        elif now - still_since >= STILL:
            return Ending.SILENT


def _overloaded(limits: Limits, guest: float) -> HostError:
    return HostError(
        f"a boot took more than {limits.host:.0f} s of this machine's time, and its guest was still at second "
        f"{guest:.0f} of its own",
        "this machine is too busy: give it less to do, or raise --host-limit, then resume",
    )
