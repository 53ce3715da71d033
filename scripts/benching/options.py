"""What do options cost? CPU time of a kernel from nothing, with and without some of them, on 6.1 and on 6.12."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benching.clean import built, spent
from benching.linux import settings
from bisector import kconfig, opening
from bisector.recipe import Recipe

VERSIONS = ("6.1", "6.12")
# The file that is changed.
SOURCE = "kernel/events/hw_breakpoint.c"
# What is told, and lines that come after all others: the last word counts.
OTHERWISE: Mapping[str, str] = {
    "optimised for size": "CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=n\nCONFIG_CC_OPTIMIZE_FOR_SIZE=y",
    # All other options that Kconfig lets one choose and that the probe does not require.
    "with all off that can be": """
        CONFIG_ARM64_VA_BITS_39=y
        CONFIG_ARM64_PA_BITS_48=y
        CONFIG_ARM_PMU=n
        CONFIG_DEBUG_BUGVERBOSE=n
        CONFIG_HIGH_RES_TIMERS=n
        CONFIG_HW_PERF_EVENTS=n
        CONFIG_INITRAMFS_PRESERVE_MTIME=n
        CONFIG_INIT_STACK_NONE=y
        CONFIG_KALLSYMS=n
        CONFIG_LDISC_AUTOLOAD=n
        CONFIG_LEGACY_TIOCSTI=n
        CONFIG_PROC_PAGE_MONITOR=n
        CONFIG_PROC_SYSCTL=n
        """,
}
AS_IT_IS = "as it is"
LEFT_ON = "with all that our fragments switch off, each source read twice by an empty ccache"
# A choice: to leave it out would leave the other one out too.
KEPT = ("CONFIG_CC_OPTIMIZE_FOR_SIZE",)


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a kernel from nothing and of one changed file, and the objects of the first."""

    whole: float
    objects: int
    changed: float


def rows() -> list[str]:
    """Return a row for each version and way to configure the kernel, the first as it is."""
    told: list[str] = []
    for version in VERSIONS:
        with source(version) as tree:
            recipe = opening.recipe(settings(tree))
            seen = _seen(recipe, tree)
        usual = seen[AS_IT_IS]
        told += [
            f"| CPU time of a kernel of Linux {version} from nothing, {how} | "
            f"{one.whole:.0f} s, {one.objects} objects; one changed file {one.changed:.1f} s | | "
            f"× {one.whole / usual.whole:.2f}; × {one.changed / usual.changed:.2f} |"
            for how, one in seen.items()
        ]
    return told


@contextmanager
def source(version: str) -> Iterator[Path]:
    """Yield Debian's tree of this version; what is made beside it goes with it."""
    home = opening.cache() / "demo"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as place:
        subprocess.run(["tar", "-C", place, "-xf", f"/usr/src/linux-source-{version}.tar.xz"], check=True)
        yield Path(place) / f"linux-source-{version}"


def _seen(recipe: Recipe, tree: Path) -> dict[str, Cost]:
    alone = recipe.from_nothing(tree, alone=True)
    others = {how: (*recipe.options, *kconfig.options(lines, "measured")) for how, lines in OTHERWISE.items()}
    recipes = {AS_IT_IS: alone} | {how: replace(alone, options=options) for how, options in others.items()}
    # As it would be without our `=n`, and without what `Recipe.plain` is for.
    left_on = tuple(option for option in recipe.options if option.value != "n" or option.name in KEPT)
    recipes[LEFT_ON] = replace(recipe, options=left_on, ccache=str(tree.with_name("ccache")), plain=False)
    # Minutes lie between the first and the last: how far these are apart is the host's share.
    recipes[f"{AS_IT_IS}, once more"] = alone
    return {
        how: _cost(made, tree, tree.with_name(f"objects-{number}"))
        for number, (how, made) in enumerate(recipes.items())
    }


def _cost(recipe: Recipe, tree: Path, objects: Path) -> Cost:
    whole, count = built(recipe, tree, objects)
    text = (tree / SOURCE).read_text()
    (tree / SOURCE).write_text(text + "\nint measured_by_bench;\n")
    before = spent()
    argv, environment = recipe.make(tree, objects, recipe.architecture.image), recipe.environment(tree)
    subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    changed = spent() - before
    (tree / SOURCE).write_text(text)
    return Cost(whole, count, changed)
