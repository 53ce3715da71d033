"""How many kernels are built, where few commits touch the build? bisector beside a plain `git bisect run`."""

from __future__ import annotations

import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from planting import plain
from planting.kinds import Planted

from benching import long

SIZE, SHARES = 2000, (0.05, 0.07, 0.1)
# Commits that change a suspected file, beside the one that makes the change if that does too.
LIKELY = 9


@dataclass(frozen=True)
class Built:
    """Kernels built on one history: in bisector's search, by it in all, and by the plain script.

    `differing`: commits that can make another kernel than their parent: what the search is a search among.
    """

    search: int
    whole: int
    plain: int
    differing: int


def rows(repeats: int, chance: Random) -> list[str]:
    """Return two rows for each share of commits that touch the build: the change is in a suspected file, or not."""
    told = []
    for share, suspected in itertools.product(SHARES, (True, False)):
        seen = [_bisected(share, suspected, Random(f"{chance.random()} {number}")) for number in range(repeats)]
        ours, whole, theirs = ([getattr(one, name) for one in seen] for name in ("search", "whole", "plain"))
        fewer = 100 * (1 - sum(ours) / sum(theirs))
        # Nobody asks fewer than log2(candidates) questions that are answered by yes or no, on average.
        least = sum(math.log2(one.differing) for one in seen)
        bound = 100 * (1 - least / sum(theirs))
        told.append(
            f"| kernels built in the search, {SIZE:,} commits with merges, {100 * share:.0f} % touch the build, "
            f"{LIKELY + suspected} a suspected file; the change is in {'one' if suspected else 'none'} of these "
            f"({repeats} histories) | {_spread(ours)}; in all, with ends, certificate and revert {_spread(whole)} | "
            f"{_spread(theirs)} | {fewer:.0f} % fewer in the search; by halving alone {bound:.0f} % at most "
            f"({_spread([one.differing for one in seen])} commits can differ) |"
        )
    return told


def _bisected(share: float, suspected: bool, chance: Random) -> Built:
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        history = long.shaped(place / "linux", SIZE, share, chance, LIKELY)
        argv = [sys.executable, "-m", "bisector", "start", "--json", "--state", str(place / "state")]
        argv += ["--repo", str(history.repo), "--old", history.old, "--new", history.new]
        argv += ["--suspect", long.LIKELY, *(["--suspect", long.CHANGED] if suspected else [])]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        steps = [line["step"] for line in lines if line.get("event") == "step"]
        [differing] = [line["differing"] for line in lines if line.get("event") == "search"]
        [named] = [line["conclusion"]["culprit"] for line in lines if line.get("event") == "conclusion"]
        built = [step["purpose"] for step in steps if step["seconds"]["build"] > 0]
        planted = Planted(history.old, history.new, frozenset({history.culprit}))
        said = plain.bisect(history.repo, planted, place / "people")
        if named["id"] != history.culprit or said.named != history.culprit:
            raise SystemExit(f"not the planted commit: {named['id']}, {said.named}")
        return Built(built.count("search"), len(built), said.builds, differing)


def _spread(values: Sequence[int]) -> str:
    return f"{statistics.median(values):g} ({min(values)} to {max(values)})"
