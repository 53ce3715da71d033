"""Which commit do all searches that could take it take? Canonical midpoints, and kernels at hand. (pure)

git takes the commit that splits best. A second search, whose ends lie a few commits further, then takes another one
everywhere, and builds all kernels again. So among the commits that split almost as well the one with the lowest id is
taken: chance that does not hang on the ends, and most of the second search's commits are those of the first.
A commit counts by whether it can make another kernel than its parent: only such steps cost anything.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bisector.evidence import halving
from bisector.evidence.choice import entropy
from bisector.evidence.forecast import SPARE
from bisector.evidence.graph import SAMPLE, Range
from bisector.model import Verdict

# The larger part may be this much of the whole.
LARGER = 0.6
# What a commit counts that makes its parent's kernel: there may be a mistake in that.
HARDLY = 1e-3


@dataclass(frozen=True, slots=True)
class Midpoints:
    """How a range is halved. `differing`: commits that can make another kernel than their parent; None: unknown.

    `there`: commits whose kernels are at hand. `build`: what a build costs, in boots.
    """

    within: Range
    differing: Collection[str] | None
    there: Collection[str]
    build: float

    def following(self, verdicts: Mapping[str, Verdict], paid: int) -> str | None:
        """Return the commit to test next; None if git shall choose.

        `verdicts`: of the range's commits, its last one's among them. `paid`: steps that were taken for them. Around
        commits that cannot be tested git chooses: it looks further and further away.
        """
        left = halving.remaining(self.within, verdicts)
        if any(found is Verdict.UNTESTABLE and self._is_left(commit, left) for commit, found in verdicts.items()):
            return None
        every = self._weights()
        weights = every * left
        whole = float(weights.sum())
        places, sums = self.within.sums(weights, [*self.there, *self._lowest(left)])
        able = left[places] & ~np.isin(places, self.within.place.of(verdicts))
        places, share = places[able], sums[able] / whole
        worth = entropy(np.clip(share, 0.0, 1.0))
        if not len(places) or float(worth.max()) <= 0:
            return None
        at_hand = np.isin(places, self.within.place.of(self.there))
        gain = worth / np.where(at_hand, 1.0, 1.0 + self.build)
        if at_hand[best := int(np.argmax(gain))]:
            return self.within.ids[int(places[best])]
        larger = np.maximum(share, 1 - share)
        steps = math.ceil(math.log2(max(2.0, float(every.sum())))) + SPARE
        most = min(LARGER, 2.0 ** (steps - paid - 1) / whole)
        good = np.flatnonzero(larger <= max(most, float(larger.min())) + 1e-9)
        return min(self.within.ids[int(place)] for place in places[good])

    def _is_left(self, commit: str, left: NDArray[np.bool_]) -> bool:
        return commit in self.within and bool(left[self.within.place[commit]])

    def _weights(self) -> NDArray[np.float64]:
        if self.differing is None:
            return np.ones(len(self.within))
        weights = np.full(len(self.within), HARDLY)
        places = self.within.place.of(self.differing)
        weights[places[places >= 0]] = 1.0
        return weights

    def _lowest(self, left: NDArray[np.bool_]) -> list[str]:
        """Return the commits with the lowest ids of those that are left: a long range is not looked at as a whole."""
        order = self.within.place.by_id()
        lowest = order[left[order]][: SAMPLE // 2]
        return [self.within.ids[int(place)] for place in lowest]
