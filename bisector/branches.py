"""What is known of a branch that is looked at again and again? The values that a patrol keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import msgspec

from bisector.changes import Interval
from bisector.model import Commit, Observation

# Raise it when an older bisector could misread what a newer one wrote.
SHAPE = 1


@dataclass(frozen=True, slots=True)
class Tip:
    """A commit of the branch, and what one boot of it showed."""

    commit: Commit
    shown: Observation


@dataclass(frozen=True, slots=True)
class Reported:
    """A commit that changed something, told once. `others`: or one of these. `scenarios`: (name, before, after)."""

    commit: Commit
    scenarios: tuple[tuple[str, str, str], ...]
    session: str
    at: str
    others: tuple[Commit, ...] = ()


@dataclass(slots=True)
class Beat:
    """What a patrol knows of its branch. `known`: how it was last; `goal`: what it is now, while that is searched.

    `left`: intervals that are still to be searched; `since`: sessions with a later name were begun for them.
    `unnamed`: changes whose commit was not found, and why.
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
