"""The command that builds nothing: plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bisector import answers, api
from bisector.cli.options import building, common, searching, settings, state_directory
from bisector.cli.printing import Printer
from bisector.display import table
from bisector.report import plan as words


@click.command()
@common
@building
@searching
@click.option("--old", "--good", "old", required=True, metavar="REV", help="A commit with the old behaviour.")
@click.option("--new", "--bad", "new", required=True, metavar="REV", help="A later one with the new behaviour.")
@click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), default=0.99, show_default=True)
@click.option("--end-boots", type=click.IntRange(1, 10_000), default=5, show_default=True)
@click.option("--confirm-boots", type=click.IntRange(1, 10_000), default=None)
def plan(
    as_json: bool,
    state: Path | None,
    old: str,
    new: str,
    confidence: float,
    end_boots: int,
    confirm_boots: int | None,
    **options: Any,
) -> int:
    """Say what a bisection from OLD to NEW will take, and build nothing."""
    asked = {"confidence": confidence, "end_boots": end_boots, "confirm_boots": confirm_boots or 0}
    made = api.plan(settings(options, **asked), old, new, state=state_directory(state))
    if as_json:
        Printer(as_json).value(answers.PlanAnswer(plan=made))
    else:
        table(sys.stdout, ["what", "expected"], [list(fact) for fact in words.facts(made)])
    return 0
