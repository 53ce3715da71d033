"""How does a story become commits and refs of a repository?"""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel_history import git
from kernel_history.importing import BASE, BORN, ensure_base
from kernel_history.messages import HistoryError
from kernel_history.stories import STORIES, Story

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class History:
    """A story as it stands in a repository; ids are full, `commits` are oldest first and without the base."""

    repository: Path
    story: str
    base: str
    commits: tuple[str, ...]
    subjects: tuple[str, ...]
    culprit: str

    @property
    def old(self) -> str:
        return self.base

    @property
    def new(self) -> str:
        return self.commits[-1]

    def as_json(self) -> dict[str, object]:
        """Return the object that the command prints."""

        def ref(name: str, commit: str) -> dict[str, str]:
            return {"ref": name, "commit": commit}

        return {
            "schema": SCHEMA,
            "repository": str(self.repository),
            "story": self.story,
            "base": ref(BASE, self.base),
            "branch": ref(f"refs/heads/{self.story}", self.new),
            "old": ref(f"refs/tags/{self.story}-old", self.old),
            "new": ref(f"refs/tags/{self.story}-new", self.new),
            "culprit": ref(f"refs/tags/{self.story}-culprit", self.culprit),
            "commits": [{"commit": c, "subject": s} for c, s in zip(self.commits, self.subjects, strict=True)],
        }


def make(source: Path, into: Path, story: str) -> History:
    """Make the repository `into` (if it is not there) and the story in it; two callers at once take turns."""
    if story not in STORIES:
        raise HistoryError(f"no story {story!r}; there are: {', '.join(STORIES)}")
    repository = into.absolute()
    repository.parent.mkdir(parents=True, exist_ok=True)
    with repository.with_name(repository.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_base(source, repository)
        return tell(repository, story, STORIES[story])


def tell(repository: Path, name: str, story: Story) -> History:
    """Write the story's commits and refs; if they are there already, the same ids come out."""
    changes = story.changes
    texts = _read(repository, sorted({edit.path for change in changes for edit in change.edits}))
    modes = {path: mode for path, (mode, _) in texts.items()}
    now = {path: text for path, (_, text) in texts.items()}
    culprit = 1 + len(story.before)
    commands: list[bytes] = []  # all of them before git is started: an anchor that fails must leave nothing behind
    for mark, change in enumerate(changes, 1):
        paragraphs = (change.subject, change.body.strip(), f"Signed-off-by: {change.author}")
        message = "\n\n".join(filter(None, paragraphs)) + "\n"
        parent = f"{BASE}^0" if mark == 1 else f":{mark - 1}"
        touched: dict[str, str] = {}
        for edit in change.edits:
            touched[edit.path] = now[edit.path] = edit.apply(now.get(edit.path))
        commands.append(
            git.header(f"refs/heads/{name}", mark, change.author, BORN + 3 * 3600 * mark, message, parent)
        )
        for path, text in touched.items():
            commands.append(git.blob(path, modes.get(path, "100644"), text.encode("utf-8", "surrogateescape")))
    for end, target in (("old", f"{BASE}^0"), ("new", f":{len(changes)}"), ("culprit", f":{culprit}")):
        commands.append(f"reset refs/tags/{name}-{end}\nfrom {target}\n\n".encode())
    with git.fast_import(repository, "--force") as stream:
        stream.write(b"".join(commands))
    listed = git.run(repository, "rev-list", "--reverse", f"{BASE}..refs/heads/{name}").decode().split()
    base = git.run(repository, "rev-parse", "--verify", f"{BASE}^0").decode().strip()
    subjects = tuple(change.subject for change in changes)
    return History(repository, name, base, tuple(listed), subjects, listed[culprit - 1])


def _read(repository: Path, paths: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """Return mode and text of those of the paths that the base commit has."""
    rows = git.run(repository, "ls-tree", "-z", BASE, "--", *paths).decode().split("\0")[:-1]
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        (mode, _, oid), path = row.partition("\t")[0].split(), row.partition("\t")[2]
        found[path] = (mode, git.run(repository, "cat-file", "blob", oid).decode("utf-8", "surrogateescape"))
    return found
