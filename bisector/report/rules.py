"""By which rules was judged? The limits of a boot and the table of verdicts, in words. (pure)"""

from __future__ import annotations

from collections.abc import Mapping

from bisector.model import Limits, Verdict
from bisector.verdict import NAMES, QEMU_GONE


def limits(chosen: Limits) -> str:
    """Return the limits in one sentence."""
    return (
        f"{chosen.boot:g} s to the probe, {chosen.silence:g} s of silence, {chosen.scenario:g} s for a scenario, "
        f"{chosen.total:g} s in all of the guest's own time, {chosen.output / (1 << 20):.3g} MiB of output; "
        f"{chosen.host:g} s of this machine's time as the last net"
    )


def table(on: Mapping[str, Verdict]) -> str:
    """Return what every name means besides the two outcomes that are asked for."""
    meaning = {name: on.get(name, Verdict.UNTESTABLE).value for name in NAMES}
    if QEMU_GONE not in on:
        meaning[QEMU_GONE] = "our machine's failure"
    names = {said: [name for name in NAMES if meaning[name] == said] for said in dict.fromkeys(meaning.values())}
    return "; ".join(f"{said}: {', '.join(found)}" for said, found in names.items())
