"""How does a boot go on, and when is it over? A console and QEMU's monitor, heard until an ending."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from bisector import still
from bisector.errors import HostError
from bisector.host import console, monitor, process
from bisector.model import Ending, Limits
from bisector.watch import Watch

# Host seconds: how long one read waits, and how often QEMU is asked for the guest's clock (1 ms an answer).
TICK, LOOK = 0.1, 0.05
# A look that comes this much late means that we did not run: Ctrl-Z, a swapping or suspended host.
SLEPT = 2.0
# Host seconds of looks that the guest's talk overtook, after which it is halted for one that nothing can overtake;
# and how long the last words of a QEMU that is halted need to get through the line.
OVERTAKEN, DRAINED = 0.5, 0.02
# Guest seconds that no boot needs, whatever limits it has: a session may have some that such a leap has made.
DAY = 86400.0


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
    return _Listener(said, seen, qemu, register).listened()


class _Listener:
    """One boot's watch at work. `guest`: what its clock said last."""

    def __init__(self, said: console.Console, seen: Seen, qemu: monitor.Monitor, register: int) -> None:
        self.said, self.seen, self.qemu, self.register = said, seen, qemu, register
        self.guest = 0.0
        self.still = still.Still(said, qemu)

    def listened(self) -> Ending | None:
        watch = self.seen.watch
        looked = judged = time.monotonic()
        while True:
            self.qemu.hear(TICK)
            ended = self.qemu.guest_ended
            block = self.said.read(0)
            now = time.monotonic()
            if now - looked > SLEPT:
                self.seen.started += now - looked
                self.still.moved()
            self.seen.hear(block or "")
            if watch.flooded:
                return Ending.FLOODED
            if ended:
                self._last_look()
                self._last_words()
                if watch.flooded:
                    return Ending.FLOODED
                return Ending.RESET if self.qemu.guest_reset else Ending.POWERED_OFF
            if block is None:
                return None
            if now - looked < LOOK:
                continue
            looked = now
            if now - self.seen.started > watch.limits.host:
                raise _overloaded(watch.limits, self.guest)
            if block:
                self.still.moved()
            ending, quiet = self._halted() if now - judged >= OVERTAKEN else self._looked()
            if ending is not None:
                return ending
            judged = now if quiet else judged

    def _last_look(self) -> None:
        """Look at the clock of a guest that has ended: a quick one may have come to its end between two looks.

        The clock of a machine that is off may have leapt to the date of a timer, in years: no guest needed those.
        """
        with suppress(monitor.Gone):
            if (told := self.qemu.clock(self.register)) is not None:
                leapt = told >= min(self.seen.watch.limits.total, DAY)
                self.seen.watch.look(self.guest if leapt else told, quiet=False)

    def _last_words(self) -> None:
        """End QEMU, whose guest has ended, and hear all that is still on the line: it closes behind that."""
        self.qemu.quit()
        deadline = time.monotonic() + process.GRACE
        while not self.seen.watch.flooded and time.monotonic() < deadline:
            if (block := self.said.read(TICK)) is None:
                return
            self.seen.hear(block)

    def _looked(self) -> tuple[Ending | None, bool]:
        """Look at the guest's clock as it runs; return whether it was quiet, so that its limits could be judged."""
        asleep = self.said.asleep()
        told = self.qemu.clock(self.register)
        if told is None:
            self.still.moved()
            return None, False
        # What was said before the clock was read waits by now, or there is nothing. What waits may have been said
        # after it as well, and the clock of an idle guest leaps: it counts as said at the next look.
        late = self.said.read(0)
        if told - self.guest >= self.seen.watch.limits.silence and self.qemu.state() == "shutdown":
            # The leap of a machine that is off already. The loop says so at its next turn.
            return None, True
        if (ending := self.seen.watch.look(told, quiet=late == "")) is not None:
            return ending, True
        self.seen.hear(late or "")
        moved, self.guest = told != self.guest, told
        if moved or late:
            self.still.moved()
            return None, late == ""
        return self.still.look(asleep=asleep), True

    def _halted(self) -> tuple[Ending | None, bool]:
        """Stop a guest that talks at every look, hear all that it said, and judge: nothing is late then."""
        self.qemu.halt()
        deadline = time.monotonic() + process.GRACE
        told = None
        while told is None:
            while (block := self.said.read(DRAINED)) and not self.seen.watch.flooded:
                self.seen.hear(block)
            self.qemu.hear(0)
            if self.seen.watch.flooded or self.qemu.guest_ended or block is None:
                # The loop says so at its next turn.
                return None, True
            if time.monotonic() > deadline:
                raise HostError("QEMU talks on although it was stopped", "is this QEMU 7 or later?", transient=True)
            told = self.qemu.clock(self.register)
        self.guest = told
        ending = self.seen.watch.look(told, quiet=True)
        self.qemu.go_on()
        return ending, True


def _overloaded(limits: Limits, guest: float) -> HostError:
    return HostError(
        f"a boot took more than {limits.host:.0f} s of this machine's time, and its guest was still at second "
        f"{guest:.0f} of its own",
        "this machine is too busy: give it less to do, or raise --host-limit, then resume",
    )
