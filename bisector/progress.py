"""Where is the session right now, and how long will it take? What a step tells while it runs -> Progress events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from bisector.bench import Tell
from bisector.events import Event, Progress
from bisector.evidence import forecast
from bisector.known import Session
from bisector.model import Commit, Purpose

# Boots of a culprit, of the new end without its change, and of its parent, as the rates of steady ends ask for them.
CONFIRMING = (5, 5, 9)


def teller(
    session: Session, commit: Commit, purpose: Purpose, left: int | None, emit: Callable[[Event], None]
) -> Tell:
    """Return what a step calls with its phase and its objects. `left`: the commits left to git's search."""
    last = ("", 0.0)
    steps = math.ceil(math.log2(left + 1)) if left is not None else None

    def tell(phase: str, objects: int) -> None:
        nonlocal last
        # Six hundred objects a build go by: once a second is enough for a person and for a stream.
        if phase == last[0] and time.monotonic() < last[1] + 1:
            return
        last = (phase, time.monotonic())
        emit(
            Progress(
                phase=phase,
                commit=commit.id,
                purpose=purpose,
                objects=objects,
                commits=left,
                steps=steps,
                seconds_left=_seconds_left(session, steps),
            )
        )

    return tell


def _seconds_left(session: Session, steps: int | None) -> float | None:
    """Estimate the seconds to the end: the search's steps, as they took so far, and what certifies.

    That is two builds from nothing, as the longest was that was built, one on top of others, and fresh boots.
    """
    searched = [taken.seconds.total for taken in session.steps if taken.purpose is Purpose.SEARCH]
    boots = [
        taken.seconds.boot + taken.seconds.probe for taken in session.steps if taken.observation and not taken.boot_of
    ]
    if steps is None or not searched or not boots:
        return None
    builds = [taken.seconds.checkout + taken.seconds.build for taken in session.steps if taken.seconds.build > 0]
    whole, further = max(builds, default=0.0), sum(builds[1:]) / max(1, len(builds[1:]))
    confirming = 3 * session.started.settings.confirm_boots or sum(CONFIRMING)
    certifying = forecast.CERTIFYING * whole + further + confirming * sum(boots) / len(boots)
    return steps * sum(searched) / len(searched) + certifying
