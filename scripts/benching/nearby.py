"""Do searches of nearby ranges meet in the same commits? Beside git's own choice, without kernels."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from random import Random

from simulating import histories
from simulating.world import History

from bisector.evidence import halving
from bisector.evidence.graph import Range
from bisector.evidence.midpoint import Midpoints
from bisector.model import Verdict
from bisector.weighing import BUILD

SIZES, PAIRS = (300, 3000), 30
# Commits by which both ends of the second range lie further, at most.
FURTHER = 20

Choose = Callable[[Range, Mapping[str, Verdict]], str | None]


def rows(chance: Random) -> list[str]:
    """Return a row for each size of a maintainer's tree."""
    return [_row(size, chance) for size in SIZES]


def _row(size: int, chance: Random) -> str:
    met: dict[Choose, list[float]] = {_ours: [], halving.middle: []}
    steps: dict[Choose, list[int]] = {_ours: [], halving.middle: []}
    for _ in range(PAIRS):
        whole = histories.graph(size + FURTHER, chance)
        further = chance.randint(1, FURTHER)
        first, second = (_part(whole, begin, begin + size - 1) for begin in (0, further))
        culprit = chance.choice([one for one in second.ids if one in first])
        for choose in met:
            one, other = (_searched(within, culprit, choose) for within in (first, second))
            steps[choose].append(len(other))
            met[choose].append(len({*one} & {*other}) / max(1, len(other)))
    told = [
        f"{100 * statistics.mean(met[choose]):.0f} % of {statistics.mean(steps[choose]):.1f} steps" for choose in met
    ]
    more = max(ours - theirs for ours, theirs in zip(*steps.values(), strict=True))
    what = f"steps of a search that one with ends 1 to {FURTHER} commits before had taken, {size:,} commits"
    return f"| {what} ({PAIRS} pairs, no kernels) | {told[0]} | {told[1]} | {more} steps more at most |"


def _part(whole: History, old: int, new: int) -> Range:
    """Return the range between two commits."""
    ids, within = whole.within.ids, whole.within
    inside = within.ancestors(ids[new]) & ~within.ancestors(ids[old])
    return Range((commit, whole.parents[commit]) for commit, there in zip(ids, inside, strict=True) if there)


def _ours(within: Range, verdicts: Mapping[str, Verdict]) -> str | None:
    halves = Midpoints(within, None, (), BUILD)
    return halves.following(verdicts, len(verdicts) - 1) or halving.middle(within, verdicts)


def _searched(within: Range, culprit: str, choose: Choose) -> list[str]:
    """Return the commits that a search takes."""
    verdicts = {within.ids[-1]: Verdict.NEW}
    while commit := choose(within, verdicts):
        verdicts[commit] = Verdict.NEW if within.is_ancestor(culprit, commit) else Verdict.OLD
    return list(verdicts)[1:]
