"""Is each scenario's outcome the one that its facts show?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bisector import facts as judging
from bisector import scenarios
from bisector.facts import UnreadableFacts
from bisector.scenarios import BY_NAME, SCENARIOS

PROTOCOL = Path(scenarios.__file__).parent / "guest" / "PROTOCOL.md"
LOOP = "triggers=100 limit=1000 hits_min=1000 hits_max=1000 stuck=100 once=0 wrong_pc=0 moved=0 undone=0"
ONCE = "triggers=100 limit=1000 hits_min=1 hits_max=1 stuck=0 once=100 wrong_pc=0 moved=0 undone=0"
SIGTRAP = "signo=5 code=6 pc=site+0 ss=1 addr=1 type=5 data=1234 flags=0"
ASYNC = "signo=10 code=6 pc=site+0 ss=1"
REARMED = "calls=10 limit=50 count=1 again_refresh=1 again_toggle=1"
TRAPPED, STEPPED, GONE = "site+0/5/4", "site+4/5/2", "exit/0/0"


def facts(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split())


def judged(name: str, text: str) -> str:
    """Judge as the probe's reader does: first the set-up, then the measurement."""
    said = facts(text)
    return str(judging.unsupported(said) or BY_NAME[name].judge(said))


def counted(triggers: int, least: int, most: int, stuck: int, once: int) -> str:
    hits = f"hits_min={least} hits_max={most}"
    return (
        f"open=0 triggers={triggers} limit=1000 {hits} stuck={stuck} once={once} wrong_pc=0 moved=0 undone=0 {ASYNC}"
    )


# -- hits per trigger ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (counted(100, 1, 1, 0, 100), "OK"),
        (counted(100, 1000, 1000, 100, 0), "STUCK"),
        (counted(100, 2, 2, 0, 0), "DUP(2)"),
        (counted(100, 2, 5, 0, 0), "DUP(more and less)"),
        (counted(100, 0, 0, 0, 0), "LOST(0/100)"),
        (counted(100, 0, 1, 0, 97), "LOST(some of 100)"),
        (counted(100, 1, 1000, 3, 97), "FLAKY"),
        (counted(100, 1, 2, 0, 50), "FLAKY"),
        (counted(100, 0, 1000, 50, 0), "FLAKY"),
        (counted(100, 0, 2, 0, 0), "FLAKY"),
        (counted(100, 2, 1000, 1, 0), "FLAKY"),
        (f"open=0 {LOOP.replace('pc=0', 'pc=100000')} {ASYNC.replace('site+0', 'site+4')}", "STUCK(pc=site+4)"),
        (f"open=0 {LOOP.replace('moved=0', 'moved=1')} {ASYNC.replace('site+0', 'site+4')}", "STUCK(pc varies)"),
        (f"open=0 {ONCE.replace('moved=0', 'moved=99')} {ASYNC} value=new", "FLAKY(pc varies)"),
        # As an older probe says it.
        (f"open=0 {ONCE.replace('pc=0 moved=0 undone=0', 'pc=49')} {ASYNC}", "FLAKY(pc varies)"),
        (f"open=0 {ONCE.replace(' moved=0 undone=0', '')} {ASYNC}", "OK"),
        (f"open=0 {ONCE} {ASYNC} reopen=28", "LOST(opened again: ENOSPC)"),
        (f"open=0 {ONCE} {ASYNC} value=old", "OK"),
        (f"open=0 {ONCE} {ASYNC} value=new", "SPURIOUS(store done)"),
        (f"open=0 {ONCE.replace('undone=0', 'undone=100')} {ASYNC} value=old", "LOST(store not done)"),
        (f"open=0 {LOOP} {ASYNC} reopen=28", "STUCK"),
        (
            f"open=0 {ONCE.replace('pc=0', 'pc=100')} {ASYNC.replace('site+0', 'site+4')} value=old",
            "SPURIOUS(pc=site+4)",
        ),
        (
            f"open=0 {ONCE.replace('pc=0', 'pc=100')} {ASYNC.replace('site+0', 'elsewhere')}",
            "SPURIOUS(pc=elsewhere)",
        ),
        (
            f"open=0 {ONCE.replace('pc=0', 'pc=100')} {ASYNC.replace('site+0', 'site+4')} value=new",
            "OK(pc=site+4 store done)",
        ),
        (f"open=0 {LOOP} {SIGTRAP}", "STUCK"),
        (f"open=0 {LOOP} {SIGTRAP.replace('code=6', 'code=2')}", "SPURIOUS(signal 5 code 2)"),
        (f"open=0 {LOOP} {SIGTRAP.replace('signo=5', 'signo=10')}", "SPURIOUS(signal 10 code 6)"),
        (f"open=0 {ONCE} {SIGTRAP.replace('addr=1', 'addr=0')}", "SPURIOUS(si_addr)"),
        (f"open=0 {ONCE} {SIGTRAP.replace('type=5', 'type=1')}", "SPURIOUS(si_perf_type)"),
        (f"open=0 {ONCE} {SIGTRAP.replace('type=5', 'type=0')}", "OK"),
        (f"open=0 {ONCE} {SIGTRAP.replace('data=1234', 'data=0')}", "SPURIOUS(si_perf_data)"),
        (f"open=0 {ONCE} {SIGTRAP.replace('flags=0', 'flags=1')}", "SPURIOUS(si_perf_flags)"),
        (f"open=0 {ONCE} {ASYNC.replace('code=6', 'code=1')}", "OK"),
    ],
)
@pytest.mark.parametrize("name", ["exec-oasync", "watch-sigtrap", "longjmp-out-oasync", "skip-in-handler-sigtrap"])
def test_hits_per_trigger_decide(name: str, text: str, expected: str) -> None:
    assert judged(name, text) == expected


# -- every other judge ---------------------------------------------------------------------------------

OTHERS = [
    ("count-exec", "open=0 calls=10 count=10", "OK"),
    ("count-exec", "open=0 calls=10 count=7", "LOST(7/10)"),
    ("count-watch", "open=0 calls=10 count=12", "DUP(12/10)"),
    ("period2-exec-oasync", "open=0 calls=10 period=2 count=10 entries=5", "OK"),
    ("period2-exec-oasync", "open=0 calls=10 period=2 count=19 entries=9", "DUP(19/9)"),
    ("period2-exec-oasync", "open=0 calls=10 period=2 count=10 entries=4", "LOST(10/4)"),
    ("period2-exec-sigtrap", "open=0 calls=10 period=2 count=8 entries=4", "LOST(8/4)"),
    ("period2-exec-sigtrap", "open=0 calls=10 period=2 count=10 entries=10", "DUP(10/10)"),
    ("refresh1-exec-oasync", f"open=0 {REARMED} entries=1 ss=1", "OK(ss=1 again=1/1)"),
    ("refresh1-exec-oasync", f"open=0 {REARMED} entries=1 ss=0", "OK(ss=0 again=1/1)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED} entries=2 ss=1", "DUP(entries some)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED.replace('count=1', 'count=10')} entries=1", "DUP(count some)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED} entries=0", "LOST(entries 0)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED} entries=50 ss=1", "STUCK(entries 50)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED[:-1]}50 entries=1 ss=1", "STUCK(ss=1 again=1/50)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED[:-1]}2 entries=1 ss=1", "DUP(ss=1 again=1/some)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED.replace('limit=50 ', '')} entries=1 ss=1", "OK(ss=1 again=1/1)"),
    (
        "refresh1-exec-oasync",
        f"open=0 {REARMED.replace('refresh=1', 'refresh=0')} entries=1 ss=0",
        "LOST(ss=0 again=0/1)",
    ),
    ("bp-in-handler-exec-sigtrap", "open=0 first=1 second=0", "HIT(second MISSED)"),
    ("bp-in-handler-watch-oasync", "open=0 first=0 second=0", "MISSED(second MISSED)"),
    ("bp-in-handler-watch-oasync", "open=0 entries=1 first=0 second=0", "MISSED(second MISSED)"),
    ("bp-in-handler-watch-oasync", "open=0 entries=0 first=0 second=0", "LOST(the handler itself)"),
    ("bp-in-handler-watch-oasync", "open=0 entries=3 first=3 second=3", "DUP(the handler itself)"),
    ("bp-in-handler-exec-oasync", "open=0 entries=1 first=50 second=1", "DUP(second HIT)"),
    ("step-into-handler", "stops=handler+4/5/2", "STOPS(handler+4/5/2)"),
    ("step-into-handler-blocked", "stops=handler+0/5/5 mask=kept handler=kept", "KEPT(handler+0/5/5)"),
    (
        "step-into-handler-blocked",
        "stops=handler+0/5/2 mask=kept handler=reset",
        "RESET(handler reset, mask kept; handler+0/5/2)",
    ),
    ("step-into-handler-blocked", "stops=exit/0/0 mask=reset handler=kept", "SWALLOWED(exit/0/0)"),
    ("step-into-handler-blocked", "stops=exit/5/0 mask=reset handler=reset", "KILLED(exit/5/0)"),
    ("stop-then-cont", f"open=0 stops={'site+0/10/6,' * 5}exit/0/0 triggers=5 hits=5", "OK"),
    ("stop-then-cont", f"open=0 stops={'site+0/10/6,' * 5}site+0/10/6 triggers=5 hits=6", "DUP(6/5)"),
    ("stop-then-cont", "open=0 stops=exit/0/0 triggers=5 hits=0", "LOST(0/5)"),
    ("stop-then-cont", "open=0 stops=site+0/10/6,exit/11/0 triggers=5 hits=1", "KILLED(11)"),
    (
        "stop-then-cont",
        f"open=0 stops={'site+0/10/6,site+4/5/2,' * 5}exit/0/0 triggers=5 hits=5",
        "SPURIOUS(site+4/5/2)",
    ),
    ("stop-then-cont", f"open=0 stops={'site+4/10/6,' * 5}exit/0/0 triggers=5 hits=5", "SPURIOUS(site+4/10)"),
    ("count-svc", "open=0 calls=10 count=10 traps=0", "OK"),
    ("count-svc", "open=0 calls=10 count=9 traps=0", "LOST(9/10)"),
    ("count-svc", "open=0 calls=10 count=10 traps=10 code=0", "SPURIOUS(code 0)"),
    ("boot", "", "OK"),
    ("canary", "", "OK"),
]


@pytest.mark.parametrize(("name", "text", "expected"), OTHERS)
def test_facts_make_the_outcome(name: str, text: str, expected: str) -> None:
    assert judged(name, text) == expected


@pytest.mark.parametrize(
    ("stops", "word"),
    [
        ("site+4/5/2,site+8/5/2,site+12/5/2", "OK"),
        ("site+4/5/2,site+4/5/2,site+4/5/2", "STALL"),
        ("site+4/5/2,site+8/5/2,site+8/5/2", "STALL"),
        ("site+4/5/2,site+8/5/2,exit/0/0", "SWALLOWED"),
        ("exit/0/0", "SWALLOWED"),
        ("site+4/5/2,site+12/5/2,site+16/5/2", "STOPS"),
        ("site+4/5/2,site+8/5/1,site+12/5/2", "STOPS"),
        ("site+4/5/2,site+8/5/2", "STOPS"),
    ],
)
def test_steps_without_pstate_ss_are_ok_where_each_of_them_goes_one_instruction_on(stops: str, word: str) -> None:
    assert judged("step-regset", f"stops={stops}") == f"{word}({stops})"


@pytest.mark.parametrize(
    ("stops", "word"),
    [
        ("site+0/10/1,site+4/5/2,elsewhere/5/2", "OK"),
        ("site+0/10/6,site+4/5/2,elsewhere/5/2", "OK"),
        ("site+0/10/1,exit/0/0", "SWALLOWED"),
        ("site+0/10/1,site+4/5/2,exit/0/0", "SWALLOWED"),
        ("site+0/10/1,site+0/10/1,site+4/5/2", "RETRAP"),
        ("site+0/10/1,site+4/5/2,site+4/5/2", "STALL"),
        ("site+0/10/1,site+0/5/2,site+4/5/2", "STALL"),
        ("site+0/10/1,elsewhere/5/2,elsewhere/5/2", "STOPS"),
        ("site+0/10/1,exit/5/0", "KILLED"),
        ("site+0/10/1,site+4/11/1,elsewhere/5/2", "STOPS"),
        ("exit/0/0,exit/0/0", "LOST"),
        ("site+4/10/1,elsewhere/5/2", "LOST"),
        ("exit/0/0", "LOST"),
    ],
)
def test_steps_from_a_perf_breakpoint_are_ok_only_where_they_stop_as_they_should(stops: str, word: str) -> None:
    said = stops.replace("/10/1", "/10").replace("/10/6", "/10")
    assert judged("stop-then-step", f"open=0 stops={stops}") == f"{word}({said})"


@pytest.mark.parametrize(
    ("armed", "disarmed", "word"),
    [
        (f"{TRAPPED},{STEPPED}", f"{TRAPPED},{STEPPED}", "OK"),
        (f"{TRAPPED},{TRAPPED}", f"{TRAPPED},{STEPPED}", "RETRAP"),
        (f"{GONE},{GONE}", f"{GONE},{GONE}", "LOST"),
        (f"{TRAPPED},{TRAPPED}", f"{GONE},{GONE}", "LOST"),
        (f"{TRAPPED},{TRAPPED}", f"{TRAPPED},{GONE}", "SWALLOWED"),
        (f"{TRAPPED},{GONE}", f"{TRAPPED},{STEPPED}", "SWALLOWED"),
        (f"{TRAPPED},{STEPPED}", f"{TRAPPED},{TRAPPED}", "RETRAP"),
        (f"site+0/5/2,{STEPPED}", f"{TRAPPED},{STEPPED}", "LOST"),
        (f"{TRAPPED},site+4/5/1", f"{TRAPPED},{STEPPED}", "STOPS"),
    ],
)
def test_a_step_from_a_ptrace_breakpoint_is_ok_only_where_it_stops_as_it_should(
    armed: str, disarmed: str, word: str
) -> None:
    said = judged("native-step", f"open=0 armed={armed} disarmed={disarmed}")
    assert said == f"{word}({armed}; disarmed {disarmed})"


@pytest.mark.parametrize(
    ("number", "expected"),
    [("7", "UNSUP(E2BIG)"), ("22", "UNSUP(EINVAL)"), ("38", "UNSUP(ENOSYS)"), ("9999", "UNSUP(9999)")],
)
def test_a_refused_set_up_is_told_by_its_errno(number: str, expected: str) -> None:
    assert judged("exec-sigtrap", f"open={number}") == expected


@pytest.mark.parametrize("number", ["", "none", "0x16"])
def test_an_errno_that_is_no_number_is_not_a_reading(number: str) -> None:
    with pytest.raises(UnreadableFacts):
        judging.unsupported({"open": number})


@pytest.mark.parametrize("name", ["step-regset", "stop-then-step", "step-into-handler", "step-svc"])
def test_a_tracee_that_was_never_seen_stopped_is_no_reading(name: str) -> None:
    with pytest.raises(UnreadableFacts):
        BY_NAME[name].judge({"open": "0", "stops": ""})


def test_a_period_of_zero_is_not_a_reading() -> None:
    with pytest.raises(UnreadableFacts):
        judged("period2-exec-oasync", "open=0 calls=10 period=0 count=10 entries=5")


# -- the table against the protocol --------------------------------------------------------------------


def protocol_names() -> set[str]:
    """Return the names in the first column of PROTOCOL.md's table of facts, with braces expanded."""
    names = set()
    for row in PROTOCOL.read_text().partition("## Facts")[2].splitlines():
        if row.startswith("| `"):
            for name in re.findall(r"`([^`]+)`", row.split("|")[1]):
                names |= expanded(name)
    return names


def expanded(name: str) -> set[str]:
    match = re.search(r"\{([^}]*)\}", name)
    if match is None:
        return {name}
    forms = [name[: match.start()] + word + name[match.end() :] for word in match[1].split(",")]
    return set().union(*(expanded(form) for form in forms))


def test_the_protocol_s_names_and_the_table_s_are_the_same() -> None:
    assert protocol_names() == set(BY_NAME) - {"boot", "canary"}
    assert len(protocol_names()) == 29


def test_names_are_unique_and_each_gate_is_a_scenario_without_a_gate() -> None:
    assert len(BY_NAME) == len(SCENARIOS)
    gates = {scenario.gate for scenario in SCENARIOS} - {""}
    assert gates == {"count-exec", "count-watch"}
    assert [BY_NAME[gate].gate for gate in sorted(gates)] == ["", ""]


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"boot", "canary"}))
def test_a_judge_without_facts_says_so_and_does_not_guess(name: str) -> None:
    with pytest.raises(UnreadableFacts):
        BY_NAME[name].judge({})


@pytest.mark.parametrize("name", ["exec-oasync", "count-svc", "period2-exec-oasync", "bp-in-handler-exec-oasync"])
def test_a_word_for_a_number_is_not_a_reading(name: str) -> None:
    keys = "triggers hits_min hits_max stuck once calls count period entries limit first second traps"
    with pytest.raises(UnreadableFacts, match="no number"):
        BY_NAME[name].judge(dict.fromkeys(keys.split(), "many"))
