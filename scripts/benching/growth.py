"""How do time and memory grow with the range? `plan`, and a whole session of one boot each, on long histories."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benching import long

SIZES = (100, 1_600, 16_000, 160_000)
# The whole kernel's size; the history alone takes a minute to write.
LONGEST = 1_300_000
# Between us and it: the memory that a process is told to have had begins with that of the one which started it.
_LAUNCH = """
import resource, subprocess, sys
quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
code = subprocess.run(sys.argv[1:], **quiet).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Grown:
    """What `plan` and a session took on a history of so many commits: seconds, and bytes of memory."""

    size: int
    plan: tuple[float, int]
    session: tuple[float, int]


def rows(sizes: Sequence[int], plot: Path | None) -> list[str]:
    """Return a row for each size; draw them too, if asked."""
    seen = [_measured(size) for size in sizes]
    if plot is not None:
        _draw(seen, plot)
    return [
        f"| {one.size:,} commits: `plan`; a session of ten boots | {_told(one.plan)}; {_told(one.session)} | | |"
        for one in seen
    ]


def _draw(seen: Sequence[Grown], path: Path) -> None:
    """Draw seconds and memory over the size of the range."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 7))
    sizes = [one.size for one in seen]
    for name, taken in (("plan", [one.plan for one in seen]), ("session", [one.session for one in seen])):
        above.plot(sizes, [seconds for seconds, _ in taken], marker="o", label=name)
        below.plot(sizes, [size / (1 << 20) for _, size in taken], marker="o", label=name)
    above.set_ylabel("seconds")
    below.set_ylabel("memory, MiB")
    below.set_xlabel("commits in the range")
    below.set_xscale("log")
    above.legend()
    figure.savefig(path, dpi=120)


def _measured(size: int) -> Grown:
    with tempfile.TemporaryDirectory() as home:
        history = long.line(Path(home, "linux"), size)
        words = ["--state", f"{home}/state", "--repo", str(history.repo), "--old", history.old, "--new", history.new]
        once = ["--end-boots", "1", "--confirm-boots", "1", "--confidence", "0.5"]
        session = _run("start", "--json", *words, *once)
        plan = _run("plan", *words)
    return Grown(size, plan, session)


def _run(*words: str) -> tuple[float, int]:
    """Run bisector; return its seconds and the most bytes that it, or one of its children, had in memory."""
    began = time.monotonic()
    argv = [sys.executable, "-I", "-S", "-c", _LAUNCH, sys.executable, "-m", "bisector", *words]
    code, size = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if int(code):
        raise SystemExit(f"bisector {' '.join(words)} ended with {code}")
    return time.monotonic() - began, int(size) << 10


def _told(measured: tuple[float, int]) -> str:
    seconds, size = measured
    return f"{seconds:.1f} s, {size >> 20} MiB"
