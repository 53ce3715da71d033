"""Which two commits do it together, where a merge is the culprit? One parent is held, the other side searched.

Each test is a merge of our own: the held parent with a commit of the other side (`git merge-tree --write-tree`).
"""

from __future__ import annotations

from collections.abc import Callable

from bisector.endings import Pair
from bisector.evidence import halving
from bisector.evidence.graph import Range
from bisector.model import Commit, Purpose, Verdict
from bisector.readings import Readings
from bisector.reads import Reads, Searches
from bisector.weighing import telling


def paired(readings: Readings, repository: Reads, git: Searches, culprit: Commit) -> Pair | None:
    """Return the pair of commits, or why there is none; None if the culprit is no merge of two."""
    if len(culprit.parents) != 2:
        return None
    ours, theirs = map(repository.read, culprit.parents)

    def tested(one: Commit, other: Commit) -> Verdict:
        """Say what a merge of the two does; one that git cannot make alone is untestable."""
        made = git.merged(one, other)
        return Verdict.UNTESTABLE if made is None else _verdict(readings, made, culprit)

    whole = tested(ours, theirs)
    if whole is Verdict.UNTESTABLE:
        return Pair(None, None, "git cannot merge its parents alone, or what it makes cannot be tested")
    if whole is Verdict.OLD:
        return Pair(None, None, "the merge itself made the change: what git merges of its parents is old")
    sides = [
        _first(repository, theirs, ours, lambda one: tested(one, theirs)),
        _first(repository, ours, theirs, lambda other: tested(ours, other)),
    ]
    one, other = (repository.read(side[0]) if len(side) == 1 else None for side in sides)
    hidden = [f"{len(side)} commits of one side are left" for side in sides if len(side) > 1]
    return Pair(one, other, "; ".join(hidden) or "neither does it without the other")


def _first(repository: Reads, held: Commit, tip: Commit, test: Callable[[Commit], Verdict]) -> list[str]:
    """Return the first commit of a side that does it together with the held one, or those that may be it."""
    within = Range(repository.history([held.id], tip.id))
    verdicts = {tip.id: Verdict.NEW}
    while (commit := halving.middle(within, verdicts)) is not None:
        verdicts[commit] = test(repository.read(commit))
    return halving.left(within, verdicts)


def _verdict(readings: Readings, made: Commit, culprit: Commit) -> Verdict:
    """Boot a merge of ours as often as tells if it is like the culprit; what does not read alike is untestable."""
    taken = readings.steps.tested(made, Purpose.PAIR, telling(readings, culprit.id), readings.question)
    said = {step.verdict for step in taken}
    return (said.pop() or Verdict.UNTESTABLE) if len(said) == 1 else Verdict.UNTESTABLE
