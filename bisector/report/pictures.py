"""What is drawn in a report, and where does each stroke go? Values -> shapes, in parts of a whole. (pure)"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from bisector.model import Commit, Purpose, Verdict
from bisector.report.values import Report, Visit

# What a search visits, and what bounds it.
_SEARCHED = (Purpose.OLD_END, Purpose.NEW_END, Purpose.MERGE_BASE, Purpose.SEARCH, Purpose.WEIGHED, Purpose.RETEST)
INHERITED = "inherited"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """One visited commit: what was left before it, and where it stood. All in parts of the range, 0 to 1.

    `how`: its verdict in a word, or `inherited`; "" before there was a question.
    """

    commit: Commit
    how: str
    because: str
    left: float
    right: float
    at: float


@dataclass(frozen=True, slots=True)
class Spent:
    """Where one visit's seconds went: (part, seconds, begin, width), the last two as parts of the longest row."""

    commit: Commit
    purpose: str
    seconds: float
    parts: tuple[tuple[str, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A commit around the culprit, what it is there, what it showed. `gap`: others lie between it and the next."""

    commit: Commit
    role: str
    how: str
    gap: bool


def visited(report: Report) -> list[list[Visit]]:
    """Return the visits, those of the same commit and purpose together that came one after the other."""
    return [list(group) for _, group in itertools.groupby(report.visits, lambda visit: (visit.commit, visit.purpose))]


def narrowed(report: Report, places: Mapping[str, int], commits: int) -> list[Narrowed]:
    """Return how the range became smaller. `places`: of the commits, 0 the oldest; the old end stands before them."""
    told, left, right = [], 0.0, 1.0
    rows = [
        (visit.commit, visit.verdict.value if visit.verdict else "", visit.because)
        for *_, visit in visited(report)
        if visit.purpose in _SEARCHED
    ]
    # Each where it is known in which order they came: before the commits that were visited after it, it is not.
    rows += [
        (commit, INHERITED, f"the kernel of {source[:12]}") for commit, source, number in report.inherited if number
    ]
    rows += [(commit, INHERITED, f"breaks as {source[:12]} does") for commit, source, _ in report.as_broken]
    for commit, how, because in rows:
        at = (places[commit.id] + 1) / commits if commit.id in places else 0.0
        told.append(Narrowed(commit, how, because, left, right, at))
        if how == Verdict.OLD.value and left < at <= right:
            left = at
        elif how == Verdict.NEW.value and left < at <= right:
            right = at
    return told


def spent(report: Report) -> list[Spent]:
    """Return where the time went, a row for each visit that took any."""
    rows = []
    for visits in visited(report):
        taken = [one.seconds for one in visits]
        sums = {name: sum(getattr(one, name) for one in taken) for name in ("checkout", "build", "boot", "probe")}
        rows.append((visits[0].commit, visits[0].purpose.value, sums))
    longest = max((sum(sums.values()) for _, _, sums in rows), default=0.0)
    return [
        Spent(commit, purpose, sum(sums.values()), _stacked(sums, longest))
        for commit, purpose, sums in rows
        if sum(sums.values()) > 0
    ]


def _stacked(sums: Mapping[str, float], longest: float) -> tuple[tuple[str, float, float, float], ...]:
    begins = itertools.accumulate(sums.values(), initial=0.0)
    pairs = zip(sums.items(), begins, strict=False)
    return tuple((name, taken, begin / longest, taken / longest) for (name, taken), begin in pairs if taken > 0)


def around(report: Report) -> list[Neighbour]:
    """Return the commits around the culprit, the newest first; [] where there is none."""
    made = report.conclusion
    if made is None or made.culprit is None:
        return []
    verdicts = {visit.commit.id: visit for visit in report.visits if visit.verdict is not None}
    known = {visit.commit.id: visit.commit for visit in report.visits} | {made.culprit.id: made.culprit}

    def how(commit: str) -> str:
        visit = verdicts.get(commit)
        return visit.verdict.value if visit is not None and visit.verdict is not None else "not tested"

    parents = [known[one] for one in made.culprit.parents if one in known]
    rows: list[tuple[Commit, str]] = [] if made.culprit.id == report.new.id else [(report.new, "the new end")]
    rows += [(made.culprit, "the commit")]
    rows += [(one, "its parent" if len(parents) == 1 else f"parent {at}") for at, one in enumerate(parents, 1)]
    rows += [] if any(one.id == report.old.id for one in parents) else [(report.old, "the old end")]
    told = []
    for (commit, role), below in itertools.zip_longest(rows, rows[1:]):
        near = below is None or below[0].id in commit.parents or role.startswith("parent ")
        told.append(Neighbour(commit, role, how(commit.id), gap=not near))
    return told
