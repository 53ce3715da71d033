"""Which processes has one command started, are they within their bounds, and who ends them? A program of its own.

It stands between us and a build: what must happen after our death cannot be done by us. It is a subreaper: whoever
forks twice and calls setsid comes back to it (in bubblewrap nobody can even leave). It ends all of the build's
processes when told to, when we die, when the command has ended, and when together they use more than they may.

    keeper.py OURS SAY WALLED TASKS MEMORY DISK DIRECTORY FURTHER COMMAND...

OURS: the pid of whoever waits for us. SAY: the descriptor for the bound that is broken, out of the command's reach.
WALLED: 0, or keyctl(2)'s number (-1: unknown) where COMMAND is bubblewrap. Bounds in tasks and bytes, 0 for none; in
DIRECTORY all counts for DISK, in FURTHER ("" for none) what is added.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Seconds between two looks: at the processes (a look costs some ms), and at the disk (it visits every file).
TICK, DISK_TICK = 0.25, 1.0
# SIGTERM first: make then deletes the half-written target. SIGKILL after this; whoever waits for us waits longer.
GRACE = 1.0
HOPELESS = 30.0  # what no killing ends within this sits in the kernel, and is not ended by staying either
FILES = 1_000_000  # more are a flood too; a build of all of Linux's modules leaves some 150,000
FAILED = 126  # the exit code of a keeper that failed itself: make's own are 0, 1 and 2
ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WAKING = (*ASKED, signal.SIGCHLD)
GET_KEYRING_ID, JOIN_SESSION_KEYRING, SESSION_KEYRING = 0, 1, -3
PAGE, GIB = os.sysconf("SC_PAGE_SIZE"), 1 << 30
SHARES_TOLD = os.path.exists("/proc/self/smaps_rollup")  # not by every kernel


class Member:
    """One process: owner, parent, group, threads, resident bytes, and when it began (a pid may be used again)."""

    def __init__(self, line: bytes, owner: int) -> None:
        self.owner = owner
        # The name stands in brackets and may hold some itself.
        fields = line[line.rindex(b")") + 2 :].split()
        self.ended = fields[0] in (b"Z", b"X")
        self.parent, self.group, self.tasks = int(fields[1]), int(fields[2]), int(fields[17])
        self.began, self.resident = int(fields[19]), int(fields[21]) * PAGE


def everyone() -> dict[int, Member]:
    """Return the machine's processes, as far as we may see them."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stream:
                found[int(name)] = Member(stream.read(), os.fstat(stream.fileno()).st_uid)
    return found


def descendants() -> dict[int, Member]:
    """Return our live descendants, parents before children."""
    processes = everyone()
    children: dict[int, list[int]] = {}
    for pid, member in processes.items():
        children.setdefault(member.parent, []).append(pid)
    order = [os.getpid()]
    for pid in order:
        order += children.get(pid, ())
    return {pid: processes[pid] for pid in order[1:] if not processes[pid].ended}


def proportional(pid: int, otherwise: int) -> int:
    """Return a process's share of memory, shared pages divided among their sharers; `otherwise` if none is told."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:
            return sum(int(line.split()[1]) << 10 for line in stream if line.startswith(b"Pss:"))
    except OSError as error:
        # One that is ending has none: what it held when it was listed, others may share still.
        return 0 if SHARES_TOLD and isinstance(error, (ProcessLookupError, FileNotFoundError)) else otherwise


def written(directory: str, enough: int) -> int:
    """Return the bytes on disk below a directory; stop counting at `enough`, and when we are asked to end."""
    total = files = 0
    left = [directory]
    while left and total <= enough and files <= FILES:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += max(entry.stat(follow_symlinks=False).st_blocks * 512, 1)
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                files += 1
                if files % 4096 == 0 and signal.sigpending() & set(ASKED):
                    return 0
    return enough + 1 if files > FILES else total


def hidden(pids: Iterable[int]) -> int:
    """Return the bytes of the files that these processes hold open and that have no name any more."""
    found = {}
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    there = os.stat(f"/proc/{pid}/fd/{name}")
                    if stat.S_ISREG(there.st_mode) and not there.st_nlink:
                        found[there.st_dev, there.st_ino] = there.st_blocks * 512
    return sum(found.values())


class Bounds:
    """What our descendants may use together; 0 is no bound."""

    def __init__(self, tasks: int, memory: int, disk: int, directory: str, further: str) -> None:
        self.tasks, self.memory, self.disk, self.directory, self.further = tasks, memory, disk, directory, further
        self._look = self._look_at_disk = time.monotonic()

    def impose(self) -> None:
        """Let the kernel hold back what it can for one process, and see what is there, before anything is started."""
        self._before = written(self.further, sys.maxsize) if self.disk and self.further else 0
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if self.disk:
                # Twice: it is we who shall say that it was too much, not whatever the writer's death looks like.
                _lower(resource.RLIMIT_FSIZE, 2 * self.disk)
            if self.tasks and os.getuid():
                # It counts all of the user's tasks; root's it does not count at all. For the time until we look.
                theirs = sum(member.tasks for member in everyone().values() if member.owner == os.getuid())
                _lower(resource.RLIMIT_NPROC, theirs + 2 * self.tasks)

    def broken(self) -> str:
        """Return which bound is broken, "" if none is or it is too early to look again."""
        now = time.monotonic()
        if now < self._look or not (self.tasks or self.memory or self.disk):
            return ""
        members = descendants()
        if self.tasks and sum(member.tasks for member in members.values()) > self.tasks:
            return f"started more than {self.tasks} processes"
        # With what they share counted once: too slow for every look, and not begun where all is well without it.
        shares = (proportional(pid, member.resident) for pid, member in members.items())
        if self.memory and sum(member.resident for member in members.values()) > self.memory < sum(shares):
            return f"took more than {self.memory / GIB:.3g} GiB of memory"
        full = self.full(members) if now >= self._look_at_disk else ""
        self._look = time.monotonic() + TICK
        return full

    def full(self, members: Iterable[int]) -> str:
        """Return that too much was written, "" if it was not. What is there at the end stays there."""
        if not self.disk:
            return ""
        begun = time.monotonic()
        total = written(self.directory, self.disk) + hidden(members)
        if self.further and total <= self.disk:
            total += max(0, written(self.further, self._before + self.disk) - self._before)
        # Never more than a tenth of the time for counting files.
        self._look_at_disk = (ended := time.monotonic()) + max(DISK_TICK, 10 * (ended - begun))
        return f"wrote more than {self.disk / GIB:.3g} GiB, or a million files" if total > self.disk else ""


def _lower(which: int, to: int) -> None:
    hard = resource.getrlimit(which)[1]
    limit = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(which, (limit, limit))


def reaped(child: int, code: int | None) -> tuple[int | None, bool]:
    """Collect whoever has ended; return the child's exit code as the shell has it, `code` while that is not new.

    And whether no descendant is left. An orphan's next parent is us: no look at all processes could be surer of that.
    """
    alone = True
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
        alone = False
    return code if code is None or code >= 0 else 128 - code, alone


def end(child: int, code: int | None, spared: int, *, gently: bool) -> int:
    """End all descendants; return the child's exit code. `spared` is not asked, only killed."""
    begun = time.monotonic()
    code, alone = reaped(child, code)
    if gently and not alone:
        _signal([pid for pid in descendants() if pid != spared], signal.SIGTERM)
    while gently and not alone and time.monotonic() < begun + GRACE:
        signal.sigtimedwait([signal.SIGCHLD], 0.02)
        code, alone = reaped(child, code)
    while not alone and time.monotonic() < begun + HOPELESS:
        # Whoever forks faster than we kill is stopped first, until nobody new is found.
        stopped: set[int] = set()
        while new := set(descendants()) - stopped:
            _signal(new, signal.SIGSTOP)
            stopped |= new
        _signal(stopped, signal.SIGKILL)
        signal.sigtimedwait([signal.SIGCHLD], 0.02)
        code, alone = reaped(child, code)
    return 137 if code is None else code


def _signal(pids: set[int] | list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def without_keys(libc: ctypes.CDLL, keyctl: int) -> bool:
    """Leave the caller's session keyring for an empty one (no namespace hides it); tell whether none is in reach."""
    # Where there are no keyrings for us, not even to look at, there is nothing to leave.
    joined = keyctl > 0 and libc.syscall(keyctl, JOIN_SESSION_KEYRING, None) != -1
    return joined or (keyctl > 0 and bool(libc.syscall(keyctl, GET_KEYRING_ID, SESSION_KEYRING, 0) == -1))


def main(words: list[str]) -> int:
    """Run the command to its end, or to ours."""
    ours, say, walled, tasks, memory, disk = map(int, words[:6])
    bounds, argv = Bounds(tasks, memory, disk, words[6], words[7]), words[8:]
    # Waited for below, and never delivered: no signal can fall between two of our instructions.
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKING)
    os.set_inheritable(say, False)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != ours:
        return 143  # it died before the line above
    bounds.impose()
    if walled and not without_keys(libc, walled):
        print("keeper: the command was not started: it would have the caller's session keyring", file=sys.stderr)
        return FAILED
    try:
        # Python ignores SIGPIPE and SIGXFSZ, and make's recipes must not.
        child = os.posix_spawnp(argv[0], argv, os.environ, setsigmask=[], setsigdef=range(1, signal.SIGSYS + 1))
    except OSError as error:
        print(f"keeper: {argv[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    with suppress(OSError):
        # A bomb of root's leaves no time for anybody else.
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    code, over, asked = None, "", False
    while code is None and not over and not asked:
        got = signal.sigtimedwait(WAKING, TICK)
        asked = got is not None and got.si_signo in ASKED
        code, _ = reaped(child, code)
        over = "" if asked or code is not None else bounds.broken()
    code = end(child, code, child if walled else 0, gently=not over)
    over = over or ("" if asked else bounds.full(()))
    os.write(say, over.encode())
    return code


def kept(words: list[str]) -> int:
    """Run the command; return FAILED, with nothing left of it, where we fail: 1 would be the command's word."""
    try:
        return main(words)
    except BaseException as error:
        print(f"keeper: {error!r}", file=sys.stderr)
        return end(0, FAILED, 0, gently=False)


if __name__ == "__main__":
    sys.exit(kept(sys.argv[1:]))
