"""Is QEMU's word taken for what it is: the guest's clock, the guest's end, and silence?"""

from __future__ import annotations

import json
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bisector import listen
from bisector.errors import HostError
from bisector.evidence.limits import FLOOR
from bisector.host import console, monitor
from bisector.model import Ending, Limits
from bisector.watch import Watch
from tests.frames import NONCE, frame


@dataclass
class Pipe:
    """A console whose other end is ours."""

    text: list[str] = field(default_factory=list)
    ends: tuple[int, int] = field(default_factory=os.pipe)

    @property
    def descriptor(self) -> int:
        return self.ends[0]

    def say(self, words: str) -> None:
        os.write(self.ends[1], words.encode())

    def drain(self) -> bool:
        block = os.read(self.ends[0], 4096).decode()
        self.text.append(block)
        return bool(block)


@contextmanager
def qemu(
    answer: Callable[[Pipe], str | None], *events: dict[str, object], said: console.Console | None = None
) -> Iterator[tuple[monitor.Monitor, Pipe]]:
    """Play a QEMU that tells the guest's clock as `answer` has it (None: never), and these events when it goes on.

    `said`: its console, if that shall not be the pipe.
    """
    ours, theirs = socket.socketpair()
    pipe = Pipe()

    def say(**words: object) -> None:
        theirs.sendall(json.dumps(words).encode() + b"\r\n")

    def play() -> None:
        say(QMP={"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []})
        while raw := theirs.recv(4096):
            # One question at a time, in one piece, and without a line end.
            asked = json.loads(raw)
            same = {"id": asked["id"]} if "id" in asked else {}
            if asked["execute"] != "human-monitor-command":
                say(**{"return": {}}, **same)
                for event in events if asked["execute"] == "cont" else ():
                    say(**event)
            elif (told := answer(pipe)) is not None:
                say(**{"return": told}, **same)

    player = threading.Thread(target=play, daemon=True)
    player.start()
    with theirs:
        with ours, monitor.Monitor(ours, said or pipe) as made:  # type: ignore[arg-type]
            yield made, pipe
        player.join(20)
    for end in pipe.ends:
        os.close(end)


def clock(seconds: int, load: int | None = None) -> str:
    """Return what QEMU says of the guest's chip; `load`: what the guest has set it to, in seconds since its start."""
    words = (monitor.RTC_BASE_SECONDS + seconds, 0, 0 if load is None else monitor.RTC_BASE_SECONDS + load)
    return f"0000000009010000: {' '.join(f'0x{word % (1 << 32):08x}' for word in words)}\r\n"


def event(guest: bool) -> dict[str, object]:
    return {
        "event": "SHUTDOWN",
        "data": {"guest": guest, "reason": "x"},
        "timestamp": {"seconds": 1, "microseconds": 2},
    }


def test_the_guest_s_clock_is_what_its_chip_says() -> None:
    with qemu(lambda _: clock(7)) as (made, _):
        assert made.clock(0x9010000) == 7.0


@pytest.mark.parametrize("leap", [1000, -1000, 1 << 31, 2717130496 - 2])
def test_a_guest_that_sets_its_chip_does_not_set_the_clock_that_decides(leap: int) -> None:
    told = [
        clock(7),
        *(clock(seconds + leap, 8 + leap) for seconds in (9, 12)),
        # To the same once more: it goes back then.
        *(clock(seconds + leap, 8 + leap) for seconds in (10, 20)),
    ]
    with qemu(lambda _: told.pop(0)) as (made, _):
        assert [made.clock(0x9010000) for _ in range(5)] == [7, 8, 11, 13, 23]


def test_an_answer_that_the_console_overtook_is_nobody_s() -> None:
    said = threading.Event()
    answers = iter([1, 50])

    def late(pipe: Pipe) -> str:
        if not said.is_set():
            pipe.say("hello")
            said.wait(20)
        return clock(next(answers))

    with qemu(late) as (made, pipe):
        assert made.clock(0x9010000) is None
        assert pipe.text == ["hello"]
        made.hear(0)
        said.set()
        assert made.clock(0x9010000) == 50.0


@pytest.mark.parametrize("guest", [True, False])
def test_only_the_guest_s_own_end_is_the_guest_s_end(guest: bool) -> None:
    with qemu(lambda _: clock(1), event(guest)) as (made, _):
        made.go_on()
        made.hear(0.2)
        assert made.guest_ended is guest


def test_a_monitor_that_is_mute_while_the_console_is_too_is_our_machine_s_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitor, "ANSWER", 0.3)
    with qemu(lambda _: None) as (made, _), pytest.raises(HostError, match="gave no answer"):
        made.clock(0x9010000)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow for a while."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_block_that_does_not_come_to_the_log_is_our_machine_s_failure(tmp_path: Path) -> None:
    argv = ["sh", "-c", "sleep 0.3; echo first; sleep 30"]
    with (
        pytest.raises(HostError, match="File too large"),
        console.opened(argv, log=tmp_path / "log") as said,
        qemu(lambda _: None, said=said) as (made, _),
        full_disk(),
    ):
        made.hear(20)


def test_nobody_can_swallow_that_the_log_is_not_whole(tmp_path: Path) -> None:
    with (
        pytest.raises(HostError, match="File too large"),
        console.opened(["echo", "first"], log=tmp_path / "log") as said,
        suppress(OSError),
        full_disk(),
    ):
        said.read(20)


@dataclass
class Told:
    """A boot by script: what is read at each look, before and after the guest's clock was asked.

    `rest`: what comes through the line when QEMU is told to end. `off`: what the clock says of a guest that has
    ended, if not what it said last; `at_off`: the look from which on the machine is off, before anybody is told.
    """

    looks: list[tuple[str, float, str]]
    rest: list[str] = field(default_factory=list)
    off: float | None = None
    at_off: int = 1000
    guest_ended: bool = False
    guest_reset: bool = False
    _turn: int = -1
    _late: bool = False
    _told_to_end: bool = False

    def hear(self, _: float) -> None:
        self._turn, self._late = self._turn + 1, False
        self.guest_ended = self._turn == len(self.looks)

    def clock(self, _: int) -> float:
        self._late = True
        if self.guest_ended and self.off is not None:
            return self.off
        # Once more when the guest has ended.
        return self.looks[min(self._turn, len(self.looks) - 1)][1]

    def state(self) -> str:
        return "shutdown" if self._turn >= self.at_off else "running"

    def quit(self) -> None:
        self._told_to_end = True

    def read(self, _: float) -> str | None:
        if self._told_to_end:
            return self.rest.pop(0) if self.rest else None
        if self.guest_ended:
            return ""
        before, _, after = self.looks[self._turn]
        return after if self._late else before

    def asleep(self) -> bool:
        return False

    def worked(self) -> float:
        return 0.0

    def instructions(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("looks", "ending"),
    [
        ([("a", 1, ""), ("", 9, "")], Ending.SILENT),
        # An idle guest's clock leaps, and what it says then comes after the clock that was read before.
        ([("a", 1, "b"), ("", 51, ""), ("c", 52, "")], Ending.POWERED_OFF),
        ([("a", 1, "b"), ("", 51, ""), ("", 59, "")], Ending.SILENT),
    ],
)
def test_what_is_said_after_the_clock_was_read_counts_from_the_next_look(
    looks: list[tuple[str, float, str]], ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "LOOK", 0.0)
    told = Told(looks)
    seen = listen.Seen(Watch(replace(FLOOR, boot=1000.0), NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is ending  # type: ignore[arg-type]


def test_what_a_guest_needed_is_known_although_it_ends_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "LOOK", 1000.0)
    told = Told([(frame(0, "begin version=1") + "\n", 3, "")])
    seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.POWERED_OFF  # type: ignore[arg-type]
    spans = seen.watch.spans()
    assert (spans.boot, spans.total) == (4, 4)


def test_the_leap_of_a_clock_whose_machine_is_off_is_nothing_that_a_guest_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = frame(0, "begin version=1") + "\n"
    # Seen with the last look.
    monkeypatch.setattr(listen, "LOOK", 0.0)
    told = Told([(begin, 3, ""), ("the end\n", 4, "")], off=633_437_444)
    seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.POWERED_OFF  # type: ignore[arg-type]
    spans = seen.watch.spans()
    assert (spans.boot, spans.silence, spans.total) == (4, 4, 5)
    # Nor where the limits come from such a leap.
    told = Told([(begin, 3, ""), ("the end\n", 4, "")], off=633_437_444)
    seen = listen.Seen(Watch(replace(FLOOR, total=2.5e9), NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.POWERED_OFF  # type: ignore[arg-type]
    assert seen.watch.spans().total == 5
    # And with one before, when nobody was told yet that the guest has ended: that is no silence.
    told = Told([(begin, 3, ""), ("", 633_437_444, "")], off=633_437_444, at_off=1)
    seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.POWERED_OFF  # type: ignore[arg-type]
    assert seen.watch.spans().total == 4
    # A guest that sleeps as long is silent.
    told = Told([(begin, 3, ""), ("", 633_437_444, "")])
    seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.SILENT  # type: ignore[arg-type]


def test_what_is_on_the_line_when_the_guest_has_ended_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "LOOK", 1000.0)
    words = frame(0, "begin version=1") + "\n"
    told = Told([("", 3, "")], [words[:9], "", words[9:]])
    seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.POWERED_OFF  # type: ignore[arg-type]
    assert (seen.watch.begun, told.rest) == (True, [])
    # And no more of it than a guest may say.
    told = Told([("", 3, "")], ["talk\n" * FLOOR.output] * 3)
    seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
    assert listen.listened(told, seen, told, 0) is Ending.FLOODED  # type: ignore[arg-type]
    assert len(told.rest) == 2


@dataclass
class Talking:
    """A guest that talks whenever it is looked at, unless it is halted."""

    limits: Limits
    guest_ended: bool = False
    guest_reset: bool = False
    halts: int = 0
    halted: bool = False
    seconds: float = 0.0

    def hear(self, _: float) -> None:
        self.seconds += 0.25

    def read(self, _: float) -> str:
        return "" if self.halted else "talk\n"

    def clock(self, _: int) -> float | None:
        return float(int(self.seconds)) if self.halted else None

    def halt(self) -> None:
        self.halted, self.halts = True, self.halts + 1

    def go_on(self) -> None:
        self.halted = False

    def asleep(self) -> bool:
        return False


def test_a_guest_that_overtakes_every_look_is_halted_for_one_and_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "LOOK", 0.0)
    monkeypatch.setattr(listen, "OVERTAKEN", 0.0)
    guest = Talking(replace(FLOOR, host=20.0))
    seen = listen.Seen(Watch(guest.limits, NONCE, monitor.GRAIN))
    assert listen.listened(guest, seen, guest, 0) is Ending.OVERDUE  # type: ignore[arg-type]
    assert not guest.halted
    assert guest.seconds == FLOOR.boot + monitor.GRAIN
    assert guest.halts > 1


def test_leaving_it_never_fails_whatever_an_interruption_has_left_of_its_loop() -> None:
    with qemu(lambda _: clock(7)) as (made, _):
        made.close()
        # Once more, on a loop that is gone: as it is when the first was broken off.
        made.close()
