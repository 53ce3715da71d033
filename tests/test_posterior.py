"""Does the posterior say what the readings say, on graphs of any shape?"""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from simulating import histories

from bisector.evidence import choice, graph
from bisector.evidence.graph import Range
from bisector.evidence.posterior import posterior
from bisector.evidence.rates import Tally


def line(size: int) -> Range:
    return Range((str(n), [str(n - 1)] if n else ["base"]) for n in range(size))


@st.composite
def graphs(draw: st.DrawFn) -> Range:
    return histories.graph(draw(st.integers(3, 60)), random.Random(draw(st.integers(0, 10**6)))).within


def test_ancestors_are_told_from_others() -> None:
    #  a - b - d
    #   \- c -/
    found = Range({"a": ["out"], "b": ["a"], "c": ["a"], "d": ["b", "c"]}.items())
    assert [found.is_ancestor(one, "b") for one in "abcd"] == [True, True, False, False]
    assert list(found.ancestors("d")) == [True] * 4
    assert list(found.sums(np.array([1.0, 2.0, 4.0, 8.0]))[1]) == [1, 3, 5, 15]
    assert list(found.up_to("c").ids) == ["a", "c"]
    assert "out" not in found


def test_a_child_before_its_parent_is_refused() -> None:
    with pytest.raises(ValueError, match="does not come before"):
        Range({"b": ["a"], "a": []}.items())


@given(graphs(), st.randoms(use_true_random=False))
def test_sums_over_ancestors_are_those_that_a_walk_finds(within: Range, chance: random.Random) -> None:
    weights = np.array([chance.random() for _ in within.ids])
    places, sums = within.sums(weights)
    assert list(places) == list(range(len(within)))
    for commit, found in zip(within.ids, sums, strict=True):
        walked = sum(weights[above] for above, one in enumerate(within.ids) if within.is_ancestor(one, commit))
        assert found == pytest.approx(walked, rel=1e-5)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_sums_of_a_sample_are_those_that_all_have(within: Range, chance: random.Random) -> None:
    weights = np.array([chance.choice([0.0, chance.random()]) for _ in within.ids])
    _, exact = within.sums(weights)
    also = chance.choice(within.ids)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "EXACT", 0)
        patch.setattr(graph, "SAMPLE", 12)
        patch.setattr(graph, "_READ", 5)
        places, sums = within.sums(weights, [also, "of another history"])
    assert within.place[also] in places
    assert len(places) <= 13
    assert sums == pytest.approx(exact[places], rel=1e-5)


@pytest.mark.parametrize("exact", [True, False])
@given(graphs(), st.randoms(use_true_random=False))
def test_sums_of_two_kinds_are_those_of_each(exact: bool, within: Range, chance: random.Random) -> None:
    weights = np.array([[chance.random(), chance.choice([0.0, 5.0])] for _ in within.ids])
    with pytest.MonkeyPatch.context() as patch:
        if not exact:
            patch.setattr(graph, "EXACT", 0)
            patch.setattr(graph, "SAMPLE", 12)
        places, sums = within.sums(weights)
        alone, first = within.sums(weights[:, 0])
        assert list(places) == list(alone)
    assert sums.shape == (len(places), 2)
    assert sums[:, 0] == pytest.approx(first, rel=1e-5)
    assert sums[:, 1] == pytest.approx(within.sums(weights[:, 1])[1][places], rel=1e-5)


@given(graphs(), st.randoms(use_true_random=False))
def test_a_part_of_a_range_has_the_ancestors_that_the_range_has(within: Range, chance: random.Random) -> None:
    tip = chance.choice(within.ids)
    part = within.up_to(tip)
    assert list(part.ids) == [one for one in within.ids if within.is_ancestor(one, tip)]
    for commit in part.ids:
        above = [one for one in within.ids if within.is_ancestor(one, commit)]
        assert [one for one in part.ids if part.is_ancestor(one, commit)] == above


def test_a_long_range_is_halved_as_well_as_a_short_one() -> None:
    within = line(100_001)
    known = posterior(within, {})
    first = choice.following(known, {"100000"}, lambda _: 1.0)
    assert first is not None
    assert abs(int(first) - 50_000) < 400
    assert choice.following(known, {"100000"}, lambda one: 0.01 if one == "70000" else 1.0, ["70000"]) == "70000"


def test_the_rates_are_integrated_over() -> None:
    within = line(3)
    seen = {"base": Tally(0, 3), "0": Tally(1, 2), "1": Tally(3, 1), "2": Tally(2, 0)}

    def likelihood(culprit: int) -> float:
        new = sum((seen[str(n)] for n in range(culprit, 3)), Tally())
        old = sum((seen[str(n)] for n in range(culprit)), seen["base"])

        def density(p: float, q: float) -> float:
            prior = 1 / (math.pi**2 * math.sqrt(p * (1 - p) * q * (1 - q)))
            return prior * p**new.new * (1 - p) ** new.old * q**old.new * (1 - q) ** old.old

        return float(dblquad(density, 0, 1, 0, 1)[0])

    expected = np.array([likelihood(culprit) for culprit in range(3)])
    found = posterior(within, seen)
    assert found.culprit == pytest.approx(expected / expected.sum(), rel=1e-3)
    assert found.new()[1] == pytest.approx(np.cumsum(found.culprit), rel=1e-5)


def test_steady_readings_on_both_sides_name_the_commit() -> None:
    seen = {"base": Tally(0, 5), "9": Tally(5, 0), "4": Tally(0, 6), "5": Tally(6, 0)}
    known = posterior(line(10), seen)
    assert known.ranked(1)[0][0] == "5"
    assert known.of("5") > 0.999
    assert [commit for commit, _ in known.holding(0.99)] == ["5"]
    assert known.unchanged < 1e-3


def test_readings_that_are_alike_everywhere_speak_for_no_change() -> None:
    assert posterior(line(10), {"base": Tally(9, 9), "9": Tally(9, 9), "4": Tally(8, 10)}).unchanged > 0.5


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_probabilities_are_probabilities_whatever_was_read(within: Range, chance: random.Random) -> None:
    seen = {commit: Tally(chance.randrange(40), chance.randrange(40)) for commit in chance.sample(within.ids, 3)}
    known = posterior(within, {"base": Tally(0, 3), **seen})
    assert known.culprit.sum() == pytest.approx(1)
    assert (known.culprit >= 0).all()
    assert 0 <= known.unchanged <= 1
    held = known.holding(0.9)
    assert sum(share for _, share in held) >= 0.9 - 1e-9
    # Without the least likely of them, and all that are as likely, it is less.
    assert sum(share for _, share in held if share > held[-1][1] * (1 + 1e-9)) < 0.9


def test_commits_that_nothing_tells_apart_are_held_together() -> None:
    # A block of untestable commits below the first new one.
    known = posterior(line(40), {"base": Tally(0, 60), "9": Tally(0, 60), "35": Tally(60, 0), "39": Tally(60, 0)})
    assert {commit for commit, _ in known.holding(0.9)} == {str(at) for at in range(10, 36)}


# -- the next commit -----------------------------------------------------------------------------------


def test_with_nothing_known_the_middle_is_next() -> None:
    known = posterior(line(101), {})
    assert choice.following(known, {"100"}, lambda _: 1.0) in ("49", "50", "51")


def test_a_kernel_at_hand_is_taken_before_a_better_commit_that_must_be_built() -> None:
    known = posterior(line(101), {})
    assert choice.following(known, {"100"}, lambda commit: 1.0 if commit == "30" else 11.0) == "30"


def test_where_nothing_is_to_be_learned_nothing_is_next() -> None:
    known = posterior(line(4), {"base": Tally(0, 900), "3": Tally(900, 0), "1": Tally(0, 900), "2": Tally(900, 0)})
    assert choice.following(known, {"1", "2", "3"}, lambda _: 1.0) is None
    assert choice.following(posterior(line(4), {}), set("0123"), lambda _: 1.0) is None
