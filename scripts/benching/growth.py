"""How do time and memory grow with the range? `plan`, and a whole session of one boot each, on long histories."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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


def rows(sizes: Sequence[int]) -> list[str]:
    """Return a row for each size."""
    return [_measured(size) for size in sizes]


def _measured(size: int) -> str:
    with tempfile.TemporaryDirectory() as home:
        history = long.line(Path(home, "linux"), size)
        words = ["--state", f"{home}/state", "--repo", str(history.repo), "--old", history.old, "--new", history.new]
        once = ["--end-boots", "1", "--confirm-boots", "1", "--confidence", "0.5"]
        session = _run("start", "--json", *words, *once)
        plan = _run("plan", *words)
    return f"| {size:,} commits: `plan`; a session of ten boots | {_told(plan)}; {_told(session)} | | |"


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
