"""What does each line of the fragments that switches something off save? One at a time, on 6.1 and on 6.12.

Kernels from nothing drown in what a host drifts between two of them (`--only options`). So one is built with all that
the lines switch off, the compiler's CPU time is taken for each source, and then one line after the other is set: what
is no longer linked would not have been compiled.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benching import compiling
from benching.clean import built, further
from benching.linux import settings
from benching.options import KEPT, VERSIONS, source
from bisector import kconfig, opening

# What else Kconfig lets one switch off, and serves a panic's report, or a usual system's ways.
ALSO = """
CONFIG_HW_PERF_EVENTS=n
CONFIG_ARM_PMU=n
CONFIG_PROC_PAGE_MONITOR=n
CONFIG_PROC_SYSCTL=n
CONFIG_DEBUG_BUGVERBOSE=n
CONFIG_HIGH_RES_TIMERS=n
CONFIG_KALLSYMS=n
"""


def rows() -> list[str]:
    """Return a row for each line, with both versions, and the sum of ours."""
    told: dict[str, list[str]] = {}
    for version in VERSIONS:
        with source(version) as tree:
            for what, saved in _told(tree):
                told.setdefault(what, []).append(f"Linux {version}: {saved}")
    return [f"| not compiled by {what} | {'; '.join(saved)} | | |" for what, saved in told.items()]


def _told(tree: Path) -> Iterator[tuple[str, str]]:
    """Yield what was set, and what that saves."""
    usual = opening.recipe(settings(tree)).from_nothing(tree, alone=True)
    ours = tuple(option for option in usual.options if option.value == "n" and option.name not in KEPT)
    left_on = replace(usual, options=tuple(option for option in usual.options if option not in ours))
    recipe, log = compiling.measured(left_on, tree.parent)
    objects = tree.with_name("objects")
    whole, count = built(recipe, tree, objects)
    seconds = _seconds(log, tree, objects)
    linked, gone, saved = _linked(objects), 0, 0.0

    def told(less: int, spared: float) -> str:
        return f"{less} of {count} objects, {spared:.1f} of {whole:.0f} s, {100 * spared / whole:.1f} %"

    for option in (*ours, *kconfig.options(ALSO, "measured")):
        further(recipe, tree, objects, option)
        left = _linked(objects)
        less, spared = len(linked - left), sum(seconds[name] for name in linked - left)
        linked = left
        if option in ours:
            gone, saved = gone + less, saved + spared
        yield f"{option}{'' if option in ours else ', which the fragments leave on'}", told(less, spared)
    yield "all lines of the fragments together", told(gone, saved)


def _linked(objects: Path) -> set[str]:
    """Return the objects of the kernel and of its libraries, by their paths without suffix."""
    archives = ("vmlinux.a", *(str(found.relative_to(objects)) for found in objects.rglob("lib.a")))
    # From there, for what is in a thin archive is told from where one stands.
    said = [subprocess.check_output(["ar", "t", archive], cwd=objects, text=True) for archive in archives]
    return {name.removesuffix(".o") for names in said for name in names.splitlines()}


def _seconds(log: Path, tree: Path, objects: Path) -> dict[str, float]:
    """Return the compiler's CPU seconds by the object's path without suffix; 0 for what it did not compile."""
    seconds: dict[str, float] = defaultdict(float)
    for spent, _, path in compiling.read(log):
        seconds[path.removeprefix(f"{tree}/").removeprefix(f"{objects}/").rpartition(".")[0]] += spent
    return seconds
