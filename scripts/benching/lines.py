"""What does each line of the fragments that switches something off save? One at a time, on 6.1 and on 6.12.

Kernels from nothing drown in what a host drifts between two of them (`--only options`). So one is built with all that
the lines switch off, the compiler's CPU time is taken for each source, and then one line after the other is set: what
is no longer linked would not have been compiled.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
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
    """Return rows of each version: a row for each line, and the sum of ours."""
    told: list[str] = []
    for version in VERSIONS:
        with source(version) as tree:
            told += _told(version, tree)
    return told


def _told(version: str, tree: Path) -> list[str]:
    usual = opening.recipe(settings(tree)).from_nothing(tree, alone=True)
    ours = tuple(option for option in usual.options if option.value == "n" and option.name not in KEPT)
    left_on = replace(usual, options=tuple(option for option in usual.options if option not in ours))
    recipe, log = compiling.measured(left_on, tree.parent)
    objects = tree.with_name("objects")
    whole, count = built(recipe, tree, objects)
    seconds = _seconds(log, tree, objects)
    told, linked, saved, gone = [], _linked(objects), 0.0, 0
    for option in (*ours, *kconfig.options(ALSO, "measured")):
        further(recipe, tree, objects, option)
        left = _linked(objects)
        less, spared = len(linked - left), sum(seconds[name] for name in linked - left)
        linked = left
        if option in ours:
            saved, gone = saved + spared, gone + less
        what = "and, by a line that the fragments do not have" if option not in ours else "by a line of the fragments"
        told.append(_row(version, f"{what}, {option}", less, spared, whole))
    return [*told, _row(version, f"by all lines of the fragments, of {count}", gone, saved, whole)]


def _linked(objects: Path) -> set[str]:
    """Return the objects of the kernel, by their paths without suffix."""
    said = subprocess.run(["ar", "t", "vmlinux.a"], cwd=objects, capture_output=True, text=True, check=True).stdout
    return {name.removesuffix(".o") for name in said.splitlines()}


def _seconds(log: Path, tree: Path, objects: Path) -> dict[str, float]:
    """Return the compiler's CPU seconds by the object's path without suffix; 0 for what it did not compile."""
    seconds: dict[str, float] = defaultdict(float)
    for spent, _, path in compiling.read(log):
        seconds[path.removeprefix(f"{tree}/").removeprefix(f"{objects}/").rpartition(".")[0]] += spent
    return seconds


def _row(version: str, what: str, objects: int, seconds: float, whole: float) -> str:
    less = f"{objects} objects, {seconds:.1f} s"
    return f"| Linux {version}, not compiled {what} | {less} | {whole:.0f} s | {100 * seconds / whole:.1f} % |"
