"""What do boots side by side save, and what does building ahead cost the step that counts?"""

from __future__ import annotations

import os
import statistics
import subprocess
from dataclasses import replace
from pathlib import Path

from benching.linux import linux
from benching.pairs import spread, timed
from bisector import opening, step
from bisector.ahead import MODULE, Order, Work
from bisector.checkout import Workspace
from bisector.events import encode
from bisector.host.aside import Aside
from bisector.host.repository import Repository
from bisector.model import Purpose
from bisector.recipe import Recipe
from bisector.settings import Settings

ROUNDS, BOOTS = 5, 8
# Compiled anew, and the objects after which the other build is well under way.
DIRECTORY, BEGUN = "mm/", 5


def rows() -> list[str]:
    """Return the rows."""
    with linux() as source:
        history, chosen, state = source.history, source.chosen, source.place
        commit = Repository(source.repo).commit(history.old)
        # What was built ahead once must be built again.
        unstored = replace(chosen, store=False)
        with opening.bench(chosen, state / "tests" / "beside", state, commit, print) as bench:
            step.take(bench, commit, Purpose.TEST, None, lambda *_: None)

            def boots(abreast: int) -> None:
                for _ in range(0, BOOTS, abreast):
                    list(step.together(bench, commit, Purpose.TEST, None, lambda *_: None, abreast))

            wide = opening.abreast(chosen)
            one, beside = [], []
            for _ in range(ROUNDS):
                one.append(timed(lambda: boots(1)))
                beside.append(timed(lambda: boots(wide)))
            alone, loaded = _builds(bench.recipe, bench.workspace, unstored, commit.id, state)
    ratio = statistics.median(two / first for first, two in zip(one, beside, strict=True))
    slower = statistics.median(two / first for first, two in zip(alone, loaded, strict=True))
    return [
        f"| {BOOTS} boots of one kernel, {wide} side by side ({ROUNDS} times) | {spread(beside)} s | "
        f"{spread(one)} s, one after the other | × {ratio:.2f} |",
        f"| mm/ of Linux 6.12 compiled anew while another kernel is built ahead ({ROUNDS} times) | "
        f"{spread(loaded)} s | {spread(alone)} s, alone | × {slower:.2f} |",
    ]


def _builds(
    recipe: Recipe, ours: Workspace, chosen: Settings, commit: str, state: Path
) -> tuple[list[float], list[float]]:
    """Return the seconds of compiling a directory anew: alone, and while a kernel is built ahead from nothing."""
    bare = replace(recipe, ccache=None)
    alone, loaded = [], []

    def compiled() -> None:
        subprocess.run(
            bare.make(ours.tree, ours.objects, DIRECTORY),
            env=bare.environment(ours.tree),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )

    def timed_anew() -> float:
        for made in (ours.objects / DIRECTORY).rglob("*.o"):
            made.unlink()
        return timed(compiled)

    timed_anew()
    for number in range(ROUNDS):
        alone.append(timed_anew())
        runner = Aside(MODULE, state / "log")
        try:
            work = state / f"work-{number}.json"
            work.write_bytes(encode(Work(chosen, str(state / "tests" / f"ahead-{number}"), str(state), commit)))
            runner.say(os.fsencode(work))
            runner.say(encode(Order(commit, exact=True, clean=True)))
            while sum(1 for _ in state.glob("workspaces/*/1/clean/kernel/*.o")) < BEGUN:
                if runner.heard(0.2) != b"":
                    raise SystemExit(f"the other kernel was not begun: {(state / 'log').read_text()[-400:]}")
            loaded.append(timed_anew())
            if runner.heard(0) != b"":
                raise SystemExit("the other kernel was finished too early")
        finally:
            runner.end()
    return alone, loaded
