"""Do searches with nearby ends meet in the same commits, and what does that cost?"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Collection

import numpy as np
import pytest
from simulating import histories

from bisector.evidence import halving
from bisector.evidence.forecast import SPARE
from bisector.evidence.graph import Range
from bisector.evidence.midpoint import Midpoints, splits_well
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
    suspected: Collection[str] = (),
) -> list[str]:
    """Return the commits that a search tests, in order; see that it ends at the culprit."""
    verdicts = {within.ids[-1]: Verdict.NEW}
    halves, tested = Midpoints(within, differing, there, build, suspected), list[str]()
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


@pytest.mark.parametrize("size", [1, 2, 30, 300])
@pytest.mark.parametrize("known", [True, False])
def test_a_search_goes_past_a_row_of_commits_that_cannot_be_tested(size: int, known: bool) -> None:
    within, first = line(0, 1000), 399
    # All that make the last one's kernel are broken with it.
    end = -(-(first + size) // 3) * 3 if known else first + size
    broken = set(within.ids[first:end])
    differing = set(within.ids[::3]) | set(within.ids[first : first + size]) if known else None
    halved = math.ceil(math.log2(1000 if differing is None else len(differing)))
    # Beside the row is the hardest; the one right behind it cannot be told from the row itself.
    for culprit in (within.ids[first - 3], within.ids[end + 3], within.ids[0], within.ids[-1]):
        verdicts, halves = {within.ids[-1]: Verdict.NEW}, Midpoints(within, differing, (), 9.0)
        missed = told = 0
        while commit := halves.following(verdicts, told):
            assert commit not in verdicts
            if commit in broken:
                verdicts[commit], missed = Verdict.UNTESTABLE, missed + 1
            else:
                verdicts[commit], told = told_of(within, commit, culprit), told + 1
        left = halving.left(within, verdicts)
        # What is left makes one kernel, as far as that is known.
        assert culprit in left
        assert len(left if differing is None else differing.intersection(left)) == 1
        assert missed <= 2 * math.log2(2 * size) + 1
        assert told <= halved + missed + SPARE


def test_all_are_tested_at_last_if_they_hide_the_culprit() -> None:
    within = line(0, 60)
    broken = set(within.ids[20:40])
    verdicts, halves = {within.ids[-1]: Verdict.NEW}, Midpoints(within, None, (), 9.0)
    while commit := halves.following(verdicts, 0):
        assert commit not in verdicts
        verdicts[commit] = Verdict.UNTESTABLE if commit in broken else told_of(within, commit, within.ids[30])
    assert broken <= verdicts.keys()
    assert {*halving.left(within, verdicts)} == {*broken, within.ids[40]}


def told_of(within: Range, commit: str, culprit: str) -> Verdict:
    return Verdict.NEW if within.is_ancestor(culprit, commit) else Verdict.OLD


def merged(broken_on: str) -> tuple[Range, list[str], list[str]]:
    """Return a history with a side branch, those that it breaks, and all but merges.

    Twenty commits, sixty that are broken from the first on, a mending on a branch from the thirtieth, its merge, and
    sixty more. `broken_on`: "the main line", or "both sides", then the mending is broken too.
    """
    trunk = [named(number) for number in range(20)]
    row, mends, after = ([named(1000 * at + number) for number in range(60)] for at in (1, 2, 3))
    merge = hashlib.sha1(b"merge").hexdigest()
    parents = dict(zip(trunk, [["base"], *([one] for one in trunk)], strict=False))
    parents |= dict(zip(row, [[trunk[-1]], *([one] for one in row)], strict=False))
    parents |= {mends[0]: [row[30]], merge: [row[-1], mends[0]]}
    parents |= dict(zip(after, [[merge], *([one] for one in after)], strict=False))
    broken = [*row, *([mends[0]] if broken_on == "both sides" else [])]
    return Range(parents.items()), broken, [one for one in parents if one != merge]


@pytest.mark.parametrize("broken_on", ["the main line", "both sides"])
def test_a_merge_that_mends_ends_a_row_that_cannot_be_tested(broken_on: str) -> None:
    within, broken, able = merged(broken_on)
    first = named(3000)  # the merge's child
    verdicts, missed = {within.ids[-1]: Verdict.NEW}, 0
    halves = Midpoints(within, able, (), 9.0)
    while len(halving.left(within, verdicts)) > 1 and (commit := halves.following(verdicts, 0)):
        untestable = commit in broken
        verdicts[commit] = Verdict.UNTESTABLE if untestable else told_of(within, commit, first)
        missed += untestable
    assert halving.left(within, verdicts) == [first]
    assert missed <= 2 * math.log2(2 * len(broken)) + 1


def test_with_merges_no_search_ends_before_all_that_tells_was_tested() -> None:
    chance, ended = random.Random(11), 0
    for _ in range(60):
        history = histories.graph(chance.randint(60, 140), chance)
        within, ids = history.within, history.within.ids
        able = [one for one in ids if len([two for two in history.parents[one] if two in within]) < 2]
        breaks, culprit = ids[chance.randrange(len(ids) // 2)], chance.choice(able)
        mends = chance.choice([one for one in ids if within.is_ancestor(breaks, one)])
        broken = {one for one in ids if within.is_ancestor(breaks, one) and not within.is_ancestor(mends, one)}
        verdicts = {ids[-1]: Verdict.NEW}
        while commit := Midpoints(within, able, (), 9.0).following(verdicts, 0):
            assert commit not in verdicts
            verdicts[commit] = Verdict.UNTESTABLE if commit in broken else told_of(within, commit, culprit)
        left = halving.left(within, verdicts)
        assert culprit in left
        assert all(one in verdicts for one in left)
        ended += left == [culprit]
    assert ended > 30


@pytest.mark.parametrize("size", [64, 256, pytest.param(1024, marks=LONG)])
@pytest.mark.parametrize("share", [8, 3])
def test_suspects_cost_all_others_a_step_more_at_most(size: int, share: int) -> None:
    chance, within = random.Random(size), line(0, size)
    for _ in range(4):
        likely = set(chance.sample(within.ids, size // share))
        culprits = chance.sample(within.ids, min(size, 256))
        steps = [len(searched(within, one, within.ids, suspected=likely)) for one in culprits]
        assert max(steps) <= math.log2(size) + 1 + SPARE


def test_a_split_that_the_steps_cannot_afford_is_none_however_likely() -> None:
    # By likelihood the first is even, by number the last.
    shares = np.array([[0.5, 0.9], [0.45, 0.7], [0.41, 0.55], [0.8, 0.5]])
    assert splits_well(shares, 1.0).tolist() == [True, True, True, False]
    assert splits_well(shares, 0.7).tolist() == [False, True, True, False]
    assert splits_well(shares, 0.56).tolist() == [False, False, True, False]
    # Where none is affordable, the one that costs least.
    assert splits_well(shares, 0.1).tolist() == [False, False, False, True]


@pytest.mark.parametrize("suspected", [1, 4, 8])
def test_few_kernels_tell_that_a_suspected_commit_did_it(suspected: int) -> None:
    chance, within = random.Random(7), line(0, 700)
    for _ in range(5):
        likely = set(chance.sample(within.ids, suspected))
        steps = [len(searched(within, one, within.ids, suspected=likely)) for one in likely]
        assert max(steps) <= 4 + math.log2(suspected)


def test_where_all_are_suspected_none_is() -> None:
    within = line(0, 300)
    for culprit in within.ids[::37]:
        assert searched(within, culprit, within.ids, suspected=within.ids) == searched(within, culprit, within.ids)
    # As where none of those that can is: one that is out of the range, or no one.
    assert searched(within, within.ids[9], within.ids, suspected=["gone"]) == searched(within, within.ids[9])


def test_a_long_range_is_searched_as_a_short_one() -> None:
    within = line(0, 30_000)
    for culprit in (within.ids[0], within.ids[12_345], within.ids[-1]):
        assert len(searched(within, culprit)) <= math.ceil(math.log2(30_000)) + SPARE
