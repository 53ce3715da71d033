"""Can anything but a verdict become one? git's child broken in every way, in a real `git bisect run`."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bisector.errors import HostError
from bisector.host.repository import Repository, environment
from bisector.host.worktree import Worktree
from bisector.model import Verdict
from bisector.search import child, gitrun
from tests.minitree import MiniTree


class Range:
    """A range of commits in a worktree of its own, of which git wants the middle one tested."""

    def __init__(self, tree: MiniTree, place: Path) -> None:
        self.ids = tree.story(8, flip_at=5)
        self.old = tree.base
        lender = Repository(tree.path)
        self.git = Worktree.made(place, lender, lender.commit(self.ids[-1]))
        self.begin()

    def begin(self) -> None:
        self.git.start_bisection((self.old,), self.ids[-1])

    def truth(self, commit: str) -> Verdict:
        return Verdict.NEW if self.ids.index(commit) >= 5 else Verdict.OLD


@pytest.fixture
def range_(tree: MiniTree, tmp_path: Path) -> Range:
    return Range(tree, tmp_path / "worktree")


def aborts(at: Range, line: str, *descriptors: int) -> None:
    """Let git run the line, and see it give up without a verdict."""
    argv = ["git", "bisect", "run", "sh", "-c", line]
    done = subprocess.run(
        argv,
        cwd=at.git.path,
        env=environment(),
        pass_fds=descriptors,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode not in (0, 2), done.stdout
    assert "first" not in done.stdout.lower().replace("running", "")
    assert at.git.marks() == {at.old: Verdict.OLD, at.ids[-1]: Verdict.NEW}


@contextmanager
def listening(reply: bytes) -> Iterator[int]:
    """A session that gives one answer of ours (`%` is the commit that was asked for); the child's descriptor."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def serve() -> None:
        with ours:
            asked = ours.makefile("rb").readline().strip()
            ours.sendall(reply.replace(b"%", asked))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with theirs:
        theirs.set_inheritable(True)
        yield theirs.fileno()
    thread.join(10)


def test_a_child_whose_session_is_gone_aborts(range_: Range) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.close()
    with theirs:
        theirs.set_inheritable(True)
        aborts(range_, gitrun.shell_line(theirs.fileno()), theirs.fileno())


@pytest.mark.parametrize("reply", [b"", b"% good\n", b"\n", b"% OLD\n", b"% 0\n", b"% ol", b"old\n", b"0000 old\n"])
def test_a_child_that_hears_nonsense_aborts(reply: bytes, range_: Range) -> None:
    with listening(reply) as descriptor:
        aborts(range_, gitrun.shell_line(descriptor), descriptor)


def test_a_child_that_hears_an_answer_takes_it(range_: Range) -> None:
    # Without this the tests around it could pass because nothing ever gets through.
    with listening(b"% old\n") as descriptor:
        line = gitrun.shell_line(descriptor)
        done = subprocess.run(["sh", "-c", line], cwd=range_.git.path, pass_fds=(descriptor,), check=False)
    assert done.returncode == 0


def test_a_python_error_in_the_child_aborts(range_: Range, tmp_path: Path) -> None:
    broken = tmp_path / "child.py"
    broken.write_text("import no_such_module\n")
    aborts(range_, gitrun.shell_line(99).replace(child.__file__, str(broken)))


def test_a_usage_error_of_the_child_aborts(range_: Range) -> None:
    aborts(range_, gitrun.shell_line(99).replace(" -I ", " --no-such-option "))
    aborts(range_, gitrun.shell_line(99).replace(" 99;", ";"))
    aborts(range_, gitrun.shell_line(99).replace(child.__file__, "/no/such/child.py"))


def test_a_missing_interpreter_aborts(range_: Range) -> None:
    aborts(range_, gitrun.shell_line(99).replace(sys.executable, "/no/such/python"))


@pytest.mark.parametrize("signal", ["KILL", "TERM", "SEGV", "INT"])
def test_a_killed_child_aborts(signal: str, range_: Range, tmp_path: Path) -> None:
    killed = tmp_path / "python"
    killed.write_text(f"#!/bin/sh\nkill -{signal} $$\n")
    killed.chmod(0o755)
    aborts(range_, gitrun.shell_line(99).replace(sys.executable, str(killed)))


@pytest.mark.parametrize("code", [0, 1, 2, 93, 124, 125, 126, 127, 128, 255])
def test_no_exit_code_of_another_program_is_a_verdict(code: int, range_: Range, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(f"#!/bin/sh\nexit {code}\n")
    other.chmod(0o755)
    aborts(range_, gitrun.shell_line(99).replace(sys.executable, str(other)))


def test_a_child_killed_while_the_session_works_is_our_machines_failure(range_: Range, tmp_path: Path) -> None:
    def answer(commit: str) -> Verdict:
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if child.__file__ in words and "-I" in words and (place / "cwd").readlink() == range_.git.path:
                    os.kill(int(place.name), 9)
        return range_.truth(commit)

    with pytest.raises(HostError):
        gitrun.run(range_.git, answer, tmp_path / "log")
    assert Verdict.NEW not in [found for _, found in range_.git.history_of_marks()[2:]]


def test_git_searches_with_our_answers(range_: Range, tmp_path: Path) -> None:
    asked: dict[str, Verdict] = {}

    def answer(commit: str) -> Verdict:
        assert commit == (range_.git.common_dir / "BISECT_HEAD").read_text().strip()
        return asked.setdefault(commit, range_.truth(commit))

    gitrun.run(range_.git, answer, tmp_path / "log")
    gitrun.reconcile(range_.git, asked | {range_.old: Verdict.OLD, range_.ids[-1]: Verdict.NEW})
    assert list(gitrun.left(range_.git, (range_.old,), range_.git.marks())) == [range_.ids[5]]


def test_only_untestable_commits_leave_them_all(range_: Range, tmp_path: Path) -> None:
    gitrun.run(range_.git, lambda _: Verdict.UNTESTABLE, tmp_path / "log")
    assert set(gitrun.left(range_.git, (range_.old,), range_.git.marks())) == set(range_.ids)


def test_our_machines_failure_ends_git_and_passes_through(range_: Range, tmp_path: Path) -> None:
    def answer(_: str) -> Verdict:
        raise HostError("the disk is full")

    with pytest.raises(HostError, match="the disk is full"):
        gitrun.run(range_.git, answer, tmp_path / "log")
    assert len(range_.git.marks()) == 2


def test_a_bisection_that_was_ended_by_somebody_else_is_no_answer(range_: Range, tmp_path: Path) -> None:
    def answer(commit: str) -> Verdict:
        range_.git.end_bisection()
        return range_.truth(commit)

    with pytest.raises(HostError):
        gitrun.run(range_.git, answer, tmp_path / "log")
    with pytest.raises(HostError):
        gitrun.left(range_.git, (range_.old,), range_.git.marks())


@pytest.mark.parametrize("theirs", [Verdict.OLD, Verdict.UNTESTABLE])
def test_a_mark_of_somebody_else_is_seen(theirs: Verdict, range_: Range, tmp_path: Path) -> None:
    given = {range_.old: Verdict.OLD, range_.ids[-1]: Verdict.NEW}

    def answer(commit: str) -> Verdict:
        if len(given) == 2:
            range_.git.mark(range_.ids[2], theirs)
        return given.setdefault(commit, range_.truth(commit))

    gitrun.run(range_.git, answer, tmp_path / "log")
    # Where the mark was a verdict, git's next one went to another commit than we were asked for.
    with pytest.raises(HostError, match="the journal has"):
        gitrun.reconcile(range_.git, given)


def test_a_verdict_that_never_reached_git_is_seen(range_: Range) -> None:
    ours = {range_.old: Verdict.OLD, range_.ids[-1]: Verdict.NEW, range_.ids[3]: Verdict.OLD}
    with pytest.raises(HostError, match="git as not tested"):
        gitrun.reconcile(range_.git, ours)


def test_a_mark_that_contradicts_the_journal_is_seen(range_: Range) -> None:
    range_.git.mark(range_.ids[3], Verdict.UNTESTABLE)
    ours = {range_.old: Verdict.OLD, range_.ids[-1]: Verdict.NEW, range_.ids[3]: Verdict.OLD}
    with pytest.raises(HostError, match="as old, git as untestable"):
        gitrun.reconcile(range_.git, ours)
