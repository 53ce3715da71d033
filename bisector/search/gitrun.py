"""Which commit does `git bisect run` want next, and which marks did it keep?

git runs a small child for each commit; the child asks this process over a socket, so the session stays
one process that thinks, with one journal. What the child may say to git is three exit codes; a death, a
traceback or a usage error of the child's becomes code 255, on which git aborts. And git's own exit status
is never the answer (two merge bases: it says "success", exits 0 and has not searched): the answer is read
from its refs, and must agree with the journal mark by mark.
"""

from __future__ import annotations

import os
import selectors
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bisector.errors import HostError
from bisector.host import process
from bisector.host.repository import environment
from bisector.host.worktree import Worktree
from bisector.model import Verdict
from bisector.search import child

# What git is told: `old` 0, `untestable` 125, `new` any code from 1 to 127 that nothing else returns.
GIT_CODES = {Verdict.OLD: 0, Verdict.NEW: 93, Verdict.UNTESTABLE: 125}
ABORT = 255
# Seconds: git may think this long between two questions (the longest seen, over 1.3 million commits, is far
# below), and the child has this long to say or hear one line.
THINKING, LINE = 3600.0, 10.0

Answer = Callable[[str], Verdict]


def run(tree: Worktree, answer: Answer, log: Path) -> None:
    """Let git choose commits until it has no more to ask. `answer` is called with each commit's id.

    Raises HostError if git or its child ended in any other way than by finding nothing left to ask; what
    `answer` raises passes through, with git ended before.
    """
    # A pair, and not a path: nothing is left behind when we are killed, and nobody else can reach it.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, log.open("ab") as sink:
        with theirs, process.starting():
            running = subprocess.Popen(
                process.bound_to_us(["git", "bisect", "run", "sh", "-c", shell_line(theirs.fileno())]),
                cwd=tree.path,
                env=environment(tree.path),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        try:
            _serve(ours, running, answer)
        finally:
            process.end_group(running.pid, running.poll)
            running.wait()
    # 0: found; 2: only untestable commits are left. Both are checked against the refs by the caller.
    if running.returncode not in (0, 2):
        raise HostError(f"git bisect run ended with exit code {running.returncode}", f"see {log}", transient=True)


def shell_line(descriptor: int) -> str:
    """Return what git runs: the child, and the translation of its exit code for git."""
    words = [sys.executable, "-I", "-S", child.__file__, str(descriptor)]
    cases = " ".join(f"{child.CODES[verdict.value.encode()]}) exit {code};;" for verdict, code in GIT_CODES.items())
    return f"{shlex.join(words)}; case $? in {cases} *) exit {ABORT};; esac"


def _serve(ours: socket.socket, running: subprocess.Popen[bytes], answer: Answer) -> None:
    """Answer the children's questions, one after the other, until git ends."""
    gone = os.pidfd_open(running.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ, data="asked")
            selector.register(gone, selectors.EVENT_READ, data="gone")
            while True:
                ready = [key.data for key, _ in selector.select(THINKING)]
                if not ready:
                    raise HostError(f"git bisect run was silent for {THINKING:.0f} s")
                if "gone" in ready:
                    return
                if not _answered(ours, answer):
                    # git's end closes the line a moment before git is gone.
                    selector.unregister(ours)
    finally:
        os.close(gone)


def _answered(ours: socket.socket, answer: Answer) -> bool:
    """Answer one question; False if the line was closed without one."""
    ours.settimeout(LINE)
    asked = b""
    with _talking():
        while not asked.endswith(b"\n"):
            block = ours.recv(256)
            if not block:
                return False
            asked += block
    commit = asked.decode("ascii", "replace").strip()
    # Outside: what fails in a whole step is not the child's failure.
    verdict = answer(commit)
    with _talking():
        ours.sendall(f"{commit} {verdict.value}\n".encode())
    return True


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A verdict that did not arrive is in the journal; a resumed session gives it to git again.
        raise HostError(f"the child of git bisect run is gone: {error}", transient=True) from error


def left(tree: Worktree, olds: Sequence[str], marks: Mapping[str, Verdict]) -> Iterator[str]:
    """Yield the commits that the marks leave as candidates: newest first, the *new* one included.

    Raises HostError if git's refs have no *new* commit, or several.
    """
    news = [commit for commit, found in marks.items() if found is Verdict.NEW]
    if len(news) != 1:
        raise HostError(f"git's refs name {len(news)} new commits, not one", "resume starts the search afresh")
    known_old = [commit for commit, found in marks.items() if found is Verdict.OLD]
    return tree.between([*olds, *known_old], news[0])


def reconcile(tree: Worktree, journal: Mapping[str, Verdict]) -> None:
    """Check git's marks against the journal's verdicts, both ways. Raises HostError where they differ."""
    given: dict[str, Verdict] = {}
    for commit, found in tree.history_of_marks():
        if given.setdefault(commit, found) is not found:
            raise HostError(f"git's log marks {commit[:12]} both {given[commit].value} and {found.value}")
    for commit in given.keys() | journal.keys():
        if given.get(commit) is not journal.get(commit):
            ours, theirs = journal.get(commit), given.get(commit)
            raise HostError(
                f"the journal has {commit[:12]} as {ours.value if ours else 'not tested'}, "
                f"git as {theirs.value if theirs else 'not tested'}",
                "somebody else used the worktree's bisection; resume starts the search afresh",
            )
