"""Does noise on the console, or a forger, ever change what the probe said?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bisector import probe
from bisector.model import Ending, Transcript
from tests.frames import LOOPING, NONCE, SIGNALLED, Boot, frame, sound_boot

STEPS = "stops=site+4/5/2,site+8/5/2,site+12/5/2"


def outcome(transcript: Transcript, scenario: str) -> str:
    return str(probe.read(transcript).reading(scenario).outcome)


def spoiled(transcript: Transcript, old: str, new: str, count: int = -1) -> Transcript:
    """Change the console, and make sure that there was something to change."""
    assert old in transcript.text
    return replace(transcript, text=transcript.text.replace(old, new, count))


# -- the canary ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["deadline", "unkillable", "signal:9", "code:1"])
def test_a_dead_canary_is_a_dead_kernel(how: str) -> None:
    boot = sound_boot()
    boot.scenario("step-svc", how="unkillable")
    boot.scenario("canary", how=how)
    boot.scenario("step-regset", STEPS)
    boot.end()
    seen = probe.read(boot.transcript(Ending.POWERED_OFF))
    assert str(seen.reading("exec-sigtrap").outcome) == "STUCK"
    assert str(seen.reading("step-svc").outcome) == "UNKILLABLE"
    assert str(seen.reading("canary").outcome) == "KERNEL_DEAD"
    assert str(seen.reading("step-regset").outcome) == "KERNEL_DEAD"


def test_a_canary_that_lives_through_an_unkillable_scenario_spoils_nothing() -> None:
    boot = sound_boot()
    boot.scenario("step-svc", how="unkillable")
    boot.scenario("canary")
    boot.scenario("step-regset", STEPS)
    complete = boot.complete()
    assert outcome(complete, "canary") == "OK"
    assert outcome(complete, "step-regset") == f"OK({STEPS.partition('=')[2]})"


def test_what_was_measured_between_a_living_and_a_dead_canary_counts() -> None:
    boot = sound_boot()
    boot.scenario("step-svc", how="unkillable")
    boot.scenario("canary")
    boot.scenario("step-regset", STEPS)
    boot.scenario("stop-then-step", how="unkillable")
    boot.scenario("canary", how="unkillable")
    boot.end()
    transcript = boot.transcript(Ending.POWERED_OFF)
    assert outcome(transcript, "canary") == "KERNEL_DEAD"
    assert outcome(transcript, "step-regset") == f"OK({STEPS.partition('=')[2]})"


# -- noise and forgery ---------------------------------------------------------------------------------


def test_a_torn_first_copy_is_repaired_by_the_second() -> None:
    boot = sound_boot()
    torn = boot.signed[-2]
    damaged = spoiled(boot.complete(), torn, f"{torn[:60]}[    1.5] hw-breakpoint: noise\n{torn[60:]}", 1)
    assert damaged.text.count(torn) == 1
    assert outcome(damaged, "exec-sigtrap") == "STUCK"


def test_a_line_torn_in_both_copies_is_no_fact() -> None:
    boot = sound_boot()
    torn = next(line for line in boot.signed if "triggers=" in line)
    damaged = spoiled(boot.complete(), torn, f"{torn[:60]}\n{torn[60:]}")
    assert outcome(damaged, "exec-sigtrap") == "NORUN(a line of it was lost)"


def test_a_frame_may_start_in_the_middle_of_a_kernel_s_line() -> None:
    boot = sound_boot()
    text = boot.complete().text.replace("@bsct", "[    1.234567] half a mess@bsct")
    assert outcome(replace(boot.complete(), text=text), "exec-sigtrap") == "STUCK"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r\r\n"])
def test_what_a_terminal_makes_of_line_ends_changes_nothing(line_end: str) -> None:
    complete = sound_boot().complete()
    seen = probe.read(spoiled(complete, "\n", line_end))
    assert seen == probe.read(complete)


@pytest.mark.parametrize("forger", ["fedcba9876543210", "0000000000000000"])
def test_lines_of_another_nonce_are_noise(forger: str) -> None:
    boot = sound_boot()
    forged = frame(4, "fact scenario=count-exec calls=10 count=0", forger)
    boot.kernel(forged)
    boot.kernel(frame(900, "end lines=900 ms=1", forger))
    seen = probe.read(boot.transcript(Ending.SILENT))
    assert str(seen.reading("count-exec").outcome) == "OK"
    assert str(seen.reading("boot").outcome) == "HUNG(silent)"


def test_the_replay_of_another_boot_is_noise() -> None:
    other = Boot(nonce="fedcba9876543210")
    other.begin()
    other.gates()
    replayed = other.complete()
    seen = probe.read(replace(replayed, nonce=NONCE, ending=Ending.SILENT))
    assert [str(reading.outcome) for reading in seen.readings] == ["SILENT"]


def test_a_line_with_a_wrong_checksum_is_noise() -> None:
    boot = sound_boot()
    boot.kernel(f"@bsct {NONCE} 700 00000000 end lines=700 ms=1")
    assert outcome(boot.transcript(Ending.SILENT), "boot") == "HUNG(silent)"


def test_two_signed_stories_under_one_number_prove_nothing() -> None:
    boot = sound_boot()
    boot.kernel(frame(3, "fact scenario=count-exec calls=10 count=0"))
    seen = probe.read(boot.complete())
    assert [(reading.scenario, str(reading.outcome)) for reading in seen.readings] == [
        ("boot", "ENV_BAD(line 3 was said in two ways, both signed)")
    ]
    assert seen.build_id is None


def test_a_kernel_without_a_build_id_proves_nothing() -> None:
    boot = Boot()
    boot.begin(build_id="none")
    boot.gates()
    seen = probe.read(boot.complete())
    assert [str(reading.outcome) for reading in seen.readings] == ["ENV_BAD(the running kernel gave no build id)"]
    assert seen.build_id is None


def test_a_torn_frame_does_not_swallow_the_whole_one_behind_it() -> None:
    boot = sound_boot()
    boot.console[-1] = f"@bsct {NONCE} 9 01234567 fact scen{boot.console[-1]}"
    seen = probe.read(boot.transcript(Ending.SILENT))
    assert str(seen.reading("exec-sigtrap").outcome) == "STUCK"


# -- a line that is lost in every copy -----------------------------------------------------------------


def test_a_scenario_whose_last_line_was_torn_did_not_hang_with_a_later_one() -> None:
    boot = sound_boot()
    boot.console[-1] = f"{boot.console[-1][:40]}[    2.5] noise\n"
    boot.say("start scenario=exec-oasync ms=300")
    transcript = boot.transcript(Ending.SILENT)
    assert outcome(transcript, "exec-oasync") == "HUNG(silent)"
    assert outcome(transcript, "exec-sigtrap") == "NORUN(its end was not heard)"


def test_a_scenario_whose_last_line_was_lost_was_not_cut_off_in_a_boot_that_came_to_its_end() -> None:
    boot = sound_boot()
    damaged = spoiled(boot.complete(), "done scenario=exec-sigtrap", "done scenari?=exec-sigtrap")
    assert outcome(damaged, "exec-sigtrap").startswith("NORUN")


def test_a_scenario_that_lost_a_line_of_its_facts_is_not_judged_by_the_others() -> None:
    boot = Boot()
    boot.begin()
    boot.gates()
    boot.scenario("exec-sigtrap", "open=0", LOOPING, SIGNALLED.replace("code=6", "code=2"))
    complete = boot.complete()
    assert outcome(complete, "exec-sigtrap") == "SPURIOUS(signal 5 code 2)"
    assert outcome(spoiled(complete, "fact scenario=exec-sigtrap signo", "fact ..."), "exec-sigtrap").startswith(
        "NORUN"
    )
