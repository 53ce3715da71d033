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
    "with KALLSYMS=n": "CONFIG_KALLSYMS=n",
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
LEFT_ON = "with all that our fragments switch off"
# A choice: to leave it out would leave the other one out too.
KEPT = ("CONFIG_CC_OPTIMIZE_FOR_SIZE",)


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a kernel from nothing and of one changed file, and the objects of the first."""

    whole: float
    objects: int
    changed: float


@dataclass(frozen=True)
class Line:
    """What one line of our fragments saves: CPU seconds and objects of a kernel from nothing."""

    seconds: float
    objects: int


def rows() -> list[str]:
    """Return a row for each version and way to configure the kernel, and one for each line of our fragments."""
    ways: list[str] = []
    lines: dict[str, list[tuple[str, Line]]] = {}
    for version in VERSIONS:
        with _source(version) as tree:
            recipe = opening.recipe(settings(tree))
            seen = _ways(recipe, tree)
            for option, line in _lines(recipe, tree).items():
                lines.setdefault(option, []).append((version, line))
        usual = seen[AS_IT_IS]
        ways += [
            f"| CPU time of a kernel of Linux {version} from nothing, {told} | "
            f"{one.whole:.0f} s, {one.objects} objects; one changed file {one.changed:.1f} s | | "
            f"× {one.whole / usual.whole:.2f}; × {one.changed / usual.changed:.2f} |"
            for told, one in seen.items()
        ]
    return ways + [
        f"| what is saved by the line `{option}` alone | "
        + "; ".join(f"{line.seconds:.1f} s, {line.objects} objects on {version}" for version, line in found)
        + " | | |"
        for option, found in lines.items()
    ]


@contextmanager
def _source(version: str) -> Iterator[Path]:
    """Yield Debian's tree of this version; what is made beside it goes with it."""
    home = opening.cache() / "demo"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as place:
        subprocess.run(["tar", "-C", place, "-xf", f"/usr/src/linux-source-{version}.tar.xz"], check=True)
        yield Path(place) / f"linux-source-{version}"


def _ways(recipe: Recipe, tree: Path) -> dict[str, Cost]:
    ways = {told: (*recipe.options, *kconfig.options(lines, "measured")) for told, lines in OTHERWISE.items()}
    left_on = tuple(option for option in recipe.options if not _drops(option))
    # Minutes lie between the first and the last: how far these are apart is the host's share.
    ways = {AS_IT_IS: recipe.options} | ways | {LEFT_ON: left_on, f"{AS_IT_IS}, once more": recipe.options}
    recipes = {
        told: replace(recipe, options=options).from_nothing(tree, alone=True) for told, options in ways.items()
    }
    # As it would be without what `Recipe.plain` is for.
    twice = replace(recipe, options=left_on, ccache=str(tree.with_name("ccache-twice")), plain=False)
    recipes[f"{LEFT_ON}, each source read twice by an empty ccache"] = twice
    return {
        told: _cost(made, tree, tree.with_name(f"objects-{number}"))
        for number, (told, made) in enumerate(recipes.items())
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


def _lines(recipe: Recipe, tree: Path) -> dict[str, Line]:
    """Leave out one line at a time; ccache has the objects of the kernel as it is, so the others tell."""
    recipe = replace(recipe, ccache=str(tree.with_name("ccache")))
    built(recipe, tree, tree.with_name("filling"))
    usual, objects = built(recipe, tree, tree.with_name("usual"))
    found = {}
    for option in filter(_drops, recipe.options):
        others = tuple(other for other in recipe.options if other != option)
        seconds, count = built(replace(recipe, options=others), tree, tree.with_name(f"without-{option.name}"))
        found[str(option)] = Line(seconds - usual, count - objects)
    return found


def _drops(option: kconfig.Option) -> bool:
    return option.value == "n" and option.name not in KEPT
