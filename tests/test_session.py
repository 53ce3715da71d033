"""Can a session be stopped anywhere and gone on with, read at any time, and is all else left alone?"""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import LONG, ONCE, Bisector, Json, Ran
from tests.minitree import MiniTree

SLOW_COMPILER = """#!/bin/sh
case "$*" in *--version*) ;; *) [ ! -e {flag} ] || exec sleep 60;; esac
exec {real} "$@"
"""
Hanging = tuple[list[str], str, subprocess.Popen[str]]


def ours(state: Path) -> list[str]:
    """Return the command lines of all processes that name the state directory or stand in it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(state) in words or (place / "cwd").readlink().is_relative_to(state):
                found.append(words)
        except OSError:
            continue
    return found


def left(state: Path) -> list[str]:
    """Return what still runs after a moment for the dying."""
    deadline = time.monotonic() + 10
    while ours(state) and time.monotonic() < deadline:
        time.sleep(0.05)
    return ours(state)


def until(running: subprocess.Popen[str], reached: Callable[[Json], bool]) -> None:
    """Read the events of a session until one is reached."""
    assert running.stdout is not None
    for line in running.stdout:
        if reached(json.loads(line)):
            return
    raise AssertionError(f"it ended before: {running.communicate()[1]}")


def stopped(running: subprocess.Popen[str], number: signal.Signals) -> Ran:
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert "Traceback" not in err
    return Ran(running.returncode, out, err)


def no_commit_twice(bisector: Bisector) -> bool:
    searched = [
        line["step"]["commit"]["id"]
        for line in bisector.journal
        if line["event"] == "step" and line["step"]["purpose"] == "search"
    ]
    return bool(searched) and len(searched) == len(set(searched))


@pytest.fixture
def hanging(tree: MiniTree, bisector: Bisector) -> Iterator[Hanging]:
    """A session that boots a silent kernel, which git asked for: the commits, that one, and the session."""
    ids = tree.story(8, 6, edits={3: {"mode": "SILENT_BOOT"}, 4: {"mode": "NORMAL"}})
    words = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE, "--silence-limit", "3")
    running = bisector.spawn("start", "--json", *words)
    until(running, lambda line: line.get("phase") == "booting" and line["commit"] == ids[3])
    time.sleep(0.5)
    yield ids, ids[3], running
    running.kill()
    running.communicate()


def test_a_session_stopped_while_it_boots_goes_on(hanging: Hanging, bisector: Bisector) -> None:
    ids, silent, running = hanging
    ran = stopped(running, signal.SIGINT)
    assert ran.code == 130
    assert ran.lines[-2]["event"] == "stopped"
    assert ran.lines[-1]["exit_code"] == 130
    assert not left(bisector.state)
    assert silent not in ran.tested("search")
    status = bisector("status", "--json").lines[0]
    assert (status["state"], status["conclusion"]) == ("stopped", None)
    assert "can be resumed" in bisector("report").out
    done = bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, ids[6])
    assert done.untestable == {silent: "boot: SILENT(nothing printed)"}
    assert no_commit_twice(bisector)
    assert not left(bisector.state)


def test_a_session_whose_process_was_killed_is_not_said_to_run(hanging: Hanging, bisector: Bisector) -> None:
    _, _, running = hanging
    assert bisector("status", "--json").lines[0]["state"] == "running"
    stopped(running, signal.SIGKILL)
    assert bisector("status", "--json").lines[0]["state"] == "stopped"


def test_a_held_session_is_refused_by_name_and_can_be_read(hanging: Hanging, bisector: Bisector) -> None:
    _, _, running = hanging
    [session] = bisector.sessions
    refused = bisector("resume", "--json", session.name)
    assert refused.code == 2
    assert refused.lines[0]["message"] == f"session {session.name} is held by process {running.pid}"
    assert bisector("list").out.split()[5:7] == [session.name, "running"]
    assert "searching 8 commits" in bisector("log").out
    assert "Without an answer yet" in bisector("report").out
    assert stopped(running, signal.SIGINT).code == 130


Building = tuple[list[str], Path, subprocess.Popen[str]]


@pytest.fixture
def building(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> Iterator[Building]:
    """A session that builds for ever while a file exists: the commits, the file, and the session."""
    flag, compiler = tmp_path / "slow", tmp_path / "bin" / "aarch64-linux-gnu-gcc"
    compiler.parent.mkdir()
    real = shutil.which("aarch64-linux-gnu-gcc")
    compiler.write_text(SLOW_COMPILER.format(flag=flag, real=real))
    compiler.chmod(0o755)
    bisector.env["PATH"] = f"{compiler.parent}:{bisector.env['PATH']}"
    ids = tree.story(6, flip_at=4)
    words = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE, "--no-ccache", "--jobs", "3")
    running = bisector.spawn("start", "--json", *words)
    until(running, lambda line: line.get("event") == "search")
    flag.touch()
    until(running, lambda line: line.get("phase") == "building")
    time.sleep(0.7)
    yield ids, flag, running
    running.kill()
    running.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=LONG), signal.SIGKILL])
def test_a_session_stopped_while_it_builds_goes_on(
    number: signal.Signals, building: Building, bisector: Bisector
) -> None:
    ids, flag, running = building
    ran = stopped(running, number)
    assert ran.code == (-9 if number is signal.SIGKILL else 130)
    if number is not signal.SIGKILL:
        assert not left(bisector.state)
    flag.unlink()
    done = bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, ids[4])
    assert not done.untestable
    assert no_commit_twice(bisector)


def test_a_killed_session_leaves_no_compilers_behind(building: Building, bisector: Bisector) -> None:
    _, _, running = building
    stopped(running, signal.SIGKILL)
    assert not left(bisector.state)


def test_a_finished_session_gives_its_answer_again(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    first = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    journal = bisector.journal
    again = bisector("resume")
    assert (first.code, again.code) == (0, 0)
    assert f"Found and certified: {ids[1][:12]}" in again.out
    assert bisector.journal == journal


def test_a_finished_session_gives_its_answer_again_as_json(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(2, 1)
    first = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    again = bisector("resume", "--json")
    assert again.code == 0
    assert again.conclusion == first.conclusion


def test_a_finished_session_is_read_in_every_form(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    [session] = bisector.sessions
    assert bisector("status", "--json").lines[0]["conclusion"] == ran.conclusion
    assert f"{session.name}: finished" in bisector("status").out
    assert bisector("log", "--json").lines == bisector.journal
    assert bisector("log").out.count("search ") >= 1
    [brief] = bisector("list", "--json").lines[0]["sessions"]
    assert (brief["session"], brief["state"]) == (session.name, "finished")
    report = bisector("report", "--json")
    assert report.out == (session / "report.json").read_text() == bisector("report", "--format", "json").out
    assert report.lines[0]["report"]["conclusion"] == ran.conclusion
    assert bisector("report").out.strip() == (session / "report.txt").read_text().strip()
    assert bisector("report", "--format", "markdown").out.strip() == (session / "report.md").read_text().strip()
    for command in ("status", "log", "report", "resume"):
        assert bisector(command, session.name[:15]).code == 0
        assert bisector(command, "no-such").code == 2


def test_the_newest_session_is_meant_and_an_ambiguous_prefix_is_refused(tree: MiniTree, bisector: Bisector) -> None:
    for _ in range(2):
        bisector.start(tree.path, tree.base, tree.commit("mini: same", neutral="document"), *ONCE)
    older, newer = bisector.sessions
    assert bisector("status", "--json").lines[0]["session"] == newer.name
    assert bisector("status", "--json", older.name).lines[0]["session"] == older.name
    assert "fits 2 sessions" in bisector("status", "2").err


def test_a_killed_session_leaves_nothing_running_and_goes_on_after_a_torn_line(
    hanging: Hanging, bisector: Bisector
) -> None:
    ids, _, running = hanging
    stopped(running, signal.SIGKILL)
    assert not left(bisector.state)
    lines = len(bisector.journal)
    with (bisector.sessions[0] / "journal.jsonl").open("a") as stream:
        stream.write('{"event":"step","sch')
    assert bisector("status", "--json").lines[0]["spoiled_lines"] == [lines + 1]
    done = bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, ids[6])
    assert bisector("status", "--json").lines[0]["spoiled_lines"] == [lines + 1]
    searched = [*bisector("log", "--json").steps]
    assert len(searched) == len({(step["commit"]["id"], step["purpose"]) for step in searched})


def test_a_second_session_beside_the_first_has_a_workspace_of_its_own(
    hanging: Hanging, tree: MiniTree, bisector: Bisector
) -> None:
    ids, _, running = hanging
    beside = bisector.start(tree.path, ids[4], ids[-1], *ONCE)
    assert (beside.code, beside.culprit) == (0, ids[6])
    assert len(list(bisector.state.glob("workspaces/*/*/tree"))) == 2
    assert running.communicate(timeout=60)
    assert running.returncode == 0
