"""What does a report say, whatever its form? Session -> Report. (pure)"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bisector.endings import Conclusion
from bisector.known import Session
from bisector.model import Commit, Limits, Outcome, Purpose, Question, Seconds, Step, Verdict


@dataclass(frozen=True, slots=True)
class Visit:
    """One step, as a reader wants it: `outcome` of the asked scenario, None where there was no kernel.

    `booted`: there was a kernel. `boot_of`: SESSION/COMMIT whose boot it was, "" for its own.
    """

    commit: Commit
    purpose: Purpose
    verdict: Verdict | None
    outcome: Outcome | None
    because: str
    seconds: Seconds
    boot_of: str = ""
    booted: bool = True


# Nonce, number and checksum of a probe's line (guest/PROTOCOL.md).
_SIGNED = re.compile(r"^@bsct [0-9a-f]+ [0-9]+ [0-9a-f]{8} ")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The asked scenario at one commit: its outcome in each boot, and the console lines that show it."""

    commit: Commit
    outcomes: tuple[Outcome, ...]
    lines: tuple[str, ...]

    def told(self) -> tuple[str, ...]:
        """Return these lines for people: what the probe's say, without what shows that they are its own."""
        return tuple(_SIGNED.sub("", line) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Report:
    """A session's whole answer. `state`: running, stopped or finished.

    `after` and `before`: the behaviour at the culprit and at its parents, of the confirming boots; at the
    two ends where there is no culprit. `marks`: what a person said of commits, and why. `inherited`: commits that
    were not built, each with the one whose kernel it makes, and in how many files they differ; None: that kernel
    came from the store, and was booted. `as_broken`: those that were not built, for they break as the one beside them
    did. `lost`: nothing can go on with it. `limits`: of the search's boots, from `measured_on` boots of the ends.
    `on`: what outcomes mean by their names. `configuration`: the lines in which the kernel's .config differs from
    tinyconfig's. `reproduce`: what a person types to repeat the decisive boots.
    """

    session: str
    state: str
    bisector: str
    repo: str
    arch: str
    old: Commit
    new: Commit
    question: Question | None
    differing: tuple[str, ...]
    conclusion: Conclusion | None
    stopped: str
    lost: bool
    before: tuple[Behaviour, ...]
    after: Behaviour | None
    visits: tuple[Visit, ...]
    inherited: tuple[tuple[Commit, str, int | None], ...]
    as_broken: tuple[tuple[Commit, str, int], ...]
    marks: tuple[tuple[Commit, Verdict, str], ...]
    limits: Limits | None
    measured_on: int
    on: dict[str, Verdict]
    versions: dict[str, str]
    caveat: str
    configuration: tuple[str, ...]
    reproduce: tuple[str, ...]


def report(session: Session, *, held: bool, configuration: Sequence[str], reproduce: Sequence[str]) -> Report:
    """Gather the session's values; what is not in its journal is made where files and processes are known.

    `held`: a bisector works at it now. One that was killed leaves no word in the journal.
    """
    state = "finished" if session.conclusion is not None else "running" if held else "stopped"
    started = session.started
    before, after = _behaviours(session)
    return Report(
        session=session.name,
        state=state,
        bisector=started.bisector,
        repo=started.settings.repo,
        arch=started.settings.arch,
        old=started.old,
        new=started.new,
        question=session.question,
        differing=session.asked.differing if session.asked else (),
        conclusion=session.conclusion,
        stopped=_stopped(session) if state == "stopped" else "",
        lost=session.lost,
        before=before,
        after=after,
        marks=tuple((one.commit, one.verdict, one.because) for one in session.marks.values()),
        visits=tuple(_visit(step, session.question) for step in session.steps),
        inherited=_inherited(session),
        as_broken=_as_broken(session),
        limits=session.measured.limits if session.measured else None,
        measured_on=session.measured.boots if session.measured else 0,
        on=session.on,
        versions=started.versions,
        caveat=started.caveat,
        configuration=tuple(configuration),
        reproduce=tuple(reproduce),
    )


def _inherited(session: Session) -> tuple[tuple[Commit, str, int | None], ...]:
    broken = {commit.id for commit, *_ in _as_broken(session)}
    told: list[tuple[Commit, str, int | None]]
    told = [
        (one.commit, one.source.id, one.differing)
        for one in session.inherited.values()
        if one.commit.id not in broken and not (one.broken and _known_otherwise(session, one.commit))
    ]
    stored = {one.commit.id: (one.commit, one.kernel.source) for one in session.steps if one.kernel}
    return (*told, *((commit, source, None) for commit, source in stored.values() if source))


def _as_broken(session: Session) -> tuple[tuple[Commit, str, int], ...]:
    """Return the commits that are untestable by what another one's compiler said, and by nothing else."""
    untestable = {step.commit.id for step in session.steps if step.verdict is Verdict.UNTESTABLE}
    return tuple(
        (one.commit, one.source.id, one.differing)
        for one in session.inherited.values()
        if one.broken and one.source.id in untestable and not _known_otherwise(session, one.commit)
    )


def _known_otherwise(session: Session, commit: Commit) -> bool:
    return commit.id in session.marks or any(step.commit == commit for step in session.steps)


def _stopped(session: Session) -> str:
    return session.stopped.message if session.stopped else "bisector ended without a word: it was killed"


def _visit(step: Step, question: Question | None) -> Visit:
    seen = step.observation.reading(question.scenario).outcome if step.observation and question else None
    verdict = step.verdict
    if question is not None and verdict is None and step.purpose in (Purpose.OLD_END, Purpose.NEW_END):
        verdict = Verdict.OLD if step.purpose is Purpose.OLD_END else Verdict.NEW
    because = f"{question.scenario} is {seen}" if question and seen and step.verdict is None else step.because
    return Visit(
        step.commit, step.purpose, verdict, seen, because, step.seconds, step.boot_of, step.observation is not None
    )


def _behaviours(session: Session) -> tuple[tuple[Behaviour, ...], Behaviour | None]:
    question = session.question
    if question is None:
        return (), None
    confirmed = any(step.purpose is Purpose.CULPRIT for step in session.steps)
    sides = (Purpose.PARENT, Purpose.CULPRIT) if confirmed else (Purpose.OLD_END, Purpose.NEW_END)
    # An end that was booted once more, under the search's limits, was asked by these boots only.
    boots = len(session.steps) if confirmed else session.started.settings.end_boots
    before = _side(session.of_edge(sides[0]), question, boots)
    after = _side(session.of_edge(sides[1]), question, boots)
    return before, after[0] if after else None


def _side(steps: Sequence[Step], question: Question, boots: int) -> tuple[Behaviour, ...]:
    by_commit: dict[str, list[Step]] = {}
    for step in steps:
        if step.observation is not None:
            by_commit.setdefault(step.commit.id, []).append(step)
    found = []
    for taken in by_commit.values():
        readings = [step.observation.reading(question.scenario) for step in taken[-boots:] if step.observation]
        found.append(Behaviour(taken[0].commit, tuple(reading.outcome for reading in readings), readings[0].lines))
    return tuple(found)
