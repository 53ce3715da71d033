"""What would the first kernel cost with `defconfig`? Ten minutes of it, and then by the objects that are left."""

from __future__ import annotations

import re
import subprocess
import time

from benching.clean import built
from benching.linux import linux
from bisector import opening
from bisector.host import process

SECONDS = 600.0
_OBJECT = re.compile(r"^  (?:CC|AS) ", re.MULTILINE)
# A compiler's line as `make -n` prints it: what it would make.
_TO_MAKE = re.compile(r" -c -o (\S+\.o) ")


def rows() -> list[str]:
    """Return a row."""
    with linux() as source:
        place = source.place
        tree = place / "tree"
        source.worktree(tree)
        recipe = opening.recipe(source.chosen).from_nothing(place / "ours", alone=True)
        began = time.monotonic()
        _, objects = built(recipe, tree, place / "ours")
        ours = time.monotonic() - began
        large, environ = place / "defconfig", recipe.environment(tree)
        large.mkdir()
        subprocess.run(recipe.make(tree, large, "defconfig"), env=environ, capture_output=True, check=True)
        done = process.run(recipe.make(tree, large, "Image"), env=environ, log=place / "log", seconds=SECONDS)
        compiled = len(_OBJECT.findall((place / "log").read_text(errors="replace")))
        left = subprocess.run(
            recipe.make(tree, large, "-k", "-n", "Image"), env=environ, capture_output=True, text=True, check=False
        )
        lacking = len(set(_TO_MAKE.findall(left.stdout)))
    if not done.overdue:
        raise SystemExit("defconfig was built in ten minutes: nothing to extrapolate")
    whole = done.seconds * (compiled + lacking) / compiled
    told = f"{compiled} objects in {done.seconds / 60:.0f} min, and {lacking} left"
    return [
        f"| the first kernel of a search, Linux 6.12 from nothing | {ours / 60:.1f} min, {objects} objects | "
        f"{whole / 60:.0f} min with `defconfig`: {told} | "
        f"× {ours / whole:.3f} |"
    ]
