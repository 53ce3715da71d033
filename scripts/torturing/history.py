"""Which made-up history does a session bisect, and what is the right answer? Both from one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.minitree import Break, Edits, MiniTree

# What `bisector start` ends with: the commit is certified, or an honest set of which it is one.
FOUND, AMONG = 0, 10
FLIP: Edits = {"hits": {"exec-sigtrap": "OK"}}


@dataclass(frozen=True)
class Answer:
    """The right end of a session: its exit code, and the commits that it may name, all of them."""

    code: int
    commits: frozenset[str]


@dataclass(frozen=True)
class Story:
    """A history, the ends of its bisection and the answer; `words` are the session's other options."""

    kind: str
    repo: Path
    old: str
    new: str
    answer: Answer
    words: tuple[str, ...]
    end_boots: int
    confirm_boots: int


def plain(tree: MiniTree, random: Random) -> tuple[str, Answer]:
    """A line of small edits, one of which flips the behaviour."""
    size = random.randint(6, 24)
    flip = random.randrange(1, size)
    ids = tree.story(size, flip)
    return ids[-1], Answer(FOUND, frozenset({ids[flip]}))


def spoiled(tree: MiniTree, random: Random) -> tuple[str, Answer]:
    """A line in which one to three neighbours cannot be tested: no build, no option, or a panic at boot."""
    size = random.randint(8, 20)
    begin = random.randrange(1, size - 4)
    mended = begin + random.randint(1, 3)
    flip = random.choice([begin, mended, mended + 1, random.randrange(size - 1)])
    kinds: tuple[Break, ...] = ("compile", "header", "link")
    spoil, mend = random.choice(
        [(Edits(breaks=random.choice(kinds)), Edits(mends=True))] * 2
        + [
            (Edits(drops=["PERF_EVENTS"]), Edits(restores=["PERF_EVENTS"])),
            (Edits(mode="PANIC_BOOT"), Edits(mode="NORMAL")),
        ]
    )
    edits: dict[int, Edits] = {begin: spoil, mended: mend}
    edits[flip] = {**edits.get(flip, {}), **FLIP}
    ids = tree.story(size, flip, edits=edits)
    if begin <= flip <= mended:
        return ids[-1], Answer(AMONG, frozenset(ids[begin : mended + 1]))
    return ids[-1], Answer(FOUND, frozenset({ids[flip]}))


def merged(tree: MiniTree, random: Random) -> tuple[str, Answer]:
    """A side branch comes in by a merge; the flip is on either side of it."""
    size, length = random.randint(5, 12), random.randint(2, 5)
    on_side = random.random() < 0.6
    flip = random.randrange(length if on_side else size)
    # `story` flips inside its line or, asked for an index beyond it, not at all.
    main = tree.story(size, size if on_side else flip)
    parent = main[random.randrange(size // 2)] if on_side else tree.base
    side = []
    for number in range(length):
        edit: Edits = FLIP if on_side and number == flip else {"neutral": "document"}
        parent = tree.commit(f"mini: side {number}", parents=[parent], branch="side", **edit)
        side.append(parent)
    tree.commit("Merge branch 'side'", parents=[main[-1], side[-1]])
    after = tree.story(3, 3)
    return after[-1], Answer(FOUND, frozenset({side[flip] if on_side else main[flip]}))


KINDS: dict[str, Callable[[MiniTree, Random], tuple[str, Answer]]] = {
    "plain": plain,
    "spoiled": spoiled,
    "merged": merged,
}


def write(path: Path, random: Random, kind: str | None = None) -> Story:
    """Make up a history and write it as a repository at `path`."""
    kind = kind or random.choice(list(KINDS))
    tree = MiniTree.create(path)
    new, answer = KINDS[kind](tree, random)
    end_boots, confirm_boots = random.randint(1, 2), random.randint(1, 2)
    # So few boots are sure of little; whether they are counted right is asked here.
    words = ["--end-boots", str(end_boots), "--confirm-boots", str(confirm_boots), "--confidence", "0.5"]
    words += ["--jobs", str(random.randint(1, 3)), random.choice(["--ccache", "--no-ccache"])]
    return Story(kind, path, tree.base, new, answer, tuple(words), end_boots, confirm_boots)
