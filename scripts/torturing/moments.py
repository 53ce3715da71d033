"""When is a session struck? At instants that are spread over every phase of an undisturbed one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from torturing.place import Json, Run, phase

# The event at which an interval begins: its kind, phase, commit and purpose. () is the start of the process.
Key = tuple[str, ...]
BEGIN: Key = ()


def key(event: Json) -> Key:
    """Return what makes the event recognizable in another session of the same history."""
    step = event.get("step", event)
    commit = step.get("commit", "")
    named = commit["id"] if isinstance(commit, dict) else commit
    return str(event.get("event")), str(event.get("phase")), str(named), str(step.get("purpose"))


@dataclass(frozen=True)
class Interval:
    """The time from one event to the next one in an undisturbed session; `at`: seconds since its start."""

    key: Key
    phase: str
    at: float
    seconds: float


@dataclass(frozen=True)
class Moment:
    """An instant: so many seconds after the event."""

    key: Key
    delay: float


def watched(run: Run, seconds: float) -> list[Interval]:
    """Watch an undisturbed run to its end, or for so many seconds."""
    began = time.monotonic()
    found: list[Interval] = []
    at, known, last = 0.0, BEGIN, phase([])
    count = 0
    while (now := time.monotonic() - began) < seconds:
        running = run.code is None
        events = run.events()
        if len(events) > count or not running:
            found.append(Interval(known, last, at, now - at))
            at, count = now, len(events)
            known, last = (key(events[-1]), phase(events)) if events else (BEGIN, last)
        if not running:
            break
        time.sleep(0.004)
    return found


def drawn(intervals: Sequence[Interval], number: int, random: Random) -> list[Moment]:
    """Draw instants: half of them uniform over the time, the others uniform over the phases, in their order.

    By time alone a session is hardly ever hit in `git bisect` or in its report, which take milliseconds.
    """
    chosen: list[tuple[float, Moment]] = []
    for _ in range(number):
        if random.random() < 0.5:
            interval = random.choices(intervals, [one.seconds for one in intervals])[0]
        else:
            wanted = random.choice(sorted({one.phase for one in intervals}))
            interval = random.choice([one for one in intervals if one.phase == wanted])
        delay = random.uniform(0, interval.seconds)
        # Every run starts, also a resumed one: an instant of the start-up stands anywhere in the order.
        order = random.uniform(0, intervals[-1].at) if interval.key == BEGIN else interval.at + delay
        chosen.append((order, Moment(interval.key, delay)))
    return [moment for _, moment in sorted(chosen, key=lambda one: one[0])]


def wait_for_next(run: Run, moments: list[Moment], seconds: float) -> bool:
    """Wait for the first of the moments that this run comes to, and take it and those before it off the list.

    False if the run ended before (they are then the next run's) or hangs.
    """
    until = time.monotonic() + seconds
    while run.code is None and time.monotonic() < until:
        seen = {BEGIN, *map(key, run.events())}
        reached = next((number for number, moment in enumerate(moments) if moment.key in seen), None)
        if reached is not None:
            moment = moments[reached]
            deadline = time.monotonic() + moment.delay
            while run.code is None and time.monotonic() < deadline:
                time.sleep(0.002)
            if run.code is not None:
                return False
            del moments[: reached + 1]
            return True
        time.sleep(0.004)
    return False
