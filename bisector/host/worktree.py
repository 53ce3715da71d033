"""What does git do for us? Checkouts and a bisection, in a small repository of our own beside the user's.

It has a work tree, HEAD, index, refs and locks of its own, and borrows the user's objects
(gitrepository-layout(5), objects/info/alternates). A worktree that git registers in the user's repository would do
as well, but git takes the user's packed-refs.lock to remove a bisection's refs, and writes that file anew: one that
is killed there leaves a lock that nobody could tell from the user's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from bisector.errors import HostError
from bisector.host import disk, gitconfig
from bisector.host.repository import GitFailed, Repository, failing_as_ours
from bisector.model import Commit, Verdict

_MARK = re.compile(r"^# (old|new|skip): \[([0-9a-f]{40,64})\]", re.MULTILINE)
_INVALID = re.compile(r"^\s*(?:stderr: ')?error: (invalid path '.*?')'?$", re.MULTILINE)
_MARKS = {"old": Verdict.OLD, "new": Verdict.NEW, "skip": Verdict.UNTESTABLE}
TERMS = ("--term-old=old", "--term-new=new")
_US = {"NAME": "bisector", "EMAIL": "bisector@localhost"}
_BORROWED = "objects/info/alternates"


def _line(lender: Repository) -> bytes:
    """Return the line that names the lender's objects: in quotes, for a path may hold a line end or begin with #."""
    special = {ord("\n"): b"\\n", ord('"'): b'\\"', ord("\\"): b"\\\\"}
    quoted = b"".join(special.get(byte, bytes([byte])) for byte in os.fsencode(lender.objects()))
    return b'"' + quoted + b'"\n'


class Worktree(Repository):
    """A repository of ours, with its work tree.

    git stays in it: where its `.git` was lost git would go up, and might check out and clean a repository of the
    user's that the state directory lies in.
    """

    def __init__(self, path: Path) -> None:
        self._fence = {"GIT_CEILING_DIRECTORIES": str(path.parent)}
        super().__init__(path)

    @classmethod
    def made(cls, path: Path, lender: Repository, commit: Commit) -> Self:
        """Make one at `path`, without files yet, that borrows the lender's objects. Raises HostError."""
        with failing_as_ours():
            lender._git("init", "--quiet", "--template=", f"--object-format={lender.hash_name()}", str(path))
        disk.write(path / ".git" / _BORROWED, _line(lender))
        tree = cls(path)
        with failing_as_ours():
            # `git bisect start` wants a HEAD that is a commit.
            tree._git("update-ref", "--no-deref", "HEAD", commit.id)
        return tree

    def borrows_from(self, lender: Repository) -> bool:
        """Tell whether it is whole, and the lender's."""
        try:
            return (self.common_dir / _BORROWED).read_bytes() == _line(lender)
        except OSError:
            return False

    def _git(self, *words: str, config: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None) -> str:
        if not (self.path / ".git").is_dir():
            raise HostError(f"the worktree {self.path} is gone", "bisector resume makes it anew")
        return super()._git(*words, config=config, env=env)

    def break_own_locks(self) -> None:
        """Remove the lock files that a killed git left in this worktree of ours; only its holder may call."""
        for lock in Path(self._repo.git_dir).rglob("*.lock"):
            lock.unlink(missing_ok=True)

    def check_out(self, commit: Commit) -> str:
        """Make this worktree's tracked files those of the commit, whatever a killed checkout left of them.

        Return why there is no such worktree for this commit, whoever asks, "" if there is.
        """
        with failing_as_ours():
            names = self._names(r"^filter\.")
            off = gitconfig.without_filters(names)
            try:
                self._git("checkout", "--quiet", "--force", "--detach", commit.id, config=off)
            except GitFailed as error:
                if why := self._never(commit, str(error.stderr)):
                    return why
                raise
            there = self._git("rev-parse", "--verify", "HEAD")
        if there != commit.id:
            raise HostError(f"git checked out {there[:12]} instead of {commit.short}")
        return ""

    def _never(self, commit: Commit, stderr: str) -> str:
        """Say what of the commit no git checks out (`.git/config`), or no file system takes; "" if it is neither."""
        if found := _INVALID.search(stderr):
            return found[1][:200]
        if "File name too long" in stderr:
            names = self._git("ls-tree", "-rz", "--name-only", commit.id).replace("\0", "/").split("/")
            # In bytes; what is no UTF-8 is told by four characters a byte, and so is not counted short.
            if any(len(name.encode()) > 255 for name in names):
                return "file name too long"
        return ""

    def _names(self, pattern: str) -> list[str]:
        """Return the names of the settings that fit, whoever made them."""
        try:
            return [
                name for name in self._git("config", "--name-only", "-z", "--get-regexp", pattern).split("\0") if name
            ]
        except GitFailed as error:
            if error.status == 1:
                return []
            raise

    def lacks(self, commit: Commit) -> bool:
        """Tell whether HEAD is not the commit any more, or one of its files is not there.

        What else a file holds is not looked at: a commit's own Makefile may write to its sources.
        """
        try:
            return self._git("rev-parse", "--verify", "HEAD") != commit.id or bool(self._git("ls-files", "--deleted"))
        except GitFailed:
            return True

    def sweep(self) -> None:
        """Remove whatever in this worktree git does not track, ignored or not."""
        with failing_as_ours():
            self._git("clean", "--quiet", "-ffdx")

    # -- commits of our own ----------------------------------------------------------------------------

    def without(self, new: str, culprit: Commit) -> Commit | None:
        """Return a commit on `new` that takes the culprit's change back, against its first parent.

        None if it does not apply. The same call gives the same id; what it makes lies in our repository only.
        """
        with failing_as_ours():
            # `merge-tree --merge-base` came with git 2.40: commits of our own give it the base that it shall find.
            base = self._committed(f"{culprit.id}^{{tree}}", culprit)
            ours = self._committed(f"{new}^{{tree}}", culprit, base)
            theirs = self._committed(f"{culprit.parents[0]}^{{tree}}", culprit, base)
            tree = self._merged_tree(ours, theirs)
            made = self._committed(tree, culprit, new) if tree else None
        return self.read(made) if made else None

    def merged(self, one: Commit, other: Commit) -> Commit | None:
        """Return a commit that merges the two as git does it alone; None if it cannot."""
        with failing_as_ours():
            tree = self._merged_tree(one.id, other.id)
            made = self._committed(tree, other, one.id, other.id, what="Merge") if tree else None
        return self.read(made) if made else None

    def _merged_tree(self, ours: str, theirs: str) -> str:
        """Return the tree of a merge, "" if there are conflicts."""
        try:
            return self._git("merge-tree", "--write-tree", "--no-messages", ours, theirs).split()[0]
        except GitFailed as error:
            if error.status == 1:
                return ""
            raise

    def _committed(self, tree: str, culprit: Commit, *parents: str, what: str = "Revert") -> str:
        who = {f"GIT_{role}_{what}": said for role in ("AUTHOR", "COMMITTER") for what, said in _US.items()}
        dates = {f"GIT_{role}_DATE": culprit.commit_date for role in ("AUTHOR", "COMMITTER")}
        above = [word for parent in parents for word in ("-p", parent)]
        subject = f'{what} "{culprit.subject}"'
        return self._git("commit-tree", tree, *above, "-m", subject, env=who | dates)

    # -- bisection, in this worktree only --------------------------------------------------------------

    def start_bisection(self, olds: Sequence[str], new: str) -> None:
        """Begin afresh, without checkouts: `BISECT_HEAD` then names the commit to test."""
        self.break_own_locks()
        with failing_as_ours():
            self._git("bisect", "reset")
            self._git("bisect", "start", *TERMS, "--no-checkout", new, *olds)

    def mark(self, commit_id: str, verdict: Verdict) -> None:
        """Tell git's bisection a verdict that is known already."""
        word = next(word for word, meaning in _MARKS.items() if meaning is verdict)
        with failing_as_ours():
            try:
                self._git("bisect", word, commit_id)
            except GitFailed as error:
                # 2: the mark is taken, and only untestable commits are left. `marks` shows what was taken.
                if error.status != 2:
                    raise

    def marks(self) -> dict[str, Verdict]:
        """Return the verdict that git has for each commit, read from its refs."""
        with failing_as_ours():
            shown = self._git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/bisect")
        marks = {}
        for line in shown.splitlines():
            name, commit_id = line.split()
            marks[commit_id] = _MARKS[name.partition("-")[0]]
        return marks

    def history_of_marks(self) -> list[tuple[str, Verdict]]:
        """Return every mark in the order given, read from git's bisect log."""
        with failing_as_ours():
            return [(commit, _MARKS[word]) for word, commit in _MARK.findall(self._git("bisect", "log"))]

    def end_bisection(self) -> None:
        """Remove git's refs and files of the bisection."""
        with failing_as_ours():
            self._git("bisect", "reset")
