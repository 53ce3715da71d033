"""Which scenarios are there, in which order do they matter, and what does each outcome's word mean? (pure)

Expectations and outcome words are those of the debug code as read and booted, release by release (see the README).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bisector import facts, stops
from bisector.facts import OK, Facts
from bisector.model import Outcome

# What each word of a scenario's outcome says.
MEANINGS: Mapping[str, str] = {
    "OK": "as it should be",
    "STUCK": "the same hit again and again, up to a limit: in use, for ever",
    "DUP": "more hits than there should be",
    "FLAKY": "now one hit, now another number, or now here, now there, in one boot",
    "LOST": "hits that there should be, or what they should do, are missing",
    "MISSED": "a breakpoint on the handler's first instruction that does not hit",
    "HIT": "a breakpoint on the handler's first instruction that hits",
    "STOPS": "where the traced process stopped, stop by stop",
    "STALL": "a step that leaves the program counter where it was",
    "SWALLOWED": "a step that does not stop any more",
    "RETRAP": "a step that is stopped by the same breakpoint again",
    "KEPT": "the signal's handler and mask as they were",
    "RESET": "the signal's handler or mask taken away",
    "SPURIOUS": "a signal that nobody asked for, of the wrong kind or at the wrong place",
    "KILLED": "a process ended by a signal",
    "UNSUP": "refused by the kernel",
    "HUNG": "no end within its time",
    "UNKILLABLE": "no end, and none by SIGKILL either",
    "OOPS": "an oops during the scenario",
    "ENV_BAD": "not measured: its gate is not OK, or the kernel oopsed before",
    "NORUN": "not run",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """`gate`: the scenario that must read OK in the same boot before this one's outcome means anything."""

    name: str
    about: str
    judge: Callable[[Facts], Outcome]
    gate: str = ""


def _forms(name: str, about: str, judge: Callable[[Facts], Outcome], gate: str) -> tuple[Scenario, ...]:
    return tuple(
        Scenario(f"{name}-{form}", f"{about} ({words})", judge, gate)
        for form, words in (("sigtrap", "perf sigtrap"), ("oasync", "F_SETSIG/O_ASYNC"))
    )


# In the order in which they matter: what `bisector start` asks when several scenarios differ between the
# ends. First whether there is a kernel at all, then the livelock that this tool was made for in its plainest
# forms, then its milder forms, then ptrace, and last the gates, whose loss hides all the others.
SCENARIOS: tuple[Scenario, ...] = (
    Scenario("boot", "the kernel boots to the probe and powers off", lambda _: OK),
    *_forms("exec", "hits for each call of an instruction with a breakpoint", facts.hits_per_trigger, "count-exec"),
    *_forms("watch", "hits for each store to a watched variable", facts.hits_per_trigger, "count-watch"),
    *_forms("period2-exec", "period 2, ten calls: count and signals", facts.counted_by_period, "count-exec"),
    *_forms("refresh1-exec", "IOC_REFRESH(1): one signal, then armed again", facts.armed_again, "count-exec"),
    *_forms("disable-in-handler", "the handler disables the event", facts.hits_per_trigger, "count-exec"),
    *_forms("skip-in-handler", "the handler moves the PC past the instruction", facts.hits_per_trigger, "count-exec"),
    *_forms("longjmp-out", "the handler leaves with siglongjmp", facts.hits_per_trigger, "count-exec"),
    *_forms(
        "bp-in-handler-exec",
        "breakpoints on the handler's first instructions",
        facts.in_the_handler,
        "count-exec",
    ),
    *_forms("bp-in-handler-watch", "the same, entered from a watchpoint", facts.in_the_handler, "count-watch"),
    Scenario("step-into-handler", "PTRACE_SINGLESTEP with a signal: where it stops", stops.stopped),
    Scenario("step-into-handler-blocked", "the same with SIGTRAP blocked: handler and mask", stops.kept_blocked),
    Scenario("step-on-handler", "the next steps: handler + 4, and over sigreturn", stops.stopped),
    Scenario("step-svc", "PTRACE_SINGLESTEP over a system call", stops.stopped),
    Scenario("step-regset", "PSTATE.SS cleared by the tracer, then a step", stops.stepped_by_regset),
    Scenario("stop-then-step", "a step from a perf breakpoint's stop", stops.stepped_from_perf, "count-exec"),
    Scenario("stop-then-cont", "continued from a perf breakpoint's stop", stops.continued_from_perf, "count-exec"),
    Scenario("native-step", "a step from a ptrace breakpoint, armed and disarmed", stops.stepped_from_ptrace),
    Scenario("count-svc", "a counting breakpoint on a system call", facts.counted_on_svc, "count-exec"),
    Scenario("count-exec", "gate: a counting breakpoint counts", facts.counted),
    Scenario("count-watch", "gate: a counting watchpoint counts", facts.counted),
    Scenario("canary", "nothing: is the kernel still alive?", lambda _: OK),
)
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}
