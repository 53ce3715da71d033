"""What shapes have histories? Lines, and graphs like the kernel's: topic branches, merged and merged again."""

from __future__ import annotations

import random

from simulating.world import History


def line(size: int) -> History:
    """Return a history without merges."""
    return History.of([[place - 1] if place else [] for place in range(size)])


def graph(size: int, chance: random.Random) -> History:
    """Return a history as a maintainer's tree has it: topics fork from older mainline commits and are merged back.

    A third of the topics takes in an older mainline first, so that the range has criss-cross merges as well.
    """
    parents: list[list[int]] = [[]]
    mainline = [0]
    while len(parents) < size - 1:
        if len(mainline) < 3 or chance.random() < 0.3:
            parents.append([mainline[-1]])
            mainline.append(len(parents) - 1)
            continue
        tip = mainline[max(0, len(mainline) - 1 - int(chance.expovariate(0.3)))]
        for number in range(min(1 + int(chance.expovariate(0.2)), size - 2 - len(parents))):
            back = [chance.choice(mainline)] if number and chance.random() < 0.03 else []
            parents.append(list(dict.fromkeys([tip, *back])))
            tip = len(parents) - 1
        parents.append(list(dict.fromkeys([mainline[-1], tip])))
        mainline.append(len(parents) - 1)
    parents.append([mainline[-1]])
    return History.of(parents)


def blocks(history: History, culprit: str, chance: random.Random) -> frozenset[str]:
    """Return commits that make no kernel: a few blocks, one of them often beside the culprit; never the new end."""
    ids = history.within.ids
    found: set[str] = set()
    for _ in range(chance.randint(1, 3)):
        first = history.within.place[culprit] + chance.randint(-3, 3) if chance.random() < 0.5 else None
        first = chance.randrange(len(ids)) if first is None else max(0, first)
        found |= set(ids[first : first + chance.randint(1, 4)])
    return frozenset(found - {history.new})
