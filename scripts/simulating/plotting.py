"""How do claims and costs look? A picture of the trials (the home of matplotlib, which only this needs)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulating.trials import CONFIDENCE, Trial


def plot(done: Sequence[Trial], path: Path) -> None:
    """Draw, for every pair of rates on a line of commits, who was right how often, and after how many boots."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    lines = [one for one in done if one.cell.shape == "line" and one.peers]
    cells = list(dict.fromkeys(one.cell for one in lines))
    labels = [f"{100 * cell.old:g}/{100 * cell.new:g}" for cell in cells]
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(10, 7))
    for name in ("bisector", "plain", "repeated", "bayesect"):
        right, boots = [], []
        for cell in cells:
            taken = [one for one in lines if one.cell == cell]
            ours = [(one.ending == "right", one.builds, one.boots) for one in taken]
            said = ours if name == "bisector" else [one.peers[name] for one in taken]
            right.append(100 * sum(one[0] for one in said) / len(said))
            boots.append(sum(one[2] for one in said) / len(said))
        above.plot(labels, right, marker="o", label=name)
        below.plot(labels, boots, marker="o", label=name)
    above.axhline(100 * CONFIDENCE, linestyle=":", color="grey")
    above.set_ylabel("right, % of sessions")
    below.set_ylabel("boots a session")
    below.set_yscale("log")
    below.set_xlabel("how often old / new commits read new, %")
    above.legend()
    figure.savefig(path, dpi=120)
