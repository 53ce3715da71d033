"""Were we asked to stop, how long have we left for it, and what still runs then?

SIGINT, SIGTERM and SIGHUP raise Interrupted in the main thread, which unwinds in order: groups are ended, the
journal is told, the last line says how to go on. An exception can be swallowed (in a `__del__`, in a callback of
another package) or raised where it is waited for in vain, so a thread that hears of the signal by itself stands
behind it as a net: after NET seconds it kills whatever is left and ends the process with the same last line.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from bisector.errors import Interrupted
from bisector.host import keeper

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds from the signal: what we started has the first for ending by itself; the net is the last word.
GRACE, NET = 0.8, 1.5
CODE = 130


class _Stop:
    """What was asked of this process; there is one."""

    def __init__(self) -> None:
        self.until: float | None = None
        self.number = 0
        self.hint = "nothing was begun: run it again"
        self.below: dict[int, int] = {}
        self.deferring = 0
        self.late = 0


_stop = _Stop()


def go_on_with(hint: str) -> None:
    """Say what a person shall do who stops us from now on."""
    _stop.hint = hint


def hint() -> str:
    """Return what a person shall do who stops us now."""
    return _stop.hint


def passed(deadline: float) -> bool:
    """Tell whether an ending must wait no longer: its own deadline, or the one that a signal leaves for all."""
    now = time.monotonic()
    return now >= deadline or (_stop.until is not None and now >= _stop.until)


def listen() -> None:
    """Take the signals, from now on and for this process's life. For the main thread, once."""
    sys.unraisablehook = _swallowed
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, end == reading)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_net, args=(reading,), daemon=True).start()
    for wanted in SIGNALS:
        # What nohup or a shell's & told us to ignore is none of our business.
        if signal.getsignal(wanted) is not signal.SIG_IGN:
            signal.signal(wanted, _asked)


def _swallowed(told: sys.UnraisableHookArgs) -> None:
    """Say what a `__del__` raised and Python ignores; an interruption is no traceback there: the net has heard it."""
    if not isinstance(told.exc_value, Interrupted):
        sys.__unraisablehook__(told)


@contextmanager
def blocked() -> Iterator[None]:
    """Let no signal reach whoever is forked meanwhile, before it has called `forked`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def forked() -> None:
    """Be a process that whoever took the signals has forked: it alone is told what a terminal says.

    It ends us with SIGTERM, which raises Interrupted here too, and its net must not hear of that.
    """
    signal.set_wakeup_fd(-1)
    # Whoever forks us defers meanwhile, and blocks.
    _stop.deferring = _stop.late = 0
    for number in (signal.SIGINT, signal.SIGHUP):
        # Not SIG_IGN: programs that are started would go on ignoring it.
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, _asked)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def asked() -> bool:
    """Tell whether we were asked to stop."""
    return _stop.until is not None


@contextmanager
def deferred() -> Iterator[None]:
    """Let the signals wait until the block is left. A signal mask would not do: another thread would take them."""
    _stop.deferring += 1
    try:
        yield
    finally:
        _stop.deferring -= 1
        if _stop.late and not _stop.deferring:
            number, _stop.late = _stop.late, 0
            raise _interrupted(number)


def _asked(number: int, _: object) -> None:
    if _stop.until is not None:
        # Once more: no patience left, but the way out must not be interrupted.
        _stop.until = time.monotonic()
        return
    _stop.until, _stop.number = time.monotonic() + GRACE, number
    _stop.below = _below()
    if not _stop.deferring:
        raise _interrupted(number)
    _stop.late = number


def insist() -> None:
    """Raise Interrupted once more if we were asked to stop and somebody swallowed it.

    For whoever is about to do what a stopped session must not: what was read meanwhile may have a hole.
    """
    if _stop.until is not None and not _stop.deferring:
        raise _interrupted(_stop.number)


def unheard() -> Interrupted:
    """Return what it is when nobody reads our output any more: no answer, and nothing is lost."""
    return Interrupted("whoever read our output has gone", _stop.hint)


def _interrupted(number: int) -> Interrupted:
    return Interrupted(f"interrupted by {signal.Signals(number).name}", _stop.hint)


def _net(heard: int) -> NoReturn:
    """Wait for the first signal, and a little longer; then end everything."""
    number = 0
    while number not in SIGNALS:
        number = os.read(heard, 1)[0]
    time.sleep(NET)
    _kill(_left(), signal.SIGKILL)
    words = f"\nbisector: interrupted by {signal.Signals(number).name}\n  {_stop.hint}\n"
    with suppress(OSError):
        os.write(2, words.encode(errors="backslashreplace"))
    os._exit(CODE)


def end_all() -> None:
    """End what still runs below us: SIGTERM, on which git removes its locks, and SIGKILL when the time is up."""
    deadline = time.monotonic() + GRACE
    _kill(_left(), signal.SIGTERM)
    while left := _left():
        if passed(deadline):
            _kill(left, signal.SIGKILL)
            return
        time.sleep(0.01)


def _left() -> list[int]:
    """Return the processes below us, now or when the signal came, that still run."""
    known = _stop.below | _below()
    found = keeper.everyone()
    return [
        pid for pid, began in known.items() if pid in found and found[pid].began == began and not found[pid].ended
    ]


def _below() -> dict[int, int]:
    """Return our live descendants, each with what tells it from a later process of the same pid."""
    return {pid: member.began for pid, member in keeper.descendants().items()}


def _kill(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
