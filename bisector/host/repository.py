"""What does git know? The one funnel to git (the home of GitPython).

Everything goes through `repo.git.*`, that is, through the git program: walking commits in Python is slow.
The user's repository is only ever read: what we check out, mark and lock is in repositories of our own.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# GitPython runs `git version` at its import and fails with it: a missing git could not even be told by
# `bisector doctor`, nor a killed one by anybody. So it gets a name that is no program, and is told to go on
# without; `_git` says itself which git runs. Nor does a caller's GIT_PYTHON_* name another one.
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = "/dev/null"

import git

del os.environ["GIT_PYTHON_REFRESH"], os.environ["GIT_PYTHON_GIT_EXECUTABLE"]

from bisector.errors import HostError, UserError
from bisector.host import gitconfig, process
from bisector.model import Commit

_ENVIRONMENT = gitconfig.variables()
# Seconds for one git command; the longest seen is the first checkout of a kernel, 40 s on a busy machine.
SECONDS = 1800.0
# git's commands that write nothing and end soon; to bind a command to us takes two programs more.
_READING = frozenset(["config", "diff-tree", "for-each-ref", "ls-tree", "merge-base", "rev-parse", "show"])
# What a commit's author chose comes last: a text in UTF-7 may have a NUL once it is read.
_FORMAT = "%H%x00%P%x00%aI%x00%cI%x00%an <%ae>%x00%s"
# What is kept of a commit: whoever wrote it had no limits, and the journal must stay readable.
TEXT, FILES = 1000, 500
_MEANT = "--repo names a kernel tree under git; a session needs its own where that was"
_COMMIT_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def environment(worktree: Path | None = None) -> dict[str, str]:
    """Return the environment for a git that is run as a process of its own, in a worktree of ours if one is given."""
    fence = {"GIT_CEILING_DIRECTORIES": str(worktree.parent)} if worktree else {}
    return dict(os.environ) | _ENVIRONMENT | fence


@contextmanager
def failing_as_ours() -> Iterator[None]:
    """A git command that was right for every commit failed: our machine's failure."""
    try:
        yield
    except git.GitCommandError as error:
        said = _said(str(error.stderr)) or str(error)
        hint = ""
        if re.search(r"promisor remote|not allowed|unable to read (?:sha1|[0-9a-f]{40})|missing blob", said):
            hint = "objects are missing: a partial clone gets them by git fetch --refetch --no-filter, then resume"
        process.require("git")
        # Another git held the lock for a moment: the only failure here that goes away by itself.
        if ".lock" in said:
            hint = "if no git runs in that repository, remove the lock that it names, then resume"
        raise HostError(f"git failed: {said[:1000]}", hint, transient=".lock" in said) from error


def _said(stderr: str) -> str:
    """Return git's own words, as one line, without its advice."""
    lines = stderr.strip().removeprefix("stderr: ").strip("'").split("\n")
    return "; ".join(line for line in lines if line.strip() and not line.startswith("hint:"))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


GitFailed = git.GitCommandError


class _Git(git.Git):
    """The git program in a directory whose `$WHO` is a name: no variable leads to another repository."""

    def __init__(self, working_dir: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        self._working_dir = None if working_dir is None else os.fspath(working_dir)


class _Repo(git.Repo):
    GitCommandWrapperType = _Git


class Repository:
    """One git repository: the user's, which is only read. (Ours are `worktree.Worktree`.)"""

    _fence: dict[str, str] = {}

    def __init__(self, path: Path) -> None:
        process.require("git")
        try:
            self._repo = _Repo(path, search_parent_directories=not self._fence, expand_vars=False)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
            raise UserError(f"{path} is not a git repository", _MEANT) from error
        self.common_dir = Path(self._repo.common_dir).resolve()
        self.path = Path(self._repo.working_tree_dir or self._repo.git_dir).resolve()

    def _git(self, *words: str, config: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None) -> str:
        try:
            with process.starting():
                said = str(
                    self._repo.git.execute(
                        # A git that outlived us would check out under the feet of the next session. TERM, not KILL:
                        # git then removes its locks. One that reads has nobody left to tell, and ends.
                        ["git", *words] if words[0] in _READING else process.bound_to_us(["git", *words]),
                        env=(gitconfig.variables(config) if config else _ENVIRONMENT) | self._fence | dict(env or {}),
                        stdout_as_string=True,
                        kill_after_timeout=SECONDS,
                    )
                )
        except git.GitCommandNotFound as error:
            process.require("git")
            raise HostError(f"git {words[0]} could not be started", transient=True) from error
        except git.GitCommandError as error:
            # Killed, by a person, for memory or by our own limit: that is no answer to what was asked.
            if isinstance(error.status, int) and error.status < 0:
                why = f"git {words[0]} was ended by signal {-error.status}"
                raise HostError(why, "resume begins it again", transient=True) from error
            raise
        # GitPython keeps bytes that are no UTF-8 as lone surrogates, which no file of ours can hold.
        return said.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    @contextmanager
    def stream(self, *words: str, told: bytes = b"") -> Iterator[IO[bytes]]:
        """Run a git command and give what it prints, as it prints it. `told`: what it reads."""
        with failing_as_ours(), process.starting(), tempfile.TemporaryFile() as reads:
            # A file: a pipe that is filled while nobody empties the other one holds both for ever.
            reads.write(told)
            reads.seek(0)
            running = self._repo.git.execute(
                process.bound_to_us(["git", *words]), reads, env=_ENVIRONMENT | self._fence, as_process=True
            )
        try:
            yield running.stdout
            with failing_as_ours():
                running.wait()
        finally:
            with suppress(OSError):
                running.terminate()

    # -- commits ---------------------------------------------------------------------------------------

    def commit(self, revision: str) -> Commit:
        """Return the commit that a person's revision means. Raises UserError if it means none."""
        hint, told = "any revision that git knows: a tag, a branch, a commit id", repr(_cut(revision, 100))
        if revision.startswith("-") or not revision.strip() or not revision.isprintable():
            raise UserError(f"{told} is not a revision", hint)
        try:
            # `:/text` takes all that follows as text.
            named = self._named(revision) if revision.startswith(":/") else revision
            found = self._named(f"{named}^{{commit}}")
        except git.GitCommandError as error:
            raise self._no_commit(told, str(error.stderr), hint) from error
        if not _COMMIT_ID.fullmatch(found):
            # `^main` is a revision to git, and its id then has the sign in front.
            raise UserError(f"{told} does not name one commit", hint)
        return self.read(found)

    def _named(self, revision: str) -> str:
        return self._git("rev-parse", "--verify", "--end-of-options", revision)

    def _no_commit(self, told: str, stderr: str, hint: str) -> UserError:
        """Say why git found no commit, in its own words where they are not the usual ones."""
        if "dubious ownership" in stderr:
            return UserError(
                f"{self.path} belongs to another user, and git refuses it",
                f"git config --global --add safe.directory {self.path}",
            )
        if "is ambiguous" in stderr:
            return UserError(f"{told} is the beginning of several commit ids in {self.path}", "give more digits")
        if "expected commit type" in stderr:
            return UserError(f"{told} names something in {self.path} that is no commit", hint)
        if "Needed a single revision" in stderr:
            return UserError(f"{self.path} has no commit {told}", hint)
        return UserError(f"git cannot read {self.path}: {_said(stderr)[:400]}", "mend the repository: see git fsck")

    def read(self, commit_id: str) -> Commit:
        """Return the commit with this full id, its texts cut to `TEXT` characters."""
        with failing_as_ours():
            shown = self._git("show", "--no-patch", "--no-notes", "--no-mailmap", f"--format={_FORMAT}", commit_id)
        found, parents, author_date, commit_date, author, subject = shown.split("\0", 5)
        subject, author = _cut(subject, TEXT), _cut(author, TEXT)
        return Commit(found, subject, author, author_date, commit_date, tuple(parents.split()))

    def is_shallow(self) -> bool:
        """Tell whether the history is cut: its oldest commits then have parents that are not here."""
        with failing_as_ours():
            return self._git("rev-parse", "--is-shallow-repository") == "true"

    def merge_bases(self, one: Commit, other: Commit) -> list[str]:
        """Return the ids of all best common ancestors, [] if there are none."""
        try:
            return self._git("merge-base", "--all", one.id, other.id).split()
        except git.GitCommandError as error:
            if error.status == 1:
                return []
            raise HostError(f"git merge-base failed: {error.stderr}") from error

    def between(self, olds: Sequence[str], new: str) -> Iterator[str]:
        """Yield the ids of the commits in `new`'s history that are in none of the `olds`', newest first."""
        with self.stream("rev-list", new, "--not", *olds) as lines:
            for line in lines:
                yield line.decode().strip()

    def history(self, olds: Sequence[str], new: str) -> Iterator[tuple[str, list[str]]]:
        """Yield every commit in `new`'s history and in none of the `olds`', with its parents, parents first."""
        with self.stream("rev-list", "--topo-order", "--reverse", "--parents", new, "--not", *olds) as lines:
            for line in lines:
                commit, *parents = line.decode().split()
                yield commit, parents

    def files(self, commit: Commit) -> tuple[str, ...]:
        """Return the paths that the commit changed against its first parent; after `FILES` of them how many more."""
        with failing_as_ours():
            words = "diff-tree -r -z --root -m --first-parent --no-commit-id --name-only"
            shown = self._git(*words.split(), commit.id)
        names = [_cut(name, TEXT) for name in shown.split("\0") if name]
        more = len(names) - FILES
        return (*names[:FILES], *([f"and {more} more"] if more > 0 else []))

    # -- for those that borrow from it -----------------------------------------------------------------

    def objects(self) -> Path:
        """Return the directory of the objects, which another repository may read."""
        return self.common_dir / "objects"

    def hash_name(self) -> str:
        """Return the hash that commits are named by: sha1 or sha256."""
        with failing_as_ours():
            return self._git("rev-parse", "--show-object-format")
