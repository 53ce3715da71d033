"""How many kernels will a search build, and how long will it take? Commits that differ, speeds -> numbers. (pure)"""

from __future__ import annotations

import itertools
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence, Set
from dataclasses import dataclass

from bisector.model import Commit

# Culprits that are tried out, evenly over those that there are.
TRIED = 400
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
    cases, and in nine of ten; None: nothing was measured on this machine.
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


def searched(differs: Sequence[int], there: Sequence[int]) -> tuple[Expected, Expected]:
    """Return how many kernels a search by halves boots between two ends whose kernels are there, and builds.

    `differs`: of each commit of the range, oldest first, whether it can make another kernel than its parent. One
    that cannot differ from one that was built is not built, nor is one that is `there`, or cannot differ from that.
    The history is taken for a line; one with merges takes git a step more at most.
    """
    # Of the kernels: of the old end, and after each commit.
    classes = array("i", itertools.accumulate(differs, initial=0))
    culprits = array("i", (place for place, can in enumerate(differs) if can))
    if not culprits:
        return Expected(0, 0), Expected(0, 0)
    known = {classes[0], classes[-1], *itertools.compress(itertools.islice(classes, 1, None), there)}
    chosen = [culprits[number * len(culprits) // TRIED] for number in range(TRIED)]
    booted = [_booted(classes, place) for place in (culprits if len(culprits) <= TRIED else chosen)]
    boots, builds = (sorted(map(len, seen)) for seen in (booted, [kernels - known for kernels in booted]))
    return Expected(boots[len(boots) // 2], boots[-1]), Expected(builds[len(builds) // 2], builds[-1])


def _booted(classes: Sequence[int], culprit: int) -> Set[int]:
    low, high, booted = 0, len(classes) - 1, set[int]()
    while high - low > 1:
        middle = (low + high) // 2
        booted.add(classes[middle])
        if middle > culprit:
            # New, and with it everything that makes its kernel or a later one.
            high = bisect_left(classes, classes[middle], low, middle + 1)
        else:
            low = bisect_right(classes, classes[middle], middle, high + 1) - 1
    return booted - {classes[0], classes[-1]}


def boots(search: Expected, ends: int, certifying: int, bases: int = 0) -> Expected:
    """Return how many boots a session takes: each end so often, bases and steps once, fresh ones of three kernels."""
    beside = 2 * ends + bases + (CERTIFYING + REVERTED) * certifying
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
