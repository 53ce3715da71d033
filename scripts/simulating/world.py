"""What does a session see, where nothing is real? A history with a planted culprit, and boots that are drawn.

The session is the real one: `bisector.session.Bisection`, with its questions, its search by weight, its tests and
its certification. Drawn are a boot's outcome, in place of `step.take`, and the commits, in place of git's.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bisector import journal, known, verdict, weighing
from bisector.bench import Bench
from bisector.endings import Conclusion
from bisector.events import Marked, Recorded, Started
from bisector.evidence import halving
from bisector.evidence.graph import Range
from bisector.evidence.limits import UNMEASURED
from bisector.evidence.midpoint import Midpoints
from bisector.model import (
    BrokenBuild,
    Commit,
    Kernel,
    Observation,
    Outcome,
    Purpose,
    Question,
    Reading,
    Seconds,
    Step,
    Verdict,
)
from bisector.session import Bisection
from bisector.settings import Settings
from bisector.steps import Steps

DATE = "2024-01-01T00:00:00Z"
# A build takes as long as ten boots.
BOOT, BUILD = 1.0, 10.0
_BOOTED = Reading("boot", Outcome("OK"))


def _shows(word: str) -> Observation:
    return Observation((_BOOTED, Reading("exec-sigtrap", Outcome(word))), None, "6.12")


SHOWS = {Verdict.OLD: _shows("STUCK"), Verdict.NEW: _shows("OK"), Verdict.UNTESTABLE: _shows("DUP")}


@dataclass(frozen=True, slots=True)
class History:
    """A range of commits: `parents` by id, parents before children; `base` is below them, the last is the new end."""

    base: str
    parents: Mapping[str, Sequence[str]]
    within: Range

    @classmethod
    def of(cls, parents: Sequence[Sequence[int]]) -> History:
        """Make one from positions: the parents of each commit, () for the base."""
        # As in git: which of two ids is the lower one says nothing of their places.
        ids = [hashlib.sha1(b"%d" % place, usedforsecurity=False).hexdigest() for place in range(len(parents))]
        base = "0" * 40
        named = {ids[place]: [ids[one] for one in above] or [base] for place, above in enumerate(parents)}
        return cls(base, named, Range(named.items()))

    @property
    def new(self) -> str:
        """The new end."""
        return self.within.ids[-1]


@dataclass(slots=True)
class World:
    """One trial. `rates`: how often old and new commits read *new*; `broken`: the commits that make no kernel.

    `culprit`: a name that is no commit's, in a range without a change. `then`: a second change, and how often the
    commits from the culprit to there read *new*.
    """

    history: History
    culprit: str
    rates: tuple[float, float]
    random: random.Random
    broken: frozenset[str] = frozenset()
    then: tuple[str, float] | None = None
    builds: int = 0
    boots: int = 0
    _built: set[tuple[str, bool]] = field(default_factory=set)

    def is_new(self, commit: str) -> bool:
        """Tell whether a commit has the culprit in its history."""
        within = self.history.within
        return commit in within and self.culprit in within and within.is_ancestor(self.culprit, commit)

    def rate(self, commit: str) -> float:
        """Return how often a commit reads *new*."""
        if self.then is not None and self.is_new(commit):
            second, halfway = self.then
            return self.rates[True] if self.history.within.is_ancestor(second, commit) else halfway
        return self.rates[self.is_new(commit)]

    def boot(self, commit: str, *, clean: bool = False) -> Verdict:
        """Build a commit where that was not done, boot it once, and return what it reads."""
        if not self._has(commit, clean=clean):
            # A kernel that was built from nothing is kept like any other.
            self._built |= {(commit, clean), (commit, False)}
            self.builds += 1
        if commit in self.broken:
            return Verdict.UNTESTABLE
        self.boots += 1
        return Verdict.NEW if self.random.random() < self.rate(commit) else Verdict.OLD

    def _has(self, commit: str, *, clean: bool) -> bool:
        return (commit, clean) in self._built

    # -- what a session calls --------------------------------------------------------------------------

    def take(
        self, bench: Any, commit: Commit, purpose: Purpose, question: Question | None, _tell: object, *, clean: bool
    ) -> Step:
        """Take a step, as `step.take` does."""
        build = 0.0 if self._has(commit.id, clean=clean) else BUILD
        seen = self.boot(commit.id, clean=clean)
        if commit.id in self.broken:
            broken = BrokenBuild(commit.id, "it does not build")
            found = Verdict.UNTESTABLE if question else None
            return Step(commit, purpose, found, broken.because, Seconds(build=build), broken=broken)
        kernel = Kernel(commit.id, "", "", commit.id, "", "")
        bench.known[commit.id] = kernel
        observation = SHOWS[seen]
        found, because = verdict.judge(observation, question, {}) if question else (None, "")
        spent = Seconds(build=build, boot=BOOT)
        return Step(commit, purpose, found, because, spent, kernel=kernel, observation=observation)

    def read(self, commit_id: str) -> Commit:
        """Return a commit."""
        parents = tuple(self.history.parents.get(commit_id, ()))
        return Commit(commit_id, "", "", DATE, DATE, parents)

    def merge_bases(self, one: Commit, _other: Commit) -> list[str]:
        """The old end is below all others."""
        return [one.id]

    def history_of(self) -> dict[str, list[str]]:
        """Return the parents of every commit in the range."""
        return {commit: list(above) for commit, above in self.history.parents.items()}

    def files(self, _commit: Commit) -> tuple[str, ...]:
        """No commit has files."""
        return ()


class Halves:
    """A search by halves, as git's bisection does it: the commit that splits the candidates most evenly."""

    def __init__(self, within: Range) -> None:
        self.within = within

    def search(self, read: Callable[[str], Verdict], new: str) -> list[str]:
        """Return the commits that are left: one, or those that untestable ones hide, newest first."""
        verdicts = {new: Verdict.NEW}
        while (commit := halving.middle(self.within, verdicts)) is not None:
            verdicts[commit] = read(commit)
        return halving.left(self.within, verdicts)


class Searcher:
    """What git does for a session."""

    def __init__(self, world: World, steps: Steps) -> None:
        self.world, self.steps = world, steps

    def candidates(self, question: Question, _olds: tuple[str, ...], within: Range) -> list[str]:
        """Search by halves."""

        def read(commit: str) -> Verdict:
            taken = self.steps.take(self.world.read(commit), Purpose.SEARCH, question)
            assert taken.verdict is not None
            return taken.verdict

        verdicts = {self.world.history.new: Verdict.NEW} | self.steps.marked()
        halves = Midpoints(within, None, (), weighing.BUILD)

        def paid() -> int:
            return sum(found is not Verdict.UNTESTABLE for found in verdicts.values()) - 1

        while commit := halves.following(verdicts, paid()) or halving.middle(within, verdicts):
            verdicts[commit] = read(commit)
        return halving.left(within, verdicts)

    def keep(self, *_: object) -> None:
        """Nothing is kept."""

    def cannot_differ(self, _one: Commit, _other: Commit) -> bool:
        """Every commit makes a kernel of its own."""
        return False

    def merged(self, _one: Commit, _other: Commit) -> None:
        """No merge can be made."""
        return

    def without(self, _culprit: Commit) -> None:
        """No revert applies."""
        return


class _Reads:
    def __init__(self, world: World) -> None:
        self.read, self.merge_bases, self.files = world.read, world.merge_bases, world.files
        self._world = world

    def history(self, _olds: Sequence[str], _new: str) -> Iterator[tuple[str, list[str]]]:
        return iter(self._world.history_of().items())


class _Journal:
    """A journal without a disk."""

    def __init__(self, session: known.Session) -> None:
        self.session = session

    def append(self, event: Recorded) -> Recorded:
        self.session.take(event)
        return event


def settings(confidence: float) -> Settings:
    """Return what `bisector start` would do."""
    return Settings(
        repo="/simulated", arch="arm64", cross_compile="", llvm="", jobs=1, ccache=None, accel="tcg", cpu="",
        limits={}, on={}, fragment="", scenario=None, old_outcome=None, new_outcome=None, end_boots=5,
        confirm_boots=0, confidence=confidence,
    )  # fmt: skip


def session(world: World, confidence: float, said: Mapping[str, Verdict] | None = None) -> Conclusion:
    """Run a whole session in this world. `said`: what a person said of commits before it began to search."""
    started = Started(
        session="simulated",
        bisector="",
        old=world.read(world.history.base),
        new=world.read(world.history.new),
        settings=settings(confidence),
        versions={},
        caveat="",
    )
    book = _Journal(known.Session(Path("/simulated"), started))
    for commit, found in (said or {}).items():
        book.append(Marked(commit=world.read(commit), verdict=found, because="a person said so"))
    bench = cast(
        Bench,
        SimpleNamespace(
            known={}, limits=UNMEASURED, table={}, abreast=1, foresee=lambda *_: None, warn=lambda _: None
        ),
    )
    steps = Steps(cast(journal.Journal, book), bench, lambda _: None, take=world.take)
    return Bisection(steps, _Reads(world), Searcher(world, steps)).proceed()
