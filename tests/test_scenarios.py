"""Is each scenario's outcome the one that its facts show?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bisector import scenarios
from bisector.scenarios import BY_NAME, SCENARIOS, UnreadableFacts

PROTOCOL = Path(scenarios.__file__).parent / "guest" / "PROTOCOL.md"
LOOP = "triggers=100 limit=1000 hits_min=1000 hits_max=1000 stuck=100 once=0 wrong_pc=0"
ONCE = "triggers=100 limit=1000 hits_min=1 hits_max=1 stuck=0 once=100 wrong_pc=0"
SIGTRAP = "signo=5 code=6 pc=site+0 ss=1 addr=1 type=5 data=1234 flags=0"
ASYNC = "signo=10 code=6 pc=site+0 ss=1"
REARMED = "calls=10 count=1 again_refresh=1 again_toggle=1"


def facts(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split())


def judged(name: str, text: str) -> str:
    """Judge as the probe's reader does: first the set-up, then the measurement."""
    said = facts(text)
    return str(scenarios.unsupported(said) or BY_NAME[name].judge(said))


def counted(triggers: int, least: int, most: int, stuck: int, once: int) -> str:
    hits = f"hits_min={least} hits_max={most}"
    return f"open=0 triggers={triggers} limit=1000 {hits} stuck={stuck} once={once} wrong_pc=0 {ASYNC}"


# -- hits per trigger ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (counted(100, 1, 1, 0, 100), "OK"),
        (counted(100, 1000, 1000, 100, 0), "STUCK"),
        (counted(100, 2, 2, 0, 0), "DUP(2)"),
        (counted(100, 2, 5, 0, 0), "DUP(2-5)"),
        (counted(100, 0, 0, 0, 0), "LOST(0/100)"),
        (counted(100, 0, 1, 0, 97), "LOST(97/100)"),
        (counted(100, 1, 1000, 3, 97), "FLAKY"),
        (counted(100, 1, 2, 0, 50), "FLAKY"),
        (counted(100, 0, 1000, 50, 0), "FLAKY"),
        (counted(100, 0, 2, 0, 0), "FLAKY"),
        (counted(100, 2, 1000, 1, 0), "FLAKY"),
        (f"open=0 {LOOP} {ASYNC.replace('site+0', 'site+4')}", "STUCK(pc=site+4)"),
        (f"open=0 {ONCE} {ASYNC} value=old", "OK"),
        (f"open=0 {ONCE} {ASYNC.replace('site+0', 'site+4')} value=new", "OK(pc=site+4 store done)"),
        (f"open=0 {LOOP} {SIGTRAP}", "STUCK"),
        (f"open=0 {LOOP} {SIGTRAP.replace('code=6', 'code=2')}", "SPURIOUS(signal 5 code 2)"),
        (f"open=0 {LOOP} {SIGTRAP.replace('signo=5', 'signo=10')}", "SPURIOUS(signal 10 code 6)"),
        (f"open=0 {ONCE} {SIGTRAP.replace('addr=1', 'addr=0')}", "SPURIOUS(si_addr)"),
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
    ("refresh1-exec-oasync", f"open=0 {REARMED} entries=1 ss=1", "OK(ss=1 again=1/1)"),
    ("refresh1-exec-oasync", f"open=0 {REARMED} entries=1 ss=0", "OK(ss=0 again=1/1)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED} entries=2 ss=1", "DUP(2)"),
    ("refresh1-exec-sigtrap", f"open=0 {REARMED} entries=0", "LOST(0)"),
    ("bp-in-handler-exec-sigtrap", "open=0 first=1 second=0", "HIT(second MISSED)"),
    ("bp-in-handler-watch-oasync", "open=0 first=0 second=0", "MISSED(second MISSED)"),
    ("step-into-handler", "stops=handler+4/5/2", "STOPS(handler+4/5/2)"),
    ("step-into-handler-blocked", "stops=handler+0/5/5 mask=kept handler=kept", "KEPT(handler+0/5/5)"),
    (
        "step-into-handler-blocked",
        "stops=handler+0/5/2 mask=kept handler=reset",
        "RESET(handler reset, mask kept; handler+0/5/2)",
    ),
    ("step-regset", "stops=site+0/5/2", "STALL(site+0/5/2)"),
    ("step-regset", "stops=site+4/5/2", "OK(site+4/5/2)"),
    ("stop-then-step", "open=0 stops=site+0/10/6,exit/0/0", "SWALLOWED(site+0/10/6,exit/0/0)"),
    ("stop-then-step", "open=0 stops=site+0/10/6,site+4/5/2", "OK(site+0/10/6,site+4/5/2)"),
    ("stop-then-cont", "open=0 stops=site+0/10/6 triggers=5 hits=5", "OK"),
    ("stop-then-cont", "open=0 stops=site+0/10/6 triggers=5 hits=6", "DUP(6/5)"),
    (
        "native-step",
        "open=0 armed=site+0/5/4,site+4/5/2 disarmed=site+0/5/4,site+4/5/2",
        "OK(site+0/5/4,site+4/5/2; disarmed site+0/5/4,site+4/5/2)",
    ),
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
    ("number", "expected"),
    [("7", "UNSUP(E2BIG)"), ("22", "UNSUP(EINVAL)"), ("38", "UNSUP(ENOSYS)"), ("9999", "UNSUP(9999)")],
)
def test_a_refused_set_up_is_told_by_its_errno(number: str, expected: str) -> None:
    assert judged("exec-sigtrap", f"open={number}") == expected


@pytest.mark.parametrize("number", ["", "none", "0x16"])
def test_an_errno_that_is_no_number_is_not_a_reading(number: str) -> None:
    with pytest.raises(UnreadableFacts):
        scenarios.unsupported({"open": number})


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
    keys = "triggers hits_min hits_max stuck once calls count period entries first second traps"
    with pytest.raises(UnreadableFacts, match="no number"):
        BY_NAME[name].judge(dict.fromkeys(keys.split(), "many"))
