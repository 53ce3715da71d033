"""The commands of a person who doubts: mark, retest, rejudge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bisector import api, sessions
from bisector.cli.bisecting import gone_on
from bisector.cli.options import common, state_directory, table, told
from bisector.cli.printing import Printer
from bisector.errors import UserError
from bisector.model import Verdict

# The word that takes back another.
_MEASURED = "measured"


@click.command()
@common
@told
@click.argument("revision", metavar="REV")
@click.argument("verdict", type=click.Choice([*(verdict.value for verdict in Verdict), _MEASURED]))
@click.option("--because", required=True, metavar="TEXT", help="Your reason; it stands in the report.")
@click.option("--session", default=None, help="Which session.  [default: the newest]")
def mark(
    as_json: bool,
    state: Path | None,
    on_event: str | None,
    revision: str,
    verdict: str,
    because: str,
    session: str | None,
) -> int:
    """Say what a commit is, whatever its boots say, and go on from what is known; `measured` takes that back."""
    if not because.strip():
        raise UserError("--because is empty", "the report shows the reason: say it in a few words")
    place = state_directory(state)
    said = None if verdict == _MEASURED else Verdict(verdict)
    return gone_on(
        api.mark, sessions.read(place, session), Printer(as_json, on_event), place, revision, said, because[:1000]
    )


@click.command()
@common
@told
@click.argument("revision", metavar="REV")
@click.option("-n", "times", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many boots.")
@click.option("--session", default=None, help="Which session.  [default: the newest]")
def retest(
    as_json: bool, state: Path | None, on_event: str | None, revision: str, times: int, session: str | None
) -> int:
    """Boot a commit of the range again, and go on from what is known then."""
    place = state_directory(state)
    return gone_on(api.retest, sessions.read(place, session), Printer(as_json, on_event), place, revision, times)


@click.command()
@common
@told
@click.option("--on", multiple=True, metavar="NAME=VERDICT", help="What an outcome means from here on.")
@click.option("--session", default=None, help="Which session.  [default: the newest]")
def rejudge(as_json: bool, state: Path | None, on_event: str | None, on: Sequence[str], session: str | None) -> int:
    """Read the kept consoles again under today's rules, and go on from what they say then."""
    place, meaning = state_directory(state), table(on)
    return gone_on(api.rejudge, sessions.read(place, session), Printer(as_json, on_event), place, meaning)
