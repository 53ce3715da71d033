"""Do the facts that each range of releases gives make the outcomes that were seen there?

The ranges are those of the arm64 debug code's history: up to v5.7; v5.8 to v5.12, after commit ac2081cdc4d9
("arm64: ptrace: Consistently use pseudo-singlestep exceptions"); and since v5.13, which has perf's sigtrap.
"""

from __future__ import annotations

import pytest

from tests.test_scenarios import ASYNC, LOOP, ONCE, REARMED, SIGTRAP, judged

AGES = ("v5.7", "v5.8", "v5.13")
TOO_BIG = ("open=7", "UNSUP(E2BIG)")
LOOPING = (f"open=0 {LOOP} {SIGTRAP}", "STUCK")
LOOPING_ASYNC = (f"open=0 {LOOP} {ASYNC}", "STUCK")
SOUND_ASYNC = (f"open=0 {ONCE} {ASYNC}", "OK")
COUNTS = ("open=0 calls=10 count=10", "OK")
TWICE = ("open=0 calls=10 period=2 count=19 entries=9", "DUP(19/9)")
RETRAPS = (
    "open=0 armed=site+0/5/4,site+0/5/4 disarmed=site+0/5/4,site+4/5/2",
    "RETRAP(site+0/5/4,site+0/5/4; disarmed site+0/5/4,site+4/5/2)",
)
KEPT = ("stops=handler+0/5/5 mask=kept handler=kept", "KEPT(handler+0/5/5)")
RESET = (
    "stops=handler+0/5/2 mask=reset handler=reset",
    "RESET(handler reset, mask reset; handler+0/5/2)",
)
SWALLOWED = ("open=0 stops=site+0/10/6,exit/0/0", "SWALLOWED(site+0/10,exit/0/0)")
LOST = ("open=0 stops=site+0/10/6,exit/0/0 triggers=5 hits=1", "LOST(1/5)")


def stops(places: str) -> tuple[str, str]:
    return f"stops={places}", f"STOPS({places})"


def alike(said: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (said,) * 3


# Scenario -> (facts, outcome) up to v5.7, v5.8 to v5.12, since v5.13.
BY_RELEASE = {
    "count-exec": alike(COUNTS),
    "count-watch": alike(COUNTS),
    "exec-sigtrap": (TOO_BIG, TOO_BIG, LOOPING),
    "watch-sigtrap": (TOO_BIG, TOO_BIG, (f"{LOOPING[0]} value=old", "STUCK")),
    "exec-oasync": alike(LOOPING_ASYNC),
    "watch-oasync": alike((f"{LOOPING_ASYNC[0]} value=old", "STUCK")),
    "period2-exec-oasync": alike(TWICE),
    "refresh1-exec-oasync": alike((f"open=0 entries=1 ss=1 {REARMED[:-1]}50", "STUCK(ss=1 again=1/50)")),
    "disable-in-handler-oasync": alike(SOUND_ASYNC),
    "skip-in-handler-oasync": alike(SOUND_ASYNC),
    "longjmp-out-oasync": alike(SOUND_ASYNC),
    "bp-in-handler-exec-oasync": (
        ("open=0 first=1 second=1", "HIT(second HIT)"),
        *(("open=0 first=0 second=1", "MISSED(second HIT)"),) * 2,
    ),
    "step-into-handler": (stops("handler+0/5/2"), stops("handler+0/5/5"), stops("handler+0/5/5")),
    "step-into-handler-blocked": (RESET, KEPT, KEPT),
    "step-svc": (stops("site+4/5/2"), *(stops("site+4/5/0,site+4/5/2"),) * 2),
    "step-regset": (
        ("stops=site+4/5/2,site+4/5/2,site+4/5/2", "STALL(site+4/5/2,site+4/5/2,site+4/5/2)"),
        *(("stops=site+4/5/2,site+8/5/2,site+12/5/2", "OK(site+4/5/2,site+8/5/2,site+12/5/2)"),) * 2,
    ),
    "stop-then-step": alike(SWALLOWED),
    "stop-then-cont": alike(LOST),
    "native-step": alike(RETRAPS),
    "count-svc": (
        ("open=0 calls=10 count=10 traps=0", "OK"),
        *(("open=0 calls=10 count=10 traps=1 code=0", "SPURIOUS(code 0)"),) * 2,
    ),
}


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("name", BY_RELEASE)
def test_the_facts_of_a_release_make_its_outcome(name: str, age: str) -> None:
    text, expected = BY_RELEASE[name][AGES.index(age)]
    assert judged(name, text) == expected


def changed(before: str, after: str) -> set[str]:
    one, other = AGES.index(before), AGES.index(after)
    return {name for name, ages in BY_RELEASE.items() if judged(name, ages[one][0]) != judged(name, ages[other][0])}


def test_the_change_of_stepping_in_v5_8_is_seen_by_the_scenarios_that_can_see_it() -> None:
    assert changed("v5.7", "v5.8") == {
        "bp-in-handler-exec-oasync",
        "step-into-handler",
        "step-into-handler-blocked",
        "step-svc",
        "step-regset",
        "count-svc",
    }


def test_the_arrival_of_sigtrap_in_v5_13_is_seen_by_its_own_scenarios_only() -> None:
    assert changed("v5.8", "v5.13") == {"exec-sigtrap", "watch-sigtrap"}
