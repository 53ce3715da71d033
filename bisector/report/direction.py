"""Which way did the behaviour change, and is that a regression? (pure)"""

from __future__ import annotations

import enum

from bisector.model import Outcome, Question


class Direction(enum.Enum):
    """What a change of behaviour is to whoever relies on it."""

    BREAKS = "breaks"  # it was as it should be
    MENDS = "mends"  # it is now
    APPEARS = "appears"  # before, the kernel refused it
    VANISHES = "vanishes"  # now it does
    CHANGES = "changes"  # neither of the two is the one that all agree on

    @property
    def regression(self) -> bool:
        """Whether something worked before that does not any more."""
        return self in (Direction.BREAKS, Direction.VANISHES)


def of(question: Question) -> Direction:
    """Return which way the change goes that is asked for.

    Only `OK` is right wherever it is read, and only `UNSUP` says that there is nothing to be right or wrong.
    """
    old, new = _sound(question.old), _sound(question.new)
    if old == new:
        return Direction.CHANGES
    if new is None:
        return Direction.VANISHES
    if old is None:
        return Direction.APPEARS
    return Direction.MENDS if new else Direction.BREAKS


def _sound(outcome: Outcome) -> bool | None:
    return None if outcome.word == "UNSUP" else outcome.word == "OK"
