"""What are we talking about? The nouns: frozen values without input or output, the same words everywhere."""

from __future__ import annotations

import enum
import math
import re
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Commit:
    """One git commit; `author_date` and `commit_date` are ISO 8601, texts are as git stores them."""

    id: str
    subject: str
    author: str
    author_date: str
    commit_date: str
    parents: tuple[str, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", self.id):
            raise ValueError(f"not a full commit id: {self.id!r}")

    @property
    def short(self) -> str:
        """Twelve hex digits, as the kernel's own `Fixes:` lines have them."""
        return self.id[:12]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A bootable image; `digest`: its SHA-256. `source`, `configured`: built or configured of that other commit."""

    commit: str
    image: str
    system_map: str
    build_id: str
    config: str
    compiler: str
    source: str = ""
    configured: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class BrokenBuild:
    """No kernel; `because`: the first error or lost option; `parts`: the file of its `Parts`, "" if unknown."""

    commit: str
    because: str
    parts: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a boot is given up. All seconds but `host` (the last net) are the guest's own (see `boot.Machine`).

    `boot`: to the probe's begin; `silence`: no byte; `scenario`: heartbeats only; `total`: in all; `output`: bytes.
    """

    boot: float
    silence: float
    scenario: float
    total: float
    output: int
    host: float

    def __post_init__(self) -> None:
        if not all(0 < limit < math.inf for limit in astuple(self)):
            raise ValueError("every limit must be more than zero, and finite")


@dataclass(frozen=True, slots=True)
class Spans:
    """What one boot needed of each limit, rounded up. `boot` is None without a probe."""

    boot: float | None
    silence: float
    scenario: float
    total: float
    output: int


class Ending(enum.Enum):
    """How a boot ended, seen from outside."""

    POWERED_OFF = "powered-off"  # the guest ended itself
    RESET = "reset"  # the same, but the guest wanted to start again: a panic before the console, or no power-off
    PANICKED = "panicked"  # the console said so
    SILENT = "silent"  # no byte for Limits.silence, or idle with nothing that could ever wake it
    OVERDUE = "overdue"  # talking, but the probe did not begin, go on or end in Limits.boot, scenario or total
    FLOODED = "flooded"  # more than Limits.output bytes
    GONE = "gone"  # QEMU ended, and the guest had not: our machine's failure, unless a person says what it means


@dataclass(frozen=True, slots=True)
class Heard:
    """What is kept of a Transcript: its text stands in this log, `size` bytes from `begins` on, with this SHA-256."""

    ending: Ending
    nonce: str
    log: str
    begins: int
    size: int
    digest: str
    places: tuple[str, ...] = ()
    early: Heard | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Every byte that the console said (invalid UTF-8 as \\xNN), and how it ended.

    `began`: host seconds to the probe's first line. `nonce`: 16 hex digits, signing this boot's lines. `places`:
    where the CPUs of a boot were that was given up. `early`: what a second boot with an early console said.
    """

    text: str
    ending: Ending
    seconds: float
    began: float | None
    nonce: str
    spans: Spans | None = None
    places: tuple[str, ...] = ()
    early: str = ""
    heard: Heard | None = None


SCENARIO_WORDS = (
    "OK STUCK DUP FLAKY LOST MISSED HIT STOPS STALL SWALLOWED RETRAP KEPT RESET SPURIOUS KILLED UNSUP HUNG "
    "UNKILLABLE OOPS ENV_BAD NORUN"
)
BOOT_WORDS = "PANIC SILENT OVERDUE FLOODED NO_PROBE CUT_OFF NO_POWER_OFF KERNEL_DEAD QEMU_GONE"
WORDS = frozenset(SCENARIO_WORDS.split() + BOOT_WORDS.split())  # the closed vocabulary of outcomes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario did: one word of WORDS, and the detail that makes it differ from its like."""

    word: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.word not in WORDS:
            raise ValueError(f"not an outcome: {self.word!r}")

    def __str__(self) -> str:
        return f"{self.word}({self.detail})" if self.detail else self.word

    @classmethod
    def parse(cls, text: str) -> Outcome:
        """Read what `str` wrote. Raises ValueError for anything else."""
        match = re.fullmatch(r"([A-Z_]+)(?:\((.*)\))?", text.strip())
        if match is None:
            raise ValueError(f"not an outcome: {text!r}")
        return cls(match[1], match[2] or "")


@dataclass(frozen=True, slots=True)
class Reading:
    """One scenario's outcome, and the console lines that show it."""

    scenario: str
    outcome: Outcome
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What one boot showed: a reading for each scenario, in the probe's order; `boot` is the first."""

    readings: tuple[Reading, ...]
    build_id: str | None
    release: str

    def reading(self, scenario: str) -> Reading:
        """Return the scenario's reading; NORUN if this boot had no such scenario."""
        for reading in self.readings:
            if reading.scenario == scenario:
                return reading
        return Reading(scenario, Outcome("NORUN"))


@dataclass(frozen=True, slots=True)
class Question:
    """Which scenario is looked at, and which two outcomes are told apart; fixed before the search.

    `also_old`, `also_new`: what else only the old or only the new end showed, where they are not steady.
    """

    scenario: str
    old: Outcome
    new: Outcome
    also_old: tuple[Outcome, ...] = ()
    also_new: tuple[Outcome, ...] = ()

    def __post_init__(self) -> None:
        if {self.old, *self.also_old} & {self.new, *self.also_new}:
            raise ValueError(f"old and new are the same outcome: {self.old}, {self.new}")


class Verdict(enum.Enum):
    """Never good and bad: a change is not a fault."""

    OLD = "old"
    NEW = "new"
    UNTESTABLE = "untestable"


class Purpose(enum.Enum):
    """Why a commit was tested."""

    TEST = "test"  # a person asked what it does
    OLD_END = "old-end"
    NEW_END = "new-end"
    MERGE_BASE = "merge-base"
    SEARCH = "search"
    WEIGHED = "weighed"  # one of several boots, in a range where one does not tell
    CULPRIT = "culprit"
    PARENT = "parent"
    RETEST = "retest"  # a person wants to know it once more
    REVERTED = "reverted"  # the new end without the culprit's change
    PAIR = "pair"  # a merge of our own, for the two commits that do it together
    REBUILT = "rebuilt"  # an end or a merge base on which an answer without a culprit rests, built from nothing


@dataclass(frozen=True, slots=True)
class Seconds:
    """Host seconds of a step's parts; `boot` ends at the probe's first line."""

    checkout: float = 0.0
    build: float = 0.0
    boot: float = 0.0
    probe: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One commit, tested once: a line of the journal.

    `verdict` is None at the ends, before there is a question; `because` gives the reason in words.
    `broken`: there is no kernel; else `observation` is what one boot showed: its own, or `boot_of` another session's.
    """

    commit: Commit
    purpose: Purpose
    verdict: Verdict | None
    because: str
    seconds: Seconds
    broken: BrokenBuild | None = None
    kernel: Kernel | None = None
    observation: Observation | None = None
    logs: tuple[str, ...] = ()
    spans: Spans | None = None
    heard: Heard | None = None
    boot_of: str = ""

    @property
    def key(self) -> str:
        """What tells it from the session's other steps: its own boot's nonce; the commit where there was none."""
        return self.heard.nonce if self.heard and not self.boot_of else self.commit.id
