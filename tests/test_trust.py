"""Is a name ever wrong, and a claim ever bold? bisector's own sessions on drawn histories, without VMs."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulating import histories
from simulating.trials import CELLS, CONFIDENCE, TWO, Cell, trial
from simulating.world import Halves, History, World, session

from bisector.endings import Kind, Revert
from bisector.evidence.forecast import SPARE
from bisector.evidence.rates import boots_for
from bisector.model import Verdict
from tests.conftest import LONG

rates = st.sampled_from([(0.0, 1.0), (0.0, 0.9), (0.02, 0.98), (0.1, 0.9), (0.0, 0.5), (0.4, 1.0)])
seeds = st.integers(0, 10**9)


def drawn(seed: int, shown: tuple[float, float], *, blocks: bool = False, graph: bool = True) -> World:
    chance = random.Random(seed)
    size = chance.randint(3, 120)
    history = histories.graph(size, chance) if graph else histories.line(size)
    culprit = chance.choice(history.within.ids)
    broken = histories.blocks(history, culprit, chance) if blocks else frozenset()
    return World(history, culprit, shown, chance, broken)


@given(seeds, rates, st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_name_is_the_planted_commit_and_a_set_contains_it(
    seed: int, shown: tuple[float, float], blocks: bool, graph: bool
) -> None:
    world = drawn(seed, shown, blocks=blocks, graph=graph)
    made = session(world, 0.9999)
    if made.kind is Kind.FOUND:
        assert made.culprit is not None
        assert made.culprit.id == world.culprit
        assert made.odds is not None
        assert made.odds.culprit >= 0.9999
    if made.kind is Kind.AMONG:
        assert world.culprit in {one.commit.id for one in made.candidates}


@given(seeds, st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_steady_history_costs_what_halving_costs_and_the_certification(seed: int, graph: bool) -> None:
    world = drawn(seed, (0.0, 1.0), graph=graph)
    made = session(world, CONFIDENCE)
    assert (made.kind, made.culprit and made.culprit.id) == (Kind.FOUND, world.culprit)
    again = World(world.history, world.culprit, (0.0, 1.0), random.Random(0))
    Halves(world.history.within).search(again.boot, world.history.new)
    # The ends, what halving asks for, and the culprit and its parents built from nothing.
    beside = 2 + 1 + len(world.read(world.culprit).parents)
    if graph:
        # By how much more in the mean, tests/test_midpoint.py says.
        assert world.builds <= beside + again.builds + 3
    else:
        assert world.builds <= beside + math.ceil(math.log2(len(world.history.within))) + SPARE


def test_the_boots_that_certify_come_from_the_rates() -> None:
    world = drawn(7, (0.0, 1.0))
    loose, strict = (
        session(World(world.history, world.culprit, (0.0, 1.0), random.Random(0)), share) for share in (0.9, 0.9999)
    )
    assert loose.because.startswith(f"fresh boots: new {boots_for(0.025, 0.7733)} of")
    assert strict.because.startswith(f"fresh boots: new {boots_for(0.000025, 0.7733)} of")


def test_rates_that_hide_at_the_ends_are_found_out() -> None:
    """A tenth of the boots reads wrong: five boots of an end seldom show it, and a plain search believes them."""
    found = Counter[str]()
    for seed in range(60):
        world = drawn(seed, (0.1, 0.9), graph=False)
        made = session(world, CONFIDENCE)
        found[made.kind.value] += 1
        assert made.culprit is None or made.culprit.id == world.culprit
    assert found["found"] >= 55


def test_a_range_without_a_change_names_nobody() -> None:
    for seed in range(40):
        for rate in (0.0, 0.1, 0.5):
            assert trial(Cell("no change", rate, rate), seed).ending == "refused"


def test_a_sample_of_the_whole_grid_is_never_wrong() -> None:
    endings = Counter(trial(cell, seed).ending for cell in CELLS for seed in range(3))
    assert endings["wrong"] == 0
    assert endings["right"] > 2 * endings["set"]


# In these an end's first boots read as a rarer kind of end would, and the wrong commit was once named for it.
LUCKY = [("line", 69), ("line", 106), ("line", 908), ("line", 1285), ("graph", 296)]


@pytest.mark.parametrize(("shape", "number"), LUCKY)
def test_ends_that_had_luck_name_no_other_commit(shape: str, number: int) -> None:
    assert trial(Cell(shape, 0.3, 0.7), 7_000_000_000 + number).ending in ("right", "refused")


def test_the_same_trial_twice_is_the_same() -> None:
    assert trial(Cell("graph", 0.1, 0.9), 3) == trial(Cell("graph", 0.1, 0.9), 3)


@pytest.mark.parametrize("back", [5, 20])
def test_of_a_behaviour_that_goes_and_comes_back_the_named_commit_made_it(back: int) -> None:
    """Old, new, old, new: a commit that is named is one of the two that made it new."""

    class BackAndForth(World):
        def is_new(self, commit: str) -> bool:
            place = self.history.within.place.get(commit, -1)
            return 10 <= place < 10 + back or place >= 50

    for seed in range(20):
        for shown in ((0.0, 1.0), (0.1, 0.9), (0.0, 0.6)):
            history = histories.line(64)
            made = session(BackAndForth(history, "", shown, random.Random(seed)), CONFIDENCE)
            if made.culprit is not None:
                assert history.within.place[made.culprit.id] in (10, 50)


@pytest.mark.parametrize(
    "cell", [pytest.param(cell, id=str(cell), marks=LONG if cell.old else ()) for cell in TWO if cell.halfway == 0.5]
)
def test_what_comes_with_one_commit_and_becomes_frequent_with_another_is_the_first_ones(cell: Cell) -> None:
    endings = Counter(trial(cell, seed).ending for seed in range(40))
    assert endings["wrong"] == 0
    assert endings["right"] >= 35


def named_of_two_changes(halfway: float, trials: int) -> Iterator[tuple[int, str]]:
    """Yield which change was named, the first (0) or the second (1), and why, of each trial that names one."""
    history = histories.line(60)
    first, second = history.within.ids[20], history.within.ids[40]
    for seed in range(trials):
        made = session(World(history, first, (0.0, 1.0), random.Random(seed), then=(second, halfway)), CONFIDENCE)
        if made.culprit is not None:
            yield [first, second].index(made.culprit.id), made.because


def test_a_change_that_comes_after_the_named_one_is_told() -> None:
    told = Counter[bool]()
    for named, because in named_of_two_changes(0.5, 20):
        assert named == 0
        told["; another change comes after it: " in because] += 1
    # Or its own few boots had luck.
    assert told[True] > 3 * told[False]


@pytest.mark.parametrize("broken", [False, True])
def test_a_person_s_culprit_that_never_reads_new_is_certified_by_the_ends_rates(broken: bool) -> None:
    history = histories.line(30)
    said, made_it = history.within.ids[10], history.within.ids[11]
    world = World(history, made_it, (0.0, 1.0), random.Random(0), frozenset({said} if broken else ()))
    made = session(world, CONFIDENCE, {said: Verdict.NEW})
    assert (made.kind, made.culprit and made.culprit.id) == (Kind.FOUND, said)
    assert world.boots < 50


def test_what_a_parent_shows_now_and_then_is_told() -> None:
    """In one boot of four with one commit, in each with a later one, which is named: it made more than half of it."""
    told = Counter[bool]()
    for _, because in named_of_two_changes(0.25, 30):
        parent = because.partition("parent")[2]
        if "old" in parent and "new" in parent:
            told["another change comes " in because] += 1
    assert told[True] > 2 * told[False]


def test_no_revert_takes_an_answer_back() -> None:
    made = session(drawn(1, (0.0, 1.0)), CONFIDENCE)
    assert made.reverted is not None
    assert made.reverted[0] in (Revert.DOES_NOT_APPLY, Revert.MENDS_IT)


def test_a_history_of_one_commit_names_it() -> None:
    history = History.of([[]])
    made = session(World(history, history.new, (0.0, 1.0), random.Random(0)), CONFIDENCE)
    assert made.culprit is not None
    assert made.culprit.id == history.new
