"""May this culprit be named? Fresh boots of it and of every parent -> Conclusion. (pure)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bisector.model import Candidate, Commit, Conclusion, Kind, Step, Verdict


def conclude(
    culprit: Commit, parents: Sequence[Commit], steps: Mapping[str, Sequence[Step]], files: tuple[str, ...]
) -> Conclusion:
    """Return FOUND if every fresh boot of the culprit is new and every one of every parent is old.

    `steps`: the confirming steps by commit id, the culprit's and every parent's.
    """
    if not parents:
        return _not_sure(culprit, "it has no parent to compare it with")
    doubt = _doubt(culprit, parents, steps)
    if doubt is not None:
        return doubt
    untestable = {
        parent: steps[parent.id][0].because for parent in parents if not _all(steps[parent.id], Verdict.OLD)
    }
    if untestable:
        return _set(culprit, untestable)
    for parent in parents:
        if _build_id(steps[parent.id]) == _build_id(steps[culprit.id]):
            return _contradiction(culprit, f"its parent {parent.short} makes the very same kernel")
    told = "; ".join(f"parent {parent.short}: {counts(steps[parent.id])}" for parent in parents)
    because = f"fresh boots: {counts(steps[culprit.id])}; {told}"
    return Conclusion(Kind.FOUND, because, culprit=culprit, files=files)


def among(
    first_new: Commit,
    untestable: Mapping[Commit, str],
    olds: Sequence[Commit],
    steps: Mapping[str, Sequence[Step]],
) -> Conclusion:
    """Return the set of commits of which one is the culprit, if fresh boots confirm its edges.

    `untestable`: the reason of each commit that hides the change. `olds`: the old commits that the set grows
    from. `steps`: the confirming steps of these and of the first new commit.
    """
    return _doubt(first_new, olds, steps) or _set(first_new, untestable)


def _doubt(culprit: Commit, olds: Sequence[Commit], steps: Mapping[str, Sequence[Step]]) -> Conclusion | None:
    """Return why the edge does not hold: a boot that differs, a culprit that is not new, an old that is."""
    for commit in (culprit, *olds):
        if not steps[commit.id]:
            return _not_sure(culprit, f"{commit.short} was not booted afresh")
        if len({step.verdict for step in steps[commit.id]}) > 1:
            return _not_sure(
                culprit, f"{commit.short} did not read the same in every boot: {counts(steps[commit.id])}"
            )
    if not _all(steps[culprit.id], Verdict.NEW):
        return _contradiction(culprit, f"the culprit was new in the search, and is now {counts(steps[culprit.id])}")
    for old in olds:
        if _all(steps[old.id], Verdict.NEW):
            return _contradiction(culprit, f"its parent {old.short} is new as well")
    return None


def _all(steps: Sequence[Step], verdict: Verdict) -> bool:
    return all(step.verdict is verdict for step in steps)


def _set(first_new: Commit, untestable: Mapping[Commit, str]) -> Conclusion:
    candidates = [Candidate(first_new, "the first commit that shows it; what came before could not be tested")]
    candidates += [Candidate(commit, because) for commit, because in untestable.items()]
    because = f"one of {len(candidates)} commits: the others could not be tested"
    return Conclusion(Kind.AMONG, because, candidates=tuple(candidates))


def counts(steps: Sequence[Step]) -> str:
    """Return `new 3 of 3`, or how many of each verdict there were."""
    numbers = {verdict: sum(step.verdict is verdict for step in steps) for verdict in Verdict}
    return ", ".join(f"{verdict.value} {n} of {len(steps)}" for verdict, n in numbers.items() if n)


def _build_id(steps: Sequence[Step]) -> str:
    return next((step.kernel.build_id for step in steps if step.kernel), "")


def _contradiction(culprit: Commit, why: str) -> Conclusion:
    because = f"git's search ends at {culprit.short}, but {why}"
    return Conclusion(Kind.CONTRADICTION, because, candidates=(Candidate(culprit, why),))


def _not_sure(culprit: Commit, why: str) -> Conclusion:
    because = f"git's search ends at {culprit.short}, but {why}"
    return Conclusion(Kind.BELOW_CONFIDENCE, because, candidates=(Candidate(culprit, why),))
