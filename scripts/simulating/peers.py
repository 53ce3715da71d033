"""What do others answer to the same boots? Plain bisection, repeated runs, git_bayesect: a commit, or none."""

from __future__ import annotations

from dataclasses import dataclass

import git_bayesect

from bisector.model import Verdict
from simulating.world import Halves, World

REPEATS, MOST = 10, 3000


@dataclass(frozen=True, slots=True)
class Named:
    """What a peer says, and what it cost."""

    commit: str | None
    builds: int
    boots: int


def plain(world: World) -> Named:
    """Bisect with one boot a commit, and believe it."""
    return _halved(world, 1)


def repeated(world: World) -> Named:
    """Bisect with so many boots a commit: one that is new makes it new."""
    return _halved(world, REPEATS)


def _halved(world: World, boots: int) -> Named:
    def read(commit: str) -> Verdict:
        said = Verdict.UNTESTABLE
        for _ in range(boots):
            said = world.boot(commit)
            if said is not Verdict.OLD:
                break
        return said

    left = Halves(world.history.within).search(read, world.history.new)
    return Named(left[0] if len(left) == 1 else None, world.builds, world.boots)


def bayesect(world: World, confidence: float) -> Named:
    """Let git_bayesect choose and stop, as its `run` does; what makes no kernel fails there, as anything else."""
    ids = world.history.within.ids
    # Its index 0 is the newest commit; the last stands for the old end.
    search = git_bayesect.Bisector([1.0] * (len(ids) + 1))
    for _ in range(MOST):
        index = search.select()
        commit = world.history.base if index == len(ids) else ids[len(ids) - 1 - index]
        search.record(index, world.boot(commit) is not Verdict.OLD)
        if search.distribution.max() >= confidence:
            named = int(search.distribution.argmax())
            return Named(None if named == len(ids) else ids[len(ids) - 1 - named], world.builds, world.boots)
    return Named(None, world.builds, world.boots)
