"""Which scenarios are there, in which order do they matter, and how are their facts read? (pure)

The probe measures, this table judges. Facts are the `key=value` words of guest/PROTOCOL.md; expectations
and outcome words are those of the debug code as read and booted, release by release (see the README).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bisector.model import Outcome

Facts = Mapping[str, str]
OK = Outcome("OK")
SIGTRAP = "5"
TRAP_PERF = "6"


class UnreadableFacts(ValueError):
    """A scenario said it was done, but not what it measured: the probe's fault, not the kernel's."""


# What each word of a scenario's outcome says.
MEANINGS: Mapping[str, str] = {
    "OK": "as it should be",
    "STUCK": "the same hit again and again, up to a limit: in use, for ever",
    "DUP": "more hits than there should be",
    "FLAKY": "now one hit, now another number, in one boot",
    "LOST": "fewer hits than there should be",
    "MISSED": "a breakpoint on the handler's first instruction that does not hit",
    "HIT": "a breakpoint on the handler's first instruction that hits",
    "STOPS": "where the traced process stopped, stop by stop",
    "STALL": "a step that leaves the program counter where it was",
    "SWALLOWED": "a step that does not stop any more",
    "RETRAP": "a step that is stopped by the same breakpoint again",
    "KEPT": "the signal's handler and mask as they were",
    "RESET": "the signal's handler or mask taken away",
    "SPURIOUS": "a signal that nobody asked for, or of the wrong kind",
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


def _number(facts: Facts, key: str) -> int:
    try:
        return int(facts[key])
    except (KeyError, ValueError) as error:
        raise UnreadableFacts(f"no number {key!r}") from error


def _text(facts: Facts, key: str) -> str:
    if not facts.get(key):
        raise UnreadableFacts(f"no {key!r}")
    return facts[key]


def unsupported(facts: Facts) -> Outcome | None:
    """Return UNSUP(errno's name) if the scenario's set-up was refused, None if it was not."""
    number = _number(facts, "open") if "open" in facts else 0
    return Outcome("UNSUP", errno.errorcode.get(number, str(number))) if number else None


def _count(facts: Facts) -> Outcome:
    calls, count = _number(facts, "calls"), _number(facts, "count")
    if count == calls:
        return OK
    return Outcome("LOST" if count < calls else "DUP", f"{count}/{calls}")


def _hits(facts: Facts) -> Outcome:
    """Hits per trigger: one is OK, the limit every time is STUCK, a mix is FLAKY."""
    triggers = _number(facts, "triggers")
    least, most = _number(facts, "hits_min"), _number(facts, "hits_max")
    stuck, once = _number(facts, "stuck"), _number(facts, "once")
    if most == 0:
        return Outcome("LOST", f"0/{triggers}")
    wrong = _wrong_signal(facts)
    if wrong is not None:
        return wrong
    # Where arm64 stands in the handler: on the instruction, its store not done. Said only if not so.
    oddities = [f"pc={facts['pc']}"] if facts.get("pc", "site+0") != "site+0" else []
    oddities += ["store done"] if facts.get("value") == "new" else []
    detail = " ".join(oddities)
    if once == triggers:
        return Outcome("OK", detail)
    if stuck == triggers:
        return Outcome("STUCK", detail)
    if least == 0 and most == 1:
        return Outcome("LOST", f"{once}/{triggers}")
    if least > 1 and stuck == 0:
        return Outcome("DUP", f"{least}-{most}" if least != most else str(least))
    return Outcome("FLAKY")


def _wrong_signal(facts: Facts) -> Outcome | None:
    """A sigtrap event's signal must say so; O_ASYNC's si_code is not judged (POLL_HUP is 6 as well)."""
    if "type" not in facts:
        return None
    signo, code = _text(facts, "signo"), _text(facts, "code")
    if (signo, code) != (SIGTRAP, TRAP_PERF):
        return Outcome("SPURIOUS", f"signal {signo} code {code}")
    return None if facts.get("addr", "1") == "1" else Outcome("SPURIOUS", "si_addr")


def _period(facts: Facts) -> Outcome:
    """With period 2 each second hit signals; a hit that is taken again counts again, so this cannot hang."""
    calls, count, entries = (_number(facts, key) for key in ("calls", "count", "entries"))
    period = _number(facts, "period")
    if period < 1:
        raise UnreadableFacts(f"a period of {period}")
    if count == calls and entries == calls // period:
        return OK
    return Outcome("DUP" if count > calls else "LOST", f"{count}/{entries}")


def _refresh(facts: Facts) -> Outcome:
    """One signal, then the event disables itself; can it be armed again? Is a step pending in the frame?"""
    entries = _number(facts, "entries")
    if entries != 1:
        return Outcome("DUP" if entries else "LOST", str(entries))
    again = f"again={_text(facts, 'again_refresh')}/{_text(facts, 'again_toggle')}"
    return Outcome("OK", f"ss={_text(facts, 'ss')} {again}")


def _bp_in_handler(facts: Facts) -> Outcome:
    """Is a breakpoint on the handler's first instruction seen, and one on its second?"""
    first, second = ("HIT" if _number(facts, key) else "MISSED" for key in ("first", "second"))
    return Outcome(first, f"second {second}")


def _stops(facts: Facts) -> Outcome:
    return Outcome("STOPS", _text(facts, "stops"))


def _step_regset(facts: Facts) -> Outcome:
    stops = _text(facts, "stops")
    return Outcome("STALL", stops) if stops.startswith("site+0/") else Outcome("OK", stops)


def _stop_then_step(facts: Facts) -> Outcome:
    stops = _text(facts, "stops")
    return Outcome("SWALLOWED", stops) if stops.rpartition(",")[2].startswith("exit") else Outcome("OK", stops)


def _stop_then_cont(facts: Facts) -> Outcome:
    hits, triggers = _number(facts, "hits"), _number(facts, "triggers")
    return OK if hits == triggers else Outcome("LOST" if hits < triggers else "DUP", f"{hits}/{triggers}")


def _blocked(facts: Facts) -> Outcome:
    handler, mask, stops = (_text(facts, key) for key in ("handler", "mask", "stops"))
    word = "KEPT" if (handler, mask) == ("kept", "kept") else "RESET"
    return Outcome(word, stops if word == "KEPT" else f"handler {handler}, mask {mask}; {stops}")


def _native(facts: Facts) -> Outcome:
    armed, disarmed = _text(facts, "armed"), _text(facts, "disarmed")
    # The first stop is the breakpoint's own, the last one the step's.
    stepped = armed.rpartition(",")[2]
    return Outcome("RETRAP" if stepped.startswith("site+0/") else "OK", f"{armed}; disarmed {disarmed}")


def _count_svc(facts: Facts) -> Outcome:
    return Outcome("SPURIOUS", f"code {_text(facts, 'code')}") if _number(facts, "traps") else _count(facts)


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
    *_forms("exec", "hits for each call of an instruction with a breakpoint", _hits, "count-exec"),
    *_forms("watch", "hits for each store to a watched variable", _hits, "count-watch"),
    *_forms("period2-exec", "period 2, ten calls: count and signals", _period, "count-exec"),
    *_forms("refresh1-exec", "IOC_REFRESH(1): one signal, then armed again", _refresh, "count-exec"),
    *_forms("disable-in-handler", "the handler disables the event", _hits, "count-exec"),
    *_forms("skip-in-handler", "the handler moves the PC past the instruction", _hits, "count-exec"),
    *_forms("longjmp-out", "the handler leaves with siglongjmp", _hits, "count-exec"),
    *_forms("bp-in-handler-exec", "breakpoints on the handler's first instructions", _bp_in_handler, "count-exec"),
    *_forms("bp-in-handler-watch", "the same, entered from a watchpoint", _bp_in_handler, "count-watch"),
    Scenario("step-into-handler", "PTRACE_SINGLESTEP with a signal: where it stops", _stops),
    Scenario("step-into-handler-blocked", "the same with SIGTRAP blocked: handler and mask", _blocked),
    Scenario("step-on-handler", "the next steps: handler + 4, and over sigreturn", _stops),
    Scenario("step-svc", "PTRACE_SINGLESTEP over a system call", _stops),
    Scenario("step-regset", "PSTATE.SS cleared by the tracer, then a step", _step_regset),
    Scenario("stop-then-step", "a step from a perf breakpoint's stop", _stop_then_step, "count-exec"),
    Scenario("stop-then-cont", "continued from a perf breakpoint's stop", _stop_then_cont, "count-exec"),
    Scenario("native-step", "a step from a ptrace breakpoint, armed and disarmed", _native),
    Scenario("count-svc", "a counting breakpoint on a system call", _count_svc, "count-exec"),
    Scenario("count-exec", "gate: a counting breakpoint counts", _count),
    Scenario("count-watch", "gate: a counting watchpoint counts", _count),
    Scenario("canary", "nothing: is the kernel still alive?", lambda _: OK),
)
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}
