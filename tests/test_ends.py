"""Do the boots of both ends make the right question, or the right reason for none?"""

from __future__ import annotations

import pytest

from bisector.endings import Conclusion, Kind
from bisector.evidence import ends
from bisector.evidence.unsteady import More, outcomes
from bisector.model import Observation, Outcome, Question, Reading, Verdict
from bisector.verdict import Table

Boots = list[Observation]


def boots(*outcomes: str, scenario: str = "exec-sigtrap", boot: str = "OK") -> Boots:
    """Return one boot for each outcome of a scenario."""
    return [
        Observation((Reading("boot", Outcome.parse(boot)), Reading(scenario, Outcome.parse(said))), "aa", "6.12")
        for said in outcomes
    ]


def ask(
    old: Boots,
    new: Boots,
    scenario: str | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
    table: Table | None = None,
) -> Question | Conclusion:
    was, now = (Outcome.parse(text) if text else None for text in (before, after))
    made = ends.question(old, new, scenario, was, now, table or {})
    return made.otherwise if isinstance(made, More) else made


def refused(answer: Question | Conclusion) -> tuple[Kind, str]:
    assert isinstance(answer, Conclusion)
    return answer.kind, answer.because


LOOPS = Question("exec-sigtrap", Outcome("OK"), Outcome("STUCK"))


# -- a question ----------------------------------------------------------------------------------------


def test_the_scenario_that_differs_is_asked() -> None:
    assert ask(boots("OK", "OK"), boots("STUCK", "STUCK")) == LOOPS


def test_a_named_scenario_is_asked() -> None:
    assert ask(boots("OK"), boots("STUCK"), "exec-sigtrap", before="OK", after="STUCK") == LOOPS


def test_unsupported_against_stuck_is_a_question() -> None:
    answer = ask(boots("UNSUP(EINVAL)"), boots("STUCK"))
    assert answer == Question("exec-sigtrap", Outcome("UNSUP", "EINVAL"), Outcome("STUCK"))


def test_of_several_that_differ_the_one_that_matters_most_is_asked() -> None:
    def end(livelock: str, step: str) -> Boots:
        names = {"step-svc": step, "exec-oasync": livelock, "boot": "OK"}
        return [Observation(tuple(Reading(name, Outcome.parse(said)) for name, said in names.items()), "aa", "6")]

    old, new = end("STUCK", "STOPS(a)"), end("OK", "STOPS(b)")
    assert ends.differing(old, new) == ("exec-oasync", "step-svc")
    assert ask(old, new) == Question("exec-oasync", Outcome("STUCK"), Outcome("OK"))


def test_a_new_end_that_does_not_boot_is_a_question_of_the_boot() -> None:
    dead = [Observation((Reading("boot", Outcome("PANIC", "no root")),), None, "")]
    assert ask(boots("OK"), dead) == Question("boot", Outcome("OK"), Outcome("PANIC", "no root"))


def test_what_one_end_did_not_measure_is_no_difference() -> None:
    assert ends.differing(boots("OK"), boots("NORUN")) == ()
    assert ends.differing(boots("ENV_BAD(x)"), boots("STUCK")) == ()
    assert ends.differing(boots("OK"), boots("KERNEL_DEAD")) == ()
    assert ends.differing(boots("OK"), boots("STUCK", "NORUN")) == ()


def test_an_outcome_seen_at_both_ends_is_no_difference() -> None:
    assert ends.differing(boots("OK"), boots("STUCK", "OK")) == ()


def test_outcomes_are_told_once_each_in_order_of_appearance() -> None:
    seen = outcomes(boots("STUCK", "OK", "STUCK"), "exec-sigtrap")
    assert seen == (Outcome("STUCK"), Outcome("OK"))


def test_a_steady_difference_is_asked_before_an_unsteady_one() -> None:
    def end(first: list[str], second: str) -> Boots:
        return [
            Observation(
                (Reading("exec-sigtrap", Outcome.parse(said)), Reading("step-svc", Outcome.parse(second))), "aa", "6"
            )
            for said in first
        ]

    old, new = end(["OK", "OK"], "STOPS(a)"), end(["STUCK", "FLAKY"], "STOPS(b)")
    assert ends.differing(old, new) == ("exec-sigtrap", "step-svc")
    assert ends.mixed(old, new) == ("exec-sigtrap",)
    assert ask(old, new) == Question("step-svc", Outcome("STOPS", "a"), Outcome("STOPS", "b"))


# -- no question ---------------------------------------------------------------------------------------


def test_alike_ends_agree() -> None:
    kind, because = refused(ask(boots("STUCK"), boots("STUCK")))
    assert (kind, because) == (Kind.ENDS_AGREE, "no scenario differs between the ends")


def test_alike_ends_of_a_named_scenario_say_what_it_is() -> None:
    kind, because = refused(ask(boots("STUCK"), boots("STUCK"), "exec-sigtrap"))
    assert (kind, because) == (Kind.ENDS_AGREE, "exec-sigtrap is STUCK at both ends")


@pytest.mark.parametrize("scenario", ["exec-sigtrap", None])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["OK", "STUCK"], ["STUCK", "STUCK"]),
        (["OK", "OK"], ["STUCK", "OK"]),
        (["OK", "OK"], ["STUCK", "DUP(2)"]),
    ],
)
def test_unsteady_ends_want_more_boots_and_are_below_confidence_without(
    old: list[str], new: list[str], scenario: str | None
) -> None:
    asked = ends.question(boots(*old), boots(*new), scenario, None, None, {})
    assert isinstance(asked, More)
    assert asked.otherwise.kind is Kind.BELOW_CONFIDENCE
    assert "differ with a probability of 0." in asked.otherwise.because
    assert "of 2 boots at the old end" in asked.otherwise.because


def test_unsteady_ends_whose_rates_differ_are_a_question() -> None:
    assert ask(boots(*["OK"] * 20), boots(*["OK"] * 8, *["STUCK"] * 12)) == LOOPS
    assert ask(boots(*["OK"] * 18, "STUCK", "STUCK"), boots(*["OK"] * 4, *["STUCK"] * 16)) == LOOPS


def test_unsteady_ends_that_are_alike_agree() -> None:
    kind, because = refused(ask(boots(*["OK", "STUCK"] * 20), boots(*["STUCK", "OK"] * 20)))
    assert kind is Kind.ENDS_AGREE
    assert "alike: exec-sigtrap is OK 20, STUCK 20 of 40 boots at the old end" in because


def test_what_only_one_end_shows_is_that_end_s_and_what_both_show_beside_is_neither() -> None:
    old = boots(*["OK"] * 15, *["DUP(2)"] * 3, *["FLAKY"] * 2)
    new = boots(*["STUCK"] * 15, *["LOST"] * 3, *["FLAKY"] * 2)
    asked = ask(old, new)
    assert isinstance(asked, Question)
    assert (asked.old, asked.new) == (LOOPS.old, LOOPS.new)
    assert (asked.also_old, asked.also_new) == ((Outcome("DUP", "2"),), (Outcome("LOST"),))


def test_a_boot_that_measures_nothing_is_not_counted() -> None:
    panics = [Observation((Reading("boot", Outcome("PANIC")),), None, "")] * 3
    assert ask(boots(*["OK"] * 20), [*boots(*["STUCK"] * 12, *["OK"] * 8), *panics], "exec-sigtrap") == LOOPS
    counted = {"boot-panic": Verdict.NEW}
    asked = ask(boots(*["OK"] * 20), [*boots(*["OK"] * 8), *panics * 4], "exec-sigtrap", table=counted)
    assert isinstance(asked, Question)
    assert asked.new == Outcome("PANIC")


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        ("NORUN", "STUCK", "the old end does not measure exec-sigtrap: NORUN"),
        ("OK", "ENV_BAD(gate)", "the new end does not measure exec-sigtrap: ENV_BAD(gate)"),
        ("OK", "KERNEL_DEAD", "the new end does not measure exec-sigtrap: KERNEL_DEAD"),
    ],
)
def test_an_end_that_does_not_measure_the_named_scenario_is_unfit(old: str, new: str, because: str) -> None:
    assert refused(ask(boots(old), boots(new), "exec-sigtrap")) == (Kind.ENDS_UNFIT, because)


def test_an_end_whose_boot_proves_nothing_is_unfit() -> None:
    unproven = [Observation((Reading("boot", Outcome("ENV_BAD", "no build id")),), None, "")]
    kind, because = refused(ask(unproven, boots("STUCK")))
    assert (kind, because) == (Kind.ENDS_UNFIT, "boot is ENV_BAD(no build id) at the old end, OK at the new")


def test_two_ends_that_never_reach_the_probe_are_unfit() -> None:
    dead = [Observation((Reading("boot", Outcome("SILENT")),), None, "")]
    assert refused(ask(dead, dead))[0] is Kind.ENDS_UNFIT


# -- what a person said --------------------------------------------------------------------------------


def said(old: list[str], new: list[str], before: str | None, after: str | None) -> tuple[Kind, str]:
    return refused(ask(boots(*old), boots(*new), "exec-sigtrap", before=before, after=after))


def test_a_new_outcome_that_is_not_shown_is_not_reproduced() -> None:
    because = "the new end does not show STUCK: exec-sigtrap is OK"
    assert said(["OK"], ["OK"], None, "STUCK") == (Kind.NOT_REPRODUCED, because)


def test_a_new_outcome_that_the_old_end_shows_too_is_told_so() -> None:
    because = "the old end shows it already: exec-sigtrap is STUCK"
    assert said(["STUCK"], ["STUCK"], None, "STUCK") == (Kind.OLD_SHOWS_IT, because)


def test_one_boot_of_the_old_end_that_shows_it_is_enough() -> None:
    kind, because = said(["OK", "STUCK"], ["STUCK"], None, "STUCK")
    assert kind is Kind.OLD_SHOWS_IT
    assert because.startswith("the old end shows it already: exec-sigtrap is OK 1, STUCK 1 of 2 boots")


def test_an_old_outcome_that_is_not_shown_where_the_ends_are_alike_means_that_old_shows_it() -> None:
    because = "the old end does not show OK: exec-sigtrap is STUCK"
    assert said(["STUCK"], ["STUCK"], "OK", None) == (Kind.OLD_SHOWS_IT, because)


def test_an_old_outcome_that_is_not_shown_where_the_ends_differ_makes_them_unfit() -> None:
    because = "the old end does not show OK: exec-sigtrap is DUP(2)"
    assert said(["DUP(2)"], ["STUCK"], "OK", None) == (Kind.ENDS_UNFIT, because)


def test_what_was_said_truly_of_unsteady_ends_is_still_below_confidence() -> None:
    assert said(["OK", "DUP(2)"], ["STUCK"], "OK", "STUCK")[0] is Kind.BELOW_CONFIDENCE


# -- an end that does not come to the scenario ---------------------------------------------------------


def boot_alone(outcome: str) -> Observation:
    return Observation((Reading("boot", Outcome.parse(outcome)),), None, "")


def test_an_end_that_panics_is_new_if_the_table_says_so() -> None:
    panics = [boot_alone("PANIC(x)"), boot_alone("PANIC(x)")]
    assert isinstance(ask(boots("OK", "OK"), panics, "exec-sigtrap"), Conclusion)
    asked = ask(boots("OK", "OK"), panics, "exec-sigtrap", table={"boot-panic": Verdict.NEW})
    assert asked == Question("exec-sigtrap", Outcome("OK"), Outcome("PANIC", "x"))


def test_the_table_s_new_is_no_word_for_the_old_end() -> None:
    panics = [boot_alone("PANIC(x)")]
    assert isinstance(ask(panics, boots("OK"), "exec-sigtrap", table={"boot-panic": Verdict.NEW}), Conclusion)
    asked = ask(panics, boots("OK"), "exec-sigtrap", table={"boot-panic": Verdict.OLD})
    assert asked == Question("exec-sigtrap", Outcome("PANIC", "x"), Outcome("OK"))


def test_an_end_that_oopses_before_its_scenarios_is_new_if_the_table_says_so() -> None:
    oopses = boots("ENV_BAD(the kernel oopsed before)", boot="OOPS(Oops)")
    assert refused(ask(boots("OK"), oopses, "exec-sigtrap"))[0] is Kind.ENDS_UNFIT
    asked = ask(boots("OK"), oopses, "exec-sigtrap", table={"boot-oops": Verdict.NEW})
    assert asked == Question("exec-sigtrap", Outcome("OK"), Outcome("OOPS", "Oops"))
