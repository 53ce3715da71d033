"""What did one child on a pty say, byte by byte, and how did it end? (the home of pexpect)"""

from __future__ import annotations

import enum
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pexpect

from bisector.errors import HostError
from bisector.host import process
from bisector.model import Limits

# How long one read may wait before the clocks are looked at again, in seconds.
TICK = 0.25
# A look at the clocks that comes this much late means that we did not run: Ctrl-Z, a swapping or suspended host.
SLEPT = 2.0


class Stop(enum.Enum):
    """Why reading stopped."""

    CLOSED = "closed"
    NO_MARK = "no-mark"
    SILENCE = "silence"
    TOTAL = "total"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Listened:
    """`marked`: seconds until the mark was first seen; `code`: the exit code, None if we ended the child."""

    text: str
    stop: Stop
    seconds: float
    marked: float | None
    code: int | None


def listen(argv: Sequence[str], *, log: Path, limits: Limits, mark: str) -> Listened:
    """Run argv on a pty of its own and read it to its end, or to the first limit that it breaks.

    `mark` is the text that ends the time for `limits.boot`. Each block is in `log` before it is looked at.
    Raises HostError if the program is missing or the log cannot be written.
    """
    process.require(argv[0])
    started = time.monotonic()
    with process.logging(log), log.open("a", encoding="utf-8", errors="backslashreplace") as sink:
        sink.write(f"$ {process.printable(argv)}\n")
        child = _spawn(argv)
        try:
            heard = _hear(child, sink, started, limits, mark)
        finally:
            process.end_group(_pid(child), child.isalive)
            child.close(force=True)
    code = child.exitstatus if heard.stop is Stop.CLOSED else None
    if heard.stop is Stop.CLOSED and child.signalstatus is not None:
        code = 128 + child.signalstatus
    return Listened(heard.text, heard.stop, time.monotonic() - started, heard.marked, code)


def _spawn(argv: Sequence[str]) -> pexpect.spawn[str]:
    bound = process.bound_to_us(argv)
    try:
        # Echo off: we never type, and the log holds what the guest said and nothing else.
        child = pexpect.spawn(
            bound[0], bound[1:], encoding="utf-8", codec_errors="backslashreplace", echo=False, timeout=None
        )
    except pexpect.ExceptionPexpect as error:
        raise HostError(f"cannot start {argv[0]}: {error}", "bisector doctor says what is missing") from error
    # pexpect's defaults sleep 0.1 s in each of several places, for terminals with a person in front.
    for sleeper in (child, child.ptyproc):  # type: ignore[attr-defined]
        sleeper.delayafterclose = sleeper.delayafterterminate = 0.01
    return child


def _pid(child: pexpect.spawn[str]) -> int:
    assert child.pid is not None  # it was spawned, or pexpect would have raised
    return child.pid


@dataclass(frozen=True, slots=True)
class _Heard:
    text: str
    stop: Stop
    marked: float | None


def _hear(
    child: pexpect.spawn[str],
    sink: TextIO,
    started: float,
    limits: Limits,
    mark: str,
) -> _Heard:
    blocks: list[str] = []
    size, marked, tail = 0, None, ""
    looked = last = started
    stop = None
    while stop is None:
        block = _read(child)
        now = time.monotonic()
        if now - looked > SLEPT:
            # We were stopped or starved, not the guest silent: that time counts against no limit.
            started, last = started + now - looked, last + now - looked
        looked = now
        if block is None:
            stop = Stop.CLOSED
        elif block:
            sink.write(block)
            sink.flush()
            blocks.append(block)
            size, last = size + len(block), now
            if marked is None and mark in tail + block:  # the mark may be torn between two blocks
                marked = now - started
            tail = (tail + block)[-len(mark) :]
            stop = _broken(limits, now - started, 0.0, marked, size)
        else:
            # Only once no byte waits any more may a limit be said to be broken.
            stop = _broken(limits, now - started, now - last, marked, size)
    if stop is Stop.CLOSED:
        # The pty closes a moment before the child is gone; pexpect's own wait() has no deadline.
        deadline = time.monotonic() + process.GRACE
        while child.isalive() and time.monotonic() < deadline:
            time.sleep(0.005)
    return _Heard("".join(blocks), stop, marked)


def _read(child: pexpect.spawn[str]) -> str | None:
    """Return what waits to be read, "" if nothing came for TICK seconds, None at the end."""
    try:
        return child.read_nonblocking(size=1 << 16, timeout=TICK)
    except pexpect.TIMEOUT:
        return ""
    except pexpect.EOF:
        return None


def _broken(limits: Limits, elapsed: float, silent: float, marked: float | None, size: int) -> Stop | None:
    """Return the first limit that is broken, None while all hold."""
    if size > limits.output:
        return Stop.OUTPUT
    if marked is None and elapsed > limits.boot:
        return Stop.NO_MARK
    if silent > limits.silence:
        return Stop.SILENCE
    if elapsed > limits.total:
        return Stop.TOTAL
    return None
