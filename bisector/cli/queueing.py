"""How is a queue of bisections run? A file of jobs, one `bisector start` each, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from bisector import answers, config
from bisector.cli.printing import HOST, USER, Printer, complain
from bisector.errors import BisectorError, HostError, UserError
from bisector.host import disk

FROM = "--from"
# In the context, for its jobs: their words, the mark of this queue, and the directories of the sessions that have it.
JOBS, MARK, MARKED = "bisector.jobs", "bisector.mark", "bisector.marked"
# Of the job at work: its session's name.
SESSION = "bisector.session"


class Queueing(click.Command):
    """A command whose words may stand in a file of jobs, each the command with these words and the line's."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Take `--from FILE` out of the words; without it nothing is otherwise."""
        path, words = _taken(args)
        if path is None:
            return super().parse_args(context, args)
        context.find_root().obj = "--json" in words
        switches = {name for one in self.params for name in one.secondary_opts}
        context.meta[JOBS] = [[*job, *words] for job in jobs(Path(path), switches)]
        # By it the same line knows, after a stop, which sessions it has brought to an end.
        context.meta[MARK] = f"queued-{hashlib.sha256(repr(context.meta[JOBS]).encode()).hexdigest()[:16]}"
        return []

    def invoke(self, context: click.Context) -> int:
        """Run the command, or every job; return the highest of their exit codes."""
        if JOBS not in context.meta:
            return int(super().invoke(context) or 0)
        told = []
        for number, words in enumerate(context.meta.pop(JOBS), 1):
            code, why, hint = self._done(words, context)
            told.append(answers.Job(number, code, why, hint, context.meta.pop(SESSION, "")))
        # Where our machine failed a job the same line goes on, and takes the answers that there are.
        if all(one.exit_code != HOST for one in told):
            for directory in context.meta.get(MARKED, ()):
                disk.remove(directory / context.meta[MARK])
        printer = Printer(bool(context.find_root().obj))
        if printer.as_json:
            printer.value(answers.Queue(jobs=tuple(told)))
        else:
            rows = [[str(one.number), str(one.exit_code), one.because] for one in told]
            printer.table(["job", "exit code", "why not"], rows)
        return max((one.exit_code for one in told), default=0)

    def _done(self, words: list[str], context: click.Context) -> tuple[int, str, str]:
        """Run one job. What fails of it, but an interruption, is said, and the next one begins."""
        try:
            with super().make_context(self.name, words, parent=context.parent) as job:
                return int(super().invoke(job) or 0), "", ""
        except click.ClickException as error:
            code, message, hint = USER, error.format_message(), f"bisector {self.name} --help shows how"
        except (BisectorError, OSError) as error:
            failed = HostError.of(error) if isinstance(error, OSError) else error
            code, message, hint = USER if isinstance(failed, UserError) else HOST, failed.message, failed.hint
        complain(message, hint)
        return code, message, hint


def _taken(args: list[str]) -> tuple[str | None, list[str]]:
    for at, word in enumerate(args):
        if word == FROM:
            if at + 1 == len(args):
                raise click.BadOptionUsage(FROM, f"Option '{FROM}' requires an argument.")
            return args[at + 1], [*args[:at], *args[at + 2 :]]
        if word.startswith(f"{FROM}="):
            return word.partition("=")[2], [*args[:at], *args[at + 1 :]]
    return None, args


def jobs(path: Path, switches: Collection[str] = ()) -> list[list[str]]:
    """Return each job's words: the file's own options, and over them those of its `[[job]]`. Raises UserError.

    `switches`: those that switch something off.
    """
    shape = "write option = value, and [[job]] before each job's"
    said = config.toml(path, f"{FROM} names a TOML file of jobs", shape)
    found = said.pop("job", None)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise UserError(f"{path} has no [[job]]", "each job begins with a line [[job]], and has old and new below it")
    for key in ("from", "help"):
        if any(key in one for one in (said, *found)):
            raise UserError(f"{path}: {key} is no option of a job", "the line itself may have it")
    return [
        [word for key, value in (said | one).items() for word in _words(path, key, value, switches)] for one in found
    ]


def _words(path: Path, key: str, value: Any, switches: Collection[str]) -> list[str]:
    """Return an option as the command line has it."""
    match value:
        case bool():
            # Where there is no word for no, nothing says so.
            return [f"--{key}"] if value else [f"--no-{key}"] if f"--no-{key}" in switches else []
        case str() | int() | float():
            # Together: a value may begin with a dash.
            return [f"--{key}={value}"]
        case list():
            return [word for one in value for word in _words(path, key, one, switches)]
    raise UserError(f"{path}: {key} is no text, number, switch or list of them", f'write {key} = "text"')
