"""The commands that build and boot: start, resume, test."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from bisector import answers, api, changes, events, sessions, verdict
from bisector.cli.options import asking, building, common, searching, settings, state_directory, told
from bisector.cli.printing import CODES, Printer
from bisector.cli.queueing import FROM, MARK, MARKED, SESSION, Queueing
from bisector.endings import Conclusion
from bisector.host import disk
from bisector.known import Session
from bisector.model import Commit, Purpose, Step
from bisector.report import harmless
from bisector.report.sections import headline
from bisector.report.text import text
from bisector.scenarios import SCENARIOS
from bisector.sessions import FOLLOWED
from bisector.settings import Settings

# What a person does after a stop where more than one search was asked for.
AGAIN = "the same bisector start line again"
# Makes a printer for each search.
Printing = Callable[[], Printer]


@click.command(cls=Queueing)
@common
@told
@building
@searching
@asking
@click.option(FROM, expose_value=False, metavar="JOBS.toml", help="A file of [[job]]s, each with these options.")
@click.option("--inverse", is_flag=True, help="If a merge base shows it, find what changed it on the old end's side.")
@click.option(
    "--every-change", is_flag=True, help="Search on in every interval whose ends differ, and list the changes."
)
@click.option("--new-session", is_flag=True, help="Begin anew, also where the same session has no answer yet.")
def start(
    as_json: bool,
    state: Path | None,
    old: str,
    new: str,
    inverse: bool,
    every_change: bool,
    new_session: bool,
    on_event: str | None,
    **options: Any,
) -> int:
    """Bisect from OLD to NEW, in the foreground, to the report; the same line again goes on after a stop."""
    chosen = settings(options)
    home, printing = state_directory(state), functools.partial(Printer, as_json, on_event)
    queue, follows = click.get_current_context().meta, inverse or every_change
    # The same line again, after a stop in any of the searches that follow or in a queue's later job, takes the
    # answers that there are.
    marks = [name for name in (queue.get(MARK, ""), FOLLOWED if follows else "") if name]

    def began(directory: Path) -> None:
        # Before it has an answer: whoever resumes it must not make the same line begin another one.
        for name in marks:
            disk.write(directory / name, b"")
        queue[SESSION] = directory.name

    session, conclusion, code = _bisected(
        chosen, old, new, printing, home, new_session=new_session, also=_has_any(marks), began=began,
        again=AGAIN if marks else "",
    )  # fmt: skip
    queue.setdefault(MARKED, []).append(session.directory)
    if not follows:
        return code
    searched = [(chosen, session)]
    if inverse and conclusion.base is not None and session.question is not None:
        # The other way round: from the base, where it is new, to the old end, where it is not.
        asks = session.question
        other = dataclasses.replace(
            chosen,
            scenario=asks.scenario,
            old_outcome=str(asks.new),
            new_outcome=str(asks.old),
            on=verdict.turned(chosen.on),
        )
        ends = conclusion.base.id, session.started.old.id
        inverted, _, code = _bisected(
            other, *ends, printing, home, new_session=new_session, also=_after(session), again=AGAIN
        )
        searched.append((other, inverted))
    if every_change:
        code = max(code, _every_change(searched, printing, home, new_session))
    (session.directory / FOLLOWED).unlink(missing_ok=True)
    return code


def _has_any(marks: Sequence[str]) -> Callable[[Session], bool]:
    return lambda session: any((session.directory / mark).exists() for mark in marks)


def _after(first: Session) -> Callable[[Session], bool]:
    return lambda session: session.name > first.name


def _every_change(
    searched: Sequence[tuple[Settings, Session]], printing: Printing, state: Path, new_session: bool
) -> int:
    """Search every interval that finished sessions leave, and those that these leave; list what was found."""
    found, code = [changes.change(session) for _, session in searched], 0
    left = [(chosen, one) for chosen, session in searched for one in changes.intervals(session)]
    while left:
        chosen, one = left.pop()
        before, after = str(one.before), str(one.after)
        asks = dataclasses.replace(chosen, scenario=one.scenario, old_outcome=before, new_outcome=after)
        below, _, ended_with = _bisected(
            asks, one.old.id, one.new.id, printing, state, new_session=new_session, also=_after(searched[0][1]),
            again=AGAIN,
        )  # fmt: skip
        found.append(changes.change(below))
        left += ((chosen, more) for more in changes.intervals(below))
        code = max(code, ended_with)
    known = tuple(one for one in found if one is not None)
    if (printer := printing()).as_json:
        printer.value(answers.Changes(changes=known))
    elif known:
        rows = []
        for seen in known:
            named = ", ".join(commit.short for commit in (seen.commit, *seen.others))
            rows.append([named, seen.scenario, f"{seen.before} to {seen.after}", seen.session])
        printer.table(["commit, or one of", "scenario", "change", "session"], rows)
    return code


def _bisected(
    chosen: Settings,
    old: str,
    new: str,
    printing: Printing,
    state: Path,
    *,
    new_session: bool = False,
    also: Callable[[Session], bool] = lambda _: False,
    began: Callable[[Path], None] = lambda _: None,
    again: str = "",
) -> tuple[Session, Conclusion, int]:
    """Bisect to the report. `also`, `again`: as of `api.start`. `began`: told the session's directory."""
    printer = printing()

    def tell(event: events.Event) -> None:
        if isinstance(event, events.Started):
            began(sessions.home(state) / event.session)
        printer.emit(event)

    try:
        session, conclusion = api.start(
            chosen, old, new, state=state, emit=tell, warn=printer.warn, new_session=new_session, also=also,
            again=again,
        )  # fmt: skip
    finally:
        printer.close()
    return session, conclusion, _ended(session, conclusion, printer)


def gone_on(call: Callable[..., Conclusion], session: Session, printer: Printer, state: Path, *words: object) -> int:
    """Go on with a session by one of the api's calls, told these words, to the report; return the exit code."""
    try:
        conclusion = call(session, *words, state=state, emit=printer.emit, warn=printer.warn)
    finally:
        printer.close()
    return _ended(session, conclusion, printer)


def _ended(session: Session, conclusion: Conclusion, printer: Printer) -> int:
    """Print the report, and keep it beside the journal: first what was found, then what may go wrong."""
    printer.say(f"\n{text(api.report(session))}")
    made = api.kept(session)
    printer.say(f"Reports: {session.directory}/report.txt, .md, .html, .json")
    printer.say(f"\n{harmless.line(headline(made))}.")
    return CODES[conclusion.kind]


@click.command()
@common
@told
@click.argument("session", required=False)
def resume(as_json: bool, state: Path | None, on_event: str | None, session: str | None) -> int:
    """Go on with a session that was stopped."""
    printer, place = Printer(as_json, on_event), state_directory(state)
    return gone_on(api.resume, sessions.to_resume(place, session, printer.warn), printer, place)


@click.command()
@common
@building
@click.argument("revisions", nargs=-1, required=True, metavar="REV...")
def test(as_json: bool, state: Path | None, revisions: Sequence[str], **options: Any) -> int:
    """Build, boot and probe revisions, and print what each does."""
    printer = Printer(as_json)

    def tell(commit: Commit, phase: str, made: int) -> None:
        printer.display.tell(events.Progress(phase=phase, commit=commit.id, purpose=Purpose.TEST, objects=made))

    steps: list[Step] = []
    try:
        for step in api.test(
            settings(options), revisions, state=state_directory(state), tell=tell, warn=printer.warn
        ):
            steps.append(step)
    finally:
        printer.close()
        # Also before an error: the kernels that were booted cost minutes each.
        if steps:
            _told(steps, revisions, printer)
    return 0


def _told(steps: Sequence[Step], revisions: Sequence[str], printer: Printer) -> None:
    if printer.as_json:
        printer.value(answers.Test(steps=tuple(steps)))
        return
    rows = []
    for scenario in SCENARIOS:
        seen = [s.observation.reading(scenario.name).outcome if s.observation else None for s in steps]
        rows.append([scenario.name, *("-" if outcome is None else str(outcome) for outcome in seen)])
    printer.table(["scenario", *revisions[: len(steps)]], rows)
    for step in steps:
        if step.broken is not None:
            printer.say(f"{step.commit.short} makes no kernel: {harmless.line(step.because)}")
