"""May this culprit be named? Fresh boots of it and of every parent -> Conclusion. (pure)"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bisector.endings import Candidate, Conclusion, Kind
from bisector.model import Commit, Outcome, Step, Verdict


@dataclass(frozen=True, slots=True)
class Fresh:
    """A commit's fresh boots, and what they say together: None if they do not say it surely enough."""

    verdict: Verdict | None
    steps: Sequence[Step]


def conclude(
    culprit: Commit,
    parents: Sequence[Commit],
    fresh: Mapping[str, Fresh],
    files: tuple[str, ...],
    alike: Callable[[Commit, Commit], bool] = lambda _one, _other: False,
    above: Mapping[str, Commit] = types.MappingProxyType({}),
) -> Conclusion:
    """Return FOUND if the culprit's fresh boots are new and those of every parent old.

    `fresh`: the confirming boots by commit id: the culprit's and, if those are new, every parent's. `alike`: tells
    whether two commits differ in nothing that took part in their builds. `above`: an old commit by the id of
    one that it has in its history, which hides nothing where it cannot be tested.
    """
    if not parents:
        return _not_sure(culprit, "it has no parent to compare it with")
    doubt = _doubt(culprit, parents, fresh)
    if doubt is not None:
        return doubt
    untestable = {
        parent: fresh[parent.id].steps[0].because
        for parent in parents
        if fresh[parent.id].verdict is Verdict.UNTESTABLE
    }
    for parent in parents:
        if (made := _build_id(fresh[parent.id].steps)) and made == _build_id(fresh[culprit.id].steps):
            return _contradiction(culprit, f"its parent {parent.short} makes the very same kernel")
        if parent not in untestable and alike(parent, culprit):
            why = f"none of the files in which it differs from its parent {parent.short} took part in either build"
            return _contradiction(culprit, f"{why}: the kernels differ by something else")
    if hiding := {parent: why for parent, why in untestable.items() if parent.id not in above}:
        return _set(culprit, hiding)
    if (doubt := _doubt_above(culprit, untestable, above, fresh)) is not None:
        return doubt
    if untestable:
        told = ", ".join(parent.short for parent in untestable)
        because = f"it is left alone; before it {told} could not be tested, which an old commit has in its history"
        return Conclusion(Kind.AMONG, because, candidates=(Candidate(culprit, "the first commit that shows it"),))
    told = "; ".join(f"parent {parent.short}: {counts(fresh[parent.id].steps)}" for parent in parents)
    because = f"fresh boots: {counts(fresh[culprit.id].steps)}; {told}"
    return Conclusion(Kind.FOUND, because, culprit=culprit, files=files)


def among(
    first_new: Commit,
    untestable: Mapping[Commit, str],
    olds: Sequence[Commit],
    fresh: Mapping[str, Fresh],
    others: Mapping[Commit, Outcome] | None = None,
    above: Mapping[str, Commit] = types.MappingProxyType({}),
) -> Conclusion:
    """Return the set of commits of which one is the culprit, if fresh boots confirm its edges.

    `untestable`: the reason of each commit that hides the change. `olds`: the commits that the set grows from.
    `fresh`: the confirming boots of these and of the first new commit. `others`: what each commit shows that
    steadily shows a third behaviour, newest first; every other one of the olds must be old. `above`: as of
    `conclude`.
    """
    doubt = _doubt(first_new, olds, fresh)
    if doubt is None:
        for old in olds:
            expected = Verdict.UNTESTABLE if old in (others or {}) else Verdict.OLD
            found = fresh[old.id].verdict
            if found is not expected and not (found is Verdict.UNTESTABLE and old.id in above):
                why = f"{old.short} was {expected.value} in the search, and is now {counts(fresh[old.id].steps)}"
                doubt = _not_sure(first_new, why)
        broken = [old for old in olds if fresh[old.id].verdict is Verdict.UNTESTABLE and old not in (others or {})]
        doubt = doubt or _doubt_above(first_new, broken, above, fresh)
    if doubt is not None:
        return doubt
    made = _set(first_new, untestable)
    return replace(made, because=f"{made.because}; {_before(others)}") if others else made


def after_another(
    culprit: Commit,
    parents: Sequence[Commit],
    others: Mapping[Commit, Outcome],
    fresh: Mapping[str, Fresh],
    files: tuple[str, ...],
) -> Conclusion | None:
    """Return FOUND for a commit that is new where its parents steadily show another behaviour, or the old one.

    `others`: what each commit between the old and the new behaviour shows, newest first. None: boots differ.
    """
    if _doubt(culprit, parents, fresh) is not None or not parents:
        return None
    told = []
    for parent in parents:
        if fresh[parent.id].verdict is not Verdict.OLD and parent not in others:
            return None
        if (made := _build_id(fresh[parent.id].steps)) and made == _build_id(fresh[culprit.id].steps):
            return None
        shows = f"{others[parent]}, {len(fresh[parent.id].steps)} boots" if parent in others else None
        told.append(f"parent {parent.short}: {shows or counts(fresh[parent.id].steps)}")
    because = f"fresh boots: {counts(fresh[culprit.id].steps)}; {'; '.join(told)}; {_before(others)}"
    return Conclusion(Kind.FOUND, because, culprit=culprit, files=files)


def _before(others: Mapping[Commit, Outcome]) -> str:
    first, outcome = list(others.items())[-1]
    return f"there is another change before it: {first.short} is the first that was seen with {outcome}"


def _doubt(culprit: Commit, olds: Sequence[Commit], fresh: Mapping[str, Fresh]) -> Conclusion | None:
    """Return why the edge does not hold: a boot that differs, a culprit that is not new, an old that is."""
    for commit in (culprit, *olds):
        found = fresh.get(commit.id)
        if found is None or not found.steps:
            return _not_sure(culprit, f"{commit.short} was not booted afresh")
        if found.verdict is None:
            return _not_sure(culprit, f"{commit.short} did not read the same in every boot: {counts(found.steps)}")
        if commit == culprit and found.verdict is not Verdict.NEW:
            why = f"the culprit was new in the search, and is now {counts(found.steps)}"
            return _contradiction(culprit, why)
        if commit != culprit and found.verdict is Verdict.NEW:
            return _contradiction(culprit, f"its parent {commit.short} is new as well")
    return None


def _doubt_above(
    culprit: Commit, untestable: Iterable[Commit], above: Mapping[str, Commit], fresh: Mapping[str, Fresh]
) -> Conclusion | None:
    """Return why one of these commits, which cannot be tested, is not known to be old."""
    for one in untestable:
        old = above[one.id]
        if fresh[old.id].verdict is not Verdict.OLD:
            now = counts(fresh[old.id].steps)
            return _not_sure(culprit, f"{old.short}, which has {one.short} in its history, was old, and is now {now}")
    return None


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
    because = f"the search ends at {culprit.short}, but {why}"
    return Conclusion(Kind.CONTRADICTION, because, candidates=(Candidate(culprit, why),))


def _not_sure(culprit: Commit, why: str) -> Conclusion:
    because = f"the search ends at {culprit.short}, but {why}"
    return Conclusion(Kind.BELOW_CONFIDENCE, because, candidates=(Candidate(culprit, why),))
