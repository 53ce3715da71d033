"""What does a kernel from nothing cost? CPU time with an empty ccache, and without: as what certifies is built."""

from __future__ import annotations

import re
import resource
import subprocess
from dataclasses import replace
from pathlib import Path

from benching.linux import linux
from bisector import opening
from bisector.kconfig import Option
from bisector.recipe import Recipe

_OBJECT = re.compile(r"^  (?:CC|AS) ", re.MULTILINE)


def rows() -> list[str]:
    """Return a row."""
    with linux() as source:
        place = source.place
        tree = place / "tree"
        source.worktree(tree)
        recipe = replace(opening.recipe(source.chosen), ccache=str(place / "ccache"))
        cached, objects = built(recipe, tree, place / "first")
        bare, _ = built(recipe.from_nothing(place / "second", alone=True), tree, place / "second")
        same = (place / "first/arch/arm64/boot/Image").read_bytes() == (
            place / "second/arch/arm64/boot/Image"
        ).read_bytes()
    if not same:
        raise SystemExit("with and without ccache the images differ")
    what = f"CPU time of a kernel of Linux 6.12 from nothing, {objects} objects, the same image"
    told = f"{bare:.0f} s, as what certifies is built | {cached:.0f} s with an empty ccache"
    return [f"| {what} | {told} | × {bare / cached:.2f} |"]


def built(recipe: Recipe, tree: Path, objects: Path) -> tuple[float, int]:
    """Build; return the CPU seconds of make and all that it started, and how many objects it compiled."""
    objects.mkdir()
    before = spent()
    _make(recipe, tree, objects, "tinyconfig")
    said = further(recipe, tree, objects, *recipe.options)
    return spent() - before, len(_OBJECT.findall(said))


def further(recipe: Recipe, tree: Path, objects: Path, *options: Option) -> str:
    """Add options to what is configured there, and build; return what make said."""
    with (objects / ".config").open("a") as config:
        config.writelines(f"{option}\n" for option in options)
    return _make(recipe, tree, objects, "olddefconfig") + _make(recipe, tree, objects, recipe.architecture.image)


def _make(recipe: Recipe, tree: Path, objects: Path, target: str) -> str:
    return subprocess.run(
        recipe.make(tree, objects, target),
        env=recipe.environment(tree),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def spent() -> float:
    """Return the CPU seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
