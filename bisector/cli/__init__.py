"""Words in, words out: arguments, messages, exit codes. No thinking."""

from __future__ import annotations

import io
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import NoReturn, cast

import click

from bisector import __version__
from bisector.cli.examples import below, completed
from bisector.cli.printing import HOST, INTERRUPTED, USER, Printer, complain
from bisector.errors import BisectorError, HostError, Interrupted, UserError
from bisector.host import stopping
from bisector.host.gitconfig import forget_callers_git

_HOMES = {
    "clean": "cleaning:clean",
    "completion": "examples:completion",
    "doctor": "reading:doctor_command",
    "list": "reading:list_command",
    "log": "reading:log",
    "mark": "disputing:mark",
    "patrol": "patrolling:patrol_command",
    "plan": "foreseeing:plan",
    "rejudge": "disputing:rejudge",
    "report": "reading:report",
    "resume": "bisecting:resume",
    "retest": "disputing:retest",
    "scenarios": "reading:scenarios_command",
    "start": "bisecting:start",
    "status": "reading:status",
    "test": "bisecting:test",
}


class _Commands(Mapping[str, click.Command]):
    """Every command by its name. Its module is loaded when it is asked for: all of them together take a second."""

    def __getitem__(self, name: str) -> click.Command:
        # A signal waits: in the middle of an import it would leave half a module, or be swallowed there.
        with stopping.deferred():
            command = pkgutil.resolve_name(f"bisector.cli.{_HOMES[name]}")
        assert isinstance(command, click.Command)
        command.epilog = below(name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


@click.group(
    # click only reads it.
    commands=cast("MutableMapping[str, click.Command]", _Commands()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bisector")
def cli() -> None:
    """Find the commit that changed what an arm64 kernel does when a hardware breakpoint's signal makes it step
    into the signal handler.

    \b
    bisector doctor
    bisector test  --repo LINUX v6.12 v6.13
    bisector start --repo LINUX --old v6.12 --new v6.13

    \b
    Exit codes: 0 found and certified, or done; 2 usage, or what you can mend; 10 a set of candidates;
    11 the ends agree; 12 the new end does not show it; 13 the old end shows it; 14 a merge base shows it;
    15 contradiction; 16 below the asked confidence; 17, 18 and 19 are patrol's own; 20 our machine failed,
    resumable; 130 interrupted, resumable.
    """


def main() -> NoReturn:
    """Run the command line, and end the process."""
    _ready_outputs()
    forget_callers_git()
    try:
        try:
            stopping.listen()
            code = _run()
        except Interrupted as error:  # between two lines of `_run`
            code = _stopped(None, error)
        _leave(code)
    except Interrupted as error:
        # While the last words waited for their reader: they wait no longer, and nor does any other word on them.
        stopping.end_all()
        complain(error.message, error.hint)
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(INTERRUPTED)


def _run() -> int:
    """Run a command; every family of errors becomes one sentence and one exit code, here."""
    context: click.Context | None = None
    try:
        if (code := completed(cli)) is not None:
            return code
        # Not cli.main(): click would end the process itself where our output is closed.
        with cli.make_context("bisector", sys.argv[1:]) as context:
            return cli.invoke(context) or 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USER
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "bisector"
        return _failed(context, error.format_message(), f"{command} --help shows how", USER)
    except Interrupted as error:
        return _stopped(context, error)
    except BrokenPipeError:
        return 0  # whoever read what we print has read enough
    except BisectorError as error:
        return _failed(context, error.message, error.hint, USER if isinstance(error, UserError) else HOST)
    except OSError as error:
        refused = HostError.of(error)
        return _failed(context, refused.message, refused.hint, HOST)
    except Exception as error:
        with suppress(OSError):
            traceback.print_exc()
        return _failed(context, f"bisector itself failed: {error!r}", "please report the lines above", HOST)


def _stopped(context: click.Context | None, error: Interrupted) -> int:
    stopping.end_all()
    return _failed(context, error.message, error.hint, INTERRUPTED)


def _ready_outputs() -> None:
    """Give the standard descriptors that are closed to /dev/null, and let all of them take any text.

    With `bisector start >&-` the journal would else be descriptor 1, and all that is printed would go into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is this one: those below it are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # JSON is UTF-8 whatever the locale says, and a subject in Chinese is no reason to fail.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _leave(code: int) -> NoReturn:
    """End the process; an output that nobody reads is no reason for another word, one that was lost is a failure."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            # Whoever read it may have gone; what was lost otherwise is a failure.
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                code = code or HOST
    # At once: Python would wait for the threads of other packages, and take signals while it does.
    os._exit(code)


def _failed(context: click.Context | None, message: str, hint: str, code: int) -> int:
    """Say what failed on standard error, and as the last JSON line where JSON was asked for."""
    complain(message, hint)
    if "--json" in sys.argv or (context is not None and context.obj):
        with suppress(OSError):
            from bisector import answers

            Printer(True).value(answers.Failure(message=message, hint=hint, exit_code=code))
    return code
