"""How is a stop written down, and told? With its reason; an answer that does not hold any more goes with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from bisector import opening, reporting, sessions
from bisector.errors import BisectorError, HostError, Interrupted, Spoiled
from bisector.events import SPOILED, Event, Stopped
from bisector.journal import Journal
from bisector.known import Session


def note(book: Journal, error: BisectorError | Interrupted, emit: Callable[[Event], None]) -> None:
    """Write the stop down and tell it, if that can be done: what stopped us (a full disk) may prevent both."""
    session, why = book.session, "interrupted" if isinstance(error, Interrupted) else "failed"
    if isinstance(error, Spoiled):
        why = SPOILED
        if not session.lost and (changed := _changed_meanwhile(session)):
            error.message = f"{error.message}: {changed}"
    stopped = Stopped(why=why, message=error.message, hint=error.hint)
    told: Event = stopped
    with suppress(HostError):
        told = book.append(stopped)
    with suppress(BisectorError):
        if session.lost and (session.directory / sessions.LAST_REPORT).exists():
            # They name what was found before.
            reporting.kept(session)
    with suppress(HostError):
        emit(told)


def _changed_meanwhile(session: Session) -> str:
    """Say what is not as it was at the session's start, "" if all is: an upgrade in the middle of it."""
    with suppress(HostError):
        return sessions.changed(session.started, opening.versions(session.started.settings))
    return ""
