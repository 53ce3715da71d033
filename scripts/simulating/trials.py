"""How does one trial end, and how do many together? A cell of the grid: a shape, and two rates."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from bisector.endings import Conclusion, Kind
from simulating import histories, peers
from simulating.world import History, World, session

CONFIDENCE = 0.99
SIZES = (20, 500)
# A change that never was: the culprit's place in a range that has none.
NONE = "none"


class Cell(NamedTuple):
    """`shape`: of the history. `old`, `new`: how often commits without and with the change read *new*.

    `halfway`: how often they do from the change on until a second one, where there are two.
    """

    shape: str
    old: float
    new: float
    halfway: float | None = None


STEADY, FLAKY = (
    ((0.0, 1.0), (0.0, 0.99), (0.01, 1.0), (0.01, 0.99)),
    ((0.0, 0.9), (0.1, 1.0), (0.05, 0.95), (0.1, 0.9), (0.0, 0.5), (0.5, 1.0), (0.2, 0.8), (0.3, 0.7), (0.0, 0.2)),
)
CELLS = [Cell(shape, *rates) for shape in ("line", "graph", "unbuildable blocks") for rates in (*STEADY, *FLAKY)]
CELLS += [Cell("no change", rate, rate) for rate in (0.0, 0.01, 0.1, 0.5)]
# It came with one commit, and became steady, or frequent, with a later one: the first is the one to name.
TWO = [
    Cell("two changes", old, new, halfway)
    for old, halfway, new in ((0.0, 0.5, 1.0), (0.1, 0.5, 0.9), (0.0, 0.1, 1.0))
]


@dataclass(frozen=True, slots=True)
class Trial:
    """What was answered. `claimed`: the probability of what was named; `peers`: right or not, builds, boots."""

    cell: Cell
    seed: int
    ending: str
    claimed: float | None
    builds: int
    boots: int
    peers: dict[str, tuple[bool, int, int]] = field(default_factory=dict)


def trial(cell: Cell, seed: int, size: int | None = None) -> Trial:
    """Run one trial; the same cell, seed and size give the same one. `size`: of the history, else it is drawn."""
    chance = random.Random(f"{cell} {seed} {size}")
    history = _history(cell.shape, size or chance.randint(*SIZES), chance)
    culprit = NONE if cell.shape == "no change" else chance.choice(history.within.ids)
    broken = histories.blocks(history, culprit, chance) if cell.shape == "unbuildable blocks" else frozenset()
    then = None
    if cell.halfway is not None:
        culprit, second = sorted(chance.sample(history.within.ids, 2), key=history.within.place.__getitem__)
        then = second, cell.halfway

    def world(who: str) -> World:
        return World(
            history, culprit, (cell.old, cell.new), random.Random(f"{who} {cell} {seed} {size}"), broken, then
        )

    ours = world("bisector")
    made = session(ours, CONFIDENCE)
    others = {}
    if size is None and cell.shape in ("line", "unbuildable blocks"):
        for name, ask in (("plain", peers.plain), ("repeated", peers.repeated)):
            named = ask(world(name))
            others[name] = (named.commit == culprit, named.builds, named.boots)
        named = peers.bayesect(world("bayesect"), CONFIDENCE)
        others["bayesect"] = (named.commit == culprit, named.builds, named.boots)
    claimed = made.odds.culprit if made.odds and made.kind in (Kind.FOUND, Kind.AMONG) else None
    return Trial(cell, seed, _ending(made, culprit, then and then[0]), claimed, ours.builds, ours.boots, others)


def _history(shape: str, size: int, chance: random.Random) -> History:
    return histories.graph(size, chance) if shape == "graph" else histories.line(size)


def _ending(made: Conclusion, culprit: str, second: str | None) -> str:
    """Return `right`, `set`, `refused` or `wrong`: named another commit, or a set without the culprit.

    Or `later`: named the second change, and said that there is another one before it.
    """
    if made.culprit is not None:
        if made.culprit.id == second and "another change comes before it" in made.because:
            return "later"
        return "right" if made.culprit.id == culprit else "wrong"
    if made.kind is Kind.AMONG:
        return "set" if culprit in [one.commit.id for one in made.candidates] else "wrong"
    return "refused"
