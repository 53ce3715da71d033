"""Is a merge base between unsteady ends known as well as is claimed? Its real boots replaced by drawn ones."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bisector import asking
from bisector.endings import Kind
from bisector.evidence.rates import Tally
from bisector.model import Commit, Purpose, Verdict
from bisector.steps import Steps
from tests import samples

BASE = samples.commit("c")


class Drawn:
    """Steps whose boots are drawn. `rates`: how often the old end, the new one and the base read *new*."""

    def __init__(self, rates: tuple[float, float, float], chance: random.Random) -> None:
        self.rates = dict(zip((samples.OLD.id, samples.NEW.id, BASE.id), rates, strict=True))
        self.chance, self.taken = chance, dict[tuple[str, Purpose], list[Any]]()
        self.session, self.settings = SimpleNamespace(started=samples.started()), SimpleNamespace(confidence=0.99)
        for end, purpose in ((samples.OLD, Purpose.OLD_END), (samples.NEW, Purpose.NEW_END)):
            self.tested(end, purpose, 5, None)

    def tested(self, commit: Commit, purpose: Purpose, times: int, _: object) -> list[Any]:
        done = self.taken.setdefault((commit.id, purpose), [])
        while len(done) < times:
            new = self.chance.random() < self.rates[commit.id]
            verdict = Verdict.NEW if new else Verdict.OLD
            done.append(SimpleNamespace(broken=None, verdict=verdict, because="it was drawn"))
        return done

    def tallies(self, _: object) -> dict[str, Tally]:
        seen = [(commit, one.verdict) for (commit, _), taken in self.taken.items() for one in taken]
        return {wanted: Tally.of(found for commit, found in seen if commit == wanted) for wanted in self.rates}


def drawn(rates: tuple[float, float, float], times: int) -> list[Kind | None]:
    """Return what that many merge bases are said to be, None for old."""
    chance, said = random.Random(20), list[Kind | None]()
    for _ in range(times):
        steps = cast(Steps, Drawn(rates, chance))
        told = asking._weighed(steps, BASE, samples.QUESTION)
        said.append(told.kind if told is not None else None)
    return said


@pytest.mark.parametrize(("old", "new"), [(0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.0, 0.5)])
def test_a_merge_base_is_what_its_boots_say_together(old: float, new: float) -> None:
    like_old, like_new = drawn((old, new, old), 300), drawn((old, new, new), 300)
    # A hundredth of the sessions may be wrong.
    assert like_old.count(Kind.MERGE_BASE_SHOWS_IT) <= 3
    assert like_new.count(None) <= 3
    assert like_old.count(None) >= 270
    assert like_new.count(Kind.MERGE_BASE_SHOWS_IT) >= 270


def test_a_merge_base_in_between_is_neither() -> None:
    assert drawn((0.05, 0.95, 0.28), 200).count(Kind.BELOW_CONFIDENCE) >= 1


def test_rates_that_no_test_tells_apart_end_the_session() -> None:
    assert set(drawn((0.5, 0.5, 0.5), 3)) == {Kind.BELOW_CONFIDENCE}
