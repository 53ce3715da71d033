"""Is a boot that goes wrong told apart, explained, and cheap; and is QEMU's own failure never a reading?"""

from __future__ import annotations

import os
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import boot, listen
from bisector.arches import ARCHITECTURES
from bisector.errors import HostError
from bisector.evidence.limits import FLOOR
from bisector.guest import initramfs
from bisector.host import console, monitor
from bisector.model import Ending, Kernel, Limits, Transcript
from bisector.watch import Watch
from tests.conftest import SHORT, Bisector, Json, dies
from tests.frames import NONCE
from tests.minitree import MiniTree

QEMU = "qemu-system-aarch64"


def step_of(bisector: Bisector, tree: MiniTree, commit: str, *words: str) -> Json:
    """Return the step of one commit."""
    ran = bisector("test", "--json", "--repo", tree.path, *SHORT, *words, commit)
    assert ran.code == 0, ran.err
    [answer] = ran.lines
    [step] = answer["steps"]
    assert isinstance(step, dict)
    return step


def reading(step: Json, scenario: str) -> tuple[str, list[str]]:
    """Return a scenario's outcome and the lines that show it."""
    [found] = [one for one in step["observation"]["readings"] if one["scenario"] == scenario]
    outcome = found["outcome"]
    return f"{outcome['word']}({outcome['detail']})" if outcome["detail"] else outcome["word"], found["lines"]


@pytest.mark.parametrize(
    ("mode", "scenario", "outcome"),
    [
        ("SILENT_BOOT", "boot", "SILENT(nothing printed)"),
        ("SILENT_BEFORE", "boot", "SILENT"),
        ('SILENT_DURING("exec-sigtrap")', "exec-sigtrap", "HUNG(silent)"),
        ("OOPS_BOOT", "boot", "OOPS(Oops in do_breakpoint)"),
        ("NO_POWER_OFF", "boot", "NO_POWER_OFF"),
    ],
)
def test_a_hang_is_told_with_the_place_of_every_cpu(
    mode: str, scenario: str, outcome: str, tree: MiniTree, bisector: Bisector
) -> None:
    step = step_of(bisector, tree, tree.commit("mini: hangs", mode=mode))
    seen, lines = reading(step, scenario)
    assert seen == outcome
    assert "sampled: CPU0 in hang, 5 of 5 samples" in lines
    assert "sampled: CPU1 off, 5 of 5 samples" in lines


@pytest.mark.parametrize(
    ("mode", "outcome", "why"),
    [
        ("SILENT_UNTIL_EARLYCON", "SILENT(nothing printed)", "why it dies"),
        ("PANIC_EARLY", "NO_PROBE(reset, nothing printed)", "Kernel panic - not syncing: no console yet"),
    ],
)
def test_a_boot_that_says_nothing_is_booted_once_more_with_an_early_console(
    mode: str, outcome: str, why: str, tree: MiniTree, bisector: Bisector
) -> None:
    step = step_of(bisector, tree, tree.commit("mini: speaks early", mode=mode))
    seen, lines = reading(step, "boot")
    assert seen == outcome
    assert any("with an early console" in line and why in line for line in lines), lines


@pytest.mark.parametrize(
    ("mode", "scenario", "outcome"),
    [
        ('RESET_DURING("exec-sigtrap")', "exec-sigtrap", "CUT_OFF(reset)"),
        ("RESET_AT_THE_END", "boot", "NO_POWER_OFF(reset)"),
        ("PANIC_AT_THE_END", "boot", "NO_POWER_OFF(panic)"),
        ("NO_END", "boot", "CUT_OFF"),
        ("PANIC_BOOT", "boot", "PANIC(the mini kernel was told to)"),
    ],
)
def test_a_reset_a_panic_and_a_power_off_are_three_things(
    mode: str, scenario: str, outcome: str, tree: MiniTree, bisector: Bisector
) -> None:
    assert reading(step_of(bisector, tree, tree.commit("mini: ends", mode=mode)), scenario)[0] == outcome


def test_a_panic_that_talks_on_is_a_panic(tree: MiniTree, bisector: Bisector) -> None:
    step = step_of(bisector, tree, tree.commit("mini: panics", mode="PANIC_TALKING"))
    assert reading(step, "boot")[0] == "PANIC(and it does not end there)"


def test_beats_without_an_end_are_overdue_and_the_place_is_told(tree: MiniTree, bisector: Bisector) -> None:
    step = step_of(bisector, tree, tree.commit("mini: beats", mode='BEATS_FOREVER("exec-sigtrap")'))
    seen, lines = reading(step, "exec-sigtrap")
    assert seen == "HUNG(overdue)"
    assert any("CPU0 in burn_ms" in line for line in lines)


def test_an_idle_guest_that_nothing_can_wake_is_silent_although_its_clock_stands(
    tree: MiniTree, bisector: Bisector
) -> None:
    step = step_of(bisector, tree, tree.commit("mini: idles", mode="IDLE_BOOT"), "--silence-limit", "1000000")
    assert reading(step, "boot")[0] == "SILENT"


@pytest.mark.parametrize("vectors", ["0x20000000", "0x7f000000000"], ids=["no memory", "no address"])
def test_a_cpu_whose_faults_fault_is_silent_although_qemu_works_and_the_guest_s_clock_stands(
    vectors: str, tree: MiniTree, bisector: Bisector
) -> None:
    faults = tree.commit("mini: faults", mode=f"FAULT_LOOP({vectors})")
    step = step_of(bisector, tree, faults, "--host-limit", "60")
    assert reading(step, "boot")[0] == "SILENT"


def test_a_vm_that_qemu_stopped_by_itself_is_our_machine_s_failure_and_no_silence(tmp_path: Path) -> None:
    for name in ("image", "initramfs"):
        (tmp_path / name).write_bytes(bytes(4096))
    machine = boot.Machine(ARCHITECTURES[0])
    ours, theirs = socket.socketpair()
    argv = machine.bounded(machine.argv(str(tmp_path / "image"), str(tmp_path / "initramfs")), theirs.fileno())
    with (
        ours,
        theirs,
        console.opened(argv, log=tmp_path / "log", descriptors=[theirs.fileno()]) as said,
        monitor.Monitor(ours, said) as qemu,
    ):
        # Never told to go on.
        seen = listen.Seen(Watch(FLOOR, NONCE, monitor.GRAIN))
        with pytest.raises(HostError, match="stopped its guest by itself: prelaunch"):
            listen.listened(said, seen, qemu, machine.architecture.clock)


def test_a_guest_that_talks_each_few_milliseconds_is_overdue_when_its_time_is_over(
    tree: MiniTree, bisector: Bisector
) -> None:
    talks = tree.commit("mini: talks", mode='TALKS_FOREVER("exec-sigtrap", 2)')
    step = step_of(bisector, tree, talks, "--scenario-limit", "3")
    assert reading(step, "exec-sigtrap")[0] == "HUNG(overdue)"


@pytest.mark.parametrize("seconds", [1000, -1000])
def test_a_guest_that_sets_its_clock_chip_is_given_up_neither_earlier_nor_later(
    seconds: int, tree: MiniTree, bisector: Bisector
) -> None:
    sets = tree.commit("mini: sets its clock", mode=f'SETS_CLOCK("exec-sigtrap", {seconds})')
    step = step_of(bisector, tree, sets, "--scenario-limit", "6", "--host-limit", "60")
    assert reading(step, "exec-sigtrap")[0] == "HUNG(overdue)"
    # On a busy host some guest seconds pass between two looks.
    assert 6 <= Path(step["logs"][-1]).read_text().count(" beat n=") <= 40


def test_endless_output_is_cut_in_the_log_too_which_says_so_and_the_place_is_told(
    tree: MiniTree, bisector: Bisector
) -> None:
    step = step_of(bisector, tree, tree.commit("mini: floods", mode="ENDLESS_OUTPUT"))
    seen, lines = reading(step, "boot")
    assert seen == "FLOODED"
    # QEMU's monitor answers only while somebody reads the console.
    assert any("CPU0 in " in line for line in lines), lines
    log = Path(step["logs"][-1])
    assert log.stat().st_size < 2 << 20
    assert "[bisector: given up: flooded]" in log.read_text()


def booted(step: Json, place: Path, limits: Limits) -> tuple[Transcript, str]:
    """Boot the step's kernel once more; return what was judged, and the log."""
    place.mkdir()
    (place / "initramfs").write_bytes(initramfs.archive(b"", NONCE))
    machine, kernel = boot.Machine(ARCHITECTURES[0]), Kernel(**step["kernel"])
    log = place / "log"
    heard = boot.boot(machine, kernel, initramfs=place / "initramfs", nonce=NONCE, limits=limits, log=log)
    return heard, log.read_bytes().decode()


def test_how_much_of_a_flood_is_judged_does_not_hang_on_how_fast_it_was_read(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    step = step_of(bisector, tree, tree.commit("mini: floods", mode="ENDLESS_OUTPUT"))
    limits = replace(FLOOR, output=1 << 17)
    boots = [booted(step, tmp_path / name, limits) for name in ("one", "other")]
    assert boots[0][0].text == boots[1][0].text
    for heard, log in boots:
        assert heard.ending is Ending.FLOODED
        assert len(heard.text) == limits.output
        # The guest talked on while its CPUs were looked for.
        assert len(log.partition("given up: flooded")[2]) > 1000


def test_a_qemu_that_is_gone_and_still_talks_is_not_listened_to_for_ever(tmp_path: Path) -> None:
    with console.opened(["yes"], log=tmp_path / "log") as said:
        listen.run_out(said, 1 << 20)
        assert 1 << 20 <= len(said.text) < 2 << 20
    with console.opened(["sh", "-c", "while sleep 0.02; do echo talk; done"], log=tmp_path / "log") as said:
        began = time.monotonic()
        listen.run_out(said, 1 << 20)
        assert time.monotonic() - began < 3


def test_an_oops_is_an_outcome_and_what_comes_after_it_is_not_trusted(tree: MiniTree, bisector: Bisector) -> None:
    step = step_of(bisector, tree, tree.commit("mini: oopses", mode='OOPS_DURING("watch-sigtrap")'))
    assert reading(step, "exec-sigtrap")[0] == "STUCK"
    assert reading(step, "watch-sigtrap")[0] == "OOPS(Oops in do_breakpoint)"
    assert reading(step, "step-into-handler")[0] == "ENV_BAD(the kernel oopsed before)"
    assert reading(step, "boot")[0] == "OK"


# -- QEMU itself ---------------------------------------------------------------------------------------


def impostor(bisector: Bisector, place: Path, script: str) -> Bisector:
    """Return a bisector that finds a shell script where QEMU should be; `$QEMU` is the real one."""
    place.mkdir()
    real = shutil.which(QEMU)
    program = place / QEMU
    program.write_text(f'#!/bin/sh\ncase "$*" in *--version*) exec {real} "$@";; esac\nQEMU={real}\n{script}\n')
    program.chmod(0o755)
    return replace(bisector, env=bisector.env | {"PATH": f"{place}:{os.environ['PATH']}"})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "did not start, exit code 1"),
        ("echo qemu: could not start >&2; exit 1", "could not start"),
        ("kill -9 $$", "did not start, exit code 137"),
        ("exit 0", "did not start, exit code 0"),
        ("echo '[    0.0] Booting Linux'; exit 0", "did not start, exit code 0"),
        (dies('"$QEMU"', "KILL"), "ended with exit code 137"),
        (dies('"$QEMU"', "TERM"), "terminating on signal 15"),
        ("exec sleep 600", "monitor gave no answer"),
    ],
)
def test_a_qemu_that_fails_gives_no_reading(
    script: str, said: str, tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    silent = tree.commit("mini: silent", mode="SILENT_BEFORE")
    ran = impostor(bisector, tmp_path / "bin", script)("test", "--repo", tree.path, silent)
    assert ran.code == 20
    assert said in ran.err
    assert "SILENT" not in ran.out
    assert ran.out.count("trying again") == 2


def test_the_last_net_is_our_machine_s_failure_and_no_reading(tree: MiniTree, bisector: Bisector) -> None:
    silent = tree.commit("mini: silent", mode="SILENT_BEFORE")
    words = ("--silence-limit", "100000", "--boot-limit", "100000", "--total-limit", "100000", "--host-limit", "2")
    ran = bisector("test", "--repo", tree.path, *words, silent)
    assert ran.code == 20
    assert "its guest was still at second" in ran.err
    assert "--host-limit" in ran.err


def test_qemu_runs_without_privileges_network_files_or_a_monitor_that_others_reach(
    tree: MiniTree, bisector: Bisector
) -> None:
    step = step_of(bisector, tree, tree.base)
    command = Path(step["logs"][-1]).read_text().splitlines()[0]
    assert "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny" in command
    assert "-nodefaults" in command
    assert "prlimit --as=" in command
    assert "-monitor none" in command
    assert "socket,id=monitor,fd=" in command
    assert not any(word in command for word in ("-netdev", "-nic", "-drive", "path=", "-fsdev", "-virtfs"))


def test_what_a_guest_needed_is_known_although_it_ends_between_two_looks(tree: MiniTree, bisector: Bisector) -> None:
    step = step_of(bisector, tree, tree.commit("mini: quick"))
    assert step["spans"]["boot"] is not None
