"""What do options cost? CPU time of a kernel from nothing, and of one changed file, with and without some of them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benching.clean import built, spent
from benching.linux import linux
from bisector import kconfig, opening
from bisector.recipe import Recipe

# The file that is changed.
SOURCE = "kernel/events/hw_breakpoint.c"
# What is told, and lines that come after all others: the last word counts.
OTHERWISE: Mapping[str, str] = {
    "as it is": "",
    "with KALLSYMS=n": "CONFIG_KALLSYMS=n",
    "optimised for size": "CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=n\nCONFIG_CC_OPTIMIZE_FOR_SIZE=y",
}
LEFT_ON = "with all that our fragments switch off"
# A choice: to leave it out would leave the other one out too.
KEPT = ("CONFIG_CC_OPTIMIZE_FOR_SIZE",)


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a kernel from nothing and of one changed file, and the objects of the first."""

    whole: float
    objects: int
    changed: float


def rows() -> list[str]:
    """Return a row for each way to configure the kernel, the first as it is."""
    with linux() as source:
        tree = source.place / "tree"
        source.worktree(tree)
        recipe = opening.recipe(source.chosen)
        ways = {told: (*recipe.options, *kconfig.options(lines, "measured")) for told, lines in OTHERWISE.items()}
        dropped = (option for option in recipe.options if option.value != "n" or option.name in KEPT)
        ways[LEFT_ON] = tuple(dropped)
        # Ten minutes after the first one: how far these two lie apart is the host's share.
        ways["as it is, once more"] = recipe.options
        seen = {
            told: _cost(replace(recipe, options=options), tree, source.place / f"objects-{number}")
            for number, (told, options) in enumerate(ways.items())
        }
    usual = seen["as it is"]
    return [
        f"| CPU time of a kernel of Linux 6.12 from nothing, {told} | {one.whole:.0f} s, {one.objects} objects; "
        f"one changed file {one.changed:.1f} s | | "
        f"× {one.whole / usual.whole:.2f}; × {one.changed / usual.changed:.2f} |"
        for told, one in seen.items()
    ]


def _cost(recipe: Recipe, tree: Path, objects: Path) -> Cost:
    bare = recipe.from_nothing(objects, alone=True)
    whole, count = built(bare, tree, objects)
    text = (tree / SOURCE).read_text()
    (tree / SOURCE).write_text(text + "\nint measured_by_bench;\n")
    before = spent()
    argv, environment = bare.make(tree, objects, bare.architecture.image), bare.environment(tree)
    subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    changed = spent() - before
    (tree / SOURCE).write_text(text)
    return Cost(whole, count, changed)
