"""The command that makes room: clean."""

from __future__ import annotations

from pathlib import Path

import click

from bisector import answers, given, room
from bisector.claiming import STORE, claim
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
    help="What the shared kernels may have; with --sessions, all kernels together.",
)
@click.option(
    "--sessions", is_flag=True, help="Those of ended sessions and tests too; not a found commit's and its parents'."
)
def clean(as_json: bool, state: Path | None, gib: float, sessions: bool) -> int:
    """Remove kernels that sessions share, the least recently used first; without --sessions, sessions keep theirs."""
    place, most = state_directory(state), given.size("--to", gib, least=0)
    if not place.exists():
        raise UserError(f"there is no directory {place}", "bisector start makes it; --state names another one")
    claim(place)
    printer = Printer(as_json)
    if sessions:
        removed, left, size = room.make(place, most, printer.warn)
    else:
        removed, left, size = store.make_room(place / STORE, most)
    if as_json:
        printer.value(answers.Clean(removed=removed, left=left, bytes=size))
    else:
        print(f"{removed} kernels removed; {left} are left, {size / (1 << 20):.1f} MiB.")
    return 0
