"""The command that builds nothing: plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bisector import answers, api
from bisector.cli.options import asking, building, common, searching, settings, state_directory
from bisector.cli.printing import Printer
from bisector.display import table
from bisector.report import plan as words


@click.command()
@common
@building
@searching
@asking
def plan(as_json: bool, state: Path | None, old: str, new: str, **options: Any) -> int:
    """Say what a bisection from OLD to NEW will take, and build nothing."""
    made = api.plan(settings(options), old, new, state=state_directory(state))
    if as_json:
        Printer(as_json).value(answers.PlanAnswer(plan=made))
    else:
        table(sys.stdout, ["what", "expected"], [list(fact) for fact in words.facts(made)])
    return 0
