"""How does a session end? The kinds of answers, each with what it names and how sure that is."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from bisector.model import Commit


class Kind(enum.Enum):
    """How a session ended; each has an exit code of its own (see `CODES` in `cli`)."""

    FOUND = "found"
    AMONG = "among"
    ENDS_AGREE = "ends-agree"
    NOT_REPRODUCED = "new-end-does-not-show-it"
    OLD_SHOWS_IT = "old-end-shows-it"
    MERGE_BASE_SHOWS_IT = "merge-base-shows-it"
    CONTRADICTION = "contradiction"
    BELOW_CONFIDENCE = "below-confidence"
    ENDS_UNFIT = "ends-unfit"


class Revert(enum.Enum):
    """What the new end does without the culprit's change."""

    MENDS_IT = "mends it"  # it reads old again
    STILL_NEW = "still shows it"  # something later shows it too, or needs it no more
    DIFFERS = "shows neither"  # another behaviour, or now so, now so
    DOES_NOT_APPLY = "does not apply"  # what came later changed the same lines
    DOES_NOT_BUILD = "does not build"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit that may be the culprit, why it was not ruled out, and with what probability it is."""

    commit: Commit
    because: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """How often commits of one side read *new*: `new` of `boots`, with a 95 % credible interval."""

    new: int
    boots: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Odds:
    """What all boots of the session say together, if one commit in the range made the change.

    `culprit`: the probability of the commit that is named, or of the set; `following`: the next commits' ids and
    theirs. `unchanged`: the probability that no commit changed anything. `old`, `new`: of the commits without and
    with the change.
    """

    culprit: float
    following: tuple[tuple[str, float], ...]
    unchanged: float
    old: Rate
    new: Rate


@dataclass(frozen=True, slots=True)
class Pair:
    """The two commits of which neither makes a change alone: a commit of each side of a merge, None if it is not one.

    `because`: what is known of them, or why there are none.
    """

    one: Commit | None
    other: Commit | None
    because: str


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The session's answer: what kind, which commits, and the sentence that says why.

    `reverted`: what the new end did without the culprit's change, and why; None if that was not asked.
    `pair`: where the culprit is a merge of two. `base`: the merge base that shows it.
    """

    kind: Kind
    because: str
    culprit: Commit | None = None
    candidates: tuple[Candidate, ...] = ()
    files: tuple[str, ...] = ()
    odds: Odds | None = None
    reverted: tuple[Revert, str] | None = None
    pair: Pair | None = None
    base: Commit | None = None
