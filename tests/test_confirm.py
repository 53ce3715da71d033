"""Is a culprit named only where fresh boots of it and of every parent say so?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bisector.endings import Candidate, Conclusion, Kind
from bisector.evidence import confirm
from bisector.model import BrokenBuild, Commit, Kernel, Outcome, Purpose, Seconds, Step, Verdict

OLD, NEW, UNTESTABLE = Verdict.OLD, Verdict.NEW, Verdict.UNTESTABLE


def commit(digit: str, *parents: str) -> Commit:
    dates = "2024-01-02T03:04:05+00:00"
    return Commit(digit * 40, f"subject {digit}", "A <a@example.org>", dates, dates, tuple(p * 40 for p in parents))


def steps(tested: Commit, *verdicts: Verdict, build_id: str | None = None) -> list[Step]:
    made = build_id or tested.id[:8]
    kernel = Kernel(tested.id, "Image", "System.map", made, "config", "gcc")
    return [
        Step(tested, Purpose.TEST, verdict, f"is {verdict.value}", Seconds(), kernel=kernel) for verdict in verdicts
    ]


def broken(tested: Commit, because: str) -> list[Step]:
    return [Step(tested, Purpose.PARENT, UNTESTABLE, because, Seconds(), broken=BrokenBuild(tested.id, because))]


CULPRIT, PARENT, SIDE = commit("c", "a", "b"), commit("a"), commit("b")


def concluded(
    culprit: Sequence[Step], parent: Sequence[Step], side: Sequence[Step] | None = None, files: tuple[str, ...] = ()
) -> Conclusion:
    taken = {CULPRIT.id: fresh(culprit), PARENT.id: fresh(parent), SIDE.id: fresh(side or ())}
    return confirm.conclude(CULPRIT, [PARENT] if side is None else [PARENT, SIDE], taken, files)


def fresh(taken: Sequence[Step]) -> confirm.Fresh:
    said = {step.verdict for step in taken}
    return confirm.Fresh(said.pop() if len(said) == 1 else None, taken)


def test_a_culprit_that_is_new_beside_parents_that_are_old_is_found() -> None:
    made = concluded(steps(CULPRIT, NEW, NEW, NEW), steps(PARENT, OLD, OLD, OLD), files=("a.c", "b.h"))
    assert (made.kind, made.culprit, made.files, made.candidates) == (Kind.FOUND, CULPRIT, ("a.c", "b.h"), ())
    assert made.because == f"fresh boots: new 3 of 3; parent {PARENT.short}: old 3 of 3"


def test_of_a_merge_every_parent_counts() -> None:
    made = concluded(steps(CULPRIT, NEW), steps(PARENT, OLD), steps(SIDE, OLD))
    assert made.kind is Kind.FOUND
    assert made.because.endswith(f"parent {PARENT.short}: old 1 of 1; parent {SIDE.short}: old 1 of 1")


def test_a_parent_that_is_new_is_a_contradiction() -> None:
    made = concluded(steps(CULPRIT, NEW), steps(PARENT, NEW))
    assert made.kind is Kind.CONTRADICTION
    assert made.culprit is None
    because = f"its parent {PARENT.short} is new as well"
    assert made.because == f"the search ends at {CULPRIT.short}, but {because}"
    assert made.candidates == (Candidate(CULPRIT, because),)


def test_a_second_parent_that_is_new_is_a_contradiction() -> None:
    made = concluded(steps(CULPRIT, NEW), steps(PARENT, OLD), steps(SIDE, NEW))
    assert (made.kind, made.culprit) == (Kind.CONTRADICTION, None)
    assert f"parent {SIDE.short} is new as well" in made.because


@pytest.mark.parametrize("now", [OLD, UNTESTABLE])
def test_a_culprit_that_is_not_new_any_more_is_a_contradiction(now: Verdict) -> None:
    made = concluded(steps(CULPRIT, now, now), steps(PARENT, OLD, OLD))
    assert (made.kind, made.culprit) == (Kind.CONTRADICTION, None)
    assert made.because.endswith(f"the culprit was new in the search, and is now {now.value} 2 of 2")


def test_a_culprit_that_differs_from_boot_to_boot_is_below_confidence() -> None:
    made = concluded(steps(CULPRIT, NEW, OLD, NEW), steps(PARENT, OLD))
    assert (made.kind, made.culprit) == (Kind.BELOW_CONFIDENCE, None)
    assert made.because.endswith(f"{CULPRIT.short} did not read the same in every boot: old 1 of 3, new 2 of 3")


@pytest.mark.parametrize("other", [NEW, UNTESTABLE])
def test_a_parent_that_differs_from_boot_to_boot_is_below_confidence(other: Verdict) -> None:
    made = concluded(steps(CULPRIT, NEW), steps(PARENT, OLD, other))
    assert (made.kind, made.culprit) == (Kind.BELOW_CONFIDENCE, None)
    assert [candidate.commit for candidate in made.candidates] == [CULPRIT]


def test_a_parent_with_the_very_same_kernel_is_a_contradiction() -> None:
    made = concluded(steps(CULPRIT, NEW, build_id="same"), steps(PARENT, OLD, build_id="same"))
    assert (made.kind, made.culprit) == (Kind.CONTRADICTION, None)
    assert made.because.endswith(f"its parent {PARENT.short} makes the very same kernel")


def test_a_parent_with_the_very_same_kernel_is_a_contradiction_beside_one_that_cannot_be_tested() -> None:
    same = steps(CULPRIT, NEW, NEW, build_id="b1d"), steps(PARENT, OLD, OLD, build_id="b1d")
    assert concluded(*same, broken(SIDE, "main.c:3: error: no")).kind is Kind.CONTRADICTION
    taken = {CULPRIT.id: fresh(same[0]), PARENT.id: fresh(same[1]), SIDE.id: fresh(broken(SIDE, "no"))}
    above = {SIDE.id: PARENT}
    made = confirm.conclude(CULPRIT, [PARENT, SIDE], taken, (), above=above)
    assert made.kind is Kind.CONTRADICTION


def test_an_untestable_parent_makes_a_set_with_its_reason() -> None:
    made = concluded(steps(CULPRIT, NEW), broken(PARENT, "a.c:1:1: error: no"))
    assert (made.kind, made.culprit) == (Kind.AMONG, None)
    assert [(candidate.commit, candidate.because) for candidate in made.candidates][1:] == [
        (PARENT, "a.c:1:1: error: no")
    ]
    assert made.candidates[0].commit == CULPRIT


def test_a_merge_with_one_untestable_parent_is_a_set_without_the_old_one() -> None:
    made = concluded(steps(CULPRIT, NEW, NEW), steps(PARENT, OLD, OLD), broken(SIDE, "CONFIG_TTY vanished"))
    assert made.kind is Kind.AMONG
    assert [candidate.commit for candidate in made.candidates] == [CULPRIT, SIDE]
    assert made.because == "one of 2 commits: the others could not be tested"


def test_a_parent_that_was_never_booted_names_no_culprit() -> None:
    assert concluded(steps(CULPRIT, NEW), []).kind is not Kind.FOUND


def test_candidates_of_a_search_are_told_newest_first_with_their_reasons() -> None:
    boots = {CULPRIT.id: fresh(steps(CULPRIT, NEW, NEW))}
    made = confirm.among(CULPRIT, {PARENT: "does not build", SIDE: "boot: SILENT"}, [], boots)
    assert [(candidate.commit, candidate.because) for candidate in made.candidates] == [
        (CULPRIT, "the first commit that shows it; what came before could not be tested"),
        (PARENT, "does not build"),
        (SIDE, "boot: SILENT"),
    ]
    assert (made.kind, made.because) == (Kind.AMONG, "one of 3 commits: the others could not be tested")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([NEW, NEW, NEW], "new 3 of 3"),
        ([OLD], "old 1 of 1"),
        ([NEW, UNTESTABLE, OLD, OLD], "old 2 of 4, new 1 of 4, untestable 1 of 4"),
        ([], ""),
    ],
)
def test_counts_tell_each_verdict_that_there_was(verdicts: list[Verdict], expected: str) -> None:
    assert confirm.counts(steps(CULPRIT, *verdicts)) == expected


LOW = commit("e")
BLOCK = {commit("d", "e"): "does not build"}
LOST = Outcome("LOST")


@pytest.mark.parametrize(
    ("low", "kind"),
    [((UNTESTABLE, UNTESTABLE), Kind.AMONG), ((OLD, OLD), Kind.BELOW_CONFIDENCE), ((NEW, NEW), Kind.CONTRADICTION)],
)
def test_a_set_above_a_third_behaviour_asks_for_that_behaviour_afresh(low: Sequence[Verdict], kind: Kind) -> None:
    taken = {CULPRIT.id: fresh(steps(CULPRIT, NEW)), LOW.id: fresh(steps(LOW, *low))}
    made = confirm.among(CULPRIT, BLOCK, [LOW], taken, {LOW: LOST})
    assert made.kind is kind
    if kind is Kind.AMONG:
        assert [one.commit for one in made.candidates] == [CULPRIT, *BLOCK]
        assert made.because.endswith(f"change before it: {LOW.short} is the first that was seen with LOST")
    else:
        assert f"{LOW.short} {'is new as well' if NEW in low else 'was untestable in the search'}" in made.because


def test_a_set_that_grows_from_what_could_not_be_tested_is_not_sure() -> None:
    taken = {CULPRIT.id: fresh(steps(CULPRIT, NEW)), LOW.id: fresh(broken(LOW, "does not build"))}
    assert confirm.among(CULPRIT, BLOCK, [LOW], taken).kind is Kind.BELOW_CONFIDENCE
