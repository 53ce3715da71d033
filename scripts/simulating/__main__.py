"""Is a claim of 99 % right in 99 of 100 sessions? Trials over a grid of shapes and rates, and one table."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import readme

from bisector.evidence.rates import Tally
from simulating import plotting
from simulating.trials import CELLS, CONFIDENCE, SIZES, TWO, Cell, Trial, trial

LARGE_SIZE = 15_000
LARGE = [Cell("graph", 0.0, 1.0), Cell("graph", 0.05, 0.95), Cell("graph", 0.0, 0.5), Cell("line", 0.1, 0.9)]


def main() -> int:
    """Run all trials and print the tables; return 1 if a wrong commit was named more often than claimed."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--trials", type=int, default=22_080, help="in all, over the grid (default: %(default)s)")
    parser.add_argument("--large", type=int, default=20, help=f"on {LARGE_SIZE:,} commits (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier run")
    parser.add_argument("--plot", type=Path, default=None, help="draw claimed against true confidence, and the costs")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    print(f"seed {seed}", file=sys.stderr)
    cells = [*CELLS, *TWO]
    each = max(1, asked.trials // len(cells))
    jobs: list[tuple[Cell, int, int | None]]
    jobs = [(cell, seed * 1_000_000 + number, None) for cell in cells for number in range(each)]
    jobs += [(LARGE[number % len(LARGE)], seed * 1_000_000 + number, LARGE_SIZE) for number in range(asked.large)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(trial, *zip(*jobs, strict=True), chunksize=20))
    small, large = done[: each * len(cells)], done[each * len(cells) :]
    lines = [
        f"`scripts/simulate --trials {asked.trials} --large {asked.large} --seed {seed}`: {len(done):,} histories, "
        f"{SIZES[0]} to {SIZES[1]} commits each ({len(large)} of {LARGE_SIZE:,}), at the default confidence of "
        f"{CONFIDENCE}; builds and boots are means.",
        "",
        *table(small, large),
        "",
        *beside(small),
        "",
        *calibration([one for one in done if one.cell not in TWO]),
    ]
    if asked.write:
        readme.put("simulate", "\n".join(lines))
    print("\n".join(lines))
    if asked.plot is not None:
        plotting.plot(done, asked.plot)
    claimed = [one for one in done if one.claimed is not None and one.cell not in TWO]
    return int(sum(one.ending == "wrong" for one in claimed) > (1 - CONFIDENCE) * len(claimed))


def table(small: Sequence[Trial], large: Sequence[Trial]) -> list[str]:
    """Return how bisector's sessions ended, for each shape and kind of rates."""
    head = ["history", "old, new commits read new", "right and certified", "set with the culprit", "refused", "wrong"]
    # Of two changes the first is right; the later one is not, unless it is said that there is one before it.
    rows = []
    for cell in [*CELLS, *TWO]:
        rows.append(_row(cell.shape, cell, [one for one in small if one.cell == cell]))
    for cell in LARGE:
        if taken := [one for one in large if one.cell == cell]:
            rows.append(_row(f"{cell.shape} of {LARGE_SIZE:,}", cell, taken))
    return _table([*head, "builds", "boots"], rows)


def _row(what: str, cell: Cell, taken: Sequence[Trial]) -> list[str]:
    counts = [f"{sum(one.ending == how for one in taken)}" for how in ("right", "set", "refused", "wrong")]
    if later := sum(one.ending == "later" for one in taken):
        counts[0] += f"; the later one, and told so: {later}"
    builds, boots = _mean(taken, lambda one: one.builds), _mean(taken, lambda one: one.boots)
    rates = ", ".join(f"{100 * rate:g} %" for rate in (cell.old, cell.halfway, cell.new) if rate is not None)
    return [what, rates, *counts, f"{builds:.1f}", f"{boots:.0f}"]


def beside(small: Sequence[Trial]) -> list[str]:
    """Return what the peers named on the same lines of commits: right, and at what cost."""
    names = {"plain": "plain bisection", "repeated": "ten boots a step", "bayesect": "git_bayesect"}
    rows = []
    for cell in [cell for cell in CELLS if cell.shape == "line"]:
        taken = [one for one in small if one.cell == cell]
        right = sum(one.ending == "right" for one in taken) / len(taken)
        row = [f"{100 * cell.old:g} %, {100 * cell.new:g} %"]
        row.append(_cost(right, _mean(taken, lambda one: one.builds), _mean(taken, lambda one: one.boots)))
        for name in names:
            said = [one.peers[name] for one in taken]
            share, builds, boots = (sum(part[k] for part in said) / len(said) for k in range(3))
            row.append(_cost(share, builds, boots))
        rows.append(row)
    head = ["old, new commits read new", "bisector: right / builds / boots", *(f"{name}" for name in names.values())]
    return _table(head, rows)


def _cost(right: float, builds: float, boots: float) -> str:
    return f"{100 * right:.1f} % / {builds:.0f} / {boots:.0f}"


def calibration(done: Sequence[Trial]) -> list[str]:
    """Return how often claims were true: of all answers, and of those whose claim was least.

    `done`: of histories with one change, which is what claims assume.
    """
    rows = []
    bounds = [(0.99, 0.999), (0.999, 0.9999), (0.9999, 1.01)]
    claimed = [one for one in done if one.claimed is not None]
    for low, high in [(0.0, 0.99), *bounds, (0.0, 1.01)]:
        taken = [one for one in claimed if low <= (one.claimed or 0.0) < high]
        if not taken:
            continue
        true = sum(one.ending in ("right", "set") for one in taken)
        mean = sum(one.claimed or 0.0 for one in taken) / len(taken)
        least = Tally(true, len(taken) - true).interval()[0]
        name = "all" if (low, high) == (0.0, 1.01) else f"{100 * low:g} to {min(100 * high, 100):g} %"
        rows.append(
            [name, f"{len(taken)}", f"{100 * mean:.3f} %", f"{100 * true / len(taken):.3f} %", f"{100 * least:.2f} %"]
        )
    return _table(["claimed", "answers", "claimed, mean", "true", "true at least (95 % interval)"], rows)


def _mean(taken: Sequence[Trial], of: Callable[[Trial], int]) -> float:
    return sum(map(of, taken)) / len(taken)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    sys.exit(main())
