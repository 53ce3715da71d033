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
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bisector.errors import HostError
from bisector.host import process
from bisector.host.repository import Repository, environment
from bisector.model import Verdict
from bisector.search import child

# What git is told: `old` 0, `untestable` 125, `new` any code from 1 to 127 that nothing else returns.
GIT_CODES = {Verdict.OLD: 0, Verdict.NEW: 93, Verdict.UNTESTABLE: 125}
ABORT = 255
# Seconds: git may think this long between two questions (the longest seen, over 1.3 million commits, is far
# below), and the child has this long to say or hear one line.
THINKING, LINE = 3600.0, 10.0

Answer = Callable[[str], Verdict]


def run(tree: Repository, answer: Answer, log: Path) -> None:
    """Let git choose commits until it has no more to ask. `answer` is called with each commit's id.

    Raises HostError if git or its child ended in any other way than by finding nothing left to ask; what
    `answer` raises passes through, with git ended before.
    """
    with tempfile.TemporaryDirectory(prefix="bisector-") as place, log.open("ab") as sink:
        path = os.path.join(place, "ask")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(path)
            server.listen(1)
            running = subprocess.Popen(
                process.bound_to_us(["git", "bisect", "run", "sh", "-c", shell_line(path)]),
                cwd=tree.path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
            try:
                _serve(server, running, answer)
            finally:
                process.end_group(running.pid, running.poll)
                running.wait()
    # 0: found; 2: only untestable commits are left. Both are checked against the refs by the caller.
    if running.returncode not in (0, 2):
        raise HostError(f"git bisect run ended with exit code {running.returncode}", f"see {log}", transient=False)


def shell_line(path: str) -> str:
    """Return what git runs: the child, and the translation of its exit code for git."""
    words = [sys.executable, "-I", "-S", child.__file__, path]
    cases = " ".join(f"{child.CODES[verdict.value.encode()]}) exit {code};;" for verdict, code in GIT_CODES.items())
    return f"{shlex.join(words)}; case $? in {cases} *) exit {ABORT};; esac"


def _serve(server: socket.socket, running: subprocess.Popen[bytes], answer: Answer) -> None:
    """Answer the child's questions until git ends."""
    gone = os.pidfd_open(running.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ, data="asked")
            selector.register(gone, selectors.EVENT_READ, data="gone")
            while True:
                ready = [key.data for key, _ in selector.select(THINKING)]
                if not ready:
                    raise HostError(f"git bisect run was silent for {THINKING:.0f} s")
                if "asked" in ready:
                    _answer_one(server, answer)
                elif "gone" in ready:
                    return
    finally:
        os.close(gone)


def _answer_one(server: socket.socket, answer: Answer) -> None:
    line, _ = server.accept()
    with line:
        line.settimeout(LINE)
        try:
            asked = line.makefile("rb").readline().decode("ascii", "replace").strip()
        except OSError as error:
            raise HostError(f"the child of git bisect run said nothing: {error}") from error
        said = answer(asked).value
        try:
            line.sendall(said.encode() + b"\n")
        except OSError as error:
            # The verdict is in the journal; a resumed session gives it to git again.
            raise HostError(f"the child of git bisect run is gone: {error}") from error


def left(tree: Repository, olds: Sequence[str], marks: Mapping[str, Verdict]) -> list[str]:
    """Return the commits that the marks leave as candidates: newest first, the *new* one included.

    Raises HostError if git's refs have no *new* commit, or if there are candidates that nobody tested.
    """
    news = [commit for commit, found in marks.items() if found is Verdict.NEW]
    if len(news) != 1:
        raise HostError(f"git's refs name {len(news)} new commits, not one", "resume starts the search afresh")
    known_old = [commit for commit, found in marks.items() if found is Verdict.OLD]
    return tree.between([*olds, *known_old], news[0])


def reconcile(tree: Repository, journal: Mapping[str, Verdict]) -> None:
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
