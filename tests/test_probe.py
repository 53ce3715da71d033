"""Does the host read out of a console what the probe said, and nothing that it did not say?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bisector import probe
from bisector.model import Ending, Observation, Transcript
from tests.frames import BUILD_ID, COUNTED, LOOPING, NONCE, RELEASE, SIGNALLED, Boot, sound_boot

STEP = "stops=handler+0/5/0"


def outcome(transcript: Transcript, scenario: str) -> str:
    return str(probe.read(transcript).reading(scenario).outcome)


def boot_of(observation: Observation) -> str:
    return str(observation.reading("boot").outcome)


# -- a whole boot --------------------------------------------------------------------------------------


def test_a_complete_boot_reads_every_scenario_in_the_probe_s_order() -> None:
    boot = sound_boot()
    boot.scenario("step-into-handler", STEP)
    seen = probe.read(boot.complete())
    assert [(reading.scenario, str(reading.outcome)) for reading in seen.readings] == [
        ("boot", "OK"),
        ("count-exec", "OK"),
        ("count-watch", "OK"),
        ("exec-sigtrap", "STUCK"),
        ("step-into-handler", "STOPS(handler+0/5/0)"),
        ("canary", "OK"),
    ]
    assert (seen.build_id, seen.release) == (BUILD_ID, RELEASE)


def test_a_reading_shows_the_signed_lines_of_its_facts() -> None:
    boot = sound_boot()
    lines = tuple(line for line in boot.signed if "fact scenario=exec-sigtrap" in line)
    assert probe.read(boot.complete()).reading("exec-sigtrap").lines == lines
    assert len(lines) == 3


def test_the_reading_of_the_boot_shows_the_probe_s_first_line() -> None:
    boot = sound_boot()
    assert probe.read(boot.complete()).reading("boot").lines == (boot.signed[0],)


def test_a_scenario_without_facts_shows_the_line_that_ended_it() -> None:
    boot = sound_boot()
    boot.scenario("step-svc", how="signal:11")
    assert boot.signed[-1] in probe.read(boot.complete()).reading("step-svc").lines


def test_facts_of_one_scenario_are_merged() -> None:
    boot = Boot()
    boot.begin()
    boot.scenario("count-exec", "open=0", "calls=10", "count=7")
    assert outcome(boot.complete(), "count-exec") == "LOST(7/10)"


def test_a_scenario_that_no_table_knows_is_left_out() -> None:
    boot = sound_boot()
    boot.scenario("from-the-future", "x=1")
    seen = probe.read(boot.complete())
    assert "from-the-future" not in [reading.scenario for reading in seen.readings]
    assert boot_of(seen) == "OK"


@pytest.mark.parametrize("verb", ["beat n=0 ms=1000", "weather sun=1"])
def test_a_verb_that_is_no_measurement_changes_nothing(verb: str) -> None:
    with_it, without = sound_boot(), sound_boot()
    with_it.say(verb)
    seen, plain = probe.read(with_it.complete()), probe.read(without.complete())
    assert [reading.outcome for reading in seen.readings] == [reading.outcome for reading in plain.readings]


# -- how boots break off -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending.SILENT, "SILENT"),
        (Ending.OVERDUE, "OVERDUE"),
        (Ending.FLOODED, "FLOODED"),
        (Ending.POWERED_OFF, "NO_PROBE"),
        (Ending.RESET, "NO_PROBE(reset)"),
    ],
)
def test_what_ends_before_the_probe_began_is_the_boot_s_own_outcome(ending: Ending, expected: str) -> None:
    seen = probe.read(Boot().transcript(ending, heard=False))
    assert [(reading.scenario, str(reading.outcome)) for reading in seen.readings] == [("boot", expected)]
    assert seen.reading("boot").lines == ("[    0.000000] Booting Linux on physical CPU 0x0000000000",)
    assert seen.build_id is None


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "qemu-system-aarch64: warning: something about the host\r\n"])
def test_a_boot_without_a_word_of_the_kernel_says_so(text: str) -> None:
    seen = probe.read(Transcript(text, Ending.SILENT, 20.0, None, NONCE))
    assert boot_of(seen) == "SILENT(nothing printed)"


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending.SILENT, "HUNG(silent)"),
        (Ending.OVERDUE, "HUNG(overdue)"),
        (Ending.FLOODED, "FLOODED"),
        (Ending.POWERED_OFF, "CUT_OFF"),
        (Ending.RESET, "CUT_OFF(reset)"),
    ],
)
def test_what_ends_while_a_scenario_runs_is_that_scenario_s_outcome(ending: Ending, expected: str) -> None:
    boot = sound_boot()
    boot.say("start scenario=exec-oasync ms=300")
    seen = probe.read(boot.transcript(ending))
    assert str(seen.reading("exec-oasync").outcome) == expected
    assert str(seen.reading("exec-sigtrap").outcome) == "STUCK"
    assert str(seen.reading("step-svc").outcome) == "NORUN"
    assert boot_of(seen) == "OK"


@pytest.mark.parametrize(
    ("ending", "said", "expected"),
    [
        (Ending.SILENT, "", "HUNG(silent)"),
        (Ending.OVERDUE, "", "HUNG(overdue)"),
        (Ending.PANICKED, "Kernel panic - not syncing: too late", "PANIC(too late)"),
        (Ending.RESET, "", "CUT_OFF(reset)"),
        (Ending.POWERED_OFF, "Internal error: Oops: 96000004 [#1] SMP", "OOPS(Oops)"),
    ],
)
def test_what_goes_wrong_beside_the_last_canary_is_the_boot_s_too(ending: Ending, said: str, expected: str) -> None:
    boot = sound_boot()
    boot.say("start scenario=canary ms=300")
    boot.kernel(said)
    if ending is Ending.POWERED_OFF:
        boot.say("done scenario=canary exit=ok ms=301")
        boot.end()
    seen = probe.read(boot.transcript(ending))
    assert str(seen.reading("canary").outcome) == expected
    assert boot_of(seen) == expected
    assert str(seen.reading("exec-sigtrap").outcome) == "STUCK"


def test_an_oops_beside_a_canary_is_not_forgotten_for_the_next_one_and_no_scenario_s_is_the_boot_s() -> None:
    boot = sound_boot()
    boot.scenario("exec-oasync", how="unkillable")
    boot.say("start scenario=canary ms=300")
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    boot.say("done scenario=canary exit=ok ms=301")
    boot.scenario("step-svc", STEP)
    complete = boot.complete()
    assert outcome(complete, "canary") == outcome(complete, "boot") == "OOPS(Oops)"
    assert outcome(complete, "step-svc") == "ENV_BAD(the kernel oopsed before)"
    inside = sound_boot()
    inside.say("start scenario=step-svc ms=300")
    inside.kernel("Internal error: Oops: 96000004 [#1] SMP")
    inside.say(f"done scenario=step-svc exit=ok ms=301 {STEP}")
    assert outcome(inside.complete(), "boot") == "OK"


@pytest.mark.parametrize("ending", [Ending.SILENT, Ending.PANICKED, Ending.OVERDUE, Ending.RESET])
def test_an_oops_before_a_boot_that_breaks_off_is_its_outcome_for_it_came_first(ending: Ending) -> None:
    boot = Boot()
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    boot.kernel("pc : do_breakpoint+0x40/0x100")
    boot.kernel("Kernel panic - not syncing: Oops: Fatal exception" if ending is Ending.PANICKED else "the last line")
    reading = probe.read(boot.transcript(ending, heard=False)).reading("boot")
    assert str(reading.outcome) == "OOPS(Oops in do_breakpoint)"
    assert "Internal error" in reading.lines[0]
    assert len(reading.lines) == 2


@pytest.mark.parametrize(
    "said",
    [
        "pc : do_breakpoint+0x40/0x100",
        "[    1.5] PC is at do_breakpoint+0x40/0x100",
        "pc : do_breakpoint.isra.0+0x40/0x100",
        "pc : do_breakpoint.constprop.0.isra.3+0x40/0x100",
        "pc : [<ffff000008081d40>] lr : [<ffff000008081d3c>] pstate: 60000145\nPC is at do_breakpoint+0x40/0x100",
    ],
)
def test_the_place_of_an_oops_is_its_function_whatever_kernel_and_compiler_say_it(said: str) -> None:
    boot = Boot()
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    boot.kernel(said)
    assert outcome(boot.transcript(Ending.SILENT, heard=False), "boot") == "OOPS(Oops in do_breakpoint)"


def test_a_panic_of_a_kernel_that_oopsed_before_is_no_measurement() -> None:
    boot = sound_boot()
    boot.say("start scenario=step-svc ms=300")
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    boot.say("done scenario=step-svc exit=ok ms=301")
    boot.say("start scenario=step-regset ms=302")
    boot.kernel("Kernel panic - not syncing: corrupted stack end")
    seen = probe.read(boot.transcript(Ending.PANICKED))
    assert str(seen.reading("step-svc").outcome) == "OOPS(Oops)"
    assert str(seen.reading("step-regset").outcome) == "ENV_BAD(the kernel oopsed before)"
    assert boot_of(seen) == "PANIC(corrupted stack end)"


@pytest.mark.parametrize(
    ("ending", "expected"), [(Ending.PANICKED, "PANIC(too late)"), (Ending.SILENT, "HUNG(silent)")]
)
def test_a_boot_that_breaks_off_beside_the_canary_after_an_oops_is_not_sound(ending: Ending, expected: str) -> None:
    boot = sound_boot()
    boot.say("start scenario=step-svc ms=300")
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    boot.say("done scenario=step-svc exit=unkillable ms=301")
    boot.say("start scenario=canary ms=302")
    boot.kernel("Kernel panic - not syncing: too late" if ending is Ending.PANICKED else "a line")
    assert boot_of(probe.read(boot.transcript(ending))) == expected


def test_an_oops_that_a_panic_came_before_is_a_part_of_that() -> None:
    boot = Boot()
    boot.kernel("Kernel panic - not syncing: no root")
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    assert outcome(boot.transcript(Ending.PANICKED, heard=False), "boot") == "PANIC(no root)"


def test_silence_between_two_scenarios_is_the_boot_s_hang() -> None:
    assert outcome(sound_boot().transcript(Ending.SILENT), "boot") == "HUNG(silent)"


def test_a_boot_that_is_cut_off_before_the_end_line_is_not_ok() -> None:
    assert outcome(sound_boot().transcript(Ending.POWERED_OFF), "boot") == "CUT_OFF"


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Ending.SILENT, "NO_POWER_OFF"),
        (Ending.OVERDUE, "NO_POWER_OFF"),
        (Ending.FLOODED, "NO_POWER_OFF"),
        (Ending.PANICKED, "NO_POWER_OFF(panic)"),
        (Ending.RESET, "NO_POWER_OFF(reset)"),
    ],
)
def test_a_kernel_that_ends_the_probe_but_does_not_power_off_is_said_so(ending: Ending, expected: str) -> None:
    complete = sound_boot().complete()
    seen = probe.read(replace(complete, ending=ending))
    assert boot_of(seen) == expected
    assert str(seen.reading("exec-sigtrap").outcome) == "STUCK"


def test_one_end_line_is_enough() -> None:
    boot = sound_boot()
    boot.end(copies=1)
    assert outcome(boot.transcript(Ending.POWERED_OFF), "boot") == "OK"


# -- what a scenario's child did -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("deadline", "HUNG"),
        ("unkillable", "UNKILLABLE"),
        ("signal:5", "KILLED(5)"),
        ("code:3", "STUCK(runaway)"),
        ("code:2", "NORUN(code:2)"),
        ("code:255", "NORUN(code:255)"),
        ("strange", "NORUN(strange)"),
        ("ok", "STUCK"),
    ],
)
def test_how_the_child_ended_comes_before_what_it_measured(how: str, expected: str) -> None:
    boot = Boot()
    boot.begin()
    boot.gates()
    boot.scenario("exec-sigtrap", "open=0", LOOPING, SIGNALLED, how=how)
    assert outcome(boot.complete(), "exec-sigtrap") == expected


def test_a_scenario_that_says_ok_without_its_facts_did_not_run() -> None:
    boot = Boot()
    boot.begin()
    boot.scenario("count-exec", "open=0", "calls=10")
    assert outcome(boot.complete(), "count-exec") == "NORUN(no number 'count')"


def test_a_refused_set_up_is_unsupported_by_name() -> None:
    boot = Boot()
    boot.begin()
    boot.gates()
    boot.scenario("exec-sigtrap", "open=22")
    assert outcome(boot.complete(), "exec-sigtrap") == "UNSUP(EINVAL)"


@pytest.mark.parametrize("counted", ["calls=10 count=0", "calls=10"])
def test_nothing_behind_a_gate_that_is_not_ok_means_anything(counted: str) -> None:
    boot = Boot()
    boot.begin()
    boot.scenario("count-exec", "open=0", counted)
    boot.scenario("count-watch", "open=0", COUNTED)
    boot.scenario("exec-sigtrap", "open=0", LOOPING, SIGNALLED)
    boot.scenario("step-svc", STEP)
    complete = boot.complete()
    assert outcome(complete, "exec-sigtrap") == "ENV_BAD(count-exec is not OK)"
    assert outcome(complete, "step-svc") == f"STOPS({STEP.partition('=')[2]})"


def test_a_gate_that_did_not_run_is_not_ok() -> None:
    boot = Boot()
    boot.begin()
    boot.scenario("exec-sigtrap", "open=0", LOOPING, SIGNALLED)
    assert outcome(boot.complete(), "exec-sigtrap") == "ENV_BAD(count-exec is not OK)"
