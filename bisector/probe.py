"""What did the probe see? Transcript -> Observation. (pure)

Hang, the one rule: silent or overdue *before* the probe's first line, the boot hung; *after* it, the
scenario that was running did, and that can be the very behaviour that is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bisector.facts import OK, UnreadableFacts, unsupported
from bisector.frames import Frame, TwoStoriesError, frames, printed
from bisector.model import Ending, Observation, Outcome, Reading, Transcript
from bisector.scenarios import BY_NAME

# Lines kept of one scenario (the probe says ten at most), and how its child ends if its disabled event hits on.
SHOWN, RUNAWAY = 100, "code:3"
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
# What differs from boot to boot in a panic's text: addresses, process ids, times, offsets.
_VOLATILE = re.compile(r"(?P<said>exitcode=0x[0-9a-f]+)|0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+")
# arm64's die() says "Internal error: Oops: 0000000096000004 [#1] SMP", and the place some lines further on.
_OOPS = re.compile(r"Internal error: ([^\n\[]{1,120})\[#\d+\]")
# "pc : do_breakpoint+0x44/0x1b0", of old kernels "PC is at ..."; ".isra.0" and its like are the compiler's.
_OOPS_PLACE = re.compile(r"\b(?:pc : |PC is at )(\w+)[\w.]*\+0x")
_BROKEN_OFF = {
    Ending.SILENT: Outcome("HUNG", "silent"),
    Ending.OVERDUE: Outcome("HUNG", "overdue"),
    Ending.FLOODED: Outcome("FLOODED"),
    Ending.POWERED_OFF: Outcome("CUT_OFF"),
    Ending.RESET: Outcome("CUT_OFF", "reset"),
}
_NO_POWER_OFF = {Ending.PANICKED: "panic", Ending.RESET: "reset"}
_NOT_BEGUN = {
    Ending.PANICKED: "PANIC",
    Ending.SILENT: "SILENT",
    Ending.OVERDUE: "OVERDUE",
    Ending.FLOODED: "FLOODED",
    Ending.POWERED_OFF: "NO_PROBE",
    Ending.RESET: "NO_PROBE",
}


@dataclass(slots=True)
class _Run:
    """What was heard of one run of a scenario. `first`, `last`: line numbers; `heard`: how many came between.

    `at`: where in the text it began.
    """

    scenario: str
    first: int
    opening: str
    at: int
    facts: dict[str, str] = field(default_factory=dict)
    exit: str | None = None
    lines: tuple[str, ...] = ()
    last: int = 0
    heard: int = 0
    started: bool = False

    def note(self, frame: Frame) -> None:
        """Take in one line that was said while this scenario ran."""
        self.last, self.heard = frame.sequence, self.heard + 1
        if frame.verb == "start":
            self.started = True
        elif frame.verb == "fact":
            self.facts.update(frame.words)
        elif frame.verb == "done":
            self.exit = frame.words.get("exit", "")
        told = frame.verb in ("fact", "task") or (frame.verb == "done" and self.exit != "ok")
        if told and len(self.lines) < SHOWN:
            self.lines += (frame.line,)

    @property
    def whole(self) -> bool:
        """Tell whether every line from the first to the last was heard: a lost one may have been a fact."""
        return self.started and self.last - self.first + 1 == self.heard


@dataclass(frozen=True, slots=True)
class _Oops:
    """The first oops, its console line, and the run in which it came; None: outside of all, the boot's own."""

    outcome: Outcome
    line: str
    run: _Run | None


def read(transcript: Transcript) -> Observation:
    """Return what the transcript shows, for every scenario of the table."""
    if transcript.ending is Ending.GONE:
        # How far it came before it ended is no property of the kernel's.
        return Observation((Reading("boot", Outcome("QEMU_GONE"), tuple(printed(transcript.text)[-1:])),), None, "")
    try:
        heard = tuple(frames(transcript.text, transcript.nonce))
    except TwoStoriesError as error:
        return _unproven(f"line {error} was said in two ways, both signed", (), "")
    begun = next((frame for frame in heard if frame.verb == "begin"), None)
    if begun is None:
        return _not_begun(transcript)
    build_id, release = begun.words.get("build_id", "none"), begun.words.get("release", "")
    if build_id == "none":
        return _unproven("the running kernel gave no build id", (begun.line,), release)
    runs = _runs(heard)
    ended = any(frame.verb == "end" for frame in heard)
    running = runs[-1] if runs and runs[-1].exit is None and not ended else None
    oops = _oops(transcript.text, runs)
    boot = _boot(transcript, ended, running is not None, begun)
    scenarios = _judged(runs, running, transcript, oops)
    if oops is not None and oops.run is None:
        boot = Reading("boot", oops.outcome, (oops.line,))
    elif oops is not None and running is not None and running is not oops.run:
        # No scenario's any more, for none is measured after an oops; and no sound boot.
        boot = Reading("boot", _broken_off(transcript), (begun.line, *_sampled(transcript)))
    elif boot.outcome == OK and runs and runs[-1].scenario == "canary":
        # The canary does nothing: what goes wrong beside it is no scenario's.
        boot = next((Reading("boot", one.outcome, one.lines) for one in scenarios if _went_wrong(one)), boot)
    return Observation((boot, *scenarios), build_id, release)


def _went_wrong(canary: Reading) -> bool:
    """Tell whether this is a canary beside which the kernel broke off or oopsed."""
    return canary.scenario == "canary" and canary.outcome.word in ("PANIC", "OOPS", "HUNG", "FLOODED", "CUT_OFF")


def _runs(heard: Sequence[Frame]) -> list[_Run]:
    """Sort the lines to the scenarios' runs, one after the other; the canary has several."""
    runs: list[_Run] = []
    for frame in heard:
        if frame.verb == "beat" and runs and runs[-1].exit is None:
            runs[-1].note(frame)
        if frame.verb not in ("start", "fact", "task", "done"):
            continue
        name = frame.words.get("scenario", "")
        if frame.verb == "start" or not runs or runs[-1].scenario != name:
            runs.append(_Run(name, frame.sequence, frame.line, frame.at))
        runs[-1].note(frame)
    return runs


def _unproven(why: str, lines: tuple[str, ...], release: str) -> Observation:
    """Nothing that this boot showed counts: it may not have been our probe on our kernel."""
    return Observation((Reading("boot", Outcome("ENV_BAD", why), lines),), None, release)


def _not_begun(transcript: Transcript) -> Observation:
    """The probe never spoke: a reading of the boot, and of nothing else."""
    lines = printed(transcript.text)[-1:]
    details = ["reset"] if transcript.ending is Ending.RESET else []
    if transcript.ending is Ending.PANICKED:
        detail, line = _panic(transcript.text)
        details, lines = [detail], [line]
    elif not lines:
        details.append("nothing printed")
    outcome, oops = Outcome(_NOT_BEGUN[transcript.ending], ", ".join(details)), _oops(transcript.text, ())
    if oops is not None:
        # The first thing that went wrong; how it ended then, another line says.
        outcome, lines = oops.outcome, list(dict.fromkeys((oops.line, *lines)))
    early = [said.strip() for said in transcript.early.splitlines() if said.strip()][-3:]
    lines = [*lines, *_sampled(transcript), *(f"with an early console: {said}" for said in early)]
    return Observation((Reading("boot", outcome, tuple(line[:430] for line in lines)),), None, "")


def _sampled(transcript: Transcript) -> tuple[str, ...]:
    return tuple(f"sampled: {place}" for place in transcript.places)


def _boot(transcript: Transcript, ended: bool, busy: bool, begun: Frame) -> Reading:
    """Read the boot as a whole. What broke off while a scenario ran is that scenario's reading, not this."""
    outcome = OK
    if ended and transcript.ending is not Ending.POWERED_OFF:
        outcome = Outcome("NO_POWER_OFF", _NO_POWER_OFF.get(transcript.ending, ""))
    elif not ended and not busy:
        outcome = _broken_off(transcript)
    return Reading("boot", outcome, (begun.line, *(() if busy else _sampled(transcript))))


def _oops(text: str, runs: Sequence[_Run]) -> _Oops | None:
    """Return the first oops; one that a panic came before is a part of that.

    From there on the kernel is not to be trusted: another bug would answer the question.
    """
    panic = _PANIC.search(text)
    said = _OOPS.search(text, 0, panic.start() if panic else len(text))
    if said is None:
        return None
    place = _OOPS_PLACE.search(text, said.end(), said.end() + 4000)
    what = _VOLATILE.sub("#", said[1]).strip(" :#") + (f" in {place[1]}" if place else "")
    line = text[text.rfind("\n", 0, said.start()) + 1 : said.end()].strip()
    before = [run for run in runs if run.at < said.start()]
    running = max(before, key=lambda run: run.at) if before else None
    return _Oops(Outcome("OOPS", _bracketed(what)), line[:400], running)


def _broken_off(transcript: Transcript) -> Outcome:
    """Say how a boot ended that did not come to its last line."""
    if transcript.ending is Ending.PANICKED:
        return Outcome("PANIC", _panic(transcript.text)[0])
    return _BROKEN_OFF[transcript.ending]


def _panic(text: str) -> tuple[str, str]:
    """Return the panic's reason without what differs from boot to boot, and its console line."""
    match = _PANIC.search(text)
    if match is None:
        return "", ""
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.end()].strip()
    reason = _VOLATILE.sub(lambda found: found["said"] or "#", match[1].strip())
    return _bracketed(reason), line[:400]


def _bracketed(words: str) -> str:
    """An outcome's detail stands in parentheses."""
    return words[:80].replace("(", "[").replace(")", "]")


def _judged(runs: Sequence[_Run], running: _Run | None, transcript: Transcript, oops: _Oops | None) -> list[Reading]:
    """Read every scenario that was heard of, in the order in which the probe ran them."""
    readings: dict[str, Reading] = {}
    dead, oopsed = False, oops is not None and oops.run is None
    for run in runs:
        known = readings.get(run.scenario)
        # A canary runs several times; its oops is not forgotten.
        if run.scenario not in BY_NAME or (oops is not None and known is not None and known.outcome == oops.outcome):
            continue
        outcome = Outcome("KERNEL_DEAD") if dead else _outcome(run, run is running, transcript)
        if run.scenario == "canary" and outcome != OK:
            dead, outcome = True, outcome if run is running else Outcome("KERNEL_DEAD")
        lines = (run.lines or (run.opening,)) + (_sampled(transcript) if run is running else ())
        if oops is not None and run is oops.run:
            oopsed, outcome, lines = True, oops.outcome, (oops.line, *lines)
        elif oopsed:
            outcome = Outcome("ENV_BAD", "the kernel oopsed before")
        readings[run.scenario] = Reading(run.scenario, outcome, lines)
    for name, reading in readings.items():
        gate = BY_NAME[name].gate
        if gate and not (gate in readings and readings[gate].outcome == OK):
            readings[name] = Reading(name, Outcome("ENV_BAD", f"{gate} is not OK"), reading.lines)
    return list(readings.values())


def _outcome(run: _Run, running: bool, transcript: Transcript) -> Outcome:
    """Judge one run: first how its child ended, then what it measured."""
    if running:
        return _broken_off(transcript)
    if run.exit is None:
        return Outcome("NORUN", "its end was not heard")
    how, _, number = run.exit.partition(":")
    if how in ("deadline", "unkillable"):
        return Outcome("HUNG" if how == "deadline" else "UNKILLABLE")
    if how == "signal":
        return Outcome("KILLED", number)
    if run.exit == RUNAWAY:
        return Outcome("STUCK", "runaway")
    if how != "ok":
        return Outcome("NORUN", run.exit)
    if not run.whole:
        return Outcome("NORUN", "a line of it was lost")
    try:
        return unsupported(run.facts) or BY_NAME[run.scenario].judge(run.facts)
    except UnreadableFacts as error:
        return Outcome("NORUN", str(error))
