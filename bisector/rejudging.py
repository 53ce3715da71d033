"""What do the boots of a session say under today's rules? Kept consoles read again, verdicts made again."""

from __future__ import annotations

from collections.abc import Callable

from bisector import probe, transcripts, verdict
from bisector.events import Rejudged, Reread
from bisector.known import Session
from bisector.model import Observation, Question, Step, Verdict


def reread(session: Session, on: verdict.Table, warn: Callable[[str], None]) -> Reread | None:
    """Read all kept consoles again; None if nothing reads otherwise and the names mean what they did.

    A console that is gone or changed leaves its step as it was.
    """
    observations: dict[str, Observation] = {}
    kept = gone = 0
    for step in session.steps:
        if step.observation is None:
            continue
        try:
            now = _now(step, session)
        except (OSError, transcripts.Changed) as error:
            warn(f"a boot of {step.commit.short} stands as it was: {getattr(error, 'strerror', None) or error}")
            gone += 1
            continue
        kept += 1
        if otherwise := _otherwise(step.observation, now):
            observations[step.key] = now
            warn(f"a boot of {step.commit.short} reads otherwise: {', '.join(otherwise)}")
    table = session.on | dict(on)
    warn(f"{kept} boots read again: {len(observations)} read otherwise" + (f"; {gone} were not read" if gone else ""))
    if not observations and table == session.on:
        return None
    return Reread(observations=observations, on=table, kept=kept, gone=gone)


def judged(session: Session, question: Question) -> Rejudged:
    """Judge every step that has a verdict under the question and the table of now."""
    verdicts: dict[str, tuple[Verdict, str]] = {}
    for step in session.steps:
        if step.verdict is None:
            continue
        if step.observation is not None:
            found = verdict.judge(step.observation, question, session.on)
        elif step.broken is not None:
            found = verdict.judge_build(step.broken, session.on)
        else:
            continue
        if found != (step.verdict, step.because):
            verdicts[step.key] = found
    return Rejudged(verdicts=verdicts)


def _now(step: Step, session: Session) -> Observation:
    if step.heard is None:
        raise transcripts.Changed("where its console was kept is not known")
    return probe.read(transcripts.again(step.heard, session.directory / "logs"))


def _otherwise(before: Observation, now: Observation) -> list[str]:
    """Return each scenario that reads otherwise now, and how."""
    names = dict.fromkeys(reading.scenario for reading in (*before.readings, *now.readings))
    pairs = ((name, before.reading(name).outcome, now.reading(name).outcome) for name in names)
    return [f"{name} {old}, now {new}" for name, old, new in pairs if old != new]
