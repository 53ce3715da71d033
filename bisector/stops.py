"""What do the places say at which a traced process stopped? Facts -> Outcome. (pure)

OK is said of stops that are to the letter as they should be; all others have a word of their own.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from bisector.facts import OK, Facts, number, text
from bisector.model import Outcome

# A stop's PLACE/SIGNO/CODE: at a ptrace breakpoint (TRAP_HWBKPT), at SIGUSR1, after a step (TRAP_TRACE), at the end.
BREAKPOINT, USR1, STEP, EXIT = "site+0/5/4", "site+0/10/", "/5/2", "exit/0/0"


def stopped(facts: Facts) -> Outcome:
    """Where the tracee was seen stopped: no more is judged."""
    return Outcome("STOPS", text(facts, "stops"))


def _steps(stops: Sequence[str], *due: str) -> str:
    """Name what steps did by where each of them stopped: OK where that is `due`, to the letter."""
    if ended := _ended(stops[-1]):
        return ended
    places = [stop.partition("/")[0] for stop in stops]
    # "elsewhere" is any place.
    if any(one == following != "elsewhere" for one, following in itertools.pairwise(places)):
        return "STALL"
    return "OK" if stops == [place + STEP for place in due] else "STOPS"


def _ended(stop: str) -> str:
    """Name what a step was at which the tracee came to its end; "" if it did not."""
    if not stop.startswith("exit/"):
        return ""
    return "SWALLOWED" if stop.startswith("exit/0/") else "KILLED"


def _steps_from(stops: str, hit: str, *due: str) -> str:
    """Name what steps from a breakpoint's stop did; the first stop must be that, and begin with `hit`."""
    first, *rest = stops.split(",")
    if not first.startswith(hit):
        return "LOST"
    if any(stop.startswith(hit) for stop in rest):
        return "RETRAP"
    return _steps([f"site+0{STEP}", *rest], "site+0", *due)


def stepped_by_regset(facts: Facts) -> Outcome:
    """One plain step, and two after PSTATE.SS was cleared: where that counts, they stay where they are."""
    stops = text(facts, "stops")
    return Outcome(_steps(stops.split(","), "site+4", "site+8", "site+12"), stops)


def stepped_from_perf(facts: Facts) -> Outcome:
    """Two steps: over the instruction, and over the return that follows it."""
    stops = text(facts, "stops")
    return Outcome(_steps_from(stops, USR1, "site+4", "elsewhere"), _without_code(stops))


def _without_code(stops: str) -> str:
    """Leave out the si_code of SIGUSR1: O_ASYNC's is not judged."""
    return re.sub(r"(/10)/-?\d+", r"\1", stops)


def continued_from_perf(facts: Facts) -> Outcome:
    """Each trigger stops the tracee once, at the breakpoint, and then it comes to its end."""
    stops, triggers = text(facts, "stops").split(","), number(facts, "triggers")
    hits = number(facts, "hits")
    ended = _ended(stops[-1])
    if ended == "KILLED":
        return Outcome(ended, stops[-1].split("/")[1])
    odd = next((stop for stop in stops if not stop.startswith(USR1) and stop != EXIT), None)
    if odd is not None:
        return Outcome("SPURIOUS", _without_code(odd))
    if hits == triggers and ended:
        return OK
    return Outcome("LOST" if hits < triggers else "DUP", f"{hits}/{triggers}")


def kept_blocked(facts: Facts) -> Outcome:
    """A step's stop leaves SIGTRAP's handler and mask alone."""
    handler, mask, stops = (text(facts, key) for key in ("handler", "mask", "stops"))
    if ended := _ended(stops):
        return Outcome(ended, stops)
    word = "KEPT" if (handler, mask) == ("kept", "kept") else "RESET"
    return Outcome(word, stops if word == "KEPT" else f"handler {handler}, mask {mask}; {stops}")


def stepped_from_ptrace(facts: Facts) -> Outcome:
    """arm64 hits an armed breakpoint again, by design; a disarmed one must let the step pass."""
    armed, disarmed = text(facts, "armed"), text(facts, "disarmed")
    words = [_steps_from(stops, BREAKPOINT, "site+4") for stops in (disarmed, armed)]
    return Outcome(next((word for word in words if word != "OK"), "OK"), f"{armed}; disarmed {disarmed}")
