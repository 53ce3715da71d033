"""Are counts turned into the rates, intervals and numbers of boots that the books have?"""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.evidence import sequential
from bisector.evidence.rates import Tally, boots_for, difference
from bisector.model import Verdict

OLD, NEW, UNTESTABLE = Verdict.OLD, Verdict.NEW, Verdict.UNTESTABLE
tallies = st.builds(Tally, st.integers(0, 300), st.integers(0, 300))


def test_only_old_and_new_are_counted() -> None:
    assert Tally.of([NEW, OLD, UNTESTABLE, None, NEW]) == Tally(2, 1)
    assert Tally(2, 1) + Tally(1, 4) == Tally(3, 5)
    assert (Tally(2, 1).boots, Tally(2, 1).mixed, Tally(2, 0).mixed, Tally(0, 2).mixed) == (3, True, False, False)
    assert str(Tally(2, 1)) == "new 2 of 3"


def test_the_interval_is_jeffreys_with_closed_ends() -> None:
    # Brown, Cai and DasGupta 2001, table 5, n = 7; the lower end of x = 0 is 0 by their modification.
    for new, low, high in [(0, 0, 0.292), (1, 0.016, 0.501), (2, 0.065, 0.648), (3, 0.139, 0.766)]:
        assert Tally(new, 7 - new).interval() == pytest.approx((low, high), abs=6e-4)


def test_five_boots_that_read_alike_ask_for_five_that_certify() -> None:
    # The 10 % quantile of Beta(5.5, 0.5), and what half of a half of one per cent then needs.
    assert Tally(5, 0).at_least == pytest.approx(0.7733, abs=1e-4)
    assert Tally(0, 5).at_most == pytest.approx(1 - 0.7733, abs=1e-4)
    assert boots_for(0.0025, Tally(5, 0).at_least) == 5


@given(st.floats(1e-9, 0.4), st.floats(0.001, 0.999))
def test_so_many_boots_leave_the_risk_and_one_fewer_does_not(risk: float, rate: float) -> None:
    boots = boots_for(risk, rate)
    assert (1 - rate) ** boots <= risk * (1 + 1e-9)
    assert boots == 1 or (1 - rate) ** (boots - 1) > risk * (1 - 1e-9)


@given(tallies)
def test_a_careful_rate_is_on_the_careful_side(tally: Tally) -> None:
    assert 0 <= tally.at_least <= tally.at_most <= 1
    low, high = tally.interval()
    assert low <= (tally.new + 0.5) / (tally.boots + 1) <= high


@given(tallies, tallies)
def test_a_difference_is_a_probability_and_has_no_sides(one: Tally, other: Tally) -> None:
    assert 0 <= difference(one, other) <= 1
    assert difference(one, other) == pytest.approx(difference(other, one))


def test_what_differs_and_what_does_not() -> None:
    assert difference(Tally(0, 20), Tally(12, 8)) > 0.99
    assert difference(Tally(0, 5), Tally(1, 4)) < 0.6
    assert difference(Tally(10, 10), Tally(11, 9)) < 0.5


# -- the sequential test -------------------------------------------------------------------------------


def test_a_test_ends_at_its_bounds() -> None:
    test = sequential.Test(0.1, 0.9, 0.001)
    assert test.bound == pytest.approx(math.log(999))
    # Each reading adds ln 9: four of one kind more than of the other are enough, and three are not.
    assert [test.verdict(Tally(n, 0)) for n in (3, 4)] == [None, NEW]
    assert [test.verdict(Tally(0, n)) for n in (3, 4)] == [None, OLD]
    assert test.verdict(Tally(7, 7)) is None


def test_no_test_ends_before_the_boots_that_it_needs_at_least() -> None:
    test = sequential.Test(0.1, 0.7, 0.001)
    for new in range(6):
        for old in range(6):
            if test.verdict(tally := Tally(new, old)) is None:
                fewer, least = test.least(tally) - 1, test.least(tally)
                early = [test.verdict(tally + Tally(more, fewer - more)) for more in range(fewer + 1)]
                assert early == [None] * (fewer + 1)
                assert {test.verdict(tally + Tally(least, 0)), test.verdict(tally + Tally(0, least))} != {None}
    assert test.least(Tally(test.most // 2, test.most - test.most // 2 - 1)) == 1


def test_out_of_boots_is_untestable_and_never_old() -> None:
    test = sequential.Test(0.1, 0.9, 0.001)
    half = test.most // 2 + 1
    assert test.most >= sequential.FEWEST
    assert test.verdict(Tally(half, half)) is UNTESTABLE


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.6, 0.5), (0.0, 0.5), (0.5, 1.0)])
def test_rates_that_nothing_tells_apart_are_refused(rates: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="apart"):
        sequential.Test(*rates, 0.01)


@pytest.mark.parametrize("rates", [(0.02, 0.5), (0.3, 0.7), (0.5, 0.95), (0.001, 0.1)])
def test_a_test_errs_no_more_often_than_its_risk_and_needs_the_boots_that_it_says(rates: tuple[float, float]) -> None:
    chance, risk, trials = random.Random(5), 0.02, 1500
    test = sequential.Test(*rates, risk)
    wrong, boots = 0, [0, 0]
    for number in range(trials):
        new = number % 2
        tally = Tally()
        while (found := test.verdict(tally)) is None:
            tally += Tally(1, 0) if chance.random() < rates[new] else Tally(0, 1)
        wrong += found is (OLD if new else NEW)
        boots[new] += tally.boots
    assert wrong / trials <= risk * 1.3
    assert max(boots) / (trials / 2) == pytest.approx(test.boots, rel=0.35)


def test_two_that_read_alike_seem_to_differ_no_more_often_than_the_risk_however_long_one_boots_on() -> None:
    chance, risk, trials = random.Random(7), 0.05, 400
    crossed = 0
    for _ in range(trials):
        rate = chance.choice([0.02, 0.1, 0.3, 0.5])
        one, other = Tally(), Tally()
        for _ in range(60):
            one += Tally(1, 0) if chance.random() < rate else Tally(0, 1)
            other += Tally(1, 0) if chance.random() < rate else Tally(0, 1)
            if difference(one, other) >= 1 - risk:
                crossed += 1
                break
    assert crossed <= risk * trials


def test_ends_that_are_all_but_alike_are_not_told_apart_by_boots_without_end() -> None:
    counts = [Tally(new, 40 - new) for new in range(41)]
    refused = 0
    for old in counts:
        for new in counts:
            try:
                test = sequential.Rates(old, new).test(0.001)
            except ValueError as error:
                refused += "boots" in str(error)
            else:
                assert test.boots <= sequential.MOST_EACH
    assert refused
