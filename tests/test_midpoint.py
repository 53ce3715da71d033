"""Do searches with nearby ends meet in the same commits, and what does that cost?"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Collection

import pytest
from simulating import histories

from bisector.evidence import halving
from bisector.evidence.forecast import SPARE
from bisector.evidence.graph import Range
from bisector.evidence.midpoint import Midpoints
from bisector.model import Verdict
from tests.conftest import LONG


def named(number: int) -> str:
    return hashlib.sha1(str(number).encode()).hexdigest()


def line(first: int, size: int) -> Range:
    return Range((named(n), [named(n - 1)]) for n in range(first, first + size))


def searched(
    within: Range,
    culprit: str,
    differing: Collection[str] | None = None,
    there: Collection[str] = (),
    build: float = 9.0,
) -> list[str]:
    """Return the commits that a search tests, in order; see that it ends at the culprit."""
    verdicts = {within.ids[-1]: Verdict.NEW}
    halves, tested = Midpoints(within, differing, there, build), list[str]()
    while commit := halves.following(verdicts, len(tested)) or halving.middle(within, verdicts):
        assert commit not in verdicts
        verdicts[commit] = Verdict.NEW if within.is_ancestor(culprit, commit) else Verdict.OLD
        tested.append(commit)
    assert halving.left(within, verdicts) == [culprit]
    return tested


@pytest.mark.timeout(400)
@pytest.mark.parametrize("size", [2, 3, 7, 100, pytest.param(1000, marks=LONG)])
def test_a_line_takes_a_step_more_at_most(size: int) -> None:
    within = line(0, size)
    steps = [len(searched(within, culprit)) for culprit in within.ids]
    assert max(steps) <= math.ceil(math.log2(size)) + SPARE
    assert sum(steps) / size <= math.log2(size) + 0.5


def test_a_history_with_merges_takes_little_more_than_the_best_halves() -> None:
    chance = random.Random(5)
    within = histories.graph(800, chance).within
    culprits = chance.sample(within.ids, 60)

    def halved(culprit: str) -> int:
        verdicts = {within.ids[-1]: Verdict.NEW}
        while commit := halving.middle(within, verdicts):
            verdicts[commit] = Verdict.NEW if within.is_ancestor(culprit, commit) else Verdict.OLD
        return len(verdicts) - 1

    more = [len(searched(within, culprit)) - halved(culprit) for culprit in culprits]
    assert sum(more) / len(more) < 0.4
    assert max(more) <= 3


def test_searches_with_nearby_ends_meet_in_the_same_commits() -> None:
    chance, shared, halves = random.Random(3), [], []
    for _ in range(40):
        first, shift = chance.randrange(10**6), chance.randint(1, 20)
        culprit = named(first + chance.randrange(40, 900))
        one, other = (searched(line(start, 1000), culprit) for start in (first, first + shift))
        shared.append(len({*one} & {*other}) / len(other))

        def best(start: int, culprit: str = culprit) -> set[str]:
            within = line(start, 1000)
            verdicts = {within.ids[-1]: Verdict.NEW}
            while commit := halving.middle(within, verdicts):
                verdicts[commit] = Verdict.NEW if within.is_ancestor(culprit, commit) else Verdict.OLD
            return verdicts.keys() - {within.ids[-1]}

        halves.append(len(best(first) & best(first + shift)) / 10)
    assert sum(shared) / len(shared) > 0.8
    assert sum(halves) / len(halves) < 0.4


def test_a_commit_counts_by_whether_it_can_make_another_kernel() -> None:
    within = line(0, 1000)
    differing = {named(number) for number in range(900, 1000, 7)}
    culprit = named(900 + 7 * 9)
    tested = searched(within, culprit, differing)
    kernels = {sum(within.is_ancestor(one, commit) for one in differing) for commit in tested}
    # 15 kernels; steps between commits that make the same one cost nothing, and come last.
    assert len(kernels) <= math.ceil(math.log2(15)) + SPARE


def test_a_kernel_at_hand_goes_before_a_better_split_that_must_be_built() -> None:
    within = line(0, 1000)
    at_hand = named(300)
    verdicts = {within.ids[-1]: Verdict.NEW}
    assert Midpoints(within, None, {at_hand, "gone"}, 9.0).following(verdicts, 0) == at_hand
    assert Midpoints(within, None, {named(2)}, 9.0).following(verdicts, 0) != named(2)
    assert Midpoints(within, None, {at_hand}, 0.0).following(verdicts, 0) != at_hand


def test_git_chooses_around_commits_that_cannot_be_tested() -> None:
    within = line(0, 100)
    verdicts = {within.ids[-1]: Verdict.NEW, within.ids[50]: Verdict.UNTESTABLE}
    assert Midpoints(within, None, (), 9.0).following(verdicts, 1) is None
    # Not where the search has left them behind.
    verdicts[within.ids[40]] = Verdict.NEW
    assert Midpoints(within, None, (), 9.0).following(verdicts, 2) is not None


def test_a_long_range_is_searched_as_a_short_one() -> None:
    within = line(0, 30_000)
    for culprit in (within.ids[0], within.ids[12_345], within.ids[-1]):
        assert len(searched(within, culprit)) <= math.ceil(math.log2(30_000)) + SPARE
