"""Is a verdict the asked outcome to the letter, and else untestable by name?"""

from __future__ import annotations

import pytest

from bisector import probe, verdict
from bisector.model import (
    SCENARIO_WORDS,
    WORDS,
    BrokenBuild,
    Ending,
    Observation,
    Outcome,
    Question,
    Reading,
    Verdict,
)
from bisector.scenarios import MEANINGS
from tests.frames import LOOPING, Boot, sound_boot

STUCK, OK = Outcome("STUCK"), Outcome("OK")
ASKED = Question("exec-sigtrap", old=OK, new=STUCK)


def seen(**outcomes: str) -> Observation:
    """Return an observation of these outcomes; a `_` in a scenario's name stands for `-`."""
    readings = tuple(Reading(name.replace("_", "-"), Outcome.parse(said)) for name, said in outcomes.items())
    return Observation(readings, "aa", "6.12.0")


def test_the_old_outcome_is_old() -> None:
    assert verdict.judge(seen(boot="OK", exec_sigtrap="OK"), ASKED, {}) == (Verdict.OLD, "exec-sigtrap is OK")


def test_the_new_outcome_is_new() -> None:
    assert verdict.judge(seen(boot="OK", exec_sigtrap="STUCK"), ASKED, {}) == (Verdict.NEW, "exec-sigtrap is STUCK")


@pytest.mark.parametrize("said", ["DUP(2)", "UNSUP(E2BIG)", "HUNG", "OK(pc=x)", "STUCK(store done)", "KILLED(5)"])
def test_another_outcome_is_untestable_by_name(said: str) -> None:
    found, because = verdict.judge(seen(boot="OK", exec_sigtrap=said), ASKED, {})
    assert found is Verdict.UNTESTABLE
    assert because == f"exec-sigtrap is {said}, neither OK nor STUCK"


@pytest.mark.parametrize("word", sorted(set(MEANINGS) - verdict.NOT_MEASURED - {"HUNG", "UNKILLABLE", "OOPS"}))
def test_whatever_a_scenario_says_at_its_end_is_measured(word: str) -> None:
    assert verdict.measured(Outcome(word, "1/2"))


def test_every_word_of_a_scenario_has_a_meaning() -> None:
    assert set(MEANINGS) == set(SCENARIO_WORDS.split())


def test_a_hang_that_is_asked_for_is_new() -> None:
    asked = Question("exec-sigtrap", old=OK, new=Outcome("HUNG", "silent"))
    assert verdict.judge(seen(exec_sigtrap="HUNG(silent)"), asked, {})[0] is Verdict.NEW
    assert verdict.judge(seen(exec_sigtrap="HUNG(overdue)"), asked, {})[0] is Verdict.UNTESTABLE


def test_unsupported_against_stuck_is_a_question() -> None:
    asked = Question("exec-sigtrap", old=Outcome("UNSUP", "EINVAL"), new=STUCK)
    assert verdict.judge(seen(exec_sigtrap="UNSUP(EINVAL)"), asked, {})[0] is Verdict.OLD
    assert verdict.judge(seen(exec_sigtrap="STUCK"), asked, {})[0] is Verdict.NEW
    assert verdict.judge(seen(exec_sigtrap="UNSUP(E2BIG)"), asked, {})[0] is Verdict.UNTESTABLE


@pytest.mark.parametrize("asked", [ASKED, Question("exec-sigtrap", old=Outcome("HUNG", "silent"), new=OK)])
def test_a_hang_before_the_first_line_is_neither_old_nor_new(asked: Question) -> None:
    observation = probe.read(Boot().transcript(Ending.SILENT, heard=False))
    assert verdict.judge(observation, asked, {}) == (Verdict.UNTESTABLE, "boot: SILENT")


def test_a_boot_that_hangs_can_be_the_question_itself() -> None:
    asked = Question("boot", old=OK, new=Outcome("SILENT"))
    assert verdict.judge(probe.read(sound_boot().complete()), asked, {})[0] is Verdict.OLD
    assert verdict.judge(probe.read(Boot().transcript(Ending.SILENT, heard=False)), asked, {})[0] is Verdict.NEW
    panicked = Boot()
    panicked.kernel("Kernel panic - not syncing: no root")
    assert verdict.judge(probe.read(panicked.transcript(Ending.PANICKED, heard=False)), asked, {}) == (
        Verdict.UNTESTABLE,
        "boot is PANIC(no root), neither OK nor SILENT",
    )


def test_a_scenario_that_did_not_run_in_a_sound_boot_is_told_by_its_own_name() -> None:
    assert verdict.judge(seen(boot="OK"), ASKED, {}) == (
        Verdict.UNTESTABLE,
        "exec-sigtrap is NORUN, neither OK nor STUCK",
    )


@pytest.mark.parametrize("word", ["NORUN", "ENV_BAD", "KERNEL_DEAD"])
def test_what_was_not_measured_is_untestable_although_everything_else_is_well(word: str) -> None:
    assert verdict.judge(seen(boot="OK", exec_sigtrap=word), ASKED, {})[0] is Verdict.UNTESTABLE


def test_a_loop_behind_a_broken_gate_is_untestable() -> None:
    boot = Boot()
    boot.begin()
    boot.scenario("count-exec", "open=0", "calls=10 count=0")
    boot.scenario("exec-sigtrap", "open=0", LOOPING)
    assert verdict.judge(probe.read(boot.complete()), ASKED, {})[0] is Verdict.UNTESTABLE


def test_a_commit_without_a_kernel_is_untestable_with_the_build_s_reason() -> None:
    broken = BrokenBuild("a" * 40, "init/main.c:3:1: error: expected ';'")
    assert verdict.judge_build(broken, {}) == (Verdict.UNTESTABLE, "init/main.c:3:1: error: expected ';'")


def test_a_question_between_like_and_like_is_none() -> None:
    with pytest.raises(ValueError, match="the same outcome: OK"):
        Question("exec-sigtrap", OK, Outcome("OK"))


# -- the table -----------------------------------------------------------------------------------------


def test_an_outcome_means_what_the_table_says_of_its_name() -> None:
    table = {"hung": Verdict.NEW, "dup": Verdict.OLD}
    found, because = verdict.judge(seen(boot="OK", exec_sigtrap="HUNG(silent)"), ASKED, table)
    assert (found, because[-15:]) == (Verdict.NEW, "(--on hung=new)")
    assert verdict.judge(seen(boot="OK", exec_sigtrap="DUP(2)"), ASKED, table)[0] is Verdict.OLD
    assert verdict.judge(seen(boot="OK", exec_sigtrap="LOST(1/2)"), ASKED, table)[0] is Verdict.UNTESTABLE


def test_the_table_does_not_outvote_the_asked_outcomes() -> None:
    table = {"ok": Verdict.NEW, "stuck": Verdict.OLD}
    assert verdict.judge(seen(boot="OK", exec_sigtrap="OK"), ASKED, table)[0] is Verdict.OLD
    assert verdict.judge(seen(boot="OK", exec_sigtrap="STUCK"), ASKED, table)[0] is Verdict.NEW


@pytest.mark.parametrize(
    ("boot", "known_as"),
    [("PANIC(x)", "boot-panic"), ("SILENT", "boot-silent"), ("NO_PROBE", "boot-no-probe"), ("OOPS(x)", "boot-oops")],
)
def test_a_boot_that_does_not_reach_the_scenario_has_a_name_of_its_own(boot: str, known_as: str) -> None:
    broken = seen(boot=boot)
    assert verdict.judge(broken, ASKED, {})[0] is Verdict.UNTESTABLE
    assert verdict.judge(broken, ASKED, {known_as: Verdict.NEW})[0] is Verdict.NEW
    assert verdict.judge(broken, ASKED, {"panic": Verdict.NEW, "norun": Verdict.NEW})[0] is Verdict.UNTESTABLE


def test_an_oops_before_the_probe_means_what_the_table_says_although_the_scenarios_ran() -> None:
    boot = Boot()
    boot.kernel("Internal error: Oops: 96000004 [#1] SMP")
    boot.begin()
    boot.gates()
    boot.scenario("exec-sigtrap", "open=0", LOOPING)
    observation = probe.read(boot.complete())
    assert str(observation.reading("exec-sigtrap").outcome) == "ENV_BAD(count-exec is not OK)"
    assert verdict.judge(observation, ASKED, {}) == (Verdict.UNTESTABLE, "boot: OOPS(Oops)")
    assert verdict.judge(observation, ASKED, {"boot-oops": Verdict.NEW})[0] is Verdict.NEW
    # A gate of a sound boot, or of one that broke off later, is no oops.
    assert verdict.judge(seen(boot="OK", exec_sigtrap="ENV_BAD"), ASKED, {"boot-oops": Verdict.NEW})[0] is (
        Verdict.UNTESTABLE
    )


def test_a_build_that_fails_and_a_lost_option_are_two_names() -> None:
    broken, lost = BrokenBuild("a" * 40, "a.c:1: error"), BrokenBuild("a" * 40, "CONFIG_TTY vanished (needed: x)")
    assert verdict.judge_build(broken, {"no-build": Verdict.NEW})[0] is Verdict.NEW
    assert verdict.judge_build(lost, {"no-build": Verdict.NEW})[0] is Verdict.UNTESTABLE
    assert verdict.judge_build(lost, {"option-lost": Verdict.NEW})[0] is Verdict.NEW


def test_every_outcome_of_a_boot_and_of_a_scenario_has_a_name_in_the_table() -> None:
    for word in WORDS:
        for scenario in ("boot", "exec-sigtrap"):
            known_as = verdict.name(Outcome(word), scenario)
            assert known_as in verdict.NAMES or word in ("NO_PROBE", "SILENT", "OVERDUE"), (word, scenario)
