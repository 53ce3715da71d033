"""Is a boot given up when the guest's own time is over, and never because of the host's?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.evidence.limits import FLOOR, LONGER, QUIET, SLACK, UNMEASURED, measured, with_given
from bisector.model import Ending, Limits, Spans
from bisector.watch import Watch
from tests.frames import NONCE, frame

LIMITS = Limits(boot=10, silence=5, scenario=20, total=100, output=1000, host=900)
BEGIN = frame(0, "begin version=1") + "\n"
BEAT = frame(7, "beat n=3 ms=4000") + "\n"


def watch(**limits: float) -> Watch:
    return Watch(replace(LIMITS, **limits), NONCE, grain=1.0)  # type: ignore[arg-type]


def test_silence_is_counted_from_the_look_after_the_last_byte() -> None:
    boot = watch()
    boot.hear("[    0.000000] Booting Linux\n")
    assert boot.look(2, quiet=True) is None
    assert [boot.look(clock, quiet=True) for clock in (3, 7, 8)] == [None, None, Ending.SILENT]


def test_nothing_is_judged_while_something_waits_to_be_heard() -> None:
    boot = watch()
    assert boot.look(1000, quiet=False) is None
    assert boot.look(1000, quiet=True) is Ending.SILENT


def test_talk_without_the_probe_s_first_line_is_overdue_at_the_boot_limit() -> None:
    boot = watch()
    for clock in range(11):
        boot.hear(f"talk {clock}\n")
        assert boot.look(clock, quiet=True) is None
    boot.hear("talk\n")
    assert boot.look(11, quiet=True) is Ending.OVERDUE


def test_a_first_line_torn_into_single_letters_begins_the_probe() -> None:
    boot = watch()
    for letter in BEGIN:
        boot.hear(letter)
    assert boot.begun
    assert boot.look(11, quiet=True) is None


@pytest.mark.parametrize("said", ["@bsct fedcba9876543210 0 00000000 begin\n", "bsct\n", f"@bsct {NONCE}"])
def test_another_nonce_or_half_a_line_does_not_begin_it(said: str) -> None:
    boot = watch()
    boot.hear(said)
    assert not boot.begun


def test_heartbeats_keep_it_from_being_silent_but_not_from_being_overdue() -> None:
    boot = watch()
    boot.hear(BEGIN)
    endings = []
    for clock in range(25):
        endings.append(boot.look(clock, quiet=True))
        boot.hear(BEAT)
    assert endings.index(Ending.OVERDUE) == 21
    assert endings[:21] == [None] * 21


def test_lines_of_the_probe_hold_off_every_limit_but_the_total() -> None:
    boot = watch()
    for clock in range(101):
        boot.hear(frame(clock, "start scenario=x") + "\n")
        assert boot.look(clock, quiet=True) is None
    boot.hear(frame(200, "start scenario=x") + "\n")
    assert boot.look(101, quiet=True) is Ending.OVERDUE


def test_too_much_output_is_a_flood_whether_or_not_it_has_lines() -> None:
    boot = watch()
    boot.hear("x" * 1000)
    assert not boot.flooded
    boot.hear("x")
    assert boot.flooded


@given(st.lists(st.tuples(st.floats(0, 4.9), st.floats(0, 4.9)), min_size=1, max_size=40))
def test_a_guest_that_is_never_silent_for_long_is_never_called_silent(steps: list[tuple[float, float]]) -> None:
    """The guest speaks every `gap` seconds, and the host looks `late` after that, before it has heard or after."""
    boot = watch(boot=1e9, total=1e9, output=10**9)
    said = 0.0
    for gap, late in steps:
        said += gap
        # A look in the pause, with nothing new to hear, at the last moment before the guest speaks again.
        assert boot.look(float(int(said)), quiet=True) is None
        boot.hear("talk\n")
        assert boot.look(float(int(said + min(late, gap))), quiet=True) is None
        said += min(late, gap)
    assert boot.spans().silence <= 11


@given(st.integers(0, 60), st.lists(st.integers(0, 9), max_size=60))
def test_a_guest_that_is_silent_for_ever_is_found_however_seldom_we_look(last: int, steps: list[int]) -> None:
    boot = watch(boot=1e9, total=1e9)
    boot.hear("talk\n")
    boot.look(last, quiet=True)
    clock, ending = last, None
    for step in steps:
        clock += step
        ending = ending or boot.look(clock, quiet=True)
    assert (ending is Ending.SILENT) == (clock - last >= 6)


# -- measured limits -----------------------------------------------------------------------------------


def test_what_a_boot_needed_is_rounded_up() -> None:
    boot = watch()
    boot.look(2, quiet=True)
    said = [BEGIN, frame(1, "start scenario=x") + "\n"]
    boot.hear(said[0])
    boot.look(3, quiet=True)
    boot.hear(said[1])
    boot.look(7, quiet=True)
    assert boot.spans() == Spans(boot=4, silence=5, scenario=5, total=8, output=len("".join(said)))


def test_limits_are_the_slowest_end_s_needs_with_slack_and_a_floor() -> None:
    quick, slow = Spans(1, 1, 1, 2, 1000), Spans(9, 4, 13, 90, 1 << 20)
    found = measured([quick, slow], {})
    assert (found.boot, found.silence, found.scenario) == (SLACK * 9, QUIET * 4, 13 + LONGER)
    assert (found.total, found.output) == (SLACK * 90, SLACK << 20)
    assert measured([quick], {}) == FLOOR


def test_a_boot_that_hangs_costs_the_host_ten_seconds_at_most_before_anything_is_measured_and_after() -> None:
    busy, relaxed = 0.2, 1.4  # host seconds of a guest second that a CPU spins, without and with cpu_relax()
    # What the demo's ends need is measured no longer than this, and what one needs that has an unkillable task.
    sound, unkillable = measured([Spans(3, 3, 3, 4, 1000)], {}), measured([Spans(3, 3, 14, 20, 1000)], {})
    for found in (UNMEASURED, sound, unkillable):
        assert busy * max(found.boot, found.silence, found.scenario) <= 10
        # The clock is read in whole seconds, so it is one more until it is seen.
        assert relaxed * (found.silence + 1) <= 10


def test_without_a_boot_that_ended_by_itself_nothing_was_measured() -> None:
    assert measured([], {}) == UNMEASURED


def test_what_a_person_gave_is_kept() -> None:
    found = measured([Spans(9, 4, 13, 90, 1000)], {"silence": 2.5, "output": 4096.0})
    assert (found.silence, found.output, found.boot) == (2.5, 4096, SLACK * 9)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="more than zero"):
        with_given(UNMEASURED, {"silence": value})


def test_the_probe_s_own_patience_is_below_the_floor() -> None:
    # guest/probe/supervise.c: ten seconds, and three more to be reaped.
    assert FLOOR.scenario > 13
