"""How do several calls run side by side, and how do they all end? A process of ours for each (multiprocessing).

Threads would not do: a signal raises in the main thread only, and what a boot waits for is asked of one event loop.
A process is forked, so that it has all that we have, and is ended as everything else is that we started.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from bisector.errors import HostError, Interrupted
from bisector.host import keeper, process, stopping

T = TypeVar("T")
Call = Callable[[], T]

_FORKING = multiprocessing.get_context("fork")


def each(calls: Sequence[Call[T]], seconds: float) -> Iterator[T]:
    """Run the calls all at once, each in a process of its own; yield what they return, in their order.

    What is returned is pickled. Raises HostError for the first in this order that failed, or that did not end in so
    many seconds: those before it were yielded. However the loop is left, none of them runs on.
    """
    deadline = time.monotonic() + seconds
    begun: list[tuple[BaseProcess, Connection]] = []
    try:
        for call in calls:
            with stopping.deferred(), stopping.blocked(), process.starting():
                begun.append(_begun(call))
        for _, reading in begun:
            if not wait([reading], max(0.0, deadline - time.monotonic())):
                raise HostError(f"a process of ours did not end in {seconds:.0f} s", "resume begins it again")
            yield _answer(reading)
    finally:
        _end(begun)


def _begun(call: Call[T]) -> tuple[BaseProcess, Connection]:
    reading, writing = _FORKING.Pipe(duplex=False)
    made = _FORKING.Process(target=_run, args=(call, writing, os.getpid()), daemon=True)
    made.start()
    # Ours is closed, so that its death is the end of what can be read.
    writing.close()
    return made, reading


def _run(call: Call[T], answer: Connection, ours: int) -> None:
    """Be the process: call, answer, and go without a look back. What we were forked with is our parent's to clean."""
    try:
        stopping.forked()
        ctypes.CDLL(None).prctl(keeper.PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() == ours:
            answer.send(_said(call))
    except (Interrupted, OSError):
        pass
    finally:
        os._exit(0)


def _said(call: Call[T]) -> tuple[T | None, tuple[str, str] | str | None]:
    """Return what it returned, and what it raised."""
    try:
        return call(), None
    except HostError as error:
        # As words: what is derived from it need not be such that it can be pickled.
        return None, (error.message, error.hint)
    except OSError as error:
        failed = HostError.of(error)
        return None, (failed.message, failed.hint)
    except Exception:
        return None, traceback.format_exc()


def _answer(reading: Connection) -> Any:
    try:
        made, failed = reading.recv()
    except EOFError:
        hint = "what ended it (too little memory?) may stand in the system's log; then resume"
        raise HostError("a process of ours ended without an answer", hint) from None
    if isinstance(failed, str):
        raise RuntimeError(failed)
    if failed is not None:
        raise HostError(*failed)
    return made


def _end(begun: Sequence[tuple[BaseProcess, Connection]]) -> None:
    """Ask all of them to end, and kill what has not in a moment; their VMs go with them."""
    with stopping.deferred():
        for made, _ in begun:
            with suppress(ProcessLookupError):
                made.terminate()
        deadline = time.monotonic() + process.GRACE
        while any(made.is_alive() for made, _ in begun) and not stopping.passed(deadline):
            wait([made.sentinel for made, _ in begun if made.is_alive()], 0.02)
        for made, reading in begun:
            made.kill()
            made.join()
            reading.close()
