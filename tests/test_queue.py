"""Is each job of a queue run, whatever becomes of the others?"""

import shutil
import signal
from pathlib import Path

import pytest

from tests.conftest import LONG, Bisector, Ran
from tests.minitree import MiniTree
from tests.test_session import until

DEFAULTS = 'end-boots = 1\nconfirm-boots = 1\nconfidence = 0.5\nscenario = "exec-sigtrap"\n'


def queued(bisector: Bisector, tmp_path: Path, text: str, *words: str) -> Ran:
    (tmp_path / "jobs.toml").write_text(text)
    return bisector("start", "--json", "--from", tmp_path / "jobs.toml", *words)


def test_every_job_is_run_and_what_fails_of_one_does_not_stop_the_next(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids = tree.story(6, flip_at=3)
    job = '[[job]]\nold = "{}"\nnew = "{}"\n'
    text = f'repo = "{tree.path}"\nstore = false\n{DEFAULTS}'
    text += job.format(tree.base, ids[-1]) + job.format("nowhere", ids[-1]) + job.format(tree.base, ids[1])
    text += job.format(tree.base, ids[-1]) + "jobz = 3\n" + job.format(tree.base, ids[4]) + 'on = ["hung=new"]\n'
    ran = queued(bisector, tmp_path, text)
    [queue] = [line for line in ran.lines if line.get("command") == "queue"]
    assert [one["exit_code"] for one in queue["jobs"]] == [0, 2, 11, 2, 0]
    assert ran.code == 11
    assert "has no commit 'nowhere'" in queue["jobs"][1]["because"]
    assert queue["jobs"][1]["hint"]
    names = [path.name for path in bisector.sessions]
    assert [one["session"] for one in queue["jobs"]] == [names[0], "", names[1], "", names[2]]
    assert "--jobz" in queue["jobs"][3]["because"]
    named = [line["conclusion"]["culprit"] for line in ran.lines if line.get("event") == "conclusion"]
    assert [one and one["id"] for one in named] == [ids[3], None, ids[3]]
    # Words of the line count for all jobs, over what the file says.
    people = bisector("start", "--from", tmp_path / "jobs.toml", "--new=" + ids[-1], "--old=" + ids[0])
    assert people.code in (2, 11)
    assert "exit code" in people.out


@pytest.mark.parametrize("every", ["false", pytest.param("true", marks=LONG)])
def test_a_queue_that_was_stopped_takes_the_answers_that_there_are(
    tree: MiniTree, bisector: Bisector, tmp_path: Path, every: str
) -> None:
    ids = tree.story(12, flip_at=3)
    text = f'repo = "{tree.path}"\nevery-change = {every}\n{DEFAULTS}'
    text += "".join(f'[[job]]\nold = "{tree.base}"\nnew = "{new}"\n' for new in (ids[-1], ids[-2]))
    (tmp_path / "jobs.toml").write_text(text)
    running = bisector.spawn("start", "--json", "--from", tmp_path / "jobs.toml")
    until(running, lambda line: line.get("event") == "conclusion")
    until(running, lambda line: line.get("event") == "step")
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert len(bisector.sessions) == 2
    ran = queued(bisector, tmp_path, text)
    assert ran.code == 0
    assert len(bisector.sessions) == 2
    assert [line["conclusion"]["culprit"]["id"] for line in ran.lines if line.get("event") == "conclusion"] == [
        ids[3]
    ] * 2
    assert not list(bisector.state.glob("sessions/*/queued-*"))
    # And what came to its end is begun anew by the same line.
    queued(bisector, tmp_path, text)
    assert len(bisector.sessions) == 4


def test_a_queue_of_which_our_machine_failed_a_job_goes_on_with_all(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids = tree.story(6, flip_at=3)
    text = f'repo = "{tree.path}"\n{DEFAULTS}'
    text += "".join(f'[[job]]\nold = "{tree.base}"\nnew = "{new}"\n' for new in (ids[-1], ids[-2]))
    programs, counted = tmp_path / "programs", tmp_path / "counted"
    programs.mkdir()
    # From the second job on no QEMU starts.
    qemu = programs / "qemu-system-aarch64"
    found = shutil.which("qemu-system-aarch64")
    qemu.write_text(f'#!/bin/sh\n[ -e "{counted}" ] && [ "$1" != --version ] && exit 1\nexec {found} "$@"\n')
    qemu.chmod(0o755)
    failing = tmp_path / "failing"
    failing.touch()
    hear = f'[ -e {failing} ] && grep -q \'"event":"conclusion"\' && touch {counted} || true'
    bisector.env["PATH"] = f"{programs}:{bisector.env['PATH']}"
    first = queued(bisector, tmp_path, text, "--on-event", hear)
    assert (first.code, len(bisector.sessions)) == (20, 2), first.err
    failing.unlink()
    counted.unlink()
    again = queued(bisector, tmp_path, text, "--on-event", hear)
    assert again.code == 0, again.err
    assert len(bisector.sessions) == 2
    assert not list(bisector.state.glob("sessions/*/queued-*"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no [[job]]"),
        ("job = 3", "has no [[job]]"),
        ("[[job", "is not TOML"),
        ("[[job]]\nold = {a = 1}", "old is no text, number, switch or list of them"),
        ('[[job]]\nfrom = "x.toml"', "from is no option of a job"),
        ("help = true\n[[job]]\nold = 'x'", "help is no option of a job"),
    ],
)
def test_a_file_that_is_no_queue_is_refused(bisector: Bisector, tmp_path: Path, text: str, said: str) -> None:
    ran = queued(bisector, tmp_path, text)
    assert ran.code == 2
    assert said in ran.err
    assert ran.lines[-1]["command"] == "error"


def test_a_missing_file_and_a_missing_name_are_said(bisector: Bisector, tmp_path: Path) -> None:
    assert "cannot read" in bisector("start", "--from", tmp_path / "none.toml").err
    assert "requires an argument" in bisector("start", "--from").err
