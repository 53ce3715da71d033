"""What is left of a session that was killed? Processes, files, locks and registrations, looked for from outside."""

import ctypes
import os
import time
from pathlib import Path

from tests.conftest import Bisector, Json
from tests.minitree import MiniTree

SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of whatever a killed process leaves behind: then it is seen, whatever it is called."""
    assert ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def words_of(pid: int) -> list[str]:
    """Return a process's argv, [] if it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def below(pid: int) -> list[int]:
    """Return all descendants of a process, parents first."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(place.name))
    found, left = [], [pid]
    while left:
        new = children.get(left.pop(0), [])
        found += new
        left += new
    return found


def running(seconds: float = 10) -> list[str]:
    """Return what still runs below this process after a moment for the dying."""
    deadline = time.monotonic() + seconds
    while True:
        alive = [" ".join(words) for pid in below(os.getpid()) if (words := words_of(pid))]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(0.02)


def files(bisector: Bisector, tree: MiniTree) -> list[str]:
    """Return the locks and half-written files of a state directory and of the user's repository."""
    names = ("*.lock", "*.part", "*.gone", "*.tmp", "initramfs-*.cpio", "clean", "BISECT_*", ".2*.new")
    found = {path for name in names for root in (bisector.state, tree.path / ".git") for path in root.rglob(name)}
    found |= set(Path(bisector.env["XDG_CACHE_HOME"]).glob("bisector/scratch.*"))
    # The lock of the sessions is a file that stays; nobody holds it.
    return sorted(str(path) for path in found - {bisector.state / "sessions.lock"})


def nothing_left(bisector: Bisector, tree: MiniTree) -> None:
    """See that a session at its end left what it shall leave, and nothing else."""
    assert running() == []
    assert files(bisector, tree) == []
    assert not (tree.path / ".git" / "worktrees").exists()
    assert tree.git("for-each-ref", "refs/bisect") == ""


def finished_kernels(bisector: Bisector) -> dict[str, tuple[int, int]]:
    """Return what changes when a kernel is built again: its manifest's inode and time."""
    manifests = bisector.state.glob("sessions/*/kernels/*/manifest.json")
    return {path.parent.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in manifests}


def steps(journal: list[Json]) -> list[tuple[str, str]]:
    """Return commit and purpose of each step."""
    taken = [line["step"] for line in journal if line["event"] == "step"]
    return [(step["commit"]["id"], step["purpose"]) for step in taken]
