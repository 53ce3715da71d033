"""Can a session still be read when what it kept is gone, or is no file any more?"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import api, events, journal, opening, reproduce
from bisector.reuse.configs import TINY
from tests import samples
from tests.conftest import Bisector


def kept(state: Path) -> Path:
    """Put a session with one kernel's configuration on the disk; return the kernel's directory."""
    begun = samples.started()
    book = journal.create(state / "sessions" / begun.session, begun)
    home = book.session.directory / "kernels" / samples.CULPRIT.short
    home.mkdir(parents=True)
    (home / TINY).write_text("# CONFIG_TTY is not set\n")
    (home / "config").write_text("CONFIG_TTY=y\n")
    for event in samples.found():
        if isinstance(event, events.Tested) and event.step.kernel:
            kernel = replace(event.step.kernel, config=str(home / "config"))
            event = events.Tested(step=replace(event.step, kernel=kernel))
        book.append(event)
    return home


def removed(path: Path) -> None:
    path.unlink()


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def flooded(path: Path) -> None:
    os.truncate(path, 1 << 30)


def test_the_configuration_is_told_as_long_as_it_is_kept(tmp_path: Path) -> None:
    home = kept(tmp_path)
    assert api.report(journal.read(home.parent.parent)).configuration == ("CONFIG_TTY=y",)


@pytest.mark.parametrize("name", ["config", TINY])
@pytest.mark.parametrize("spoil", [removed, piped, flooded])
def test_a_configuration_that_cannot_be_read_is_left_out(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    home = kept(tmp_path)
    spoil(home / name)
    assert api.report(journal.read(home.parent.parent)).configuration == ()


def test_one_session_that_the_system_refuses_does_not_hide_the_others(bisector: Bisector) -> None:
    home = kept(bisector.state)
    other = copied(home.parent.parent)
    (other / "lock").mkdir()
    ran = bisector("list", "--json")
    assert ran.code == 0
    assert [one["state"] for one in ran.lines[0]["sessions"]] == ["finished", "unreadable"]


def copied(directory: Path) -> Path:
    """Copy a session's journal to another session; return its directory."""
    other = directory.with_name("20300102-030405-abc")
    other.mkdir()
    (other / journal.NAME).write_bytes((directory / journal.NAME).read_bytes())
    return other


def test_the_commands_to_repeat_a_boot_are_right_where_the_session_is_called_like_a_placeholder() -> None:
    machine = opening.machine(samples.settings(), here=False)
    recipe = opening.recipe(samples.settings())
    commands = reproduce.build_anew(recipe, machine, Path("/srv/IMAGE s"), "/srv/linux", samples.CULPRIT)
    boot = next(command for command in commands if "-kernel" in command)
    assert '"$OBJECTS/arch/arm64/boot/Image"' in boot
    assert "'/srv/IMAGE s/probe.cpio'" in boot
