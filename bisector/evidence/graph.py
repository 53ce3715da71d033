"""Which commits does a behaviour reach? The commits in a range, and who is whose ancestor. (pure)

One bit for each pair of commits: 27 MiB for 15,000 of them. Sums over all ancestors of every commit are then one
product of that matrix with a vector, whatever the shape of the history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
# Rows of bits that are unpacked at a time, so that the memory stays small.
_ROWS = 512


class Range:
    """The commits that may be the culprit: `parents` by commit id, parents before children, only those in the range.

    Positions in arrays are those of `ids`. Raises ValueError for a commit that comes before its parent.
    """

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        self.ids = tuple(parents)
        self.place = {commit: place for place, commit in enumerate(self.ids)}
        self._parents = parents
        self._bits = np.zeros((len(self.ids), (len(self.ids) + 7) // 8), dtype=np.uint8)
        for place, commit in enumerate(self.ids):
            row = self._bits[place]
            for parent in parents[commit]:
                above = self.place.get(parent, -1)
                if above > place:
                    raise ValueError(f"{parent} does not come before its child {commit}")
                if above >= 0:
                    np.bitwise_or(row, self._bits[above], out=row)
            row[place >> 3] |= 0x80 >> (place & 7)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, commit: str) -> bool:
        return commit in self.place

    def ancestors(self, commit: str) -> NDArray[np.bool_]:
        """Return which commits are ancestors of this one, itself included: shape (commits,)."""
        return np.unpackbits(self._bits[self.place[commit]], count=len(self)).view(np.bool_)

    def is_ancestor(self, one: str, other: str) -> bool:
        """Tell whether `one` is an ancestor of `other`, or the same."""
        above = self.place[one]
        return bool(self._bits[self.place[other], above >> 3] & (0x80 >> (above & 7)))

    def sums(self, weights: Weights) -> Weights:
        """Return for every commit the sum of the weights of its ancestors, itself included: shape (commits,)."""
        found = np.empty(len(self))
        for first in range(0, len(self), _ROWS):
            rows = np.unpackbits(self._bits[first : first + _ROWS], axis=1, count=len(self))
            found[first : first + _ROWS] = rows.astype(np.float32) @ weights.astype(np.float32)
        return found

    def up_to(self, new: str) -> Range:
        """Return the part of the range that ends at this commit: it and its ancestors."""
        return Range(
            {self.ids[place]: self._parents[self.ids[place]] for place in np.flatnonzero(self.ancestors(new))}
        )
