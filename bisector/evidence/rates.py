"""How often does a commit read *new*, and how sure is that? Counts -> rates, intervals, numbers of boots. (pure)

A rate has a Beta prior of Jeffreys', Beta(1/2, 1/2): what n boots of which k read *new* say of it is
Beta(1/2 + k, 1/2 + n - k) (L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for a binomial proportion",
Statistical Science 16, 2001). The home of scipy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bisector.model import Verdict

PRIOR = 0.5
# Rates that tests are planned with are pessimistic: with this probability the true one is no worse.
CAREFUL = 0.9


@functools.cache
def special() -> Any:
    """Return scipy.special. Its import takes longer than all else that most commands do, and they need none of it."""
    from scipy import special as functions

    return functions


@dataclass(frozen=True, slots=True)
class Tally:
    """How many boots read *new*, and how many *old*; what is neither says nothing of either."""

    new: int = 0
    old: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[Verdict | None]) -> Tally:
        """Count verdicts."""
        seen = list(verdicts)
        return cls(seen.count(Verdict.NEW), seen.count(Verdict.OLD))

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.new + other.new, self.old + other.old)

    def __str__(self) -> str:
        return f"new {self.new} of {self.boots}"

    @property
    def boots(self) -> int:
        """The boots that read one or the other."""
        return self.new + self.old

    @property
    def rate(self) -> float:
        """The share of *new*, 0 without boots."""
        return self.new / self.boots if self.boots else 0.0

    @property
    def mixed(self) -> bool:
        """Whether both were read."""
        return bool(self.new and self.old)

    def quantile(self, share: float) -> float:
        """Return the rate of *new* below which the true one lies with this probability."""
        return float(special().betaincinv(PRIOR + self.new, PRIOR + self.old, share))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the equal-tailed credible interval of the rate of *new*: Jeffreys', with closed ends at 0 and 1."""
        low = self.quantile((1 - level) / 2) if self.new else 0.0
        return low, self.quantile((1 + level) / 2) if self.old else 1.0

    @property
    def at_least(self) -> float:
        """The rate of *new*, for one that should be high, told carefully."""
        return self.quantile(1 - CAREFUL)

    @property
    def at_most(self) -> float:
        """The rate of *new*, for one that should be low, told carefully."""
        return self.quantile(CAREFUL)


def difference(one: Tally, other: Tally) -> float:
    """Return the probability that the two have different rates, when either was as likely before the boots."""
    apart = _evidence(one) + _evidence(other)
    alike = _evidence(one + other)
    return 1 / (1 + math.exp(min(alike - apart, 700.0)))


def _evidence(tally: Tally) -> float:
    """Return the logarithm of the probability of the very sequence of readings, over all rates."""
    betaln = special().betaln
    return float(betaln(PRIOR + tally.new, PRIOR + tally.old) - betaln(PRIOR, PRIOR))


def boots_for(risk: float, rate: float) -> int:
    """Return how many boots that all read alike leave no more than `risk`, if each would tell with `rate`."""
    return max(1, math.ceil(math.log(risk) / math.log1p(-min(rate, 1 - 1e-12))))
