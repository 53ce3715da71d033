"""How many kernels will a search build, and how long will it take? Commits that differ, speeds -> numbers. (pure)"""

from __future__ import annotations

import bisect
import itertools
import math
from array import array
from collections.abc import Sequence, Set
from dataclasses import dataclass

from bisector.model import Commit

# Culprits that are tried out, evenly over those that there are.
TRIED = 400
# Steps that canonical midpoints may cost a search.
SPARE = 1
# Kernels beside the search: the commit and its parent from nothing, and the new end without its change.
CERTIFYING, REVERTED = 2, 1


@dataclass(frozen=True, slots=True)
class Expected:
    """A number as it is in one half of the cases at most, and the most that it can be."""

    median: int
    worst: int


@dataclass(frozen=True, slots=True)
class Speeds:
    """Host seconds that were measured: builds on top of others, builds from nothing, boots with their probe."""

    builds: tuple[float, ...]
    from_nothing: tuple[float, ...]
    boots: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bisection will take. `differing`: commits that can make another kernel than their parent; None: unknown.

    `looked_at`: of so many commits that was seen. `at_hand`: commits of the range whose kernels are in the store.
    `kernels`: to be built in all, `boots`: in all; at most. `needs`, `free`: bytes of disk. `seconds`: in half of the
    cases, and in nine of ten; None: nothing was measured on this machine. `suspected`: so many of `differing` change
    a suspected path.
    """

    old: Commit
    new: Commit
    commits: int
    merge_bases: tuple[str, ...]
    differing: int | None
    looked_at: int
    at_hand: int
    kernels: Expected
    boots: Expected
    needs: int
    free: int
    seconds: tuple[float, float] | None
    suspected: int | None = None


def searched(
    differs: Sequence[int], there: Sequence[int], suspected: Sequence[int] = b""
) -> tuple[Expected, Expected]:
    """Return how many kernels a search by halves boots between two ends whose kernels are there, and builds.

    `differs`: of each commit of the range, oldest first, whether it can make another kernel than its parent. One
    that cannot differ from one that was built is not built, nor is one that is `there`, or cannot differ from that.
    `suspected`: whether it is one of those that have one half of the likelihood; empty: none is. The history is taken
    for a line, and each step for the best one; the worst has what canonical midpoints may cost on top. One with
    merges takes a step more at most.
    """
    # Of the kernels: of the old end, and after each commit.
    classes = array("i", itertools.accumulate(differs, initial=0))
    culprits = array("i", (place for place, can in enumerate(differs) if can))
    if not culprits:
        return Expected(0, 0), Expected(0, 0)
    known = {classes[0], classes[-1], *itertools.compress(itertools.islice(classes, 1, None), there)}
    likely = suspected or bytes(len(differs))
    suspects = array("i", (place for place in culprits if likely[place]))
    more = len(culprits) / len(suspects) if 0 < len(suspects) < len(culprits) else 0.0
    shares = (1 + more * bool(likely[place]) for place in culprits)
    mass = array("d", itertools.accumulate(shares, initial=0.0))
    # One half of those that are tried out are suspects, as one half of the culprits is taken to be.
    some = TRIED if more else min(TRIED, len(culprits))
    tried = [_evenly(places, some) for places in ((culprits, suspects) if more else (culprits,))]
    firsts = [classes[place + 1] for places in tried for place in places]
    booted = [_booted(first, mass) for first in firsts]
    boots, builds = (sorted(map(len, seen)) for seen in (booted, [kernels - known for kernels in booted]))
    most = [seen[-1] + (SPARE if seen[-1] > 1 else 0) for seen in (boots, builds)]
    half = (len(boots) - 1) // 2
    return Expected(boots[half], most[0]), Expected(builds[half], most[1])


def _evenly(places: Sequence[int], some: int) -> list[int]:
    """Return so many of these at equal distances; each several times if there are fewer."""
    return [places[number * len(places) // some] for number in range(some)]


def _booted(new: int, mass: Sequence[float]) -> Set[int]:
    """Return the kernels that a search by halves boots, of numbers from 0; `new` is the first new one.

    `mass`: how much lies between the kernel of number 0 and each.
    """
    last, first, booted = 0, len(mass) - 1, set[int]()
    while first - last > 1:
        half = (mass[last] + mass[first]) / 2
        above = min(max(bisect.bisect_left(mass, half, last, first), last + 1), first - 1)
        middle = min((above, max(above - 1, last + 1)), key=lambda one: abs(mass[one] - half))
        booted.add(middle)
        last, first = (last, middle) if middle >= new else (middle, first)
    return booted


def boots(search: Expected, ends: int, fresh: int, bases: int = 0) -> Expected:
    """Return how many boots a session takes: each end so often, bases and steps once, and fresh ones."""
    beside = 2 * ends + bases + fresh
    return Expected(search.median + beside, search.worst + beside)


def seconds(kernels: Expected, clean: int, booted: Expected, speeds: Speeds) -> tuple[float, float] | None:
    """Return the host's seconds in half of the cases at most, and in nine of ten; None without measured speeds.

    `kernels`: builds on top of others; `clean`: from nothing.
    """
    if not (speeds.builds and speeds.from_nothing and speeds.boots):
        return None
    told = []
    for share, number, times in ((0.5, kernels.median, booted.median), (0.9, kernels.worst, booted.worst)):
        parts = ((number, speeds.builds), (clean, speeds.from_nothing), (times, speeds.boots))
        # The sum of many: its mean, and as many standard errors above it as this share of the cases asks for.
        spread = 1.2816 if share > 0.5 else 0.0
        total = sum(many * _mean(values) for many, values in parts)
        told.append(total + spread * math.sqrt(sum(many * _variance(values) for many, values in parts)))
    return told[0], told[1]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    return sum((value - _mean(values)) ** 2 for value in values) / len(values)
