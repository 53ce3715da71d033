"""Does anything that a command started outlive it, us, or its bounds? And is what it prints kept within measure?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bisector.host import keeper, process, sandbox
from tests.conftest import LONG
from tests.hostile import with_a_key
from tests.test_host import alive

# Its own session, and its parent gone: no process group and no parent leads to it.
DAEMON = "setsid sh -c 'echo $$ >> {0}/pids; exec sleep 100' > /dev/null 2>&1 < /dev/null &"
WALLED = pytest.mark.parametrize("walled", [True, False], ids=["in the sandbox", "without"])


def run(
    tmp_path: Path, script: str, *, walled: bool, seconds: float = 20, bounds: process.Bounds | None = None
) -> process.Finished:
    walls = sandbox.Walls((), (tmp_path,)) if walled else None
    argv = ["sh", "-c", f"cd {tmp_path}; {script.replace('{0}', str(tmp_path))}"]
    env = {"PATH": os.environ["PATH"]}
    return process.run(argv, env=env, log=tmp_path / "log", seconds=seconds, walls=walls, bounds=bounds)


def marked(mark: str) -> list[int]:
    """Return the live processes with this word on their command line, as the host numbers them."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in place.joinpath("cmdline").read_bytes().split(b"\0") and alive(int(place.name)):
                found.append(int(place.name))
        except OSError:
            pass
    return found


def none_left(mark: str, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not marked(mark)


@WALLED
@pytest.mark.parametrize("how", ["exit 0", "exit 3", "sleep 100"])
def test_a_daemon_does_not_outlive_its_command_nor_the_deadline(tmp_path: Path, walled: bool, how: str) -> None:
    script = f"({DAEMON}); while ! test -s pids; do sleep 0.01; done; {how}"
    done = run(tmp_path, script.replace("sleep 100'", f"sleep 31.{os.getpid()}'"), walled=walled, seconds=2)
    assert done.overdue == (how == "sleep 100")
    assert (tmp_path / "pids").read_text()
    assert none_left(f"31.{os.getpid()}", 0)


@WALLED
def test_a_command_is_asked_to_end_before_it_is_killed(tmp_path: Path, walled: bool) -> None:
    done = run(tmp_path, "trap 'echo asked; exit 5' TERM; while :; do sleep 0.05; done", walled=walled, seconds=1)
    assert (done.overdue, done.code) == (True, 5)
    assert "asked" in (tmp_path / "log").read_text().splitlines()


@WALLED
@pytest.mark.parametrize("killed", ["us", "the keeper", "bubblewrap", "us and the keeper"])
def test_nothing_outlives_whoever_of_the_chain_is_killed(tmp_path: Path, walled: bool, killed: str) -> None:
    if killed == "bubblewrap" and not walled:
        killed = "the command"
    mark = f"32.{os.getpid()}"
    walls = f"sandbox.Walls((), (pathlib.Path({str(tmp_path)!r}),))" if walled else "None"
    # Without walls nobody is left who knows of a daemon once the keeper was killed.
    daemon = f"setsid sleep {mark} &" if walled or "the keeper" not in killed else ""
    if killed == "us and the keeper" and not walled:
        killed = "us"
    code = f"""
import os, pathlib
from bisector.host import keeper, process, sandbox
process.run(["sh", "-c", "{daemon} sleep {mark} & echo > {tmp_path}/began; wait; : {mark}"], env=dict(os.environ),
            log=pathlib.Path({str(tmp_path / "log")!r}), seconds=50, walls={walls})
"""
    ours = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not ((tmp_path / "began").exists() and marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert marked(mark)
    victim = ours.pid
    if killed == "us and the keeper":
        ours.send_signal(signal.SIGSTOP)  # it must not clean up between the two
    for _ in range({"us": 0, "the keeper": 1, "us and the keeper": 1}.get(killed, 2)):
        victim = int(Path(f"/proc/{victim}/task/{victim}/children").read_text().split()[0])
    os.kill(victim, 9)
    if killed == "us and the keeper":
        ours.kill()
    assert none_left(mark)
    assert ours.wait(20) == (-9 if "us" in killed.split() else 0)


@WALLED
@pytest.mark.parametrize(
    ("bounds", "script", "excess"),
    [
        (process.Bounds(tasks=50), "i=0; while [ $i -lt 500 ]; do sleep 60 & i=$((i+1)); done; wait", "50 processes"),
        (process.Bounds(memory=200 << 20), "perl -e 'push @a, \"x\" x (1 << 20) for 1..600; sleep 60'", "0.195 GiB"),
    ],
    ids=["processes", "memory"],
)
def test_a_bound_that_is_broken_ends_everything_and_is_said(
    tmp_path: Path, walled: bool, bounds: process.Bounds, script: str, excess: str
) -> None:
    done = run(tmp_path, script, walled=walled, bounds=bounds)
    assert excess in done.excess
    assert not done.overdue
    assert run(tmp_path, "exit 0", walled=walled, bounds=bounds).excess == ""


def test_memory_that_is_shared_is_counted_once(tmp_path: Path) -> None:
    share = "perl -e '$x = \"x\" x (100 << 20); for (1..8) { fork or do { sleep 2; exit } } sleep 2'"
    assert run(tmp_path, share, walled=False, bounds=process.Bounds(memory=500 << 20)).excess == ""


@pytest.mark.parametrize(
    ("script", "first", "last"),
    [
        ("echo first; head -c 300M /dev/zero | tr '\\0' x; echo; echo error: last", "first", "error: last"),
        ("echo first; yes | head -c 300M; echo error: last", "first", "error: last"),
        pytest.param("echo first; yes", "first", "y", marks=LONG),
    ],
    ids=["a line without end", "lines without end", "more than a gigabyte"],
)
def test_what_is_printed_without_measure_is_cut_in_the_log_and_takes_no_memory(
    tmp_path: Path, script: str, first: str, last: str
) -> None:
    code = f"""
import os, pathlib, resource
from bisector.host import process
from tests.conftest import LONG
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
done = process.run(["sh", "-c", {script!r}], env=dict(os.environ), log=pathlib.Path("log"), seconds=80,
                   on_line=lambda line: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, done.overdue, done.excess)
"""
    env = dict(os.environ) | {"PYTHONPATH": str(Path(process.__file__).parent.parent.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    grown, overdue, excess = ran.stdout.rstrip("\n").split(" ", 2)
    assert int(grown) < 20 << 10
    assert overdue == "False"
    assert excess == ("printed more than 1024 MiB" if script.endswith("yes") else "")
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert sum(len(line) for line in lines) < 20 << 20
    assert lines[1] == first.encode()
    assert b"the log was cut" in lines[-1]
    assert last.encode() in lines[-5:]
    assert any(b"bytes are left out here" in line for line in lines)


def test_a_word_of_the_keeper_s_cannot_be_forged_by_the_command(tmp_path: Path) -> None:
    forge = 'for n in 3 4 5 6 7 8 9; do eval "echo started more than 1 processes >&$n"; done 2> /dev/null; exit 4'
    done = run(tmp_path, forge, walled=False)
    assert (done.code, done.excess) == (4, "")


@pytest.mark.parametrize(("walled", "found"), [(False, True), (True, False)])
def test_a_walled_command_has_a_session_keyring_of_its_own(walled: bool, found: bool) -> None:
    number, name = with_a_key()
    script = f'$type = "user"; $name = "{name}"; exit(syscall({number}, 10, -3, $type, $name, 0) < 0)'
    with open(os.devnull, "wb") as say:
        words = map(str, (os.getpid(), say.fileno(), number if walled else 0, 0, 0, 0, "/", "", "perl", "-e", script))
        argv = [sys.executable, "-I", "-S", keeper.__file__, *words]
        ran = subprocess.run(argv, pass_fds=(say.fileno(),), check=False)
    assert (ran.returncode == 0) == found


@pytest.mark.parametrize(
    ("bounds", "script"),
    [(("0", "0", str(1 << 80)), "true"), (("3", "0", "0"), "for i in 1 2 3 4 5; do sleep {mark} & done; wait")],
    ids=["before anything is started", "when the broken bound cannot be said"],
)
def test_a_keeper_that_fails_is_not_taken_for_its_command(bounds: tuple[str, ...], script: str) -> None:
    mark = f"33.{os.getpid()}"
    with open("/dev/full", "w") as full:
        words = [str(os.getpid()), str(full.fileno()), "0", *bounds, "/tmp", "", "sh", "-c", script.format(mark=mark)]
        ran = subprocess.run(
            [sys.executable, "-I", "-S", keeper.__file__, *words], pass_fds=(full.fileno(),), check=False, timeout=30
        )
    assert ran.returncode == 126
    assert none_left(mark, 0)
