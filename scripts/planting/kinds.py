"""Which histories mislead a bisection, and what is the right answer in each? All of it from one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.minitree import Edits, MiniTree

SIZES = (20, 200)
FLIP: Edits = {"hits": {"exec-sigtrap": "OK"}}
BACK: Edits = {"hits": {"exec-sigtrap": "STUCK"}}
STILL: Edits = {"neutral": "document"}


@dataclass(frozen=True)
class Planted:
    """A history's ends and the commits that made the change: none, one, or each of several times.

    `paths`: given to the people's script, whose `git bisect` then looks at nothing else.
    """

    old: str
    new: str
    right: frozenset[str]
    paths: tuple[str, ...] = ()


Make = Callable[[MiniTree, Random], Planted]


def _size(chance: Random) -> int:
    return chance.randint(*SIZES)


def _planted(tree: MiniTree, ids: list[str], *right: str) -> Planted:
    return Planted(tree.base, ids[-1], frozenset(right))


def line(tree: MiniTree, chance: Random) -> Planted:
    """A line of small edits."""
    size = _size(chance)
    flip = chance.randrange(1, size - 1)
    ids = tree.story(size, flip)
    return _planted(tree, ids, ids[flip])


def edge(last: bool, tree: MiniTree, chance: Random) -> Planted:
    """The culprit is the first or the last commit of the range."""
    size = _size(chance)
    ids = tree.story(size, size - 1 if last else 0)
    return _planted(tree, ids, ids[-1 if last else 0])


def spoiled(spoil: Edits, mend: Edits, tree: MiniTree, chance: Random) -> Planted:
    """A block of commits that cannot be tested: it ends before the flip, holds it, or begins after it."""
    size, length = _size(chance), chance.randint(1, 5)
    begin = chance.randrange(2, size - length - 3)
    flip = chance.choice([begin, begin + length // 2, begin + length, begin - 1, chance.randrange(1, size - 1)])
    edits: dict[int, Edits] = {begin: spoil, begin + length: mend}
    edits[flip] = {**edits.get(flip, {}), **FLIP}
    ids = tree.story(size, flip, edits=edits)
    return _planted(tree, ids, ids[flip])


def third(tree: MiniTree, chance: Random) -> Planted:
    """Another behaviour for a while, before the flip, up to it, or after it and then back."""
    size, length = _size(chance), chance.randint(1, 6)
    begin = chance.randrange(2, size - length - 3)
    other: Edits = {"hits": {"exec-sigtrap": chance.choice(["DUP", "LOST", "FLAKY"])}}
    match chance.choice(["before", "up to", "after"]):
        case "before":
            edits, flip = {begin: other, begin + length: BACK}, begin + length + 2
        case "up to":
            edits, flip = {begin: other}, begin + length
        case _:
            edits, flip = {begin: other, begin + length: FLIP}, begin - 1
    ids = tree.story(size, flip, edits={**edits, flip: FLIP})
    # Where it goes on to other behaviours and comes back, either commit brought the new one.
    return _planted(tree, ids, ids[flip], *([ids[begin + length]] if edits.get(begin + length) == FLIP else []))


def hidden(tree: MiniTree, chance: Random) -> Planted:
    """Another behaviour, then a block that cannot be built, with the flip in it: above the other behaviour."""
    size, length = _size(chance), chance.randint(1, 5)
    begin = chance.randrange(2, size - length - 7)
    block = begin + chance.randint(1, 4)
    flip = block + chance.randint(0, length)
    edits: dict[int, Edits] = {
        begin: {"hits": {"exec-sigtrap": chance.choice(["DUP", "LOST"])}},
        block: {"breaks": "compile"},
        block + length: {"mends": True},
    }
    edits[flip] = {**edits.get(flip, {}), **FLIP}
    ids = tree.story(size, flip, edits=edits)
    return _planted(tree, ids, ids[flip])


def back(tree: MiniTree, chance: Random) -> Planted:
    """A fix, a second break and a second fix."""
    size = _size(chance)
    first, broken, last = sorted(chance.sample(range(1, size - 1), 3))
    ids = tree.story(size, first, edits={first: FLIP, broken: BACK, last: FLIP})
    return _planted(tree, ids, ids[first], ids[last])


def merges(tree: MiniTree, chance: Random) -> Planted:
    """Topic branches, merged one after the other; the flip is on one of them or between them."""
    topics, tip, right = chance.randint(3, 8), tree.base, ""
    chosen, mainline = chance.randrange(topics), [tree.base]
    on_topic = chance.random() < 0.7
    for topic in range(topics):
        forked = mainline[max(0, len(mainline) - 1 - chance.randrange(3))]
        length = chance.randint(2, 10)
        flip = chance.randrange(length)
        side = forked
        for number in range(length):
            flips = topic == chosen and on_topic and number == flip
            side = tree.commit(
                f"mini: topic {topic}, change {number}", parents=[side], branch="topic", **(FLIP if flips else STILL)
            )
            right = side if flips else right
        for number in range(chance.randint(1, 4)):
            flips = topic == chosen and not on_topic and number == 0
            edit = FLIP if flips else Edits(neutral="document")
            tip = tree.commit(f"mini: between {topic}.{number}", parents=[tip], branch="main", **edit)
            right = tip if flips else right
        tip = tree.commit(f"Merge branch 'topic-{topic}'", parents=[tip, side])
        mainline.append(tip)
    return Planted(tree.base, tip, frozenset({right}))


def criss_cross(bases: int, tree: MiniTree, chance: Random) -> Planted:
    """Two lines that merged each other, so that the ends have several best common ancestors."""
    heads = []
    for number in range(bases):
        head = tree.base
        for step in range(chance.randint(1, 4)):
            head = tree.commit(
                f"mini: root {number}.{step}", parents=[head], branch=f"root{number}", neutral="document"
            )
        heads.append(head)

    def merged(order: list[str], branch: str) -> str:
        tip = order[0]
        for other in order[1:]:
            tip = tree.commit(f"Merge into {branch}", parents=[tip, other], branch=branch)
        return tip

    old, new = merged(heads, "old-side"), merged(heads[::-1], "new-side")
    old = tree.commit("mini: the old end", parents=[old], branch="old-side", neutral="document")
    length = chance.randint(15, 60)
    flip, right = chance.randrange(length), ""
    for number in range(length):
        edit = FLIP if number == flip else STILL
        new = tree.commit(f"mini: new side {number}", parents=[new], branch="new-side", **edit)
        right = new if number == flip else right
    return Planted(old, new, frozenset({right}))


def evil(tree: MiniTree, chance: Random) -> Planted:
    """The merge commit itself makes the change."""
    main, side = tree.story(chance.randint(10, 40), 999), tree.base
    for number in range(chance.randint(3, 15)):
        side = tree.commit(f"mini: side {number}", parents=[side], branch="side", neutral="document")
    made = tree.commit("Merge branch 'side'", parents=[main[-1], side], **FLIP)
    return _planted(tree, tree.story(chance.randint(5, 20), 999), made)


def together(tree: MiniTree, chance: Random) -> Planted:
    """Neither side of a merge shows it, both together do: the merge is the culprit."""
    tree.commit("mini: it takes two", hits={"exec-sigtrap": "TOGETHER"})
    main = tree.story(chance.randint(10, 30), 3, edits={3: {"left": True}})
    side = main[0]
    for number in range(chance.randint(3, 15)):
        edit: Edits = {"right": True} if number == 1 else {"neutral": "document"}
        side = tree.commit(f"mini: side {number}", parents=[side], branch="side", **edit)
    made = tree.commit("Merge branch 'side'", parents=[main[-1], side])
    return _planted(tree, tree.story(chance.randint(5, 20), 999), made)


def octopus(tree: MiniTree, chance: Random) -> Planted:
    """A merge of three or four branches at once; one of them brings the change."""
    main = tree.story(chance.randint(8, 20), 999)
    sides, right = [], ""
    for number in range(chance.randint(2, 3)):
        side = main[chance.randrange(4)]
        for step in range(chance.randint(3, 8)):
            edit: Edits = FLIP if number == 0 and step == 1 else {"neutral": "document"}
            side = tree.commit(f"mini: side {number}.{step}", parents=[side], branch=f"side{number}", **edit)
            right = side if number == 0 and step == 1 else right
        sides.append(side)
    tree.commit("Merge branches", parents=[main[-1], *sides], **FLIP)
    return _planted(tree, tree.story(chance.randint(5, 20), 999), right)


def agreeing(word: str, tree: MiniTree, chance: Random) -> Planted:
    """Wrong ends: both show the same."""
    first = tree.commit("mini: from here on", hits={"exec-sigtrap": word})
    return Planted(first, tree.story(_size(chance), 9999)[-1], frozenset())


def swapped(tree: MiniTree, chance: Random) -> Planted:
    """The ends are given the wrong way round."""
    size = _size(chance)
    ids = tree.story(size, chance.randrange(1, size))
    return Planted(ids[-1], tree.base, frozenset())


def elsewhere(tree: MiniTree, chance: Random) -> Planted:
    """The change was made on the old end's side, before the two parted: the merge base shows it."""
    first = tree.commit("mini: new here", **FLIP)
    old = tree.commit("mini: old again", parents=[first], branch="old-side", **BACK)
    return Planted(old, tree.story(_size(chance), 9999)[-1], frozenset())


def outside(tree: MiniTree, chance: Random) -> Planted:
    """The culprit lies outside of the paths that the people's script was given."""
    size = _size(chance)
    flip = chance.randrange(1, size - 1)
    ids = tree.story(size, flip)
    return Planted(tree.base, ids[-1], frozenset({ids[flip]}), paths=("lib", "init"))


def flaky(percent: int, word: str, tree: MiniTree, chance: Random) -> Planted:
    """So many of the boots of every commit read so: old ones that read OK, or new ones that read STUCK."""
    first = tree.commit("mini: now so, now so", flake=(percent, "exec-sigtrap", word))
    size = _size(chance)
    flip = chance.randrange(1, size - 1)
    ids = tree.story(size, flip)
    return Planted(first, ids[-1], frozenset({ids[flip]}))


def unchanged(percent: int, tree: MiniTree, chance: Random) -> Planted:
    """No change at all, though boots differ."""
    first = tree.commit("mini: now so, now so", flake=(percent, "exec-sigtrap", "OK"))
    return Planted(first, tree.story(_size(chance), 9999)[-1], frozenset())


_SPOILS: dict[str, tuple[int, Edits, Edits]] = {
    "unbuildable block": (9, {"breaks": "compile"}, {"mends": True}),
    "panicking block": (4, {"mode": "PANIC_BOOT"}, {"mode": "NORMAL"}),
    "silent block": (3, {"mode": "SILENT_BOOT"}, {"mode": "NORMAL"}),
    "hanging block": (3, {"mode": 'SILENT_DURING("exec-sigtrap")'}, {"mode": "NORMAL"}),
    "dropped option": (4, {"drops": ["PERF_EVENTS"]}, {"restores": ["PERF_EVENTS"]}),
}
_RATES = (1, 5, 10, 20, 35, 50)
# Kind -> how many histories, and what makes one.
KINDS: dict[str, tuple[int, list[Make]]] = {
    "line": (9, [line]),
    "culprit first or last": (6, [partial(edge, False), partial(edge, True)]),
    "merges": (9, [merges]),
    "criss-cross, two bases": (5, [partial(criss_cross, 2)]),
    "criss-cross, three bases": (4, [partial(criss_cross, 3)]),
    "evil merge": (5, [evil]),
    "merge of two halves": (4, [together]),
    "octopus": (4, [octopus]),
    **{name: (count, [partial(spoiled, spoil, mend)]) for name, (count, spoil, mend) in _SPOILS.items()},
    "other behaviours between": (7, [third]),
    "unbuildable block above another behaviour": (4, [hidden]),
    "fix and second break": (5, [back]),
    "wrong ends": (4, [partial(agreeing, "STUCK"), partial(agreeing, "OK")]),
    "swapped ends": (3, [swapped]),
    "merge base shows it": (3, [elsewhere]),
    "culprit outside the paths": (4, [outside]),
    "no change, boots differ": (4, [partial(unchanged, percent) for percent in (5, 20, 35, 50)]),
    "old ones read new": (12, [partial(flaky, percent, "OK") for percent in _RATES]),
    "new ones read old": (12, [partial(flaky, percent, "STUCK") for percent in _RATES]),
}
