"""The command that makes room: clean."""

from __future__ import annotations

import math
from pathlib import Path

import click

from bisector import answers, opening
from bisector.cli.options import common, state_directory
from bisector.cli.printing import Printer
from bisector.errors import UserError
from bisector.reuse import store


@click.command()
@common
@click.option(
    "--to",
    "gib",
    type=click.FloatRange(0),
    default=store.MOST / (1 << 30),
    show_default=True,
    metavar="GIB",
    help="What all kernels together may have.",
)
def clean(as_json: bool, state: Path | None, gib: float) -> int:
    """Remove kernels that sessions share, the least recently used first; sessions keep their own."""
    if not math.isfinite(gib):
        raise UserError(f"--to {gib} is no size", "it is a number of GiB, as 1.5")
    opening.make_private(state_directory(state))
    home = state_directory(state) / opening.STORE
    removed, left, size = store.make_room(home, int(gib * (1 << 30)))
    if as_json:
        Printer(as_json).value(answers.Clean(removed=removed, left=left, bytes=size))
    else:
        print(f"{removed} kernels removed; {left} are left, {size / (1 << 20):.1f} MiB.")
    return 0
