"""Does what the README shows work as it stands there? Its examples, run on the mini kernel."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from bisector.cli import cli
from bisector.cli.patrolling import CHANGED, GOES_ON, UNTESTABLE
from tests.conftest import Bisector
from tests.minitree import MiniTree

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str = "") -> list[str]:
    """The text of each block in this language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for said, text in found if said == language]


def example(language: str, of: str) -> str:
    """The only block that says this."""
    [found] = [text for text in blocks(language) if of in text]
    return found


def lines() -> list[str]:
    """Each line that is a command of bisector's, with values for what stands in capitals and none of its choices."""
    shown = [
        line.partition("   #")[0] for text in blocks() for line in text.splitlines() if line.startswith("bisector ")
    ]
    plain = [line.partition(" > ")[0] for line in shown]
    written = [word for line in plain for word in alternatives(line)]
    for name, value in {"LINUX": ".", "TEXT": "word", "NAME=VERDICT": "hung=new", "GIB": "2"}.items():
        written = [line.replace(name, value) for line in written]
    return [re.sub(r"\[(?:REV \.\.\.|SESSION)\]", "", line).replace("[", "").replace("]", "") for line in written]


def alternatives(line: str) -> list[str]:
    """Return the line once for each of the words between bars."""
    bars = re.search(r"\S+(?:\|\S+)+", line)
    return [line.replace(bars[0], word) for word in bars[0].split("|")] if bars else [line]


@pytest.fixture
def linux(tree: MiniTree) -> MiniTree:
    """A repository with the names that the README's examples use."""
    ids = tree.story(8, flip_at=5)
    for name, at in {"tags/v6.12": tree.base, "tags/v6.13": ids[-1], "remotes/next/master": ids[-1]}.items():
        tree.git("update-ref", f"refs/{name}", at)
    return tree


def as_user(bisector: Bisector, home: Path) -> dict[str, str]:
    """The environment of somebody who has it installed, with a home directory of his own."""
    programs = home / ".local" / "bin"
    programs.mkdir(parents=True)
    installed = programs / "bisector"
    installed.write_text(f'#!/bin/sh\nexec {shlex.join(bisector.command)} "$@"\n')
    installed.chmod(0o755)
    return bisector.env | {"PATH": f"{programs}:{bisector.env['PATH']}", "HOME": str(home)}


@pytest.mark.parametrize("line", lines())
def test_a_command_is_one_and_has_these_options(line: str) -> None:
    _, name, *words = shlex.split(line)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    command.make_context(name, words)


def test_there_are_lines_of_all_kinds() -> None:
    assert {line.split()[1] for line in lines()} == set(cli.commands)


def test_the_settings_in_a_file(linux: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    text = example("toml", "--config")
    shown = shlex.split(text.splitlines()[0].removeprefix("# bisector "))
    (tmp_path / "linux.toml").write_text(text.replace("/srv/linux", str(linux.path)))
    ran = bisector(*[word.replace("linux.toml", str(tmp_path / "linux.toml")) for word in shown], "--json")
    assert ran.code == 0, ran.err
    kept = ran.lines[0]["settings"]
    told = tomllib.loads(text)
    assert (kept["scenario"], kept["jobs"], kept["confidence"]) == tuple(list(told.values())[1:])


def test_the_queue(linux: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    text = example("toml", "--from")
    shown = shlex.split(text.splitlines()[0].removeprefix("# bisector "))
    (tmp_path / "jobs.toml").write_text(text.replace("/srv/linux", str(linux.path)))
    ran = bisector(*[word.replace("jobs.toml", str(tmp_path / "jobs.toml")) for word in shown])
    [queue] = [line for line in ran.lines if line.get("command") == "queue"]
    # The second job asks for a scenario in which the mini kernel's ends agree.
    assert [job["exit_code"] for job in queue["jobs"]] == [0, 11], ran.err


def test_the_library(linux: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    program = example("python", "import bisector").replace("/srv/linux", str(linux.path))
    environ = bisector.env | {"XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-c", f"{program}print(made)"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Kind.FOUND" in done.stdout


def test_the_timer_s_service(linux: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    service = example("ini", "[Service]")
    [words] = re.findall(r"^ExecStart=(.*)", service, re.MULTILINE)
    [fine] = re.findall(r"^SuccessExitStatus=(.*)", service, re.MULTILINE)
    home = tmp_path / "home"
    environ = as_user(bisector, home)
    linux.git("branch", "-f", "master", linux.base)
    linux.git("clone", "-q", "--bare", str(linux.path), str(tmp_path / "upstream"))
    linux.git("clone", "-q", str(tmp_path / "upstream"), str(home / "linux"))

    def passed() -> str:
        """The exit code of one pass."""
        argv = [word.replace("%h", str(home)) for word in shlex.split(words)]
        return str(subprocess.run(argv, env=environ, capture_output=True, check=False).returncode)

    assert passed() == "0"
    linux.git("push", "-q", "--force", str(tmp_path / "upstream"), "v6.13^{commit}:refs/heads/master")
    assert passed() == "17"
    assert set(fine.split()) == {str(code) for code in (CHANGED, UNTESTABLE, GOES_ON)}


def test_the_ci_job(linux: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    script = example("sh", "patrol")
    environ = as_user(bisector, tmp_path / "home") | {"CACHE": str(tmp_path / "cache")}
    place = tmp_path / "job"
    place.mkdir()
    os.symlink(linux.path, place / "linux")

    def job(tip: str) -> tuple[int, str]:
        """The exit code of one run of it, and what it leaves."""
        linux.git("update-ref", "refs/remotes/origin/master", tip)
        argv = ["sh", "-e", "-c", script]
        done = subprocess.run(argv, env=environ, cwd=place, capture_output=True, check=False)
        assert done.stdout.decode() == (place / "patrol.txt").read_text()
        return done.returncode, done.stdout.decode()

    seen = [job(tip) for tip in (linux.base, "v6.13", "v6.13", linux.base)]
    assert [code for code, _ in seen] == [0, 1, 0, 1]
    [page] = list((tmp_path / "cache").glob("bisector/sessions/*/report.html"))
    assert f"reports: {page.parent}/report.txt, .md, .html" in seen[1][1]
    # Set back: it is told, and no report of another session is shown for it.
    assert "a change without a commit: " in seen[3][1]
    assert "reports: " not in seen[3][1]
