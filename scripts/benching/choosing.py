"""What does it save which commit is tested next? Suspects first, and past broken commits; no kernels."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random

from simulating import histories
from simulating.world import History

from benching import long
from bisector.evidence import halving
from bisector.evidence.graph import Range
from bisector.evidence.midpoint import Midpoints
from bisector.model import Verdict
from bisector.weighing import BUILD
from tests.minitree import MiniTree

# Commits of a range, the share that can make another kernel, and how many of these change a suspected path.
SHAPES = ((2000, 0.1, 10), (6000, 0.1, 12))
HISTORIES = 40
# A line of commits, of which so many in a row cannot be tested: around its middle, where a search begins.
LINE, BROKEN, SEARCHES = 1000, (1, 20, 200), 20


def rows(chance: Random) -> list[str]:
    """Return the rows of suspects, and those of commits that cannot be tested."""
    return [row for shape in SHAPES for row in _suspects(*shape, chance)] + _skips(chance)


def _suspects(size: int, share: float, suspected: int, chance: Random) -> list[str]:
    told: dict[str, list[tuple[int, int]]] = {"in one of these": [], "in any commit that can": []}
    for _ in range(HISTORIES):
        history = histories.graph(size, chance)
        plain = [one for one in history.within.ids if len(_above(history, one)) < 2]
        differing = chance.sample(plain, round(size * share))
        likely = chance.sample(differing, suspected)
        for where, pool in zip(told, (likely, differing), strict=True):
            culprit = chance.choice(pool)
            with_them, without = (_kernels(history.within, differing, some, culprit) for some in (likely, ()))
            told[where].append((with_them, without))
    asked = math.log2(size)
    return [
        f"| kernels of a search, {size:,} commits, {100 * share:.0f} % of which can make another kernel, {suspected} "
        f"by a suspected path; the change is {where} ({HISTORIES} histories) | "
        f"{_spread([ours for ours, _ in seen])} | {_spread([theirs for _, theirs in seen])} without suspects; "
        f"{asked:.1f} are the doublings of all commits | "
        f"{statistics.mean(ours - theirs for ours, theirs in seen):+.1f} |"
        for where, seen in told.items()
    ]


def _above(history: History, commit: str) -> list[str]:
    return [one for one in history.parents[commit] if one in history.within]


def _kernels(within: Range, differing: Collection[str], suspected: Collection[str], culprit: str) -> int:
    """Return how many kernels a search builds."""
    halves, built = Midpoints(within, differing, (), BUILD, suspected), 0
    verdicts = {within.ids[-1]: Verdict.NEW}
    places = within.place.of(differing)
    # Where but one of those that can is left, the others make kernels that are known.
    while halving.remaining(within, verdicts)[places].sum() > 1:
        if (commit := halves.following(verdicts, built)) is None:
            raise AssertionError("nothing is chosen, though kernels that differ are left")
        verdicts[commit] = _verdict(within, commit, (), culprit)
        built += 1
    return built


def _skips(chance: Random) -> list[str]:
    told = []
    with tempfile.TemporaryDirectory() as home:
        history = long.line(Path(home) / "linux", LINE)
        tree = MiniTree(history.repo, base=history.old)
        listed = tree.git("rev-list", "--reverse", f"{history.old}..{history.new}").split()
        within = Range(zip(listed, [[history.old], *([one] for one in listed)], strict=False))
        for size in BROKEN:
            seen = []
            for _ in range(SEARCHES):
                first = len(listed) // 2 - chance.randint(0, size - 1) - 1
                broken = {*listed[first : first + size]}
                culprit = chance.choice([one for at, one in enumerate(listed) if not first <= at <= first + size])
                one = _past(within, broken, culprit)
                seen.append((one, _asked(tree, history, within, broken, culprit)))
            ours, theirs = zip(*seen, strict=True)
            told.append(
                f"| tests of a search among {len(listed):,} commits, {size} of which in a row in the middle cannot "
                f"be tested ({SEARCHES} searches) | {_spread(ours)} | {_spread(theirs)} as `git bisect` chooses | "
                f"{sum(ours) / sum(theirs) * 100 - 100:+.0f} % |"
            )
    return told


def _verdict(within: Range, commit: str, broken: Collection[str], culprit: str) -> Verdict:
    if commit in broken:
        return Verdict.UNTESTABLE
    return Verdict.NEW if within.is_ancestor(culprit, commit) else Verdict.OLD


def _past(within: Range, broken: Collection[str], culprit: str) -> int:
    """Return how many commits bisector tests."""
    halves, verdicts = Midpoints(within, None, (), BUILD), {within.ids[-1]: Verdict.NEW}
    while (left := halving.left(within, verdicts)) and any(one not in verdicts for one in left):
        told = sum(found is not Verdict.UNTESTABLE for found in verdicts.values()) - 1
        if (commit := halves.following(verdicts, told)) is None:
            raise AssertionError("nothing is chosen, though commits are left")
        verdicts[commit] = _verdict(within, commit, broken, culprit)
    if left != [culprit]:
        raise SystemExit(f"not the planted commit: {left}")
    return len(verdicts) - 1


def _asked(tree: MiniTree, history: long.Long, within: Range, broken: Collection[str], culprit: str) -> int:
    """Return how many commits git's own bisection asks for."""
    words = {Verdict.OLD: "good", Verdict.NEW: "bad", Verdict.UNTESTABLE: "skip"}
    said, asked = tree.git("bisect", "start", "--no-checkout", history.new, history.old), 0
    while "is the first bad commit" not in said:
        commit = tree.git("rev-parse", "BISECT_HEAD").strip()
        said = tree.git("bisect", words[_verdict(within, commit, broken, culprit)])
        asked += 1
    if not said.startswith(culprit):
        raise SystemExit(f"not the planted commit: {said}")
    tree.git("bisect", "reset")
    return asked


def _spread(values: Sequence[int]) -> str:
    return f"mean {statistics.mean(values):.1f} ({min(values)} to {max(values)})"
