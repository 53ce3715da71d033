"""What do a scenario's facts say? Facts -> Outcome. (pure)

Facts are the `key=value` words of guest/PROTOCOL.md. OK is said of what is exactly as it should be, and of
nothing else: what does not fit has another word, so that no break is taken for a mend.
"""

from __future__ import annotations

import errno
import itertools
import re
from collections.abc import Mapping, Sequence

from bisector.model import Outcome

Facts = Mapping[str, str]
OK = Outcome("OK")
SIGTRAP = "5"
TRAP_PERF = "6"
# What a sigtrap event's siginfo says besides. A `type` of 0 is right too: for a while before v5.13 siginfo had no
# such field, and those kernels are searched for the commit that brought sigtrap.
SIGINFO: Mapping[str, frozenset[str]] = {
    "addr": frozenset({"1"}),
    "type": frozenset({"5", "0"}),
    "data": frozenset({"1234"}),
    "flags": frozenset({"0"}),
}
# Handler entries for one trigger at which a probe stops that did not say its limit: a console of those is read again.
LIMIT = 50
# A stop's PLACE/SIGNO/CODE: at a ptrace breakpoint (TRAP_HWBKPT), at SIGUSR1, after a step (TRAP_TRACE).
BREAKPOINT, USR1, STEP, EXIT = "site+0/5/4", "site+0/10/", "/5/2", "exit/0/0"


class UnreadableFacts(ValueError):
    """A scenario said it was done, but not what it measured: the probe's fault, not the kernel's."""


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
    return Outcome("UNSUP", _errno(number)) if number else None


def _errno(number: int) -> str:
    return errno.errorcode.get(number, str(number))


def counted(facts: Facts) -> Outcome:
    """A counting event counts each call once."""
    calls, count = _number(facts, "calls"), _number(facts, "count")
    if count == calls:
        return OK
    return Outcome("LOST" if count < calls else "DUP", f"{count}/{calls}")


def hits_per_trigger(facts: Facts) -> Outcome:
    """Hits per trigger: one is OK, the limit every time is STUCK, a mix is FLAKY.

    A number that can differ from boot to boot, and says no more, is not told.
    """
    triggers = _number(facts, "triggers")
    if "reopen" in facts and (error := _number(facts, "reopen")):
        return Outcome("LOST", f"opened again: {_errno(error)}")
    least, most = _number(facts, "hits_min"), _number(facts, "hits_max")
    stuck, once = _number(facts, "stuck"), _number(facts, "once")
    if most == 0:
        return Outcome("LOST", f"0/{triggers}")
    wrong = _wrong_signal(facts)
    if wrong is not None:
        return wrong
    # Where arm64 stands in the handler: on the instruction, its store not done. Said only if not so.
    place, value = _place(facts), facts.get("value")
    oddities = [] if place == "site+0" else ["pc varies" if place == "varies" else f"pc={place}"]
    detail = " ".join([*oddities, *(["store done"] if value == "new" else [])])
    if once == triggers:
        return _sound(place, value, detail, undone=_number(facts, "undone") if "undone" in facts else 0)
    if stuck == triggers:
        return Outcome("STUCK", detail)
    if least == 0 and most == 1:
        return Outcome("LOST", f"some of {triggers}")
    if least > 1 and stuck == 0:
        return Outcome("DUP", str(least) if least == most else "more and less")
    return Outcome("FLAKY")


def _sound(place: str, value: str | None, detail: str, undone: int) -> Outcome:
    """Judge one hit for each trigger: before the instruction, as on arm64, or after it, and that was carried out."""
    if undone:
        return Outcome("LOST", " ".join(["store not done", *([detail] if detail else [])]))
    if place == "varies":
        return Outcome("FLAKY", detail)
    before, after = place == "site+0" and value != "new", place == "site+4" and value != "old"
    return Outcome("OK" if before or after else "SPURIOUS", detail)


def _place(facts: Facts) -> str:
    """Return where the handler interrupted; "varies" if that was not always on, or never on, the instruction."""
    wrong = _number(facts, "wrong_pc")
    if not wrong:
        return "site+0"
    entries = _number(facts, "entries") if "entries" in facts else wrong
    return _text(facts, "pc") if wrong == entries else "varies"


def _wrong_signal(facts: Facts) -> Outcome | None:
    """A sigtrap event's signal must say so; O_ASYNC's si_code is not judged (POLL_HUP is 6 as well)."""
    if "type" not in facts:
        return None
    signo, code = _text(facts, "signo"), _text(facts, "code")
    if (signo, code) != (SIGTRAP, TRAP_PERF):
        return Outcome("SPURIOUS", f"signal {signo} code {code}")
    wrong = next((key for key, right in SIGINFO.items() if _text(facts, key) not in right), None)
    return None if wrong is None else Outcome("SPURIOUS", "si_addr" if wrong == "addr" else f"si_perf_{wrong}")


def counted_by_period(facts: Facts) -> Outcome:
    """With period 2 each second hit signals; a hit that is taken again counts again, so this cannot hang."""
    calls, count, entries = (_number(facts, key) for key in ("calls", "count", "entries"))
    period = _number(facts, "period")
    if period < 1:
        raise UnreadableFacts(f"a period of {period}")
    surplus = count - calls or entries - calls // period
    return Outcome("DUP" if surplus > 0 else "LOST", f"{count}/{entries}") if surplus else OK


def armed_again(facts: Facts) -> Outcome:
    """One signal, then the event disables itself; can it be armed again? Is a step pending in the frame?

    Disabled and enabled it has no such limit: it hits as any other event.
    """
    entries, limit = _number(facts, "entries"), _number(facts, "limit") if "limit" in facts else LIMIT
    if entries != 1:
        return Outcome(_entered(entries, limit), str(entries))
    again = [_number(facts, key) for key in ("again_refresh", "again_toggle")]
    word = next((said for said in (_entered(number, limit) for number in again) if said != "OK"), "OK")
    said = [str(number) if number in (0, 1, limit) else "some" for number in again]
    return Outcome(word, f"ss={_text(facts, 'ss')} again={said[0]}/{said[1]}")


def _entered(entries: int, limit: int) -> str:
    """Name what so many handler entries for one signal that is due are."""
    if entries <= 1:
        return "OK" if entries == 1 else "LOST"
    return "STUCK" if entries >= limit else "DUP"


def in_the_handler(facts: Facts) -> Outcome:
    """Is a breakpoint on the handler's first instruction seen, and one on its second?"""
    if "entries" in facts and _number(facts, "entries") != 1:
        return Outcome("DUP" if _number(facts, "entries") else "LOST", "the handler itself")
    first, second = (_once(_number(facts, key)) for key in ("first", "second"))
    return Outcome(first, f"second {second}")


def _once(count: int) -> str:
    """Name what was counted of a breakpoint that can be hit once."""
    return {0: "MISSED", 1: "HIT"}.get(count, "DUP")


def stopped(facts: Facts) -> Outcome:
    """Where the tracee was seen stopped: no more is judged."""
    return Outcome("STOPS", _text(facts, "stops"))


def _steps(stops: Sequence[str], *due: str) -> str:
    """Name what steps did by where each of them stopped: OK where that is `due`, to the letter."""
    places = [stop.partition("/")[0] for stop in stops]
    if "exit" in places:
        return "SWALLOWED"
    if any(one == next_one for one, next_one in itertools.pairwise(places)):
        return "STALL"
    return "OK" if stops == [place + STEP for place in due] else "STOPS"


def _steps_from(stops: str, hit: str, *due: str) -> str:
    """Name what steps from a breakpoint's stop did; the first stop must be that, and begin with `hit`."""
    first, *rest = stops.split(",")
    if not first.startswith(hit):
        return "LOST"
    return "RETRAP" if any(stop.startswith("site+0/") for stop in rest) else _steps(rest, *due)


def stepped_by_regset(facts: Facts) -> Outcome:
    """One plain step, and two after PSTATE.SS was cleared: where that counts, they stay where they are."""
    stops = _text(facts, "stops")
    return Outcome(_steps(stops.split(","), "site+4", "site+8", "site+12"), stops)


def stepped_from_perf(facts: Facts) -> Outcome:
    """Two steps: over the instruction, and over the return that follows it."""
    stops = _text(facts, "stops")
    return Outcome(_steps_from(stops, USR1, "site+4", "elsewhere"), _without_code(stops))


def _without_code(stops: str) -> str:
    """Leave out the si_code of SIGUSR1: O_ASYNC's is not judged."""
    return re.sub(r"(/10)/-?\d+", r"\1", stops)


def continued_from_perf(facts: Facts) -> Outcome:
    """Each trigger stops the tracee once, at the breakpoint, and then it comes to its end."""
    stops, triggers = _text(facts, "stops").split(","), _number(facts, "triggers")
    hits = _number(facts, "hits")
    ended = stops[-1].startswith("exit/")
    if ended and (killed_by := stops[-1].split("/")[1]) != "0":
        return Outcome("KILLED", killed_by)
    odd = next((stop for stop in stops if not stop.startswith(USR1) and stop != EXIT), None)
    if odd is not None:
        return Outcome("SPURIOUS", _without_code(odd))
    if hits == triggers and ended:
        return OK
    return Outcome("LOST" if hits < triggers else "DUP", f"{hits}/{triggers}")


def kept_blocked(facts: Facts) -> Outcome:
    """A step's stop leaves SIGTRAP's handler and mask alone."""
    handler, mask, stops = (_text(facts, key) for key in ("handler", "mask", "stops"))
    if stops.startswith("exit/"):
        return Outcome("SWALLOWED", stops)
    word = "KEPT" if (handler, mask) == ("kept", "kept") else "RESET"
    return Outcome(word, stops if word == "KEPT" else f"handler {handler}, mask {mask}; {stops}")


def stepped_from_ptrace(facts: Facts) -> Outcome:
    """arm64 hits an armed breakpoint again, by design; a disarmed one must let the step pass."""
    armed, disarmed = _text(facts, "armed"), _text(facts, "disarmed")
    words = [_steps_from(stops, BREAKPOINT, "site+4") for stops in (disarmed, armed)]
    return Outcome(next((word for word in words if word != "OK"), "OK"), f"{armed}; disarmed {disarmed}")


def counted_on_svc(facts: Facts) -> Outcome:
    """The same on a system call, and no SIGTRAP that nobody asked for."""
    return Outcome("SPURIOUS", f"code {_text(facts, 'code')}") if _number(facts, "traps") else counted(facts)
