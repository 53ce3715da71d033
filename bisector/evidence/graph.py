"""Which commits does a behaviour reach? The commits in a range, and who is whose ancestor. (pure)

The whole kernel's history has 1.3 million commits, so of each are kept its id, its first parent's place and, of a
merge, the others'. The ancestors of a commit are walked. Sums over the ancestors of every commit need one bit for
each pair of commits, 27 MiB for 15,000 of them, and are then one product of that matrix with a vector, whatever the
shape of the history; of a longer range a sample of the commits is looked at, in one pass over all.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
Places = NDArray[np.intp]
# Rows of bits that are unpacked at a time, so that the memory stays small.
_ROWS = 512
# Up to so many commits all sums are worked out, 48 MiB of bits; beyond, those of so many commits.
EXACT, SAMPLE = 20_000, 512
# Commits that are read at a time.
_READ = 1 << 16


class Ids(Sequence[str]):
    """The ids of a range's commits by their place, packed."""

    def __init__(self, packed: NDArray[np.bytes_]) -> None:
        self.packed = packed

    def __len__(self) -> int:
        return len(self.packed)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        found = self.packed[place]
        return found.decode() if isinstance(found, bytes) else [commit.decode() for commit in found]

    def __iter__(self) -> Iterator[str]:
        return (commit.decode() for commit in self.packed)


class PlaceOf(Mapping[str, int]):
    """The place of each commit."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._order = np.argsort(ids.packed, kind="stable").astype(np.int32)

    def of(self, commits: Iterable[str]) -> NDArray[np.int32]:
        """Return the places of these commits, -1 of those that are not here."""
        return self.of_packed(np.array([commit.encode() for commit in commits], dtype=np.bytes_))

    def of_packed(self, commits: NDArray[np.bytes_]) -> NDArray[np.int32]:
        """Return the places of these commits, -1 of those that are not here."""
        packed = self._ids.packed
        if not len(packed):
            return np.full(len(commits), -1, dtype=np.int32)
        at = self._order[np.minimum(np.searchsorted(packed, commits, sorter=self._order), len(packed) - 1)]
        return np.where(packed[at] == commits, at, np.int32(-1))

    def by_id(self) -> NDArray[np.int32]:
        """Return the places in the order of the ids, the lowest first."""
        return self._order

    def __getitem__(self, commit: str) -> int:
        [place] = self.of([commit])
        if place < 0:
            raise KeyError(commit)
        return int(place)

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)


class Range:
    """The commits that may be the culprit.

    `history`: each commit's id and its parents', parents before children; a parent that is not among the commits is
    none. Positions in arrays are those of `ids`. Raises ValueError for a commit that comes before its parent.
    """

    def __init__(self, history: Iterable[tuple[str, Sequence[str]]]) -> None:
        ids, parents, counts = _packed(history)
        self._lay(ids)
        places = self.place.of_packed(parents)
        children = np.repeat(np.arange(len(ids), dtype=np.int32), counts)
        if (wrong := np.flatnonzero(places >= children)).size:
            raise ValueError(f"a parent does not come before its child {self.ids[children[wrong[0]]]}")
        inside = places >= 0
        places, children = places[inside], children[inside]
        first = np.ones(len(places), dtype=np.bool_)
        first[1:] = children[1:] != children[:-1]
        self._first[children[first]] = places[first]
        for child, place in zip(children[~first].tolist(), places[~first].tolist(), strict=True):
            self._more[child] = (*self._more.get(child, ()), place)

    def _lay(self, packed: NDArray[np.bytes_]) -> None:
        self.ids = Ids(packed)
        self.place = PlaceOf(self.ids)
        # Of each commit the place of one parent in the range, -1 if it has none; and those of the other parents.
        self._first = np.full(len(packed), -1, dtype=np.int32)
        self._more: dict[int, tuple[int, ...]] = {}
        # Rows that were walked; and all of them as bits, once sums are wanted.
        self._walked: dict[str, NDArray[np.bool_]] = {}
        self._bits: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, commit: str) -> bool:
        return commit in self.place

    def _above(self, place: int) -> tuple[int, ...]:
        """Return the places of a commit's parents in the range."""
        first = int(self._first[place])
        return () if first < 0 else (first, *self._more.get(place, ()))

    def ancestors(self, commit: str) -> NDArray[np.bool_]:
        """Return which commits are ancestors of this one, itself included: shape (commits,). Not to be changed."""
        if self._bits is not None:
            return np.unpackbits(self._bits[self.place[commit]], count=len(self)).view(np.bool_)
        if commit not in self._walked:
            found, first, more = bytearray(len(self)), self._first.data, self._more
            place = self.place[commit]
            found[place] = 1
            while place >= 0:
                if first[place] >= 0:
                    found[first[place]] = 1
                    for one in more.get(place, ()):
                        found[one] = 1
                place = found.rfind(1, 0, place)
            self._walked[commit] = np.frombuffer(found, dtype=np.bool_)
        return self._walked[commit]

    def is_ancestor(self, one: str, other: str) -> bool:
        """Tell whether `one` is an ancestor of `other`, or the same."""
        above = self.place[one]
        if self._bits is not None:
            return bool(self._bits[self.place[other], above >> 3] & (0x80 >> (above & 7)))
        return bool(self.ancestors(other)[above])

    def sums(self, weights: Weights, also: Collection[str] = ()) -> tuple[Places, Weights]:
        """Return places of commits, and for each the sum of the weights of its ancestors, itself included.

        Those of all commits; in a long range those of `SAMPLE` that split the weights and the range into equal parts,
        and of those of `also` that are in it. `weights`: shape (commits,), or (commits, kinds); then the sums have
        the shape (places, kinds), and the first kind is the one that is split.
        """
        if len(self) > EXACT:
            kinds = weights.reshape(len(self), -1)
            chosen = self._sample(kinds[:, 0], also)
            found = np.stack([self._walked_sums(chosen, kind) for kind in kinds.T], axis=1)
            return chosen, found.reshape(len(chosen), *weights.shape[1:])
        if self._bits is None:
            self._bits = self._all_bits()
        found = np.empty(weights.shape)
        for first in range(0, len(self), _ROWS):
            rows = np.unpackbits(self._bits[first : first + _ROWS], axis=1, count=len(self))
            found[first : first + _ROWS] = rows.astype(np.float32) @ weights.astype(np.float32)
        return np.arange(len(self)), found

    def merges(self) -> Places:
        """Return the places of the commits with several parents in the range."""
        return np.fromiter(self._more, dtype=np.intp, count=len(self._more))

    def _all_bits(self) -> NDArray[np.uint8]:
        bits = np.zeros((len(self), (len(self) + 7) // 8), dtype=np.uint8)
        for place in range(len(self)):
            for one in self._above(place):
                np.bitwise_or(bits[place], bits[one], out=bits[place])
            bits[place, place >> 3] |= 0x80 >> (place & 7)
        return bits

    def _walked_sums(self, chosen: Places, weights: Weights) -> Weights:
        """Walk the range once, from its end, with one bit for each chosen commit."""
        below = [0] * len(self)  # of each commit which of the sample have it in their history: a bit each
        for bit, place in enumerate(chosen.tolist()):
            below[place] = 1 << bit
        first, more, seen = self._first.data, self._more, dict[int, float]()
        sums = np.zeros(len(chosen))
        for place, weight in zip(
            range(len(self) - 1, -1, -1), reversed(np.ascontiguousarray(weights).data), strict=True
        ):
            bits, below[place] = below[place], 0
            if not bits:
                continue
            seen[bits] = seen.get(bits, 0.0) + weight
            if first[place] >= 0:
                below[first[place]] |= bits
                for one in more.get(place, ()):
                    below[one] |= bits
            if len(seen) >= _READ:
                sums += _added(seen, len(chosen))
                seen.clear()
        return sums + _added(seen, len(chosen))

    def _sample(self, weights: Weights, also: Collection[str]) -> Places:
        """Return places, in order: one half splits the weights into equal parts, one half the commits between."""
        parts = np.linspace(0.0, 1.0, SAMPLE // 2)
        total = np.cumsum(weights)
        heavy = np.minimum(np.searchsorted(total, parts * total[-1]), len(self) - 1)
        even = np.linspace(heavy[0], heavy[-1], SAMPLE // 2).astype(np.intp)
        others = self.place.of(also)
        return np.unique(np.concatenate([heavy, even, others[others >= 0]]))

    def up_to(self, new: str) -> Range:
        """Return the part of the range that ends at this commit: it and its ancestors."""
        kept = np.flatnonzero(self.ancestors(new))
        place = np.full(len(self) + 1, -1, dtype=np.int32)  # the last: of no commit
        place[kept] = np.arange(len(kept), dtype=np.int32)
        part = Range.__new__(Range)
        part._lay(self.ids.packed[kept])
        part._first = place[self._first[kept]]
        part._more = {
            int(place[child]): tuple(int(place[one]) for one in parents)
            for child, parents in self._more.items()
            if place[child] >= 0
        }
        return part


def _added(seen: Mapping[int, float], bits: int) -> Weights:
    """Return for each bit the sum of the weights of those that have it."""
    sums, size, left = np.zeros(bits), (bits + 7) // 8, iter(seen.items())
    while part := list(itertools.islice(left, _ROWS)):
        rows = np.frombuffer(b"".join(one.to_bytes(size, "little") for one, _ in part), dtype=np.uint8)
        shown = np.unpackbits(rows.reshape(-1, size), axis=1, count=bits, bitorder="little")
        sums += np.array([weight for _, weight in part]) @ shown
    return sums


def _packed(
    history: Iterable[tuple[str, Sequence[str]]],
) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_], NDArray[np.intp]]:
    """Return the ids, those of all parents one after the other, and how many each commit has."""
    ids, parents = [np.array([], dtype="S1")], [np.array([], dtype="S1")]
    counts = [np.array([], dtype=np.intp)]
    left = iter(history)
    while part := list(itertools.islice(left, _READ)):
        ids.append(np.array([commit.encode() for commit, _ in part]))
        parents.append(np.array([one.encode() for _, above in part for one in above], dtype=np.bytes_))
        counts.append(np.array([len(above) for _, above in part], dtype=np.intp))
    return np.concatenate(ids), np.concatenate(parents), np.concatenate(counts)
