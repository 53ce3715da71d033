"""Does the dry run foresee what a bisection takes, and build nothing?"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from bisector.evidence import forecast, halving
from bisector.evidence.forecast import SPARE, Expected, Speeds
from bisector.evidence.graph import Range
from bisector.evidence.midpoint import Midpoints
from bisector.host import trees
from bisector.host.repository import Repository
from bisector.model import Verdict
from bisector.report import plan as words
from tests import samples
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree


def built(differs: Sequence[bool], there: Sequence[bool], culprit: int, suspected: Sequence[bool] = ()) -> int:
    """Count the kernels that a search builds."""
    ids = [hashlib.sha1(str(at).encode()).hexdigest() for at in range(len(differs))]
    within = Range(zip(ids, [["base"], *([one] for one in ids)], strict=False))
    kernels = dict(zip(["base", *ids], itertools.accumulate(differs, initial=0), strict=True))
    at_hand = set(itertools.compress(ids, there))
    have = {kernels[commit] for commit in ("base", ids[-1], *at_hand)}
    known = {kernels["base"]: Verdict.OLD, kernels[ids[-1]]: Verdict.NEW}
    able, likely = (set(itertools.compress(ids, some)) for some in (differs, suspected))
    halves = Midpoints(within, able, at_hand, 9.0, likely & able)
    verdicts, paid, builds = {ids[-1]: Verdict.NEW}, 0, 0
    while commit := halves.following(verdicts, paid) or halving.middle(within, verdicts):
        kernel = kernels[commit]
        if kernel not in known:
            known[kernel] = Verdict.NEW if kernel > kernels[["base", *ids][culprit]] else Verdict.OLD
            paid, builds = paid + 1, builds + (kernel not in have)
        verdicts[commit] = known[kernel]
    assert halving.left(within, verdicts) == [ids[culprit]]
    return builds


@hypothesis.given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_no_search_builds_more_than_was_foreseen(commits: list[tuple[bool, bool]]) -> None:
    differs, there = [can for can, _ in commits], [known for _, known in commits]
    _, told = forecast.searched(differs, there)
    builds = [built(differs, there, place) for place, can in enumerate(differs) if can]
    assert told.median <= told.worst
    assert max(builds, default=0) <= told.worst


@hypothesis.given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_no_search_with_suspects_builds_more_than_was_foreseen(commits: list[tuple[bool, bool, bool]]) -> None:
    differs, there, suspected = (list(some) for some in zip(*commits, strict=True))
    _, told = forecast.searched(differs, there, suspected)
    builds = [built(differs, there, place, suspected) for place, can in enumerate(differs) if can]
    assert told.median <= told.worst
    assert max(builds, default=0) <= told.worst


def test_suspects_halve_what_is_foreseen_in_one_half_of_the_cases() -> None:
    differs, suspected = [True] * 1000, [number % 125 == 60 for number in range(1000)]
    boots, builds = forecast.searched(differs, [False] * 1000, suspected)
    assert boots == builds
    assert builds.median <= 6
    # The half of the cases that are suspects, wherever the only one stands.
    for place in (60, 61, 500):
        only = [number == place for number in range(1000)]
        assert forecast.searched(differs, [False] * 1000, only)[1].median <= 3
    assert builds.worst == forecast.searched(differs, [False] * 1000)[1].worst + 1
    assert forecast.searched(differs, [False] * 1000, differs) == forecast.searched(differs, [False] * 1000)


@hypothesis.given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_what_is_foreseen_is_near_the_most_that_is_built(differs: list[bool]) -> None:
    """Where no kernel is at hand: the search goes out of its way for those, and may then build less."""
    there = [False] * len(differs)
    builds = [built(differs, there, place) for place, can in enumerate(differs) if can]
    assert forecast.searched(differs, there)[1].worst <= max(builds, default=0) + SPARE


@pytest.mark.parametrize(("commits", "worst"), [(0, 0), (1, 0), (2, 1), (30, 6), (1000, 11), (1024, 11)])
def test_a_range_in_which_all_differ_is_halved(commits: int, worst: int) -> None:
    assert forecast.searched([True] * commits, [False] * commits)[1].worst == worst


def test_what_cannot_differ_or_is_at_hand_is_not_built() -> None:
    chance = random.Random(1)
    some = [chance.random() < 0.07 for _ in range(2000)]
    boots, builds = forecast.searched(some, [False] * 2000)
    assert boots == builds
    assert builds.median < 9
    # What is at hand is booted all the same.
    assert forecast.searched(some, [True] * 2000) == (boots, Expected(0, 0))
    assert forecast.searched([False] * 2000, [False] * 2000) == (Expected(0, 0), Expected(0, 0))


def test_time_comes_from_what_was_measured() -> None:
    kernels, booted = Expected(4, 6), Expected(30, 32)
    speeds = Speeds((10.0, 10.0), (60.0,), (1.0, 1.0))
    assert forecast.seconds(kernels, 2, booted, speeds) == (190.0, 212.0)
    assert forecast.seconds(kernels, 2, booted, Speeds((5.0, 15.0), (60.0,), (1.0,))) > (190.0, 212.0)  # type: ignore[operator]
    assert forecast.seconds(kernels, 2, booted, Speeds((), (60.0,), (1.0,))) is None


def test_a_plan_builds_nothing_and_foresees_the_session(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(30, flip_at=17)
    words = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1])
    cold = bisector("plan", "--json", *words).lines[0]["plan"]
    assert not bisector.state.exists()
    assert (cold["commits"], cold["differing"], cold["seconds"], cold["at_hand"]) == (30, None, None, 0)
    assert cold["needs"] > 0 < cold["free"]
    ran = bisector.start(tree.path, tree.base, ids[-1])
    builds = sum(step["seconds"]["build"] > 0 for step in ran.steps)
    boots = sum(step["observation"] is not None for step in ran.steps)
    assert cold["kernels"]["median"] - 3 <= builds <= cold["kernels"]["worst"]
    assert cold["boots"]["median"] - 3 <= boots <= cold["boots"]["worst"] + 1
    [planned] = [line["plan"] for line in ran.lines if line.get("event") == "planned"]
    assert planned["kernels"] == cold["kernels"]
    warm = bisector("plan", "--json", *words).lines[0]["plan"]
    # Each third commit changes a text only, but for the culprit.
    assert (warm["differing"], warm["looked_at"]) == (21, 30)
    assert warm["kernels"]["worst"] < cold["kernels"]["worst"]
    assert warm["seconds"][0] <= warm["seconds"][1]
    assert warm["at_hand"] > 3


def test_ends_that_are_there_by_another_configuration_are_built(tree: MiniTree, bisector: Bisector) -> None:
    ids = [tree.commit(f"mini: comment {at}", neutral="comment") for at in range(14)]
    ids += [tree.commit("mini: change", hits={"exec-sigtrap": "OK"})]
    ids += [tree.commit(f"mini: comment {at}", neutral="comment") for at in range(8)]
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    notes = [note for note in bisector.state.glob("kernels/*/*/built-of-*") if "configuration" in note.read_text()]
    ends = sorted(ids.index(note.name.removeprefix("built-of-")) for note in notes)
    assert len(ends) > 1
    old, new = ids[ends[0]], ids[ends[-1]]
    plan = bisector("plan", "--json", "--repo", tree.path, "--old", old, "--new", new).lines[0]["plan"]
    ran = bisector.start(tree.path, old, new, "--scenario", "exec-sigtrap")
    assert sum(step["seconds"]["build"] > 0 for step in ran.steps) <= plan["kernels"]["worst"]


def test_a_workspace_that_somebody_holds_is_no_room(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, flip_at=1)
    words = ("plan", "--json", "--repo", tree.path, "--old", tree.base, "--new", ids[-1])
    needs = bisector(*words).lines[0]["plan"]["needs"]
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert bisector(*words).lines[0]["plan"]["needs"] == 0
    [lock] = bisector.state.glob("workspaces/*/0/lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert bisector(*words).lines[0]["plan"]["needs"] == needs


def test_a_plan_is_made_where_nothing_can_be_written(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    ids = tree.story(6, flip_at=3)
    words = ("plan", "--json", "--repo", tree.path, "--old", tree.base, "--new", ids[-1])
    planned = bisector(*words).lines[0]["plan"]
    no_directory = tmp_path / "no-directory"
    no_directory.touch()
    bisector.env["XDG_CACHE_HOME"] = str(no_directory)
    again = bisector(*words).lines[0]["plan"]
    assert planned | {"free": 0} == again | {"free": 0}


def test_a_plan_refuses_what_start_refuses(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, flip_at=1)
    for old, new, why in ((ids[2], ids[0], "swap"), (ids[0], ids[0], "both ends"), ("nowhere", ids[0], "no commit")):
        ran = bisector("plan", "--repo", tree.path, "--old", old, "--new", new)
        assert ran.code == 2
        assert why in ran.err


def test_the_search_says_how_many_commits_can_differ(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(12, flip_at=7)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    [line] = [one for one in ran.lines if one.get("event") == "search"]
    assert (line["commits"], line["differing"]) == (12, 8)


@pytest.mark.parametrize("known", [True, False])
def test_a_plan_is_told_in_words(known: bool) -> None:
    made = samples.PLAN if known else samples.PROGRESS[1].plan  # type: ignore[union-attr]
    told = dict(words.facts(made))
    assert told["kernels to build"] == "6, at most 8"
    assert ("2 min" in told["time"]) == known
    assert ("nothing was measured" in words.line(made)) == (not known)
    assert ("5 of the 11 without merges can" in words.line(made)) == known


def test_git_tells_what_each_commit_changed(tree: MiniTree) -> None:
    one = tree.commit("mini: a name with spaces", files={"a b c": "x\n", "lib/lib.c": "y\n"})
    two = tree.commit("mini: nothing but a mode", files={"README.md": None})
    found = list(trees.touched(Repository(tree.path), [tree.base], two, 10))
    assert found == [(two, {"README.md": True}), (one, {"a b c": True, "lib/lib.c": False})]
    assert [commit for commit, _ in trees.touched(Repository(tree.path), [tree.base], two, 1)] == [two]
