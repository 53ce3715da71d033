"""Do calls run side by side, answer in order, and end with whoever waits for them?"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bisector.errors import HostError
from bisector.host import abreast
from tests import leftovers
from tests.conftest import Bisector
from tests.minitree import MiniTree

Warn = Callable[[str], None]


def meeting(places: list[Path], mine: int) -> Callable[[Warn], int]:
    """Return a call that ends when all of its like have begun, and says which it was."""

    def call(_: Warn) -> int:
        places[mine].touch()
        deadline = time.monotonic() + 20
        while not all(place.exists() for place in places):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # The first comes last.
        time.sleep(0.1 * (len(places) - mine))
        return mine

    return call


def test_calls_run_at_the_same_time_and_answer_in_their_order(tmp_path: Path) -> None:
    places = [tmp_path / str(number) for number in range(3)]
    calls = [meeting(places, number) for number in range(3)]
    assert list(abreast.each(calls, print, 60)) == [0, 1, 2]


def test_what_a_call_warns_of_is_told_here() -> None:
    def call(warn: Warn) -> None:
        warn("the machine failed, trying again")

    warned: list[str] = []
    list(abreast.each([call], warned.append, 60))
    assert warned == ["the machine failed, trying again"]


def test_the_answers_before_a_failure_are_told_and_the_others_ended() -> None:
    def fails(_: Warn) -> int:
        raise HostError("the disk is full", "make room")

    def sleeps(_: Warn) -> int:
        time.sleep(600)
        return 0

    told = abreast.each([lambda _: 7, fails, sleeps], print, 60)
    assert next(told) == 7
    with pytest.raises(HostError) as failed:
        next(told)
    assert (failed.value.message, failed.value.hint) == ("the disk is full", "make room")
    assert leftovers.running() == []


def test_what_the_system_refuses_is_our_machine_s_failure() -> None:
    with pytest.raises(HostError, match="No such file"):
        list(abreast.each([lambda _: Path("/nowhere/at/all").read_bytes()], print, 60))


def test_a_mistake_of_ours_is_none_of_our_machine_s_failures() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(abreast.each([lambda _: 1 // 0], print, 60))


def test_a_process_that_was_killed_has_no_answer() -> None:
    with pytest.raises(HostError, match="ended without an answer"):
        list(abreast.each([lambda _: os.kill(os.getpid(), signal.SIGKILL)], print, 60))


def test_no_call_is_waited_for_longer_than_was_said() -> None:
    with pytest.raises(HostError, match="did not end in 0 s"):
        list(abreast.each([lambda _: time.sleep(600)], print, 0.2))
    assert leftovers.running() == []


SLEEPERS = """
import subprocess, sys
from bisector.errors import Interrupted
from bisector.host import abreast, console, stopping
from pathlib import Path
stopping.listen()
def boot(number, warn):
    with console.opened(["sleep", "600"], log=Path(sys.argv[1]) / f"{number}.log"):
        print("begun", flush=True)
        import time; time.sleep(600)
try:
    list(abreast.each([lambda warn, n=n: boot(n, warn) for n in range(2)], print, 600))
except Interrupted as error:
    print(error.message, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_whatever_stops_us_stops_all_of_them_and_what_they_started(tmp_path: Path, number: signal.Signals) -> None:
    argv = [sys.executable, "-c", SLEEPERS, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert [running.stdout.readline(), running.stdout.readline()] == ["begun\n", "begun\n"]
        below = set(leftovers.below(running.pid))
        assert len(below) >= 4
        running.send_signal(number)
        said, failed = running.communicate(timeout=30)
    assert failed == ""
    assert said == ("" if number is signal.SIGKILL else f"interrupted by {number.name}\n")
    deadline = time.monotonic() + 10
    while alive := [pid for pid in below if leftovers.words_of(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)


def test_the_same_is_found_whether_boots_run_side_by_side_or_not(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    counting, real = tmp_path / "bin" / "qemu-system-aarch64", shutil.which("qemu-system-aarch64")
    counting.parent.mkdir()
    lines = (
        f'#!/bin/sh\ncase "$*" in *-kernel*) echo + >> {tmp_path}/seen; trap "" TERM;; esac\n{real} "$@"; code=$?\n'
    )
    counting.write_text(lines + f'case "$*" in *-kernel*) echo - >> {tmp_path}/seen;; esac; exit $code\n')
    counting.chmod(0o755)
    env = {"PATH": f"{counting.parent}:{bisector.env['PATH']}"}
    ids = tree.story(6, flip_at=3)

    def found(jobs: int) -> tuple[int, list[tuple[str, str, str]], int]:
        (tmp_path / "seen").write_text("")
        ran = bisector.start(tree.path, tree.base, ids[-1], "--jobs", str(jobs), "--no-store", env=env)
        assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
        steps = [(step["commit"]["id"], step["purpose"], step["because"]) for step in ran.steps]
        numbers = itertools.accumulate(1 if word == "+" else -1 for word in (tmp_path / "seen").read_text().split())
        return len(ran.steps), steps, max(numbers)

    alone, beside = found(1), found(2)
    assert alone[:2] == beside[:2]
    assert (alone[2], beside[2]) == (1, min(2, len(os.sched_getaffinity(0))))
