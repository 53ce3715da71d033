"""Does a session that was killed at a chosen instant go on as if nothing had been? A campaign at random instants is
`scripts/torture`; here each process is killed once, where it is sure to run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisector import events, journal
from tests import leftovers, samples
from tests.conftest import LONG, ONCE, Bisector, Json, Ran
from tests.minitree import MiniTree

# Waits while a file exists, so that a compiler is sure to run when it is killed.
SLOW = """#!/bin/sh
case "$*" in *--version*|*-static*) ;; *) while [ -e {flag} ]; do sleep 0.05; done;; esac
exec {real} "$@"
"""
FLIP = 6


@dataclass
class Watched:
    """A session at work, and the commits of its history."""

    tree: MiniTree
    bisector: Bisector
    ids: list[str]
    flag: Path
    process: subprocess.Popen[str]

    def until(self, reached: Callable[[Json], bool]) -> Json:
        """Read its events until one is reached."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: Json = json.loads(line)
            if reached(event):
                return event
        raise AssertionError(f"it ended before: {self.process.communicate()[1]}")

    def pids(self, *words: str) -> list[int]:
        """Return the processes below it whose argv has all these words, waiting until there is one."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = [
                pid
                for pid in leftovers.below(self.process.pid)
                if (said := leftovers.words_of(pid)) and all(any(word in one for one in said) for word in words)
            ]
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"no process {words}")

    def ended(self) -> Ran:
        out, err = self.process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return Ran(self.process.returncode, out, err)


@pytest.fixture
def watched(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> Iterator[Watched]:
    leftovers.adopt_orphans()
    flag, compiler = tmp_path / "slow", tmp_path / "bin" / "aarch64-linux-gnu-gcc"
    compiler.parent.mkdir()
    compiler.write_text(SLOW.format(flag=flag, real=shutil.which(compiler.name)))
    compiler.chmod(0o755)
    bisector.env["PATH"] = f"{compiler.parent}:{bisector.env['PATH']}"
    # A silent kernel in the middle: QEMU is sure to run for three seconds there.
    ids = tree.story(
        8, FLIP, edits={3: {"mode": "SILENT_BOOT"}, 4: {"mode": "NORMAL"}, 6: {"hits": {"exec-sigtrap": "OK"}}}
    )
    process = bisector.spawn("start", "--json", *line(tree, ids))
    made = Watched(tree, bisector, ids, flag, process)
    yield made
    process.kill()
    process.communicate()
    assert leftovers.running() == []


def line(tree: MiniTree, ids: list[str]) -> list[str]:
    """The rest of the command line that begins the session, and that goes on with it."""
    ends = ["--repo", str(tree.path), "--old", tree.base, "--new", ids[-1]]
    return [*ends, *ONCE, "--silence-limit", "3", "--no-ccache", "--jobs", "2"]


def ends_right(at: Watched, *, by_itself: bool) -> None:
    """See the session come to the right commit, by itself or resumed, with nothing lost, doubled or left."""
    before = at.bisector.journal
    kernels = leftovers.finished_kernels(at.bisector)
    ran = at.ended()
    if not by_itself:
        assert ran.code in (20, -9), ran.err
        assert leftovers.running() == []
        before = at.bisector.journal
        kernels = leftovers.finished_kernels(at.bisector)
        ran = at.bisector("resume", "--json")
    assert ran.code == 0, ran.err
    assert at.bisector.journal[: len(before)] == before
    steps = leftovers.steps(at.bisector.journal)
    assert len(steps) == len(set(steps))
    [concluded] = [event["conclusion"] for event in at.bisector.journal if event["event"] == "conclusion"]
    assert concluded["culprit"]["id"] == at.ids[FLIP]
    # Those on the edge are built once more, to certify them; all others never.
    edge = {at.ids[FLIP][:12], at.ids[FLIP - 1][:12]}
    after = leftovers.finished_kernels(at.bisector)
    assert {name: after[name] for name in kernels if name not in edge} == {
        name: made for name, made in kernels.items() if name not in edge
    }
    leftovers.nothing_left(at.bisector, at.tree)


def searching(event: Json) -> bool:
    return event.get("event") == "progress" and event["purpose"] == "search"


@pytest.mark.parametrize(
    ("victim", "by_itself"),
    [
        ((), False),  # bisector itself
        pytest.param(("child.py", "-I"), True, marks=LONG),
        pytest.param(("git", "bisect", "run"), True, marks=LONG),
        pytest.param(("make", "Image"), True, marks=LONG),
        (("keeper", "make", "Image"), True),
        pytest.param(("aarch64-linux-gnu-gcc", "-c"), True, marks=LONG),
    ],
    ids=["bisector", "git's child", "git", "make", "make's keeper", "a compiler"],
)
def test_a_kill_while_git_s_commit_is_built(victim: tuple[str, ...], by_itself: bool, watched: Watched) -> None:
    watched.until(lambda event: event.get("event") == "search")
    watched.flag.touch()
    watched.until(lambda event: searching(event) and event["phase"] == "building")
    watched.pids("aarch64-linux-gnu-gcc", "-c")
    os.kill(watched.pids(*victim)[0] if victim else watched.process.pid, signal.SIGKILL)
    if not victim:
        assert leftovers.running(30) == []
    watched.flag.unlink()
    ends_right(watched, by_itself=by_itself)


@pytest.mark.parametrize(
    ("victim", "by_itself"),
    [
        pytest.param((), False, marks=LONG),
        (("child.py", "-I"), True),
        pytest.param(("git", "bisect", "run"), True, marks=LONG),
        (("qemu-system-aarch64",), True),
    ],
    ids=["bisector", "git's child", "git", "QEMU"],
)
def test_a_kill_while_git_s_commit_is_booted(victim: tuple[str, ...], by_itself: bool, watched: Watched) -> None:
    silent = watched.ids[3]
    watched.until(lambda event: searching(event) and event["phase"] == "booting" and event["commit"] == silent)
    watched.pids("qemu-system-aarch64")
    os.kill(watched.pids(*victim)[0] if victim else watched.process.pid, signal.SIGKILL)
    ends_right(watched, by_itself=by_itself)
    assert (silent, "search") in leftovers.steps(watched.bisector.journal)


def built_again(ran: Ran) -> set[str]:
    return {line["commit"] for line in ran.lines if line.get("phase") == "building"}


def test_a_kernel_that_was_built_but_not_booted_is_not_built_again(watched: Watched) -> None:
    silent = watched.ids[3]
    watched.until(lambda event: event.get("phase") == "booting" and event["commit"] == silent)
    watched.process.kill()
    watched.process.wait()
    ran = watched.bisector("resume", "--json")
    assert (ran.code, ran.culprit) == (0, watched.ids[FLIP])
    assert silent not in built_again(ran)
    assert (silent, "search") in leftovers.steps(watched.bisector.journal)


def test_a_certified_kernel_is_not_built_from_nothing_twice(watched: Watched) -> None:
    culprit = watched.ids[FLIP]
    watched.until(lambda event: event.get("phase") == "booting" and event["purpose"] == "culprit")
    watched.process.kill()
    watched.process.wait()
    ran = watched.bisector("resume", "--json")
    assert (ran.code, ran.culprit) == (0, culprit)
    assert culprit not in built_again(ran)
    assert watched.ids[FLIP - 1] in built_again(ran)


def test_a_kill_in_the_certification_s_build_leaves_no_directory_of_it(watched: Watched) -> None:
    def certifying(event: Json) -> bool:
        return event.get("purpose") == "culprit" and event["phase"] == "checking out"

    watched.until(certifying)
    watched.flag.touch()
    watched.pids("aarch64-linux-gnu-gcc", "-c")
    watched.process.kill()
    watched.flag.unlink()
    ends_right(watched, by_itself=False)


def test_the_same_start_goes_on_with_a_killed_session(watched: Watched) -> None:
    watched.until(lambda event: event.get("event") == "search")
    watched.process.kill()
    watched.process.wait()
    before = watched.bisector.journal
    ran = watched.bisector("start", "--json", *line(watched.tree, watched.ids))
    assert (ran.code, ran.culprit) == (0, watched.ids[FLIP])
    [session] = watched.bisector.sessions
    assert f"going on with session {session.name}" in ran.err
    assert watched.bisector.journal[: len(before)] == before
    leftovers.nothing_left(watched.bisector, watched.tree)


def test_a_finished_or_another_session_is_not_gone_on_with(watched: Watched) -> None:
    watched.until(lambda event: event.get("event") == "search")
    watched.process.kill()
    watched.process.wait()
    words = line(watched.tree, watched.ids)
    others = [
        ("start", *words, "--new-session"),
        ("start", *words, "--scenario", "exec-sigtrap"),
        ("start", *words, "--jobs", "1"),
    ]
    for number, other in enumerate(others, 2):
        ran = watched.bisector(other[0], "--json", *other[1:])
        assert (ran.code, ran.culprit) == (0, watched.ids[FLIP])
        assert len(watched.bisector.sessions) == number
    assert watched.bisector("start", "--json", *words, "--scenario", "exec-sigtrap").code == 0
    assert len(watched.bisector.sessions) == 5


def test_a_session_that_is_at_work_is_not_begun_again(watched: Watched) -> None:
    watched.until(lambda event: event.get("event") == "search")
    watched.flag.touch()
    [session] = watched.bisector.sessions
    refused = watched.bisector("start", "--json", *line(watched.tree, watched.ids))
    assert refused.code == 2
    assert refused.lines[0]["message"] == f"session {session.name} is held by process {watched.process.pid}"
    watched.flag.unlink()
    ends_right(watched, by_itself=True)


def test_of_two_equal_starts_at_the_same_instant_one_runs(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(4, 2)
    words = ("--json", "--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE)
    both = [bisector.spawn("start", *words) for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    [refused] = [out for process, (out, _) in zip(both, said, strict=True) if process.returncode == 2]
    [runs] = [process.pid for process in both if process.returncode == 0]
    [session] = bisector.sessions
    assert json.loads(refused)["message"] == f"session {session.name} is held by process {runs}"


# -- signals -------------------------------------------------------------------------------------------

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def goes_on(ran: Ran, bisector: Bisector) -> None:
    """See the exit code, and that the last line is a command that goes on."""
    assert ran.code == 130, ran.err
    [session] = bisector.sessions
    last = ran.err.splitlines()[-1]
    assert last == f"  bisector resume --state {bisector.state} {session.name} goes on where it stopped"


USUAL = ((signal.SIGINT, True), (signal.SIGTERM, False))


@pytest.mark.parametrize(
    ("number", "twice"),
    [
        # Ctrl-C twice, and SIGTERM once.
        pytest.param(number, twice, marks=() if (number, twice) in USUAL else LONG)
        for number in STOPS
        for twice in (False, True)
    ],
)
def test_a_signal_ends_everything_at_once(number: signal.Signals, twice: bool, watched: Watched) -> None:
    watched.until(lambda event: event.get("event") == "search")
    watched.flag.touch()
    watched.until(lambda event: event.get("phase") == "building")
    watched.pids("aarch64-linux-gnu-gcc", "-c")
    began = datetime.now(UTC)
    watched.process.send_signal(number)
    if twice:
        watched.process.send_signal(number)
    ran = watched.ended()
    assert leftovers.running(8) == []
    # Two seconds on an idle machine, when all that it started has ended; the test machine may be busy.
    assert (datetime.fromisoformat(watched.bisector.journal[-1]["at"]) - began).total_seconds() < 4
    goes_on(ran, watched.bisector)
    assert watched.bisector.journal[-1]["why"] == "interrupted"
    watched.flag.unlink()
    done = watched.bisector("resume", "--json")
    assert (done.code, done.culprit) == (0, watched.ids[FLIP])
    leftovers.nothing_left(watched.bisector, watched.tree)


def test_a_signal_to_the_whole_group_is_an_interruption_and_no_failure_of_git(
    tree: MiniTree, bisector: Bisector
) -> None:
    leftovers.adopt_orphans()
    ids = tree.story(4, 2)
    words = ("start", "--json", *line(tree, ids))
    for delay in (0.0, 0.2, 0.3):
        process = subprocess.Popen(
            bisector.argv(*words), env=bisector.env, cwd=bisector.cwd, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        goes_on(Ran(process.returncode, out, err), bisector)
        assert leftovers.running() == []
    ran = bisector(*words)
    assert (ran.code, ran.culprit) == (0, ids[2])
    leftovers.nothing_left(bisector, tree)


def test_a_signal_before_there_is_a_session_says_so(tree: MiniTree, bisector: Bisector) -> None:
    # From the interpreter's own start, which nobody but Python can hear, to the first event.
    heard = 0
    for delay in (0.1, 0.15, 0.2, 0.3, 0.4):
        process = bisector.spawn("start", *line(tree, tree.story(1, 0, new="DUP")))
        time.sleep(delay)
        process.terminate()
        _, err = process.communicate(timeout=30)
        assert "Traceback" not in err
        if process.returncode == 130:
            heard += 1
            assert err.startswith("bisector: interrupted by SIGTERM\n")
            assert "run it again" in err or "goes on" in err
        else:
            assert (process.returncode, err) == (-signal.SIGTERM, "")
    assert heard
    assert leftovers.running() == []


def test_a_signal_during_the_report_leaves_the_answer(watched: Watched) -> None:
    watched.until(lambda event: event.get("event") == "conclusion")
    watched.process.send_signal(signal.SIGTERM)
    ran = watched.ended()
    assert ran.code in (0, 130), ran.err
    again = watched.bisector("resume", "--json")
    assert (again.code, again.culprit) == (0, watched.ids[FLIP])
    assert (watched.bisector.sessions[0] / "report.txt").exists()
    leftovers.nothing_left(watched.bisector, watched.tree)


def test_an_interruption_that_somebody_swallows_ends_the_process_all_the_same(bisector: Bisector) -> None:
    program = """
import os, signal, subprocess, sys, time
from bisector.host import stopping
stopping.go_on_with("the last line")
stopping.listen()
child, told = subprocess.Popen(["setsid", "sleep", "60"]), False
while True:
    try:
        # Told here, and once: the signal comes as soon as it is read, and must find somebody who swallows it.
        if not told:
            told = True
            print(child.pid, flush=True)
        time.sleep(60)
    except BaseException:
        pass
"""
    process = subprocess.Popen(
        [bisector.command[0], "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "\nbisector: interrupted by SIGTERM\n  the last line\n"
    # It was killed before we could see 130; a busy machine may need a moment to let it die.
    deadline = time.monotonic() + 10
    while leftovers.words_of(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not leftovers.words_of(child)


def test_an_interruption_in_a_destructor_is_no_traceback_and_no_way_to_go_on() -> None:
    program = """
import os, signal, time
from bisector.host import stopping
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
stopping.listen()
Deaf()
time.sleep(60)
"""
    root = Path(__file__).parent.parent
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 130
    assert ran.stderr == "\nbisector: interrupted by SIGTERM\n  nothing was begun: run it again\n"


def test_a_stop_before_anything_was_loaded_is_told_as_json_too() -> None:
    program = """
import os, signal, sys
from bisector import __main__
signal.signal(signal.SIGTERM, __main__._too_early)
sys.argv = ["bisector", "start", "--json"]
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    why, hint = "interrupted by SIGTERM", "nothing was begun: run it again"
    assert (done.returncode, done.stderr) == (130, f"bisector: {why}\n  {hint}\n")
    [line] = Ran(done.returncode, done.stdout, done.stderr).lines
    assert line == {"command": "error", "message": why, "hint": hint, "exit_code": 130, "schema": events.SCHEMA}


def test_an_interruption_that_was_swallowed_is_raised_before_the_journal_is_written(tmp_path: Path) -> None:
    program = """
import os, pathlib, signal, sys
from types import SimpleNamespace
from bisector import events, journal, steps
from bisector.errors import Interrupted
from bisector.host import stopping
from tests import samples
stopping.listen()
book = journal.create(pathlib.Path(sys.argv[1]), samples.started())
work = steps.Steps(book, SimpleNamespace(known={}), print)
try:
    os.kill(os.getpid(), signal.SIGTERM)
except BaseException:
    pass
try:
    work.record(events.Searching(commits=1, olds=()))
except Interrupted as error:
    print(error.message, book.session.searching)
"""
    root = Path(__file__).parent.parent
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "session"], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.stdout == "interrupted by SIGTERM None\n", ran.stderr


def test_a_signal_while_the_last_words_wait_for_their_reader(bisector: Bisector) -> None:
    name = "20240101-000000-aaa"
    journal.create(bisector.state / "sessions" / name, samples.started(name=name))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    process = subprocess.Popen(
        bisector.argv("status"), env=bisector.env, cwd=bisector.cwd, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while "pipe" not in Path(f"/proc/{process.pid}/wchan").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    _, err = process.communicate(timeout=30)
    os.close(reading)
    os.close(writing)
    assert process.returncode == 130
    assert err == "bisector: interrupted by SIGTERM\n  nothing was begun: run it again\n"


def test_a_reader_that_has_read_enough_costs_no_report(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(4, 2, edits={1: {"breaks": "compile"}, 2: {"hits": {"exec-sigtrap": "OK"}}, 3: {"mends": True}})
    bisector.env["PYTHONUNBUFFERED"] = "1"
    process = bisector.spawn("start", "--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE)
    assert process.stdout is not None
    while "ended:" not in (said := process.stdout.readline()):
        assert said
    process.stdout.close()
    assert process.wait(60) == 10
    [session] = bisector.sessions
    assert (session / "report.json").exists()


def test_what_nohup_told_us_to_ignore_is_ignored(watched: Watched) -> None:
    watched.process.kill()
    watched.process.wait()
    argv = watched.bisector.argv("start", "--json", *line(watched.tree, watched.ids), "--new-session")
    ran = subprocess.Popen(
        ["nohup", *argv], env=watched.bisector.env, cwd=watched.bisector.cwd, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert ran.stdout is not None
    assert ran.stdout.readline()
    ran.send_signal(signal.SIGHUP)
    out, err = ran.communicate(timeout=100)
    assert ran.returncode == 0, err
    assert Ran(0, out, err).culprit == watched.ids[FLIP]
