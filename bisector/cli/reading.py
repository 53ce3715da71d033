"""The commands that only read: doctor, scenarios, status, log, list, report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bisector import answers, doctor, events, reporting, sessions
from bisector.arches import architecture
from bisector.cli.options import common, state_directory
from bisector.cli.printing import USER, Printer
from bisector.display import Display, table
from bisector.errors import HostError, UserError
from bisector.host import files
from bisector.journal import MOST, NAME
from bisector.report import harmless, values
from bisector.report.kcidb import kcidb
from bisector.report.markdown import markdown
from bisector.report.sections import headline
from bisector.report.text import text
from bisector.scenarios import SCENARIOS
from bisector.verdict import NAMES


@click.command(name="doctor")
@common
@click.option("--arch", default="arm64", show_default=True)
@click.option("--cross-compile", default=None, help="Prefix of the cross tools.")
@click.option("--llvm", default="", help="Look for LLVM too: make's LLVM= value, 1 or -14.")
def doctor_command(as_json: bool, state: Path | None, arch: str, cross_compile: str | None, llvm: str) -> int:
    """Say what is missing on this machine, and the command that mends it."""
    del state
    prefix = architecture(arch).cross_compile if cross_compile is None else cross_compile
    checks = doctor.checks(arch, prefix, llvm)
    mends = doctor.remedy(checks)
    printer = Printer(as_json)
    if as_json:
        printer.value(answers.Doctor(checks=checks, remedy=mends))
    else:
        rows = [[check.name, _said(check), check.needed_for] for check in checks]
        printer.table(["what", "found", "needed for"], rows)
        printer.say(f"\n{mends}" if mends else "\nNothing is missing.")
    return USER if any(check.required and not check.found for check in checks) else 0


@click.command(name="scenarios")
@common
def scenarios_command(as_json: bool, state: Path | None) -> int:
    """Say what the probe looks at, what each outcome means, and what --on calls it."""
    del state
    if as_json:
        looked = tuple(answers.Looked(one.name, one.about, one.gate) for one in SCENARIOS)
        Printer(as_json).value(answers.Scenarios(scenarios=looked, outcomes=dict(NAMES)))
        return 0
    table(
        sys.stdout, ["scenario", "what it looks at", "gate"], [[one.name, one.about, one.gate] for one in SCENARIOS]
    )
    print()
    table(sys.stdout, ["outcome", "what it says"], [list(named) for named in NAMES.items()])
    return 0


def _said(check: doctor.Check) -> str:
    return "yes" if check.found else "MISSING" if check.required else "no (wanted)"


@click.command()
@common
@click.argument("session", required=False)
def status(as_json: bool, state: Path | None, session: str | None) -> int:
    """Say where a session stands."""
    found = sessions.read(state_directory(state), session)
    made = reporting.report(found)
    if as_json:
        Printer(as_json).value(
            answers.Status(
                session=found.name,
                state=made.state,
                began=found.started.at,
                last=found.last,
                question=found.question,
                steps=len(found.steps),
                conclusion=found.conclusion,
                stopped=made.stopped,
                spoiled_lines=found.spoiled,
            )
        )
        return 0
    print(harmless.line(f"{found.name}: {made.state}, {len(found.steps)} steps, last at {found.last}"))
    if found.question is not None:
        asked = found.question
        print(harmless.line(f"question: {asked.scenario}: old is {asked.old}, new is {asked.new}"))
    if found.spoiled:
        print(f"journal: lines {', '.join(map(str, found.spoiled))} cannot be read and are left out")
    print(harmless.line(headline(made)))
    if made.state != "finished":
        print(harmless.line(f"To go on: bisector resume {found.name}"))
    return 0


@click.command()
@common
@click.argument("session", required=False)
def log(as_json: bool, state: Path | None, session: str | None) -> int:
    """Print a session's events in order."""
    found = sessions.read(state_directory(state), session)
    printer, display = Printer(as_json), Display(sys.stdout, live=False)
    for line in files.read(found.directory / NAME, MOST).splitlines():
        try:
            event = events.decode(line)
        except events.Unreadable:
            continue
        if not printer.heard:
            break
        if as_json:
            printer.value(event)
        else:
            display.tell(event)
    return 0


@click.command(name="list")
@common
def list_command(as_json: bool, state: Path | None) -> int:
    """List all sessions, the newest last."""
    home = state_directory(state)
    briefs = []
    for name in sessions.names(home):
        try:
            found = sessions.read(home, name)
            made = reporting.report(found)
        except (UserError, OSError) as error:
            why = error.message if isinstance(error, UserError) else HostError.of(error).message
            briefs.append(answers.Brief(name, "unreadable", "", "", 0, why))
            continue
        briefs.append(answers.Brief(name, made.state, found.started.at, made.repo, len(found.steps), headline(made)))
    if as_json:
        Printer(as_json).value(answers.List(sessions=tuple(briefs)))
    elif briefs:
        rows = [[b.session, b.state, str(b.steps), b.repo, b.answer] for b in briefs]
        table(sys.stdout, ["session", "state", "steps", "repository", "answer"], rows)
    else:
        print(f"No sessions in {home}.")
    return 0


@click.command()
@common
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json", "mail", "kcidb"]),
    default="text",
    show_default=True,
)
@click.argument("session", required=False)
def report(as_json: bool, state: Path | None, form: str, session: str | None) -> int:
    """Print a session's report; as `mail` it is an mbox for git send-email, and nothing is sent."""
    found = sessions.read(state_directory(state), session)
    if form == "mail" and not as_json:
        sys.stdout.buffer.write(reporting.mail(found))
        return 0
    if form == "html" and not as_json:
        print(reporting.page(found), end="")
        return 0
    made: values.Report = reporting.report(found)
    if form == "kcidb":
        print(json.dumps(kcidb(made), indent=1))
    elif as_json or form == "json":
        Printer(True).value(answers.ReportAnswer(report=made))
    else:
        print(text(made) if form == "text" else markdown(made))
    return 0
