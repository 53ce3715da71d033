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


def meeting(places: list[Path], mine: int) -> Callable[[], int]:
    """Return a call that ends when all of its like have begun, and says which it was."""

    def call() -> int:
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
    assert list(abreast.each(calls, 60)) == [0, 1, 2]


def test_the_answers_before_a_failure_are_told_and_the_others_ended() -> None:
    def fails() -> int:
        raise HostError("the disk is full", "make room")

    def sleeps() -> int:
        time.sleep(600)
        return 0

    told = abreast.each([lambda: 7, fails, sleeps], 60)
    assert next(told) == 7
    with pytest.raises(HostError) as failed:
        next(told)
    assert (failed.value.message, failed.value.hint) == ("the disk is full", "make room")
    assert leftovers.running() == []


def test_what_the_system_refuses_is_our_machine_s_failure() -> None:
    with pytest.raises(HostError, match="No such file"):
        list(abreast.each([lambda: Path("/nowhere/at/all").read_bytes()], 60))


def test_a_mistake_of_ours_is_none_of_our_machine_s_failures() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(abreast.each([lambda: 1 // 0], 60))


def test_a_process_that_was_killed_has_no_answer() -> None:
    with pytest.raises(HostError, match="ended without an answer"):
        list(abreast.each([lambda: os.kill(os.getpid(), signal.SIGKILL)], 60))


def test_no_call_is_waited_for_longer_than_was_said() -> None:
    with pytest.raises(HostError, match="did not end in 0 s"):
        list(abreast.each([lambda: time.sleep(600)], 0.2))
    assert leftovers.running() == []


SLEEPERS = """
import subprocess, sys
from bisector.errors import Interrupted
from bisector.host import abreast, console, stopping
from pathlib import Path
stopping.listen()
def boot(number):
    with console.opened(["sleep", "600"], log=Path(sys.argv[1]) / f"{number}.log"):
        print("begun", flush=True)
        import time; time.sleep(600)
try:
    list(abreast.each([lambda n=n: boot(n) for n in range(2)], 600))
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


def test_where_boots_side_by_side_are_too_much_they_are_made_one_by_one(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    # The second QEMU that runs at the same time is killed, as by a machine without memory.
    place, real = tmp_path / "bin", shutil.which("qemu-system-aarch64")
    place.mkdir()
    # Its lock goes with the QEMU that has it, however that ends.
    lines = f"""#!/bin/sh
case "$*" in *-kernel*) exec 9>{tmp_path}/lock; flock -n 9 || {{ echo + >> {tmp_path}/killed; kill -9 $$; }};; esac
exec {real} "$@"
"""
    (place / "qemu-system-aarch64").write_text(lines)
    (place / "qemu-system-aarch64").chmod(0o755)
    ids = tree.story(6, flip_at=3)
    env = {"PATH": f"{place}:{bisector.env['PATH']}"}
    ran = bisector.start(tree.path, tree.base, ids[-1], "--jobs", "2", "--on", "qemu-gone=new", env=env)
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
    if len(os.sched_getaffinity(0)) > 1:
        assert (tmp_path / "killed").exists()
        assert "boots side by side failed, going on one by one" in ran.err
    # It is a verdict only of a QEMU that is gone at each of three tries, with nothing beside it.
    assert not [step for step in ran.steps if "QEMU_GONE" in step["because"]]
