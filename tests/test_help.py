"""Does every command show how it is called, in its help, in its manual page and in a shell's completion?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import click.testing
import manual
import pytest

from bisector.cli import cli
from bisector.cli.examples import ASKED, EXAMPLES, words

COMMANDS = sorted(cli.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_s_help_has_an_example_that_can_be_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.toml").write_text('[[job]]\nrepo = "linux"\nold = "v6.12"\nnew = "v6.13"\n')
    told = click.testing.CliRunner().invoke(cli, [name, "--help"]).output
    assert "For example:" in told
    for line in EXAMPLES[name]:
        assert line in told
    for called in words(name):
        # Every word is taken, nothing is begun.
        cli.commands[name].make_context(name, list(called), parent=click.Context(cli))


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_has_a_manual_page_with_the_same_words(name: str, tmp_path: Path) -> None:
    pages = {page.stem: page.read_text() for page in manual.write(tmp_path)}
    assert set(pages) == {"bisector", *(f"bisector-{one}" for one in COMMANDS)}
    page = pages[f"bisector-{name}" if name else "bisector"].replace("\\-", "-")
    command = cli.commands[name] if name else cli
    assert page.startswith(".TH")
    for option in (one for one in command.params if isinstance(one, click.Option) and not one.hidden):
        assert option.opts[0] in page, option.opts
    if shutil.which("mandoc"):
        assert subprocess.run(["mandoc", "-Tlint", "-Werror"], input=page, text=True, check=False).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_what_it_needs(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bisector", "completion", shell], capture_output=True, text=True, check=True
    )
    assert ASKED in done.stdout
    assert "bisector" in done.stdout


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("bisector sta", {"start", "status"}),
        ("bisector start --every", {"--every-change"}),
        ("bisector report --format k", {"kcidb"}),
        ("bisector start --scenario exec-si", {"exec-sigtrap"}),
    ],
)
def test_bash_completes_commands_options_and_their_values(line: str, wanted: set[str]) -> None:
    env = dict(os.environ) | {ASKED: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run([sys.executable, "-m", "bisector"], env=env, capture_output=True, text=True, check=False)
    assert {row.partition(",")[2] for row in done.stdout.splitlines()} >= wanted
    assert done.stderr == ""
