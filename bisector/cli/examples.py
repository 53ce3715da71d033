"""How is each command called? What stands below its `--help` and in its manual page; and completion in a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping

import click
from click.shell_completion import get_completion_class, shell_complete

from bisector.cli.options import common
from bisector.errors import UserError

# Where click looks for what a shell wants to know.
ASKED = "_BISECTOR_COMPLETE"
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "doctor": ("bisector doctor",),
    "scenarios": ("bisector scenarios",),
    "plan": ("bisector plan --repo linux --old v6.12 --new v6.13",),
    "test": ("bisector test --repo linux v6.12 v6.13",),
    "start": (
        "bisector start --repo linux --old v6.12 --new v6.13",
        "bisector start --repo linux --old v6.12 --new v6.13 --scenario step-svc --on boot-panic=new --json",
        "bisector start --from jobs.toml",
    ),
    "resume": ("bisector resume",),
    "mark": ('bisector mark 1a2b3c4d5e6f untestable --because "its driver hangs this board"',),
    "retest": ("bisector retest 1a2b3c4d5e6f -n 20",),
    "rejudge": ("bisector rejudge --on hung=new",),
    "status": ("bisector status",),
    "log": ("bisector log --json",),
    "list": ("bisector list",),
    "report": ("bisector report --format html > report.html", "bisector report --format mail > letter.mbox"),
    "clean": ("bisector clean --to 1", "bisector clean --to 4 --sessions"),
    "patrol": ("bisector patrol --repo linux --branch origin/master --fetch origin --hours 6",),
    "completion": ('eval "$(bisector completion bash)"', "bisector completion fish | source"),
}


def below(name: str) -> str:
    """Return what stands below a command's help."""
    lines = "\n".join(f"  {line}" for line in EXAMPLES[name])
    return f"\b\nFor example:\n{lines}"


@click.command(name="completion")
@common
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(as_json: bool, state: object, shell: str) -> int:
    """Print what a shell needs to complete commands and options."""
    del as_json, state
    # click looks at the installed bash's version, and says of an old one what it cannot.
    made = get_completion_class(shell)
    assert made is not None  # it is one of click's
    try:
        print(made(click.Group(), {}, "bisector", ASKED).source())
    except RuntimeError as error:
        raise UserError(
            f"this {shell} cannot be helped: {error}", "bash 4.4 or later can, and zsh, and fish"
        ) from error
    return 0


def completed(cli: click.Command) -> int | None:
    """Answer a shell that wants to complete a line; None if nobody asks."""
    if not (asked := os.environ.get(ASKED)):
        return None
    return shell_complete(cli, {}, "bisector", ASKED, asked)


def words(name: str) -> list[list[str]]:
    """Return the words of a command's examples, those that are one call of it."""
    own = [line for line in EXAMPLES[name] if line.startswith(f"bisector {name}")]
    return [shlex.split(re.split(" [>|] ", line)[0])[2:] for line in own]
