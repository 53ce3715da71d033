"""Which options do commands share, and what do they mean? Words -> Settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from bisector import config, sessions
from bisector.errors import UserError
from bisector.evidence.limits import FLOOR
from bisector.model import Limits, Verdict
from bisector.scenarios import BY_NAME
from bisector.settings import Settings
from bisector.verdict import NAMES

F = TypeVar("F", bound=Callable[..., Any])


class _Place(click.Path):
    """A path that is not empty: a shell's variable that is not set would mean the directory in which one stands."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("an empty path names no directory", param, ctx)
        return super().convert(value, param, ctx)


def _load(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    group = context.find_root().command
    assert isinstance(group, click.Group)
    options = [one for command in group.commands.values() for one in command.params if isinstance(one, click.Option)]
    known = {name.removeprefix("--"): one.name for one in options for name in one.opts if one.name}
    context.default_map = config.read(
        path,
        {key: value for key, value in known.items() if key not in ("config", "from")},
        several={one.name for one in options if one.multiple and one.name},
        switches={one.name for one in options if one.is_flag and one.name},
    )
    if context.default_map.get("as_json"):
        # What may fail before the other words are read is told as JSON too.
        context.find_root().obj = True


def _note_json(context: click.Context, _: click.Parameter, as_json: bool) -> bool:
    # For the error that may come before anything else is known: see `cli.main`.
    context.find_root().obj = as_json
    return as_json


def common(command: F) -> F:
    """Give a command the options that every command has."""
    for option in (
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            callback=_note_json,
            help="JSON on standard output.",
        ),
        click.option("--state", type=_Place(path_type=Path), default=None, help="Directory of the sessions."),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            is_eager=True,
            expose_value=False,
            callback=_load,
            help="TOML file of options.",
        ),
    ):
        command = option(command)
    return command


def told(command: F) -> F:
    """Give a command that works at a session the option of who else hears of it."""
    return click.option(
        "--on-event", metavar="CMD", default=None, help="A shell command: gets each event, as JSON, on its input."
    )(command)


def _limit(name: str, about: str, otherwise: str = "measured at the ends") -> Callable[[F], F]:
    return click.option(f"--{name}-limit", type=float, default=None, help=f"{about}  [default: {otherwise}]")


def building(command: F) -> F:
    """Give a command the options that decide how kernels are built and booted."""
    for option in reversed(
        (
            click.option("--repo", type=click.Path(path_type=Path), required=True, help="The kernel's repository."),
            click.option("--arch", default="arm64", show_default=True),
            click.option("--cross-compile", default=None, help="Prefix of the cross tools."),
            click.option("--llvm", default="", help="Build with LLVM: make's LLVM= value, 1 or -14."),
            click.option("--jobs", type=click.IntRange(1, 4096), default=None, help="Compilers at a time."),
            click.option(
                "--ahead",
                type=click.IntRange(0, 64),
                default=None,
                help="Processes that build for the next steps, on idle cores.  [default: by the number of cores]",
            ),
            click.option("--ccache/--no-ccache", default=True, show_default=True),
            click.option(
                "--store/--no-store",
                default=True,
                show_default=True,
                help="Take kernels that other sessions built, and keep ours for them.",
            ),
            click.option(
                "--sandbox",
                type=click.Choice(["auto", "require", "off"]),
                default="auto",
                show_default=True,
                help="Build in bubblewrap.",
            ),
            click.option(
                "--build-memory",
                type=click.FloatRange(0, min_open=True),
                default=None,
                help="GiB that a build may take.  [default: three quarters of the machine's]",
            ),
            click.option(
                "--build-disk",
                type=click.FloatRange(0, min_open=True),
                default=32,
                show_default=True,
                help="GiB that a build may write.",
            ),
            click.option(
                "--fragment",
                type=click.Path(path_type=Path),
                multiple=True,
                help="A file of more kconfig lines: CONFIG_X=y.",
            ),
            click.option("--accel", type=click.Choice(["tcg", "kvm"]), default="tcg", show_default=True),
            click.option("--cpu", default="", help="QEMU's CPU model."),
            _limit("boot", "Guest seconds to the probe."),
            _limit("silence", "Guest seconds without a byte."),
            _limit("scenario", "Guest seconds of one scenario."),
            _limit("total", "Guest seconds of a boot."),
            _limit("output", "MiB that a boot may print."),
            _limit("host", "Seconds of this machine's time: the last net.", f"{FLOOR.host:g}"),
            click.option(
                "--on",
                "on",
                multiple=True,
                metavar="NAME=VERDICT",
                help="What an outcome means, as boot-panic=new; `bisector scenarios` lists the names.",
            ),
        )
    ):
        command = option(command)
    return command


def asking(command: F) -> F:
    """Give a command that searches a range, or foresees that, the options of what is asked of it."""
    for option in reversed(
        (
            click.option(
                "--old", "--good", "old", required=True, metavar="REV", help="A commit with the old behaviour."
            ),
            click.option(
                "--new", "--bad", "new", required=True, metavar="REV", help="A later one with the new behaviour."
            ),
            click.option(
                "--scenario",
                type=click.Choice(list(BY_NAME)),
                metavar="NAME",
                default=None,
                help="What to look at; `bisector scenarios` lists them.",
            ),
            click.option("--old-outcome", default=None, metavar="OUTCOME", help="What the old end must show."),
            click.option("--new-outcome", default=None, metavar="OUTCOME", help="What the new end must show."),
            click.option(
                "--confidence",
                type=click.FloatRange(0.5, 1, max_open=True),
                default=0.99,
                show_default=True,
                help="How sure a name must be.",
            ),
            click.option(
                "--end-boots", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Boots of each end."
            ),
            click.option(
                "--confirm-boots",
                type=click.IntRange(1, 10_000),
                default=None,
                help="Fresh boots of the commit and of each parent.  [default: as many as that needs]",
            ),
        )
    ):
        command = option(command)
    return command


def searching(command: F) -> F:
    """Give a command that searches, or foresees a search, the option of what it looks at first."""
    return click.option(
        "--suspect",
        multiple=True,
        metavar="PATH",
        help="A file or directory of the kernel whose changes are looked at first, where one boot decides; "
        ". for none.  "
        "[default: the code that a hit, its signal and a step go through]",
    )(command)


def settings(options: dict[str, Any], **asked: Any) -> Settings:
    """Return the settings of a command's options. Raises UserError."""
    from bisector import given  # and with it all of the workshop, which `--help` and what only reads do not need

    names = [field.name for field in dataclasses.fields(Limits)]
    limits = {name: options[f"{name}_limit"] for name in names if options[f"{name}_limit"] is not None}
    words = {key: value for key, value in options.items() if key not in [f"{name}_limit" for name in names]}
    words["confirm_boots"] = options.get("confirm_boots") or 0
    return given.settings(**words | {"on": table(options["on"]), "limits": limits} | asked)


def table(words: Sequence[str]) -> dict[str, Verdict]:
    """Read NAME=VERDICT words. Raises UserError for a name or a verdict that is none."""
    found = {}
    for word in words:
        name, _, meaning = word.partition("=")
        if name not in NAMES:
            raise UserError(f"--on {word}: no outcome has the name {name!r}", f"known: {', '.join(NAMES)}")
        try:
            found[name] = Verdict(meaning)
        except ValueError:
            verdicts = ", ".join(verdict.value for verdict in Verdict)
            raise UserError(f"--on {word}: {meaning!r} is no verdict", f"known: {verdicts}") from None
    return found


def state_directory(chosen: Path | None) -> Path:
    """Return where sessions live: there, or in the platform's place."""
    return chosen.absolute() if chosen is not None else sessions.usual()
