"""Which changes does a range hold, and where may there be more? Finished sessions -> changes and intervals."""

from __future__ import annotations

from dataclasses import dataclass

from bisector.endings import Kind
from bisector.known import Session
from bisector.model import Commit, Outcome, Purpose


@dataclass(frozen=True, slots=True)
class Change:
    """One commit that changed what a scenario shows; `session` is the one that certified it."""

    commit: Commit
    scenario: str
    before: Outcome
    after: Outcome
    session: str


@dataclass(frozen=True, slots=True)
class Interval:
    """Two commits that show different outcomes of a scenario: between them there is a change."""

    old: Commit
    new: Commit
    scenario: str
    before: Outcome
    after: Outcome


def change(session: Session) -> Change | None:
    """Return what a session found, as it was seen in the fresh boots; None if it named no commit."""
    made, asked = session.conclusion, session.question
    if made is None or asked is None or made.kind is not Kind.FOUND or made.culprit is None:
        return None
    shown = _shown(session, Purpose.CULPRIT)
    before = list(_shown(session, Purpose.PARENT).values())
    if not shown or not before:
        return None
    return Change(made.culprit, asked.scenario, before[0], shown[made.culprit], session.name)


def intervals(session: Session) -> list[Interval]:
    """Return where else there must be a change: below a parent that does not show what the old end does."""
    asked = session.question
    if asked is None or change(session) is None:
        return []
    return [
        Interval(session.started.old, parent, asked.scenario, asked.old, outcome)
        for parent, outcome in _shown(session, Purpose.PARENT).items()
        if outcome != asked.old and outcome not in asked.also_old
    ]


def _shown(session: Session, purpose: Purpose) -> dict[Commit, Outcome]:
    """Return the outcome that each commit of this purpose showed most often."""
    seen: dict[Commit, list[Outcome]] = {}
    for taken in session.steps:
        if taken.purpose is purpose and taken.observation is not None and session.question is not None:
            outcome = taken.observation.reading(session.question.scenario).outcome
            seen.setdefault(taken.commit, []).append(outcome)
    return {commit: max(found, key=found.count) for commit, found in seen.items()}
