"""Who runs below us, what is each of them, and who is left? Linux only: /proc, and orphans that come to us."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
# Seconds that what was struck may take to be gone: the issue's own figure.
GRACE = 2.0
COMPILERS = r"cc1|cc1plus|as|ld(\.bfd)?|collect2|lto1|ccache|.*-gcc(-\d+)?|.*-as|.*-ld(\.bfd)?|.*-objcopy|.*-nm|cpp"


@dataclass(frozen=True)
class Process:
    """One process as /proc shows it. `name` is the kernel's (15 letters); `words` its argv."""

    pid: int
    parent: int
    zombie: bool
    name: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pid} {' '.join(self.words)[:160] or self.name}"

    @property
    def kind(self) -> str:
        """What it is to a session."""
        said, program = " ".join(self.words), os.path.basename(self.words[0] if self.words else self.name)
        if "-m bisector" in said:
            return "bisector"
        if said.startswith("setpriv ") or program == "bwrap" or "host/keeper.py" in said:
            return "keeper"
        if program.startswith("qemu-system-"):
            return "QEMU"
        if "search/child.py" in said and program.startswith("python"):
            return "git's child"
        if program.startswith("git") or any("/git-" in word for word in self.words[:2]):
            return "git"
        if program in ("make", "gmake"):
            return "make"
        if re.fullmatch(COMPILERS, program):
            return "compiler"
        return "shell or tool"


def hear_signals() -> None:
    """Let what we start hear the signals that a shell's `&` made us ignore: they are a part of the campaigns."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none escapes our count."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _all() -> Iterator[Process]:
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            # The name may hold spaces and parentheses: what follows the last one is in columns.
            head, _, columns = (place / "stat").read_text(errors="replace").rpartition(")")
            state, parent = columns.split()[:2]
            words = (place / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            name = head.partition("(")[2]
            yield Process(int(place.name), int(parent), state in "ZX", name, tuple(filter(None, words)))


def below(root: int | None = None) -> list[Process]:
    """Return every descendant of a process (default: ours), parents first, zombies included."""
    children: dict[int, list[Process]] = {}
    for process in _all():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    roots = [os.getpid() if root is None else root]
    while roots:
        born = children.get(roots.pop(0), [])
        found += born
        roots += [process.pid for process in born]
    return found


def alive(started: Collection[int] = ()) -> list[Process]:
    """Return our descendants that run, and reap adopted zombies.

    `started`: processes of ours whose exit code somebody else collects.
    """
    found = below()
    for process in found:
        if process.zombie and process.parent == os.getpid() and process.pid not in started:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
    return [process for process in found if not process.zombie]


def left(seconds: float = GRACE, started: Collection[int] = ()) -> tuple[list[Process], float]:
    """Wait until nothing runs below us; return who is left after so many seconds, and the seconds it took."""
    began = time.monotonic()
    while True:
        found, spent = alive(started), time.monotonic() - began
        if not found or spent > seconds:
            return found, spent
        time.sleep(0.01)


def strike(processes: Iterable[Process], number: signal.Signals) -> None:
    """Send a signal to each; who is gone already is none of our business."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def cut_power() -> None:
    """End all our descendants at one instant: stopped first, so that none acts on another's death."""
    frozen: set[int] = set()
    while new := [process for process in below() if process.pid not in frozen and not process.zombie]:
        strike(new, signal.SIGSTOP)
        frozen.update(process.pid for process in new)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (last := [process for process in below() if not process.zombie]):
        strike(last, signal.SIGKILL)
        time.sleep(0.002)


def tree() -> str:
    """Return our descendants as indented lines, for a person who looks at a hang."""
    depth = {os.getpid(): 0}
    lines = []
    for process in below():
        depth[process.pid] = depth[process.parent] + 1
        lines.append("  " * depth[process.pid] + str(process))
    return "\n".join(lines)
