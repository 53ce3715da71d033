"""Which commits does a behaviour reach? The commits in a range, and who is whose ancestor. (pure)

The ancestors of a commit are walked. Sums over all ancestors of every commit need one bit for each pair of commits,
27 MiB for 15,000 of them, and are then one product of that matrix with a vector, whatever the shape of the history.
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
        self._above = [[self.place[one] for one in parents[commit] if one in self.place] for commit in self.ids]
        for place, above in enumerate(self._above):
            if any(one > place for one in above):
                raise ValueError(f"a parent does not come before its child {self.ids[place]}")
        # Rows that were walked; and all of them as bits, once sums are wanted: a whole kernel history has no room.
        self._walked: dict[str, NDArray[np.bool_]] = {}
        self._bits: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, commit: str) -> bool:
        return commit in self.place

    def ancestors(self, commit: str) -> NDArray[np.bool_]:
        """Return which commits are ancestors of this one, itself included: shape (commits,). Not to be changed."""
        if self._bits is not None:
            return np.unpackbits(self._bits[self.place[commit]], count=len(self)).view(np.bool_)
        if commit not in self._walked:
            found, left = bytearray(len(self)), [self.place[commit]]
            while left:
                place = left.pop()
                if not found[place]:
                    found[place] = 1
                    left += self._above[place]
            self._walked[commit] = np.frombuffer(bytes(found), dtype=np.bool_)
        return self._walked[commit]

    def is_ancestor(self, one: str, other: str) -> bool:
        """Tell whether `one` is an ancestor of `other`, or the same."""
        above = self.place[one]
        if self._bits is not None:
            return bool(self._bits[self.place[other], above >> 3] & (0x80 >> (above & 7)))
        return bool(self.ancestors(other)[above])

    def sums(self, weights: Weights) -> Weights:
        """Return for every commit the sum of the weights of its ancestors, itself included: shape (commits,)."""
        if self._bits is None:
            self._bits = self._all_bits()
        found = np.empty(len(self))
        for first in range(0, len(self), _ROWS):
            rows = np.unpackbits(self._bits[first : first + _ROWS], axis=1, count=len(self))
            found[first : first + _ROWS] = rows.astype(np.float32) @ weights.astype(np.float32)
        return found

    def _all_bits(self) -> NDArray[np.uint8]:
        bits = np.zeros((len(self), (len(self) + 7) // 8), dtype=np.uint8)
        for place, above in enumerate(self._above):
            for one in above:
                np.bitwise_or(bits[place], bits[one], out=bits[place])
            bits[place, place >> 3] |= 0x80 >> (place & 7)
        return bits

    def up_to(self, new: str) -> Range:
        """Return the part of the range that ends at this commit: it and its ancestors."""
        return Range(
            {self.ids[place]: self._parents[self.ids[place]] for place in np.flatnonzero(self.ancestors(new))}
        )
