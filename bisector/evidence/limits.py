"""How long may a boot take? What the ends' own boots needed -> Limits. (pure)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from bisector.model import Limits, Spans

# Before anything was measured: for the ends themselves, and for a test without ends. A boot of the tiny kernel needs
# one or two guest seconds, a distribution's some twenty. A guest second that a CPU is busy costs the host 0.2 s, and
# one in cpu_relax(), at which QEMU goes to the other CPU each time, 1.4 s: so a hang costs ten at most.
# (`scripts/bench` prints what one in cpu_relax() costs.)
UNMEASURED = Limits(boot=40.0, silence=6.0, scenario=20.0, total=900.0, output=4 << 20, host=900.0)
# Never below these, whatever was measured: a commit in between may do more than both ends. The probe gives each
# scenario 13 guest seconds before it says that it cannot be killed.
FLOOR = Limits(boot=10.0, silence=5.0, scenario=20.0, total=300.0, output=1 << 20, host=900.0)
# A boot in the search may need this many times what the slowest boot of the ends needed, and be silent for so many
# times what the longest silence was: that is measured too long rather than too short, by a second or two.
SLACK, QUIET = 4, 1.25
# And a scenario this many guest seconds more than the longest: one that ends as unkillable, after 14 of them, is no
# reason to wait 56 for one that never ends.
LONGER = 10.0


def measured(boots: Sequence[Spans], given: Mapping[str, float]) -> Limits:
    """Return the limits of the search. `boots`: those of the ends that came to their own end; `given`: by a person.

    Without a boot that ended by itself nothing was measured, and nothing is changed.
    """
    limits = UNMEASURED
    if boots:
        begun = [boot.boot for boot in boots if boot.boot is not None]
        limits = Limits(
            boot=max(FLOOR.boot, *(SLACK * seconds for seconds in begun)) if begun else UNMEASURED.boot,
            silence=max(FLOOR.silence, *(QUIET * boot.silence for boot in boots)),
            scenario=max(FLOOR.scenario, *(min(SLACK * boot.scenario, boot.scenario + LONGER) for boot in boots)),
            total=max(FLOOR.total, *(SLACK * boot.total for boot in boots)),
            output=max(FLOOR.output, *(SLACK * boot.output for boot in boots)),
            host=UNMEASURED.host,
        )
    return with_given(limits, given)


def with_given(limits: Limits, given: Mapping[str, float]) -> Limits:
    """Return the limits with a person's own in their places. Raises ValueError for what is none."""
    if strange := given.keys() - {field.name for field in fields(limits)}:
        raise ValueError(f"there is no limit {min(strange)!r}")
    seconds: dict[str, float] = {name: value for name, value in given.items() if name != "output"}
    bounded = replace(limits, output=int(given.get("output", limits.output)))
    return replace(bounded, **seconds)  # type: ignore[arg-type]  # each of these fields is a float
