"""What does QEMU know of its guest? The guest's clock, and where its CPUs are (the home of qemu.qmp).

QMP runs over one end of a socket pair that QEMU inherits: there is no path that anybody else could open, and
nothing to remove after a kill.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from qemu.qmp import EventListener, QMPClient, QMPError

from bisector.errors import HostError
from bisector.host.console import Console

# Host seconds that QEMU has for an answer. It needs milliseconds, and on a host with four busy loops for each core
# below a second; its command loop does not wait for the guest.
ANSWER = 15.0
# `-rtc base=` in this form, and the same in seconds since 1970: the guest's own clock chip tells us its time.
RTC_BASE, RTC_BASE_SECONDS = "2020-01-01T00:00:00", 1577836800
# The chip counts whole seconds.
GRAIN = 1.0

T = TypeVar("T")
_WORD = re.compile(r":\s*0x([0-9a-f]{8})\s*$")
_CPU = re.compile(r"^CPU#(\d+)\s*$", re.MULTILINE)
_PC = re.compile(r"\bPC=([0-9a-f]{16})")
_LEVEL = re.compile(r"\bEL(\d)[ht]")

# The library tells of every end of a connection; an end is usual here.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
logging.getLogger("qemu.qmp").propagate = False


class Gone(Exception):
    """QEMU has ended; how, the console's owner knows."""


class Monitor:
    """A connection to one QEMU's monitor. Every call raises Gone if QEMU has ended, HostError if it is mute.

    While it waits it drains the console: QEMU holds its one big lock while the guest's serial line waits for
    whoever reads the console, and answers nothing then.
    """

    def __init__(self, ours: socket.socket, console: Console) -> None:
        self._loop = asyncio.new_event_loop()
        # What a broken connection leaves in the loop is told to whoever asks next, and to nobody else.
        self._loop.set_exception_handler(lambda *_: None)
        self._client = QMPClient("bisector")
        self._ends = EventListener(("SHUTDOWN",))
        self._client.register_listener(self._ends)
        self._console = console
        self._loop.add_reader(console.descriptor, self._drain)
        self._wait(self._client.connect(ours))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the connection. Never fails."""
        try:
            self._wait(self._client.disconnect())
        except (Gone, HostError):
            pass
        finally:
            self._loop.close()

    def _drain(self) -> None:
        if not self._console.drain():
            # A closed line is readable for ever.
            self._loop.remove_reader(self._console.descriptor)

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(coroutine, ANSWER))
        except TimeoutError as error:
            hint = "bisector doctor says what is missing; then resume"
            raise HostError(f"QEMU's monitor gave no answer in {ANSWER:.0f} s", hint, transient=True) from error
        except (QMPError, OSError, EOFError) as error:
            raise Gone from error

    def _ask(self, command: str, **arguments: object) -> Any:
        return self._wait(self._client.execute(command, arguments or None))

    def _human(self, line: str) -> str:
        """Ask what only the monitor for people knows."""
        return str(self._ask("human-monitor-command", **{"command-line": line}))

    def clock(self, register: int) -> float:
        """Return the guest's seconds since its start, rounded down to GRAIN, as its clock chip has them.

        `register`: the physical address of the chip's counter. Reading it from outside does not disturb the guest,
        and with `-rtc clock=vm` it runs on the guest's virtual clock, the one that counts instructions.
        """
        said = _WORD.search(self._human(f"xp /1wx {register:#x}").strip())
        if said is None:
            raise HostError("QEMU does not tell the guest's clock", "is this QEMU 7 or later?")
        return float(int(said[1], 16) - RTC_BASE_SECONDS)

    def ended_by_guest(self) -> bool:
        """Tell whether the guest ended QEMU, by power-off or reset: not a signal, and not an accident.

        For a QEMU whose console has closed: its last word is read here, if it was not heard yet.
        """
        with suppress(Gone, HostError):
            self._ask("query-status")
        told = [event.get("data") for event in self._ends.clear()]
        return any(isinstance(data, dict) and data.get("guest") is True for data in told)

    def halt(self) -> None:
        """Stop the guest, all CPUs at once."""
        self._ask("stop")

    def go_on(self) -> None:
        """Let a halted guest run on."""
        self._ask("cont")

    def counters(self) -> dict[int, tuple[int, int]]:
        """Return (program counter, exception level) of every CPU by its number."""
        said = self._human("info registers -a")
        found = {}
        parts = _CPU.split(said)
        for number, registers in zip(parts[1::2], parts[2::2], strict=False):
            counter, level = _PC.search(registers), _LEVEL.search(registers)
            if counter:
                found[int(number)] = (int(counter[1], 16), int(level[1]) if level else 1)
        return found
