"""The command for cron and timers: patrol."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import click

from bisector import answers, given, patrol
from bisector.branches import Passed, Reported
from bisector.cli.options import building, common, searching, settings, state_directory, told
from bisector.cli.printing import Printer
from bisector.errors import UserError
from bisector.report import harmless
from bisector.sessions import home

# How a pass ends, beside 0: nothing is new.
CHANGED, UNTESTABLE, GOES_ON = 17, 18, 19
_CODES = {"first": 0, "unchanged": 0, "changed": CHANGED, "untestable": UNTESTABLE, "goes-on": GOES_ON}


@click.command(name="patrol")
@common
@told
@building
@searching
@click.option("--branch", required=True, metavar="REV", help="Whose tip is looked at.")
@click.option("--fetch", default="", metavar="REMOTE", help="Fetch this remote first, into your repository.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=None, help="What a pass may take.")
@click.option(
    "--disk", "gib", type=click.FloatRange(0), default=None, help="GiB that the kernels of all sessions may have."
)
@click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), default=0.99, show_default=True)
@click.option("--end-boots", type=click.IntRange(1, 10_000), default=5, show_default=True)
@click.option("--confirm-boots", type=click.IntRange(1, 10_000), default=None)
def patrol_command(
    as_json: bool,
    state: Path | None,
    on_event: str | None,
    branch: str,
    fetch: str,
    hours: float | None,
    gib: float | None,
    confidence: float,
    end_boots: int,
    confirm_boots: int | None,
    **options: Any,
) -> int:
    """Look once at a branch: test its tip, and find what changed since the last look.

    For cron or a timer. Each change is reported once, in the pass that found it.

    \b
    Exit codes: 0 nothing new; 17 changes were found; 18 the tip cannot be tested; 19 its time or disk was used
    up, or another bisector is at the same search, and the next pass goes on; others as of `bisector start`.
    """
    if hours is not None and not math.isfinite(hours):
        raise UserError(f"--hours {hours} is no bound", "it is a number, as 1.5")
    most = given.size("--disk", gib, least=0) if gib is not None else None
    began, place = time.monotonic(), state_directory(state)
    asked = {"confidence": confidence, "end_boots": end_boots, "confirm_boots": confirm_boots or 0}
    printer = Printer(as_json, on_event)

    def tell(passed: Passed) -> bool:
        printer.close()
        if as_json:
            printer.value(answers.Patrolled(passed=passed))
        else:
            _say(passed, printer, home(place))
        return printer.heard

    try:
        passed = patrol.one_pass(
            settings(options, **asked),
            branch,
            state=place,
            until=began + 3600 * hours if hours is not None else None,
            most=most,
            fetch=fetch,
            emit=printer.emit,
            warn=printer.warn,
            tell=tell,
        )
    finally:
        printer.close()
    return CHANGED if passed.changes or passed.unnamed else _CODES[passed.state]


def _say(passed: Passed, printer: Printer, sessions: Path) -> None:
    because = f": {passed.because}" if passed.because else ""
    printer.say(harmless.line(f"{passed.branch} at {passed.tip.short} ({passed.state}){because}."))
    for one in passed.changes:
        printer.say(harmless.line(_words(one)))
        printer.say(f"  reports: {sessions / one.session}/report.txt, .md, .html, .json")
    for words in passed.unnamed:
        printer.say(harmless.line(f"a change without a commit: {words}"))


def _words(one: Reported) -> str:
    what = ", ".join(f"{name} from {before} to {after}" for name, before, after in one.scenarios)
    others = f" or one of {len(one.others)} others" if one.others else ""
    return f'{one.commit.short} ("{one.commit.subject}"){others} changed {what}'
