"""Does one host command end as it should, on a pipe or on a pty, and leave nothing behind?"""

import os
import sys
import time
from pathlib import Path

import pytest

from bisector.errors import HostError
from bisector.host import console, process
from bisector.host.console import Stop
from bisector.model import Limits

LIMITS = Limits(boot=20, silence=10, total=30, output=1 << 20)
MARK = "@bsct 0123 "


def run(tmp_path: Path, script: str, seconds: float = 20, heard: list[str] | None = None) -> process.Finished:
    argv = ["sh", "-c", f"cd {tmp_path}\n{script}"]
    on_line = heard.append if heard is not None else None
    return process.run(argv, env=dict(os.environ), log=tmp_path / "log", seconds=seconds, on_line=on_line)


def listen(tmp_path: Path, script: str, limits: Limits = LIMITS, mark: str = MARK) -> console.Listened:
    return console.listen(["sh", "-c", script], log=tmp_path / "log", limits=limits, mark=mark)


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
    heard = listen(tmp_path, f"echo before; printf '{MARK}0\\n'; seq 1 20000; printf last; exit 3")
    assert (heard.stop, heard.code) == (Stop.CLOSED, 3)
    assert heard.text.endswith("20000\r\nlast")
    assert heard.marked is not None
    assert (tmp_path / "log").read_bytes().decode().partition("\n")[2] == heard.text


def test_a_child_that_was_killed_is_no_clean_end(tmp_path: Path) -> None:
    heard = listen(tmp_path, "echo a; kill -9 $$")
    assert (heard.stop, heard.code) == (Stop.CLOSED, 137)


def test_what_was_said_is_in_the_log_while_the_child_still_runs(tmp_path: Path) -> None:
    heard = listen(tmp_path, f"cd {tmp_path}; echo he'l'lo; sleep 1; grep -c ^hello log")
    assert heard.text.split() == ["hello", "1"]


def test_a_mark_torn_into_single_bytes_is_seen(tmp_path: Path) -> None:
    letters = " ".join(f"'{letter}'" for letter in MARK)
    limits = Limits(boot=2, silence=10, total=30, output=1 << 20)
    heard = listen(tmp_path, f'for x in {letters}; do printf "$x"; sleep 0.02; done; sleep 3; echo end', limits)
    assert (heard.stop, heard.code) == (Stop.CLOSED, 0)
    assert heard.marked is not None
    assert heard.text == f"{MARK}end\r\n"


def test_talk_without_the_mark_ends_at_the_boot_limit(tmp_path: Path) -> None:
    limits = Limits(boot=0.6, silence=10, total=30, output=1 << 20)
    heard = listen(tmp_path, f"while :; do echo '{MARK[1:]}'; sleep 0.05; done", limits)
    assert (heard.stop, heard.marked, heard.code) == (Stop.NO_MARK, None, None)


def test_silence_ends_at_its_limit_whether_or_not_the_mark_was_seen(tmp_path: Path) -> None:
    limits = Limits(boot=20, silence=0.6, total=30, output=1 << 20)
    for said in ("hello", MARK):
        heard = listen(tmp_path, f"printf '{said}'; sleep 60", limits)
        assert (heard.stop, heard.text, heard.code) == (Stop.SILENCE, said, None)
        assert (heard.marked is None) == (said != MARK)


def test_talk_after_the_mark_ends_at_the_total_limit(tmp_path: Path) -> None:
    limits = Limits(boot=20, silence=20, total=0.8, output=1 << 20)
    heard = listen(tmp_path, f"printf '{MARK}'; while :; do echo beat; sleep 0.05; done", limits)
    assert heard.stop is Stop.TOTAL
    assert heard.marked is not None


def test_endless_output_is_bounded_in_memory_and_in_the_log(tmp_path: Path) -> None:
    heard = listen(tmp_path, "yes", Limits(boot=20, silence=20, total=30, output=100_000))
    assert heard.stop is Stop.OUTPUT
    assert 100_000 < len(heard.text) < 300_000
    assert (tmp_path / "log").stat().st_size < 300_000


def test_bytes_that_are_no_utf_8_are_kept_as_escapes(tmp_path: Path) -> None:
    heard = listen(tmp_path, r"printf 'a\377\000\303\050\033[31mz'")
    assert heard.text == "a\\xff\x00\\xc3(\x1b[31mz"
    assert heard.stop is Stop.CLOSED


def test_a_torn_utf_8_letter_is_one_letter(tmp_path: Path) -> None:
    assert listen(tmp_path, r"printf '\303'; sleep 0.1; printf '\251'").text == "é"


def test_a_child_that_ignores_sigterm_is_killed_with_its_group(tmp_path: Path) -> None:
    script = f"cd {tmp_path}; trap '' TERM HUP; (while :; do sleep 0.1; done) & echo $$ $! > pids; printf x; wait"
    heard = listen(tmp_path, script, Limits(boot=20, silence=0.6, total=30, output=1 << 20))
    assert heard.stop is Stop.SILENCE
    assert gone((tmp_path / "pids").read_text())


def test_a_child_that_left_the_terminal_is_waited_for_and_its_code_is_known(tmp_path: Path) -> None:
    heard = listen(tmp_path, "exec > /dev/null 2>&1 < /dev/null; sleep 0.3; exit 5")
    assert (heard.stop, heard.code) == (Stop.CLOSED, 5)


def test_a_console_of_a_missing_program_is_our_machines_failure(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        console.listen(["no-such-qemu"], log=tmp_path / "log", limits=LIMITS, mark=MARK)
