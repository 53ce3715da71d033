"""Which commit is next, where one boot tells? Canonical midpoints, kernels at hand, suspects first. (pure)

git takes the commit that splits best. A second search, whose ends lie a few commits further, then takes another one
everywhere, and builds all kernels again. So among the commits that split almost as well the one with the lowest id is
taken: chance that does not hang on the ends, and most of the second search's commits are those of the first.
A commit counts by whether it can make another kernel than its parent: only such steps cost anything. One half of the
likelihood is shared by all of these, and one by those that change a suspected path: if one of them did it few kernels
tell, and if none did, that costs one step more at most (on a line; merges may leave no even split). Near a commit
that could not be tested the next one can hardly be either, so the search goes past.
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
from bisector.evidence.graph import SAMPLE, Places, Range, Weights
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
        whole, weights = float(every[:, -1].sum()), every * left[:, np.newaxis]
        del every  # in the longest ranges that is much
        places, sums = self.within.sums(weights, [*self.there, *self._lowest(left)])
        able = left[places] & ~np.isin(places, self.within.place.of(verdicts))
        places, shares = places[able], sums[able] / weights.sum(axis=0)
        failed = self._failed(verdicts, left)
        worth = entropy(np.clip(shares[:, 0], 0.0, 1.0)) * self._testable(places, failed)
        if not len(places) or float(worth.max()) <= 0:
            return None
        at_hand = np.isin(places, self.within.place.of(self.there))
        gain = worth / np.where(at_hand, 1.0, 1.0 + self.build)
        if at_hand[best := int(np.argmax(gain))]:
            return self.within.ids[int(places[best])]
        steps = math.ceil(math.log2(max(2.0, whole))) + SPARE + bool(self.suspected)
        affordable = 2.0 ** (steps - paid - 1) / float(weights[:, -1].sum())
        good = worth >= ALMOST * worth.max() if len(failed) else splits_well(shares, affordable)
        return min(self.within.ids[int(place)] for place in places[good])

    def open(self, commit: str, verdicts: Mapping[str, Verdict]) -> bool:
        """Tell whether a commit is one of those that are left, and was not tested."""
        [place] = self.within.place.of([commit])
        return commit not in verdicts and place >= 0 and bool(halving.remaining(self.within, verdicts)[place])

    def _failed(self, verdicts: Mapping[str, Verdict], left: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the places of those that are left and could not be tested."""
        places = self.within.place.of(commit for commit, found in verdicts.items() if found is Verdict.UNTESTABLE)
        places = places[places >= 0]
        return places[left[places]]

    def _testable(self, places: Places, failed: NDArray[np.int32]) -> Weights | float:
        """Return how likely each of these commits can be tested, by how far it lies from those that could not.

        What breaks a commit breaks those behind it, until somebody mends it. How long that goes on is not known; of
        what has gone on for so many commits the best guess is that one half of all goes on for as many more. A commit
        with such ones on both sides must have escaped from both, and each that there is says that they are one row.
        """
        if not len(failed):
            return 1.0
        rank = np.ones(len(self.within))
        if self.differing is not None:
            able = self.within.place.of(self.differing)
            rank[:] = HARDLY
            # A merge may be where what broke one side is mended.
            rank[able[able >= 0]] = rank[self.within.merges()] = 1.0
        rank = np.cumsum(rank)
        seen, at = np.sort(rank[failed]), rank[places]
        more = int(np.count_nonzero(np.diff(seen) >= 1.0 - 1e-6))
        long = seen[-1] - seen[0] + 1.0
        # The nearest one below, itself included, and the nearest above; none is infinitely far.
        bounds = np.concatenate([[-np.inf], seen, [np.inf]])
        below = at - bounds[np.searchsorted(seen, at, side="right")]
        above = bounds[np.searchsorted(seen, at, side="left") + 1] - at
        # As far / (long + far), which infinity would spoil.
        found: Weights = (1.0 - long / (long + below)) * (1.0 - long / (long + above))
        found[np.isfinite(below + above)] *= 0.5 ** min(more, 900)
        return found

    def _weights(self) -> Weights:
        """Return how likely each commit is and what it counts, shape (commits, 2); one column if that is the same.

        The suspected ones have their share of all, and as much as all once more.
        """
        if self.differing is None:
            return np.ones((len(self.within), 1))
        every = np.full((len(self.within), 1), HARDLY)
        places = self.within.place.of(self.differing)
        every[able := places[places >= 0]] = 1.0
        places = self.within.place.of(self.suspected)
        if not len(suspects := places[places >= 0]):
            return every
        likely = every.copy()
        likely[suspects] += len(able) / len(suspects)
        return np.hstack([likely, every])

    def _lowest(self, left: NDArray[np.bool_]) -> list[str]:
        """Return the commits with the lowest ids of those that are left: a long range is not looked at as a whole."""
        order = self.within.place.by_id()
        lowest = order[left[order]][: SAMPLE // 2]
        return [self.within.ids[int(place)] for place in lowest]


def splits_well(shares: Weights, affordable: float) -> NDArray[np.bool_]:
    """Tell which commits split well: by likelihood, the first column, among those that the steps can afford.

    The last column is by number: the larger part shall be no more than what the steps that are left can halve.
    """
    likely, number = (np.maximum(share, 1 - share) for share in (shares[:, 0], shares[:, -1]))
    able = number <= max(affordable, float(number.min())) + 1e-9
    return np.asarray(able & (likely <= max(LARGER, float(likely[able].min())) + 1e-9))
