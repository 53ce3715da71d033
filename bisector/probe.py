"""What did the probe see? Transcript -> Observation, by the rules of guest/PROTOCOL.md. (pure)

Hang, the one rule: silent or overdue *before* the probe's first line, the boot hung; *after* it, the
scenario that was running did, and that can be the very behaviour that is looked for.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bisector.model import Ending, Observation, Outcome, Reading, Transcript
from bisector.scenarios import BY_NAME, OK, UnreadableFacts, unsupported

_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
# What differs from boot to boot in a panic's text: addresses, process ids, times, offsets.
_VOLATILE = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+")
_SILENCE = {
    Ending.SILENT: Outcome("HUNG", "silent"),
    Ending.OVERDUE: Outcome("HUNG", "overdue"),
    Ending.FLOODED: Outcome("FLOODED"),
    Ending.POWERED_OFF: Outcome("CUT_OFF"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the probe whose nonce and checksum are right."""

    sequence: int
    verb: str
    words: dict[str, str]
    line: str


class TwoStoriesError(ValueError):
    """Two different lines have the same number, and both checksums are right."""


def frames(text: str, nonce: str) -> Iterator[Frame]:
    """Yield the probe's lines, each sequence number once, in order of number.

    A line that was torn by a kernel message fails its checksum; its second copy stands in for it. Raises
    TwoStoriesError if two copies differ and both are signed: then somebody else knows the nonce.
    """
    pattern = re.compile(rf"@bsct {re.escape(nonce)} (\d{{1,9}}) ([0-9a-f]{{8}}) ([ -~]{{1,400}})")
    found: dict[int, Frame] = {}
    for match in pattern.finditer(text):
        sequence, check, payload = int(match[1]), match[2], match[3]
        said = f"{nonce} {match[1]} {payload}"
        if f"{zlib.crc32(said.encode()):08x}" != check:
            continue
        if sequence in found and found[sequence].line != match[0]:
            raise TwoStoriesError(sequence)
        verb, *pairs = payload.split(" ")
        words = dict(pair.partition("=")[::2] for pair in pairs)
        found[sequence] = Frame(sequence, verb, words, match[0])
    yield from (found[sequence] for sequence in sorted(found))


@dataclass(slots=True)
class _Heard:
    """What was heard of one scenario so far."""

    facts: dict[str, str] = field(default_factory=dict)
    done: str | None = None
    lines: tuple[str, ...] = ()


def read(transcript: Transcript) -> Observation:
    """Return what the transcript shows, for every scenario of the table."""
    try:
        heard = tuple(frames(transcript.text, transcript.nonce))
    except TwoStoriesError as error:
        return _unproven(f"line {error} was said in two ways, both signed", (), "")
    return _read(transcript, heard)


def _unproven(why: str, lines: tuple[str, ...], release: str) -> Observation:
    """Nothing that this boot showed counts: it may not have been our probe on our kernel."""
    return Observation((Reading("boot", Outcome("ENV_BAD", why), lines),), None, release)


def _read(transcript: Transcript, heard: Sequence[Frame]) -> Observation:
    scenarios: dict[str, _Heard] = {}
    begun: Frame | None = None
    ended = False
    for frame in heard:
        if frame.verb == "begin":
            begun = begun or frame
        elif frame.verb == "end":
            ended = True
        elif frame.verb in ("start", "fact", "task", "done"):
            _note(scenarios.setdefault(frame.words.get("scenario", ""), _Heard()), frame)
    if begun is None:
        return _not_begun(transcript)
    build_id, release = begun.words.get("build_id", "none"), begun.words.get("release", "")
    if build_id == "none":
        return _unproven("the running kernel gave no build id", (begun.line,), release)
    busy = any(one.done is None for one in scenarios.values())
    readings = [_boot(transcript, ended, busy, begun), *_judged(scenarios, transcript)]
    return Observation(tuple(readings), build_id, release)


def _note(heard: _Heard, frame: Frame) -> None:
    if frame.verb == "start":
        heard.done = None  # the canary starts more than once, and its last run counts
        return
    if frame.verb == "fact":
        heard.facts.update(frame.words)
    elif frame.verb == "done":
        heard.done = frame.words.get("exit", "")
    if frame.verb != "done" or heard.done != "ok" or not heard.lines:
        heard.lines += (frame.line,)


def _not_begun(transcript: Transcript) -> Observation:
    """The probe never spoke: a reading of the boot, and of nothing else."""
    words = {
        Ending.PANICKED: "PANIC",
        Ending.SILENT: "SILENT",
        Ending.OVERDUE: "OVERDUE",
        Ending.FLOODED: "FLOODED",
        Ending.POWERED_OFF: "NO_PROBE",
    }
    # QEMU's own warnings share the terminal with the guest.
    lines = (line.strip() for line in transcript.text.splitlines())
    printed = [line for line in lines if line and not line.startswith("qemu-system-")]
    detail, line = "", printed[-1][:400] if printed else ""
    if transcript.ending is Ending.PANICKED:
        detail, line = _panic(transcript.text)
    elif not printed:
        detail = "nothing printed"
    return Observation((Reading("boot", Outcome(words[transcript.ending], detail), (line,)),), None, "")


def _boot(transcript: Transcript, ended: bool, busy: bool, begun: Frame) -> Reading:
    """Read the boot as a whole. What broke off while a scenario ran is that scenario's reading, not this."""
    outcome = OK
    if ended and transcript.ending is not Ending.POWERED_OFF:
        outcome = Outcome("NO_POWER_OFF")
    elif not ended and not busy:
        outcome = _broken_off(transcript)
    return Reading("boot", outcome, (begun.line,))


def _broken_off(transcript: Transcript) -> Outcome:
    """Say how a boot ended that did not come to its last line."""
    if transcript.ending is Ending.PANICKED:
        return Outcome("PANIC", _panic(transcript.text)[0])
    return _SILENCE[transcript.ending]


def _panic(text: str) -> tuple[str, str]:
    """Return the panic's reason without what differs from boot to boot, and its console line."""
    match = _PANIC.search(text)
    if match is None:
        return "", ""
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.end()].strip()
    return _VOLATILE.sub("#", match[1].strip())[:80].replace("(", "[").replace(")", "]"), line[:400]


def _judged(scenarios: dict[str, _Heard], transcript: Transcript) -> list[Reading]:
    """Read every scenario that was heard of, in the order in which the probe ran them."""
    readings: dict[str, Reading] = {}
    dead = False
    for name, heard in scenarios.items():
        if name not in BY_NAME:
            continue
        outcome = Outcome("KERNEL_DEAD") if dead else _outcome(name, heard, transcript)
        if name == "canary" and outcome != OK:
            dead, outcome = True, Outcome("KERNEL_DEAD")
        readings[name] = Reading(name, outcome, heard.lines)
    for name, reading in readings.items():
        gate = BY_NAME[name].gate
        if gate and not (gate in readings and readings[gate].outcome == OK):
            readings[name] = Reading(name, Outcome("ENV_BAD", f"{gate} is not OK"), reading.lines)
    return list(readings.values())


def _outcome(name: str, heard: _Heard, transcript: Transcript) -> Outcome:
    """Judge one scenario: first how its child ended, then what it measured."""
    if heard.done is None:
        return _broken_off(transcript)
    how, _, number = heard.done.partition(":")
    if how in ("deadline", "unkillable"):
        return Outcome("HUNG" if how == "deadline" else "UNKILLABLE")
    if how == "signal":
        return Outcome("KILLED", number)
    if how != "ok":
        return Outcome("NORUN", heard.done)
    try:
        return unsupported(heard.facts) or BY_NAME[name].judge(heard.facts)
    except UnreadableFacts as error:
        return Outcome("NORUN", str(error))
