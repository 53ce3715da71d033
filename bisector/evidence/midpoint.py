"""Which commit do all searches that could take it take? Canonical midpoints, and kernels at hand. (pure)

git takes the commit that splits best. A second search, whose ends lie a few commits further, then takes another one
everywhere, and builds all kernels again. So among the commits that split almost as well the one with the lowest id is
taken: chance that does not hang on the ends, and most of the second search's commits are those of the first.
A commit counts by whether it can make another kernel than its parent: only such steps cost anything. Those that
change a suspected path are taken to be as likely as all others together: if one of them did it few kernels tell, and
if none did, that costs one step more at most, for each of the others still has half of its share. Near a commit that
could not be tested the next one can hardly be either, so the search goes past.
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
# Around commits that cannot be tested the best is not known so well: what is worth so much of it is as good.
ALMOST = 0.97


@dataclass(frozen=True, slots=True)
class Midpoints:
    """How a range is halved. `differing`: commits that can make another kernel than their parent; None: unknown.

    `there`: commits whose kernels are at hand. `build`: what a build costs, in boots. `suspected`: those of
    `differing` that count more.
    """

    within: Range
    differing: Collection[str] | None
    there: Collection[str]
    build: float
    suspected: Collection[str] = ()

    def following(self, verdicts: Mapping[str, Verdict], paid: int) -> str | None:
        """Return the commit to test next; None if git shall choose.

        `verdicts`: of the range's commits, its last one's among them. `paid`: steps that told something.
        """
        left = halving.remaining(self.within, verdicts)
        every = self._weights()
        weights = every * left
        whole = float(weights.sum())
        places, sums = self.within.sums(weights, [*self.there, *self._lowest(left)])
        able = left[places] & ~np.isin(places, self.within.place.of(verdicts))
        places, share = places[able], sums[able] / whole
        failed = self._failed(verdicts, left)
        worth = entropy(np.clip(share, 0.0, 1.0)) * self._testable(places, failed)
        if not len(places) or float(worth.max()) <= 0:
            return None
        at_hand = np.isin(places, self.within.place.of(self.there))
        gain = worth / np.where(at_hand, 1.0, 1.0 + self.build)
        if at_hand[best := int(np.argmax(gain))]:
            return self.within.ids[int(places[best])]
        if len(failed):
            good = np.flatnonzero(worth >= ALMOST * worth.max())
            return min(self.within.ids[int(place)] for place in places[good])
        larger = np.maximum(share, 1 - share)
        steps = math.ceil(math.log2(max(2.0, float(every.sum())))) + SPARE
        most = min(LARGER, 2.0 ** (steps - paid - 1) / whole)
        good = np.flatnonzero(larger <= max(most, float(larger.min())) + 1e-9)
        return min(self.within.ids[int(place)] for place in places[good])

    def _failed(self, verdicts: Mapping[str, Verdict], left: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the places of those that are left and could not be tested."""
        places = self.within.place.of(commit for commit, found in verdicts.items() if found is Verdict.UNTESTABLE)
        places = places[places >= 0]
        return places[left[places]]

    def _testable(self, places: NDArray[np.intp], failed: NDArray[np.int32]) -> NDArray[np.float64] | float:
        """Return how likely each of these commits can be tested, by how far it lies from those that could not.

        What breaks a commit breaks those behind it, until somebody mends it. How long that goes on is not known; of
        what has gone on for so many commits the best guess is that one half of all goes on for as many more. A commit
        with such ones on both sides must have escaped from both, and each that there is says that they are one row.
        """
        if not len(failed):
            return 1.0
        if self.differing is None:
            rank = np.arange(len(self.within), dtype=np.float64)
        else:
            rank = np.zeros(len(self.within))
            able = self.within.place.of(self.differing)
            rank[able[able >= 0]] = 1.0
            rank = np.cumsum(rank)
        seen, at = np.sort(rank[failed]), rank[places]
        long = seen[-1] - seen[0] + 1.0
        # The nearest one below, itself included, and the nearest above; none is infinitely far.
        bounds = np.concatenate([[-np.inf], seen, [np.inf]])
        below = at - bounds[np.searchsorted(seen, at, side="right")]
        above = bounds[np.searchsorted(seen, at, side="left") + 1] - at
        # As far / (long + far), which infinity would spoil.
        found: NDArray[np.float64] = (1.0 - long / (long + below)) * (1.0 - long / (long + above))
        found[np.isfinite(below + above)] *= 0.5 ** (len(seen) - 1)
        return found

    def _weights(self) -> NDArray[np.float64]:
        if self.differing is None:
            return np.ones(len(self.within))
        weights = np.full(len(self.within), HARDLY)
        places = self.within.place.of(self.differing)
        able = places[places >= 0]
        weights[able] = 1.0
        places = self.within.place.of(self.suspected)
        if 0 < len(suspects := places[places >= 0]) < len(able):
            weights[suspects] += len(able) / len(suspects)
        return weights

    def _lowest(self, left: NDArray[np.bool_]) -> list[str]:
        """Return the commits with the lowest ids of those that are left: a long range is not looked at as a whole."""
        order = self.within.place.by_id()
        lowest = order[left[order]][: SAMPLE // 2]
        return [self.within.ids[int(place)] for place in lowest]
