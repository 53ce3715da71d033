"""Does one host command end as it should, on a pipe or on a pty, and leave nothing behind?"""

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bisector.errors import HostError
from bisector.host import console, process


def run(tmp_path: Path, script: str, seconds: float = 20, heard: list[str] | None = None) -> process.Finished:
    argv = ["sh", "-c", f"cd {tmp_path}\n{script}"]
    on_line = heard.append if heard is not None else None
    return process.run(argv, env=dict(os.environ), log=tmp_path / "log", seconds=seconds, on_line=on_line)


@dataclass(frozen=True)
class Heard:
    text: str
    code: int | None


def listen(tmp_path: Path, script: str) -> Heard:
    """Hear a script to its end."""
    with console.opened(["sh", "-c", script], log=tmp_path / "log") as said:
        while said.read(60) is not None:
            pass
        return Heard(said.text, said.ended())


def alive(pid: int) -> bool:
    """Tell whether the process runs; one that is dead but not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: str) -> bool:
    """Tell whether every process of a file with one pid a line is gone, soon."""
    deadline = time.monotonic() + 10
    numbers = [int(pid) for pid in pids.split()]
    assert numbers
    while any(map(alive, numbers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, numbers))


def test_what_is_bound_to_us_has_the_pid_that_we_know() -> None:
    running = subprocess.Popen(process.bound_to_us(["sh", "-c", "echo $$"]), stdout=subprocess.PIPE, text=True)
    assert running.communicate()[0] == f"{running.pid}\n"


def test_what_is_bound_to_us_does_not_begin_without_us() -> None:
    # Its parent is another one: we died before the kernel was told whose death to tell.
    argv = ["sh", "-c", '"$@"; exit $?', "sh", *process.bound_to_us(["echo", "it ran"])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (143, "")


@pytest.mark.parametrize(("script", "transient"), [("kill -9 $$", True), ("exit 3", False)])
def test_a_short_command_that_is_killed_may_be_tried_again(script: str, transient: bool) -> None:
    with pytest.raises(HostError) as caught:
        process.output(["sh", "-c", script])
    assert caught.value.transient is transient


def test_a_program_that_cannot_be_started_for_now_may_be_tried_again() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        with pytest.raises(HostError, match="cannot start a program: Too many open files") as caught:
            process.output(["true"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert caught.value.transient


def test_a_child_that_takes_its_time_to_die_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, asked = console._Child.isalive, [0]

    def dying(child: console._Child) -> bool:
        """Not seen to be gone, as on a host with more to do, before it was asked so often."""
        asked[0] += 1
        return asked[0] < 20 or gone(child)

    with console.opened(["sleep", "60"], log=tmp_path / "log") as said:
        monkeypatch.setattr(console._Child, "isalive", dying)
        monkeypatch.setattr("bisector.host.keeper.everyone", dict)
    assert asked[0] >= 20
    assert not Path(f"/proc/{said.pid}").exists()


def test_what_fails_beside_a_console_is_not_told_as_its_log_s_failure(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="nowhere"),
        console.opened(["sleep", "60"], log=tmp_path / "log"),
    ):
        (tmp_path / "nowhere").read_text()


# -- on a pipe -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)])
def test_the_exit_code_is_the_shells(script: str, code: int, tmp_path: Path) -> None:
    done = run(tmp_path, script)
    assert (done.code, done.overdue) == (code, False)


def test_both_outputs_are_logged_below_the_command_that_a_person_can_paste(tmp_path: Path) -> None:
    argv = ["sh", "-c", "echo out; echo err >&2; printf 'no end'"]
    process.run(argv, env=dict(os.environ), log=tmp_path / "log", seconds=20)
    command, *said = (tmp_path / "log").read_text().splitlines()
    assert said == ["out", "err", "no end"]
    assert command.startswith("$ ")
    assert command.endswith("""sh -c 'echo out; echo err >&2; printf '"'"'no end'"'"''""")


def test_a_line_is_in_the_log_before_anyone_looks_at_it(tmp_path: Path) -> None:
    logged: list[str] = []

    class Watch(list[str]):
        def append(self, line: str) -> None:
            logged.extend(word for word in (tmp_path / "log").read_text().splitlines() if word == line)

    run(tmp_path, "echo one; sleep 0.1; echo two", heard=Watch())
    assert logged == ["one", "two"]


def test_a_line_that_came_in_pieces_is_one_line(tmp_path: Path) -> None:
    heard: list[str] = []
    run(tmp_path, "printf on; sleep 0.1; printf 'e\\ntwo\\n'", heard=heard)
    assert heard == ["one", "two"]


def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    done = run(tmp_path, "sleep 100 & echo $! > pids; sh -c 'sleep 100 & echo $! >> pids; wait' & wait", seconds=0.5)
    assert done.overdue
    assert gone((tmp_path / "pids").read_text())


def test_a_group_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    done = run(tmp_path, "trap '' TERM; echo $$ > pids; while :; do sleep 0.1; done", seconds=0.5)
    assert done.overdue
    assert done.code == 137
    assert gone((tmp_path / "pids").read_text())


def test_a_group_of_which_only_a_zombie_is_left_is_not_waited_for() -> None:
    leader = subprocess.Popen(["sleep", "300"], process_group=0)
    # As a child's child whose init process never collects it; this one we do not collect.
    with subprocess.Popen(["sleep", "300"], process_group=leader.pid) as member:
        # Longer than a test may take.
        process.end_group(leader.pid, leader.poll, grace=600)
        assert (leader.wait(), alive(member.pid)) == (-15, False)


def test_what_a_command_left_in_the_background_is_ended(tmp_path: Path) -> None:
    done = run(tmp_path, "sleep 100 > /dev/null 2>&1 & echo $! > pids")
    assert (done.code, done.overdue) == (0, False)
    assert gone((tmp_path / "pids").read_text())


def test_a_command_that_closed_its_output_still_has_its_deadline(tmp_path: Path) -> None:
    assert run(tmp_path, "exec > /dev/null 2>&1; sleep 100", seconds=0.5).overdue


def test_a_missing_program_is_our_machines_failure(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no-such-program is not installed"):
        process.run(["no-such-program"], env=dict(os.environ), log=tmp_path / "log", seconds=1)
    with pytest.raises(HostError, match="no-such-program is not installed"):
        process.output(["no-such-program"])


def test_a_short_command_that_fails_says_its_own_words() -> None:
    with pytest.raises(HostError, match="exit code 3: because"):
        process.output(["sh", "-c", "echo because >&2; exit 3"])


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from bisector.host import process
os.chdir({str(tmp_path)!r})
process.run(["sh", "-c", "echo $$ > pids; exec sleep 100"], env=dict(os.environ),
            log=pathlib.Path({str(tmp_path / "log")!r}), seconds=50, on_line=None)
"""
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not ((tmp_path / "pids").exists() and (tmp_path / "pids").read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert gone((tmp_path / "pids").read_text())


# -- on a pty ------------------------------------------------------------------------------------------


def test_a_child_that_ends_by_itself_is_heard_to_its_last_byte(tmp_path: Path) -> None:
    heard = listen(tmp_path, "echo before; seq 1 20000; printf last; exit 3")
    assert heard.code == 3
    assert heard.text.endswith("20000\r\nlast")
    assert (tmp_path / "log").read_bytes().decode().partition("\n")[2] == heard.text


def test_a_child_that_was_killed_is_no_clean_end(tmp_path: Path) -> None:
    assert listen(tmp_path, "echo a; kill -9 $$").code == 137


def test_what_was_said_is_in_the_log_while_the_child_still_runs(tmp_path: Path) -> None:
    heard = listen(tmp_path, f"cd {tmp_path}; echo he'l'lo; sleep 1; grep -c ^hello log")
    assert heard.text.split() == ["hello", "1"]


def test_a_child_that_says_nothing_is_quiet_and_one_that_closes_has_ended(tmp_path: Path) -> None:
    with console.opened(["sh", "-c", "read x"], log=tmp_path / "log") as said:
        assert said.read(0.1) == ""
        assert said.read(0) == ""
    with console.opened(["true"], log=tmp_path / "log") as said:
        assert said.read(20) is None


def test_what_was_drained_is_read_next_and_so_is_the_end(tmp_path: Path) -> None:
    with console.opened(["sh", "-c", "echo a; sleep 0.2; echo b"], log=tmp_path / "log") as said:
        deadline = time.monotonic() + 20
        while said.drain() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not said.drain()
        assert said.read(20) == "a\r\nb\r\n"
        assert said.read(20) is None
        assert said.text == "a\r\nb\r\n"


def test_bytes_that_are_no_utf_8_are_kept_as_escapes(tmp_path: Path) -> None:
    assert listen(tmp_path, r"printf 'a\377\000\303\050\033[31mz'").text == "a\\xff\x00\\xc3(\x1b[31mz"


def test_a_torn_utf_8_letter_is_one_letter(tmp_path: Path) -> None:
    assert listen(tmp_path, r"printf '\303'; sleep 0.1; printf '\251'").text == "é"


def test_a_child_that_ignores_sigterm_is_killed_with_its_group(tmp_path: Path) -> None:
    script = f"cd {tmp_path}; trap '' TERM HUP; (while :; do sleep 0.1; done) & echo $$ $! > pids; printf x; wait"
    with console.opened(["sh", "-c", script], log=tmp_path / "log") as said:
        assert said.read(20) == "x"
    assert gone((tmp_path / "pids").read_text())


def test_a_child_that_left_the_terminal_is_waited_for_and_its_code_is_known(tmp_path: Path) -> None:
    assert listen(tmp_path, "exec > /dev/null 2>&1 < /dev/null; sleep 0.3; exit 5").code == 5


def test_a_child_that_waits_is_asleep_and_one_that_works_is_not(tmp_path: Path) -> None:
    with console.opened(["sh", "-c", "echo; read x"], log=tmp_path / "log") as said:
        assert said.read(20)
        deadline = time.monotonic() + 20
        while not said.asleep() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert said.asleep()
    with console.opened(["sh", "-c", "echo; while :; do :; done"], log=tmp_path / "log") as said:
        assert said.read(20)
        assert not any(said.asleep() for _ in range(20))


def test_descriptors_are_inherited_and_no_others(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    other = os.open(os.devnull, os.O_RDONLY)
    script = f"[ -e /proc/self/fd/{theirs} ] && [ ! -e /proc/self/fd/{other} ] && echo yes > /proc/self/fd/{theirs}"
    with console.opened(["sh", "-c", script], log=tmp_path / "log", descriptors=[theirs]) as said:
        while said.read(20) is not None:
            pass
    os.close(theirs)
    assert os.read(ours, 10) == b"yes\n"


def test_a_path_that_is_no_utf_8_arrives_as_it_is(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe name")
    (tmp_path / name).write_text("")
    with console.opened(["ls", str(tmp_path / name)], log=tmp_path / "log") as said:
        while said.read(20) is not None:
            pass
        assert said.ended() == 0


def test_a_console_of_a_missing_program_is_our_machines_failure(tmp_path: Path) -> None:
    with pytest.raises(HostError), console.opened(["no-such-qemu"], log=tmp_path / "log"):
        pass
