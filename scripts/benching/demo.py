"""How long does the demo's bisection take, beside the script that people write? Cold, and with its kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kernel_history import History
from planting import plain
from planting.kinds import Planted

from benching.linux import linux
from bisector.model import Verdict


def rows() -> list[str]:
    """Return the rows: a cold store and cache, and a warm store, each beside the same script's run."""
    with linux() as source:
        repo, history, place = source.repo, source.history, source.place
        # A cache of its own: nothing of an earlier run, and the probe's compilation counts too.
        environ = os.environ | {"XDG_CACHE_HOME": f"{place}/cache"}
        argv = [sys.executable, "-m", "bisector", "start", "--json", "--new-session", "--state", f"{place}/state"]
        argv += ["--repo", str(repo), "--old", history.old, "--new", history.new, "--scenario", "exec-sigtrap"]
        # The script before and after: a host that becomes faster or slower meanwhile is seen, and halved.
        before, said = _by_hand(repo, history, place / "before")
        cold, warm = (_timed(argv, environ) for _ in range(2))
        after, _ = _by_hand(repo, history, place / "after")
    by_hand, both = (before + after) / 2, f"{before:.0f} and {after:.0f} s"
    whole, search = "with certificate and revert", "until git has its answer"
    alike = cold.searched - cold.ends
    return [
        f"| the demo's history, nothing built before, {search} | {cold.searched:.0f} s | {both} | "
        f"× {cold.searched / by_hand:.2f} |",
        f"| of that what the script does too, without the tests of both ends | {alike:.0f} s | {both} | "
        f"× {alike / by_hand:.2f} |",
        f"| its steps, and those of them that tested nothing | {cold.steps}, {cold.untestable} in "
        f"{cold.untestable_seconds:.0f} s | {said.builds}, {said.builds - said.boots} | |",
        f"| the demo's history, nothing built before, {whole} | {cold.ended:.0f} s | {both}, without them | "
        f"× {cold.ended / by_hand:.2f} |",
        f"| the same again, its kernels in the store, {search} | {warm.searched:.0f} s | {both} | "
        f"× {warm.searched / by_hand:.2f} |",
        f"| the same again, its kernels in the store, {whole} | {warm.ended:.0f} s | {both}, without them | "
        f"× {warm.ended / by_hand:.2f} |",
    ]


def _by_hand(repo: Path, history: History, place: Path) -> tuple[float, plain.Said]:
    """Return the seconds of one run of the script, and what it said. Exits if it names another commit."""
    began = time.monotonic()
    said = plain.bisect(repo, Planted(history.old, history.new, frozenset({history.culprit})), place)
    if said.named != history.culprit:
        raise SystemExit(f"the script named {said.named}")
    return time.monotonic() - began, said


@dataclass(frozen=True)
class Took:
    """Seconds from the start: to the last step of the search, and to the end; and of the ends' steps but the first.

    The first one builds a kernel from nothing, as the first step of a script does. `steps`: of the search; and of
    those that tested nothing the number and the seconds.
    """

    searched: float
    ended: float
    ends: float
    steps: int
    untestable: int
    untestable_seconds: float


def _timed(argv: list[str], environ: dict[str, str]) -> Took:
    began, searched, ends, last = time.monotonic(), 0.0, 0.0, None
    steps: list[tuple[str, float]] = []
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, env=environ, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            event = json.loads(line)
            if event.get("event") != "step":
                continue
            now = time.monotonic()
            if event["step"]["purpose"] == "search":
                searched = now - began
                steps.append((event["step"]["verdict"], now - (last or began)))
            elif event["step"]["purpose"] in ("old-end", "new-end") and last is not None:
                ends += now - last
            last = now
    if running.returncode:
        raise SystemExit(f"bisector ended with {running.returncode}")
    missed = [seconds for verdict, seconds in steps if verdict == Verdict.UNTESTABLE.value]
    return Took(searched, time.monotonic() - began, ends, len(steps), len(missed), sum(missed))
