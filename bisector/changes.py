"""Which changes does a range hold, and where may there be more? Finished sessions -> changes and intervals."""

from __future__ import annotations

from dataclasses import dataclass

from bisector import verdict
from bisector.endings import Kind
from bisector.known import Session
from bisector.model import Commit, Outcome, Purpose, Verdict


@dataclass(frozen=True, slots=True)
class Change:
    """One commit that changed what a scenario shows; `session` is the one that certified it.

    `others`: with it one of these did, and untestable commits hide which.
    """

    commit: Commit
    scenario: str
    before: Outcome
    after: Outcome
    session: str
    others: tuple[Commit, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """Two commits that show different outcomes of a scenario: between them there is a change."""

    old: Commit
    new: Commit
    scenario: str
    before: Outcome
    after: Outcome


def change(session: Session) -> Change | None:
    """Return what a session found, as it was seen in the fresh boots; None if it named no commit and no set."""
    made, asked = session.conclusion, session.question
    if made is None or asked is None or made.kind not in (Kind.FOUND, Kind.AMONG):
        return None
    named = [made.culprit] if made.culprit is not None else [one.commit for one in made.candidates]
    shown, before = _shown(session, Purpose.CULPRIT), list(_shown(session, Purpose.PARENT).values())
    if not named or not before or named[0] not in shown:
        return None
    return Change(named[0], asked.scenario, before[0], shown[named[0]], session.name, tuple(named[1:]))


def steady(session: Session, edge: Purpose, scenario: str) -> Outcome | None:
    """Return what all boots of an edge showed of a scenario, None if they differ."""
    boots = [step.observation for step in session.of_edge(edge) if step.observation is not None]
    shown = {boot.reading(scenario).outcome for boot in boots}
    return shown.pop() if len(shown) == 1 else None


def intervals(session: Session) -> list[Interval]:
    """Return where else there must be a change: below whatever shows neither the old nor the new behaviour."""
    asked, found = session.question, change(session)
    if asked is None or found is None:
        return []
    olds, news = {asked.old, *asked.also_old}, {asked.new, *asked.also_new}
    third = [(one, shown) for one, shown in _shown(session, Purpose.PARENT).items() if shown not in olds]
    if not third:
        # In a set: the last of its commits that was seen to do something else, whatever that hides.
        searched = _shown(session, Purpose.SEARCH)
        within = [(one, searched[one]) for one in found.others if one in searched]
        third = [(one, shown) for one, shown in within if shown not in olds | news and verdict.measured(shown)][:1]
    return [Interval(session.started.old, one, asked.scenario, asked.old, shown) for one, shown in third]


def _shown(session: Session, purpose: Purpose) -> dict[Commit, Outcome]:
    """Return the outcome that each commit of this purpose showed most often.

    Of a culprit, among those that are new, and of a parent among the old ones, if there are any: what one commit
    brought may show in few of its boots.
    """
    expected = {Purpose.CULPRIT: Verdict.NEW, Purpose.PARENT: Verdict.OLD}.get(purpose)
    seen: dict[Commit, list[tuple[bool, Outcome]]] = {}
    for taken in session.of_edge(purpose):
        if taken.observation is not None and session.question is not None:
            outcome = taken.observation.reading(session.question.scenario).outcome
            seen.setdefault(taken.commit, []).append((taken.verdict is expected, outcome))
    return {commit: max(found, key=lambda one: (one[0], found.count(one)))[1] for commit, found in seen.items()}


def explains(session: Session, one: Interval) -> bool:
    """Tell whether the commit that a session found was seen to make this change too, in its fresh boots."""
    before, after = (steady(session, edge, one.scenario) for edge in (Purpose.PARENT, Purpose.CULPRIT))
    return (before, after) == (one.before, one.after)
