"""What is known of a branch that is looked at again and again? The values that a patrol keeps, and their file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Self

import msgspec

from bisector import opening
from bisector.changes import Interval
from bisector.errors import UserError
from bisector.host import disk, files, messages
from bisector.host.repository import Repository
from bisector.model import Commit, Observation, Outcome, Verdict
from bisector.settings import Settings

# Raise it when an older bisector could misread what a newer one wrote. And the bytes of a file that one of ours has.
SHAPE, BYTES = 1, 64 << 20
# Our modules that give up boots, and read what they said.
_READING = ("watch", "listen", "still", "boot", "frames", "probe", "facts", "stops", "scenarios")
_SIDES = (Verdict.OLD, Verdict.NEW)


@dataclass(frozen=True, slots=True)
class Tip:
    """A commit of the branch, and what one boot of it showed. `by`: to whom, "" to a bisector that did not say."""

    commit: Commit
    shown: Observation
    by: str = ""

    def but(self, scenario: str, outcome: Outcome) -> Self:
        """Return it with another outcome of one scenario."""
        readings = tuple(
            replace(reading, outcome=outcome) if reading.scenario == scenario else reading
            for reading in self.shown.readings
        )
        return replace(self, shown=replace(self.shown, readings=readings))


@dataclass(frozen=True, slots=True)
class Reported:
    """A commit that changed something. `others`: or one of these. `scenarios`: (name, before, after).

    `told`: whoever runs the patrol has heard of it.
    """

    commit: Commit
    scenarios: tuple[tuple[str, str, str], ...]
    session: str
    at: str
    others: tuple[Commit, ...] = ()
    told: bool = False


@dataclass(slots=True)
class Beat:
    """What a patrol knows of its branch. `known`: how it was last; `goal`: what it is now, while that is searched.

    `left`: intervals that are still to be searched; `since`: the second from which on sessions were begun for them.
    `unnamed`: changes whose commit was not found, and why, of which nobody has heard yet; `turned`: the second of the
    last of them.
    """

    repo: str
    branch: str
    shape: int = SHAPE
    known: Tip | None = None
    goal: Tip | None = None
    left: list[Interval] = field(default_factory=list)
    since: str = ""
    reported: list[Reported] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    turned: str = ""

    def report(self, new: Reported) -> None:
        """Note a commit that is new; one that is known has changed one scenario more, and that is no news.

        It is news again where it was told before the branch changed without a commit: it was set back, or rewritten.
        """
        for at, known in enumerate(self.reported):
            if known.commit.id == new.commit.id and (not known.told or known.session >= self.turned):
                scenarios = tuple(dict.fromkeys((*known.scenarios, *new.scenarios)))
                self.reported[at] = replace(known, scenarios=scenarios)
                return
        self.reported = [known for known in self.reported if known.commit.id != new.commit.id] + [new]

    def made_too(self, told: Reported, one: Interval) -> None:
        """Note that a reported commit made this change too."""
        if one.scenario not in [name for name, *_ in told.scenarios]:
            more = (*told.scenarios, (one.scenario, str(one.before), str(one.after)))
            self.reported[self.reported.index(told)] = replace(told, scenarios=more)

    def passed(self, tip: Commit, state: str, because: str) -> Passed:
        """Return how a pass ended, with all that nobody has heard of yet: also of a pass that could not tell it."""
        new, unnamed = tuple(one for one in self.reported if not one.told), tuple(self.unnamed)
        changed = bool(new or unnamed) and state in ("first", "unchanged")
        return Passed(self.branch, tip, "changed" if changed else state, because, new, unnamed)

    def encoded(self) -> bytes:
        """Return it as it is kept."""
        return msgspec.json.encode(self)

    @classmethod
    def decoded(cls, text: bytes) -> Self:
        """Read what `encoded` wrote. Raises ValueError for anything else."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Passed:
    """How a pass ended: `first`, `unchanged`, `changed`, `untestable` or `goes-on`; and what it has found.

    `because`: why in a sentence, "" where the word says all.
    """

    branch: str
    tip: Commit
    state: str
    because: str
    changes: tuple[Reported, ...]
    unnamed: tuple[str, ...]


def readers(settings: Settings) -> str:
    """Return what names all that has a part in what a boot shows, but for the commit: programs and our reading."""
    said = opening.versions(settings)
    parts = [said[name] for name in ("compiler", "linker", "qemu", "probe")]
    parts.append(said["host"] if settings.accel == "kvm" else "")
    home = Path(str(resources.files("bisector")))
    parts += [(home / f"{name}.py").read_text() for name in _READING]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def gone(repository: Repository, commits: Iterable[Commit]) -> Commit | None:
    """Return a commit that is in the repository no more, None if all are there."""
    for commit in commits:
        try:
            repository.commit(commit.id)
        except UserError:
            return commit
    return None


def nothing_between(repository: Repository, one: Interval) -> str:
    """Return why no commit can have made this change, "" if one can: the branch was set back, or begun anew."""
    bases = repository.merge_bases(one.old, one.new)
    if not bases:
        return f"{one.old.short} and {one.new.short} have no history in common"
    return f"the branch was set back from {one.old.short} to {one.new.short}" if bases == [one.new.id] else ""


def old_end(repository: Repository, known: Commit, tip: Commit, warn: Callable[[str], None]) -> Commit:
    """Return the known commit, or the one that it became when the branch was rebased."""
    bases = repository.merge_bases(known, tip)
    if bases in ([known.id], [tip.id], []):
        return known
    again = messages.same_patch(repository, known, bases, tip.id)
    if again is None:
        warn(f"the branch was rebased, and {known.short} is not found again by its patch: its sides are compared")
        return known
    warn(f"the branch was rebased: {known.short} is now {again[:12]}")
    return repository.read(again)


@contextmanager
def held(state: Path, repository: Repository, branch: str, settings: Settings) -> Iterator[tuple[Beat, Path]]:
    """Hold what is known of a branch against a second pass.

    What is known of it with other compilers, options or machines is something else. Raises UserError.
    """
    if sided := [f"{name}={meaning.value}" for name, meaning in settings.on.items() if meaning in _SIDES]:
        raise UserError(
            f"a patrol searches in both directions, and --on {sided[0]} is right in one of them only",
            "bisector start takes it; a patrol takes NAME=untestable",
        )
    how = (settings.arch, settings.cross_compile, settings.llvm, settings.accel, settings.cpu, settings.fragment)
    told = "\0".join([str(repository.common_dir), branch, *how])
    path = state / "patrols" / f"{hashlib.sha256(os.fsencode(told)).hexdigest()[:16]}.json"
    with disk.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = path.with_suffix(".lock").open("a")
    with lock:
        if not disk.locked(lock, 0.5):
            raise UserError(f"another pass over {branch} is at work", "wait for it, or end it")
        yield _read(path, repository, branch), path


def _read(path: Path, repository: Repository, branch: str) -> Beat:
    if not path.exists():
        return Beat(str(repository.path), branch)
    try:
        beat = Beat.decoded(files.read(path, BYTES))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not what a patrol wrote: {error}", "move it away: the branch is then new"
        ) from error
    if beat.shape != SHAPE:
        raise UserError(f"{path} was written by another bisector", "move it away: the branch is then new")
    return beat
