"""What do a scenario's facts say of hits and counts? Facts -> Outcome. (pure)

Facts are the `key=value` words of guest/PROTOCOL.md. OK is said of what is exactly as it should be, and of
nothing else: what does not fit has another word, so that no break is taken for a mend.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

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
VARIES = "pc varies"


class UnreadableFacts(ValueError):
    """A scenario said it was done, but not what it measured: the probe's fault, not the kernel's."""


def number(facts: Facts, key: str) -> int:
    """Return a number that was said. Raises UnreadableFacts."""
    try:
        return int(facts[key])
    except (KeyError, ValueError) as error:
        raise UnreadableFacts(f"no number {key!r}") from error


def _count(facts: Facts, key: str) -> int:
    """Return a number that is not always said, 0 if it is not: an older probe's console may be read again."""
    return number(facts, key) if key in facts else 0


def text(facts: Facts, key: str) -> str:
    """Return a word that was said. Raises UnreadableFacts."""
    if not facts.get(key):
        raise UnreadableFacts(f"no {key!r}")
    return facts[key]


def unsupported(facts: Facts) -> Outcome | None:
    """Return UNSUP(errno's name) if the scenario's set-up was refused, None if it was not."""
    refused = _count(facts, "open")
    return Outcome("UNSUP", _errno(refused)) if refused else None


def _errno(number: int) -> str:
    return errno.errorcode.get(number, str(number))


def counted(facts: Facts) -> Outcome:
    """A counting event counts each call once."""
    calls, count = number(facts, "calls"), number(facts, "count")
    if count == calls:
        return OK
    return Outcome("LOST" if count < calls else "DUP", f"{count}/{calls}")


def hits_per_trigger(facts: Facts) -> Outcome:
    """Hits per trigger: one is OK, the limit every time is STUCK, a mix is FLAKY.

    A number that can differ from boot to boot, and says no more, is not told.
    """
    triggers = number(facts, "triggers")
    least, most = number(facts, "hits_min"), number(facts, "hits_max")
    stuck, once = number(facts, "stuck"), number(facts, "once")
    if most == 0:
        return Outcome("LOST", f"0/{triggers}")
    wrong = _wrong_signal(facts)
    if wrong is not None:
        return wrong
    # Where arm64 stands in the handler: on the instruction, its store not done. Said only if not so.
    detail = _oddities(facts)
    if once == triggers:
        return _sound(facts, detail)
    if stuck == triggers:
        return Outcome("STUCK", detail)
    if least == 0 and most == 1:
        return Outcome("LOST", f"some of {triggers}")
    if least > 1 and stuck == 0:
        return Outcome("DUP", str(least) if least == most else "more and less")
    return Outcome("FLAKY")


def _sound(facts: Facts, detail: str) -> Outcome:
    """Judge one hit for each trigger: before the instruction, as on arm64, or after it, and that was carried out."""
    if _count(facts, "undone"):
        return Outcome("LOST", "store not done")
    if error := _count(facts, "reopen"):
        return Outcome("LOST", f"opened again: {_errno(error)}")
    if detail == VARIES:
        return Outcome("FLAKY", detail)
    place, value = text(facts, "pc"), facts.get("value")
    before, after = place == "site+0" and value != "new", place == "site+4" and value != "old"
    return Outcome("OK" if before or after else "SPURIOUS", detail)


def _oddities(facts: Facts) -> str:
    """Say where the handler interrupted, and whether the store was done, if that is not as arm64 has it."""
    place = text(facts, "pc")
    if _count(facts, "moved") or (place == "site+0" and number(facts, "wrong_pc")):
        return VARIES
    words = [f"pc={place}"] if place != "site+0" else []
    return " ".join([*words, "store done"] if facts.get("value") == "new" else words)


def _wrong_signal(facts: Facts) -> Outcome | None:
    """A sigtrap event's signal must say so; O_ASYNC's si_code is not judged (POLL_HUP is 6 as well)."""
    if "type" not in facts:
        return None
    signo, code = text(facts, "signo"), text(facts, "code")
    if (signo, code) != (SIGTRAP, TRAP_PERF):
        return Outcome("SPURIOUS", f"signal {signo} code {code}")
    wrong = next((key for key, right in SIGINFO.items() if text(facts, key) not in right), None)
    return None if wrong is None else Outcome("SPURIOUS", "si_addr" if wrong == "addr" else f"si_perf_{wrong}")


def counted_by_period(facts: Facts) -> Outcome:
    """With period 2 each second hit signals; a hit that is taken again counts again, so this cannot hang."""
    calls, count, entries = (number(facts, key) for key in ("calls", "count", "entries"))
    period = number(facts, "period")
    if period < 1:
        raise UnreadableFacts(f"a period of {period}")
    surplus = count - calls or entries - calls // period
    return Outcome("DUP" if surplus > 0 else "LOST", f"{count}/{entries}") if surplus else OK


def armed_again(facts: Facts) -> Outcome:
    """One signal, then the event disables itself; can it be armed again? Is a step pending in the frame?

    Disabled and enabled it has no such limit: it hits as any other event.
    """
    limit = _count(facts, "limit") or LIMIT
    for key in ("entries", "count"):
        if (said := number(facts, key)) != 1:
            return Outcome(_entered(said, limit), f"{key} {_told(said, limit)}")
    again = [number(facts, key) for key in ("again_refresh", "again_toggle")]
    words = [_entered(one, limit) for one in again]
    told = "/".join(_told(one, limit) for one in again)
    return Outcome(next((word for word in words if word != "OK"), "OK"), f"ss={text(facts, 'ss')} again={told}")


def _told(entries: int, limit: int) -> str:
    """Return the number, if it is one that does not differ from boot to boot."""
    return str(entries) if entries in (0, 1, limit) else "some"


def _entered(entries: int, limit: int) -> str:
    """Name what so many handler entries for one signal that is due are."""
    if entries <= 1:
        return "OK" if entries == 1 else "LOST"
    return "STUCK" if entries >= limit else "DUP"


def in_the_handler(facts: Facts) -> Outcome:
    """Is a breakpoint on the handler's first instruction seen, and one on its second?"""
    if "entries" in facts and (entries := number(facts, "entries")) != 1:
        return Outcome("DUP" if entries > 1 else "LOST", "the handler itself")
    first, second = (_once(number(facts, key)) for key in ("first", "second"))
    return Outcome(first, f"second {second}")


def _once(count: int) -> str:
    """Name what was counted of a breakpoint that can be hit once."""
    return {0: "MISSED", 1: "HIT"}.get(count, "DUP")


def counted_on_svc(facts: Facts) -> Outcome:
    """A counting event on a system call counts it, and raises no SIGTRAP that nobody asked for."""
    return Outcome("SPURIOUS", f"code {text(facts, 'code')}") if number(facts, "traps") else counted(facts)
