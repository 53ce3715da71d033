"""Is this commit old or new, when one boot does not tell? A sequential probability ratio test. (pure)

A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16, 1945: each reading adds
the logarithm of how much more likely it is under one hypothesis than under the other, until one of two bounds is
crossed. With symmetric bounds at ln((1 - risk) / risk) either kind of error happens with `risk` at most, as long as
the true rates are no worse than those that the test was made with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bisector.evidence.rates import Tally
from bisector.model import Verdict

# Boots after which a commit is given up, in how many a test of these rates needs on average, and never below so many.
PATIENCE, FEWEST = 5.0, 20
# Boots that a commit may need on average.
MOST_EACH = 250


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one commit. `old`, `new`: how often an old and a new one read *new*; `risk`: of each error.

    Raises ValueError for rates that nothing can tell apart.
    """

    old: float
    new: float
    risk: float

    def __post_init__(self) -> None:
        if not 0 < self.old < self.new < 1 or not 0 < self.risk < 0.5:
            raise ValueError(f"no test tells the rates {self.old:.3f} and {self.new:.3f} apart at {self.risk:.2g}")

    @property
    def bound(self) -> float:
        """The log likelihood ratio, in nats, at which the test ends."""
        return math.log((1 - self.risk) / self.risk)

    def ratio(self, tally: Tally) -> float:
        """Return the log likelihood ratio of new to old, in nats."""
        return tally.new * math.log(self.new / self.old) + tally.old * math.log((1 - self.new) / (1 - self.old))

    def verdict(self, tally: Tally) -> Verdict | None:
        """Return what the readings say, None while another boot is needed; untestable when there were enough.

        Never old for want of boots: a commit that reads in between shows neither behaviour.
        """
        ratio = self.ratio(tally)
        if abs(ratio) >= self.bound:
            return Verdict.NEW if ratio > 0 else Verdict.OLD
        return Verdict.UNTESTABLE if tally.boots >= self.most else None

    def least(self, tally: Tally) -> int:
        """Return how many boots more it takes at least, should all of them read alike: so many are never in vain."""
        ratio = self.ratio(tally)
        new = (self.bound - ratio) / math.log(self.new / self.old)
        old = (self.bound + ratio) / -math.log((1 - self.new) / (1 - self.old))
        return max(1, min(math.ceil(new), math.ceil(old), self.most - tally.boots))

    @property
    def boots(self) -> float:
        """How many boots the test needs on average, under the worse of the two hypotheses (Wald's approximation)."""
        gain = math.log(self.new / self.old), math.log((1 - self.new) / (1 - self.old))
        drift = [rate * gain[0] + (1 - rate) * gain[1] for rate in (self.old, self.new)]
        return (1 - 2 * self.risk) * self.bound / min(map(abs, drift))

    @property
    def most(self) -> int:
        """How many boots a commit gets."""
        return max(FEWEST, math.ceil(PATIENCE * self.boots))


@dataclass(frozen=True, slots=True)
class Rates:
    """How often old and new commits read *new*, from boots of the ends."""

    old: Tally
    new: Tally

    @property
    def halfway(self) -> float:
        """The rate between the two: a commit that reads *new* so often is not an old one."""
        return (self.old.rate + self.new.rate) / 2

    def test(self, risk: float) -> Test:
        """Return the test of one commit. Raises ValueError if the ends are not told apart well enough.

        Two rates that are all but one are told apart as well, by millions of boots: nobody waits for those.
        """
        test = Test(self.old.at_most, self.new.at_least, risk)
        if test.boots > MOST_EACH:
            raise ValueError(f"a commit would need {test.boots:.0f} boots")
        return test

    def told_apart(self, risk: float) -> float:
        """Return how many boots a commit's test needs on average, infinity if no test tells."""
        try:
            return self.test(risk).boots
        except ValueError:
            return math.inf

    def strict(self, risk: float) -> Test:
        """Return a test of more boots, for which a commit that reads *new* half as often as new ones is not old.

        Where that is too near to be told from an old one, it is the other test. Raises ValueError as that does.
        """
        if self.old.at_most < self.halfway < self.new.at_least:
            test = Test(self.old.at_most, self.halfway, risk)
            if test.boots <= MOST_EACH:
                return test
        return self.test(risk)
