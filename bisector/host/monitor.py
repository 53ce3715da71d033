"""What does QEMU know of its guest? The guest's clock, and where its CPUs are (the home of qemu.qmp).

QMP runs over one end of a socket pair that QEMU inherits: there is no path that anybody else could open, and
nothing to remove after a kill.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from qemu.qmp import EventListener, QMPClient, QMPError

from bisector.errors import HostError
from bisector.host.console import Console

# Host seconds that QEMU has for an answer. It needs milliseconds, and on a host with four busy loops for each core
# below a second: but for a guest that floods its console, whose CPUs take QEMU's big lock again and again.
ANSWER = 15.0
# Host seconds: a console speaks letter by letter, and each look at it costs more than a letter.
REST = 0.004
# `-rtc base=` in this form, and the same in seconds since 1970: the guest's own clock chip tells us its time.
RTC_BASE, RTC_BASE_SECONDS = "2020-01-01T00:00:00", 1577836800
# The chip counts whole seconds.
GRAIN = 1.0

T = TypeVar("T")
# The registers of a PL031: seconds, match, load.
_CHIP = re.compile(r":\s*0x([0-9a-f]{8})\s+0x[0-9a-f]{8}\s+0x([0-9a-f]{8})\s*$")
_WORD = 1 << 32
_CPU = re.compile(r"^CPU#(\d+)\s*$", re.MULTILINE)
_PC = re.compile(r"\bPC=([0-9a-f]{16})")
_LEVEL = re.compile(r"\bEL(\d)[ht]")

# The library tells of every end of a connection; an end is usual here.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
logging.getLogger("qemu.qmp").propagate = False


class Gone(Exception):
    """QEMU has ended; how, the console's owner knows."""


def _mute() -> HostError:
    hint = "bisector doctor says what is missing; then resume"
    return HostError(f"QEMU's monitor gave no answer in {ANSWER:.0f} s", hint, transient=True)


class Monitor:
    """A connection to one QEMU's monitor. Every call raises Gone if QEMU has ended, HostError if it is mute.

    While it waits it drains the console: QEMU holds its big lock while the guest's serial line waits for whoever
    reads the console, and answers nothing then.
    """

    def __init__(self, ours: socket.socket, console: Console) -> None:
        self._loop = asyncio.new_event_loop()
        # What a broken connection leaves in the loop is told to whoever asks next, and to nobody else.
        self._loop.set_exception_handler(lambda *_: None)
        self._client = QMPClient("bisector")
        self._ends = EventListener(("SHUTDOWN",))
        self._client.register_listener(self._ends)
        self._console = console
        # The console was drained, or the guest has ended.
        self._news = asyncio.Event()
        # What went wrong in `_drain`: the loop would tell nobody.
        self._failed: BaseException | None = None
        self._loop.add_reader(console.descriptor, self._drain)
        self._asked: asyncio.Task[str] | None = None
        # What the guest's chip had at the last look; the seconds since the guest's start.
        self._seconds, self._load, self._clock = RTC_BASE_SECONDS, 0, 0
        # Whether the guest that has ended wanted to start again.
        self.guest_reset = False
        self._wait(self._client.connect(ours))
        self._end = self._loop.create_task(self._ended_by_guest())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the connection. Never fails."""
        self._end.cancel()
        # Of whatever kind: an interruption may have broken off the loop, or the library, in the middle of a step, and
        # what they then fail with would stand in place of it.
        with suppress(Exception):
            self._loop.run_until_complete(asyncio.wait_for(self._client.disconnect(), ANSWER))
        with suppress(Exception):
            self._loop.close()

    def _drain(self) -> None:
        self._news.set()
        goes_on = False
        try:
            goes_on = self._console.drain()
        except BaseException as error:
            self._failed = error
        if not goes_on:
            # A closed line is readable for ever.
            self._loop.remove_reader(self._console.descriptor)

    def _require_drained(self) -> None:
        """Raise what kept the console from being drained: a full disk, an interruption."""
        if self._failed is not None:
            raise self._failed

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            answer = self._loop.run_until_complete(asyncio.wait_for(coroutine, ANSWER))
        except TimeoutError as error:
            self._require_drained()
            raise _mute() from error
        except (QMPError, OSError, EOFError) as error:
            self._require_drained()
            raise Gone from error
        self._require_drained()
        return answer

    def _ask(self, command: str, **arguments: object) -> Any:
        return self._wait(self._client.execute(command, arguments or None))

    async def _human(self, line: str) -> str:
        """Ask what only the monitor for people knows."""
        return str(await self._client.execute("human-monitor-command", {"command-line": line}))

    async def _ended_by_guest(self) -> None:
        """Wait for the word that the guest has ended itself: a signal to QEMU ends it too, and says so otherwise."""
        async for event in self._ends:
            data = event.get("data")
            if isinstance(data, dict) and data.get("guest") is True:
                self.guest_reset = data.get("reason") == "guest-reset"
                break
        self._news.set()

    @property
    def guest_ended(self) -> bool:
        """Whether the guest has ended itself, by power-off or reset. All that it said waits on the console then."""
        return self._end.done()

    def hear(self, seconds: float) -> None:
        """Wait until the console says something or closes, or the guest ends; at most so many seconds."""
        if not self.guest_ended:
            self._loop.run_until_complete(self._heard(seconds))
        self._require_drained()
        if self._news.is_set() and not self.guest_ended:
            # The next words wait meanwhile, and are read together.
            time.sleep(REST)
        self._news.clear()

    async def _heard(self, seconds: float, *tasks: asyncio.Task[Any]) -> None:
        """Wait for the first of the tasks, or for news."""
        news = self._loop.create_task(self._news.wait())
        try:
            await asyncio.wait({news, *tasks}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def clock(self, register: int) -> float | None:
        """Return the guest's seconds since its start, rounded down to GRAIN, as its clock chip has them.

        None if the console said something before the answer came. That answer is then nobody's: it may be older
        than what was said.
        A guest may set its chip: then what came between our last look and that is not counted, too little and never
        too much. (QEMU's RTC_CHANGE comes up to a second late, and its offset hangs on the host's clock.)
        `register`: the physical address of the chip, a PL031. Reading it from outside does not disturb the guest,
        and with `-rtc clock=vm` it runs on the guest's virtual clock, the one that counts instructions.
        """
        if self._asked is not None:
            if self._answer(self._asked) is None:
                return None
            self._asked = None
        asked = self._loop.create_task(self._human(f"xp /3wx {register:#x}"))
        told = self._answer(asked)
        if told is None:
            self._asked = asked
            return None
        said = _CHIP.search(told.strip())
        if said is None:
            raise HostError("QEMU does not tell the guest's clock", "is this QEMU 7 or later?")
        return self._gone_by(int(said[1], 16), int(said[2], 16))

    def _gone_by(self, seconds: int, load: int) -> float:
        """Return the guest's seconds since its start, from its chip's and what was written into that last."""
        gone = (seconds - self._seconds) % _WORD
        if load != self._load or gone >= _WORD // 2:
            gone = (seconds - load) % _WORD
        self._seconds, self._load = seconds, load
        self._clock += gone
        return float(self._clock)

    def _answer(self, asked: asyncio.Task[str]) -> str | None:
        """Wait for the answer; None if the console says something first."""
        self._loop.run_until_complete(self._heard(ANSWER, asked))
        self._require_drained()
        try:
            if asked.done():
                return asked.result()
        except (QMPError, OSError, EOFError) as error:
            raise Gone from error
        if self._news.is_set():
            return None
        raise _mute()

    def instructions(self) -> int:
        """Return how many instructions the guest has executed; always 0 where its clock does not count them."""
        return int(self._ask("query-replay")["icount"])

    def state(self) -> str:
        """Return QEMU's own word for what its guest does: `running`, `paused`, `internal-error`."""
        return str(self._ask("query-status")["status"])

    def halt(self) -> None:
        """Stop the guest, all CPUs at once."""
        self._ask("stop")

    def go_on(self) -> None:
        """Let a halted guest run on."""
        self._ask("cont")

    def quit(self) -> None:
        """Tell QEMU to end. Never fails."""
        with suppress(Gone, HostError):
            self._ask("quit")

    def counters(self) -> dict[int, tuple[int, int]]:
        """Return (program counter, exception level) of every CPU by its number."""
        said = self._wait(self._human("info registers -a"))
        found = {}
        parts = _CPU.split(said)
        for number, registers in zip(parts[1::2], parts[2::2], strict=False):
            counter, level = _PC.search(registers), _LEVEL.search(registers)
            if counter:
                found[int(number)] = (int(counter[1], 16), int(level[1]) if level else 1)
        return found
