"""What happens in a session, one value an event: the lines of the journal and of `--json`'s stream.

The home of msgspec: encoding, checked decoding, and the JSON Schema of all that we write.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from bisector.endings import Conclusion
from bisector.evidence.forecast import Plan
from bisector.model import Commit, Limits, Observation, Purpose, Question, Step, Verdict
from bisector.report import harmless
from bisector.settings import Settings

# Raise it when an older bisector could misread what a newer one wrote.
SCHEMA = 7


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True):
    """What every event has: the schema's number and UTC time, ISO 8601."""

    schema: int = SCHEMA
    at: str = ""


class Started(Event, frozen=True, tag="started"):
    """A session began: its name, both ends, its settings and the programs' versions."""

    session: str
    bisector: str
    old: Commit
    new: Commit
    settings: Settings
    versions: dict[str, str]
    caveat: str


class Resumed(Event, frozen=True, tag="resumed"):
    """A person or bot went on with the session."""

    bisector: str


class Tested(Event, frozen=True, tag="step"):
    """A commit was tested once."""

    step: Step


class Asked(Event, frozen=True, tag="question"):
    """The question is fixed; `differing` are all scenarios in which the ends differ."""

    question: Question
    differing: tuple[str, ...]


class Measured(Event, frozen=True, tag="limits"):
    """The limits of all later boots, measured on `boots` boots of the ends that came to their own end."""

    limits: Limits
    boots: int


class Searching(Event, frozen=True, tag="search"):
    """git bisect run begins: commits in the range, and the tested commits that bound it from below.

    `differing`: so many of them, but merges, can make another kernel than their parent; None: that is not known.
    `suspected`: so many of these change a path that is suspected.
    """

    commits: int
    olds: tuple[str, ...]
    differing: int | None = None
    suspected: int | None = None


class Concluded(Event, frozen=True, tag="conclusion"):
    """The session ended with an answer."""

    conclusion: Conclusion


class Marked(Event, frozen=True, tag="mark"):
    """A person said what a commit is, whatever its boots say; the last word on a commit counts."""

    commit: Commit
    verdict: Verdict
    because: str


class Unmarked(Event, frozen=True, tag="unmark"):
    """A person takes back what was said of a commit: it is what its boots say."""

    commit: Commit
    because: str


class Reread(Event, frozen=True, tag="reread"):
    """The kept consoles were read again, under the rules of that day, and the question is open again.

    `observations`: of the boots that read otherwise, by `Step.key`. `on`: what an outcome's name means from here on.
    `kept`: how many were read; `gone`: those that could not be.
    """

    observations: dict[str, Observation]
    on: dict[str, Verdict]
    kept: int
    gone: int


class Rejudged(Event, frozen=True, tag="rejudge"):
    """Every step that had a verdict was judged again after a Reread: those that are new, by `Step.key`."""

    verdicts: dict[str, tuple[Verdict, str]]


class Inherited(Event, frozen=True, tag="inherited"):
    """A commit makes the same kernel as one that was tested, and counts as that one does.

    `differing`: in so many files do the two differ, and none of them took part in the build. `broken`: neither makes
    a kernel.
    """

    commit: Commit
    source: Commit
    differing: int
    broken: bool = False


class Distrusted(Event, frozen=True, tag="distrusted"):
    """What was inherited led to an answer that did not hold: from here on every commit is built and booted."""

    because: str


# Why a session was stopped that nothing can go on with.
SPOILED = "spoiled"


class Stopped(Event, frozen=True, tag="stopped"):
    """The session stopped without an answer and can be resumed: our machine failed, or someone asked.

    `why`: "failed", "interrupted", or "spoiled": then only another session can have an answer.
    """

    why: str
    message: str
    hint: str


class Progress(Event, frozen=True, tag="progress"):
    """Where the session is right now; never in the journal.

    `objects`: compiled so far in this build. `commits`, `steps`: left to git's search, None before it.
    `seconds_left`: an estimate to the session's end, None before there is one.
    """

    phase: str
    commit: str
    purpose: Purpose
    objects: int = 0
    commits: int | None = None
    steps: int | None = None
    seconds_left: float | None = None


class Planned(Event, frozen=True, tag="planned"):
    """What the session will take, as far as that is known before it begins; never in the journal."""

    plan: Plan


Judged = Reread | Rejudged
Kin = Inherited | Distrusted
Recorded = (
    Started | Resumed | Tested | Measured | Asked | Searching | Kin | Judged | Marked | Unmarked | Concluded | Stopped
)
Streamed = Recorded | Progress | Planned

_encoder = msgspec.json.Encoder(enc_hook=str)
_decoder = msgspec.json.Decoder(Recorded)


class Unreadable(ValueError):
    """Not one of our events. `newer`, `older`: written under another schema."""

    def __init__(self, why: str, schema: int = SCHEMA) -> None:
        super().__init__(why)
        self.newer, self.older = schema > SCHEMA, 0 < schema < SCHEMA


def now() -> str:
    """Return the time as events carry it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(value: Any) -> bytes:
    """Return any of our values as one line of JSON, without a line end, harmless also where it is looked at raw.

    Bytes that were no UTF-8 when Python decoded them (a path's, an argument's) are lone surrogates in our texts,
    and no JSON can hold those: they are told as \\udcNN.
    """
    try:
        made = _encoder.encode(value)
    except UnicodeEncodeError:
        made = _encoder.encode(_without_surrogates(msgspec.to_builtins(value, enc_hook=str)))
    return harmless.json(made.decode()).encode()


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
        case list() | tuple():
            return [_without_surrogates(one) for one in value]
    return value


def decode(line: bytes) -> Recorded:
    """Read one journal line. Raises Unreadable."""
    try:
        event: Recorded = _decoder.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Unreadable(str(error), _schema(line)) from error
    if event.schema > SCHEMA:
        # It fits our types, but may mean something else by them.
        raise Unreadable(f"schema {event.schema}", event.schema)
    if event.schema < 1:
        raise Unreadable(f"no version of bisector wrote the schema {event.schema}")
    return event


def _schema(line: bytes) -> int:
    """Return the schema's number of a line that we cannot read, ours if it has none."""
    try:
        number = msgspec.json.decode(line, type=dict[str, Any]).get("schema")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return SCHEMA
    return number if isinstance(number, int) else SCHEMA
