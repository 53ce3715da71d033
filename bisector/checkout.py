"""Which commit lies before us? Work trees of our own, kept between steps and between sessions.

A first checkout of a kernel costs 40 s and 1.6 GB, a later one 1.6 s, and the objects beside it make the
next build incremental. So a workspace (worktree and object directory) belongs to the repository, and one
session at a time holds it; a second session beside it gets a second one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bisector.claiming import WORKSPACES
from bisector.errors import HostError, UserError
from bisector.host import disk
from bisector.host.repository import Repository
from bisector.host.worktree import Worktree
from bisector.model import BrokenBuild, Commit
from bisector.recipe import TEMPORARY


@dataclass(frozen=True, slots=True)
class Workspace:
    """`tree`: our worktree; `objects`: where make writes; `git`: the worktree as a repository."""

    tree: Path
    objects: Path
    git: Worktree


def home(repository: Repository, state: Path) -> Path:
    """Return the directory of this repository's workspaces."""
    common = str(repository.common_dir)
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", repository.path.name)[:64] or "tree"
    return state / WORKSPACES / f"{stem}-{hashlib.sha256(os.fsencode(common)).hexdigest()[:8]}"


def free(repository: Repository, state: Path) -> int:
    """Return how many workspaces of this repository are made, and held by nobody."""
    number = 0
    for made in home(repository, state).glob("*/tree/.git"):
        # Shared, and for a moment: who looks at the same time takes it for free too.
        with suppress(OSError), (made.parents[1] / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            number += 1
    return number


@contextmanager
def workspace(repository: Repository, state: Path, commit: Commit) -> Iterator[Workspace]:
    """Hold a workspace of this repository below the state directory; make one where none is free."""
    place_of = home(repository, state)
    for number in range(64):
        place = place_of / str(number)
        place.mkdir(parents=True, exist_ok=True)
        with (place / "lock").open("w") as lock:
            # The kernel drops the lock when we die; nothing has to be cleaned up. Who plans has it for a moment.
            if not disk.locked(lock, 0.1):
                continue
            held = _opened(repository, place, commit)
            yield held
            # Left by a git that was killed in the last step.
            held.git.break_own_locks()
            return
    raise HostError(f"all workspaces below {place_of} are in use", "end some of the sessions that run there")


def _opened(repository: Repository, place: Path, commit: Commit) -> Workspace:
    tree, objects = place / "tree", place / "objects"
    _begun_under_this_boot(place)
    for unfinished in (place / "clean", place / TEMPORARY, *place.glob("*.gone"), *place.glob("*.part")):
        disk.remove(unfinished)
    objects.mkdir(exist_ok=True)
    (place / TEMPORARY).mkdir()
    try:
        git = Worktree(tree)
        if git.path != tree.resolve() or not git.borrows_from(repository):
            raise UserError("not ours")
    except UserError:
        # Not there yet, or its directory was lost, or the whole repository was made anew.
        disk.discard(tree)
        git = Worktree.made(tree, repository, commit)
        if git.path != tree.resolve():
            raise HostError(f"git made no repository at {tree}") from None
    git.break_own_locks()
    return Workspace(tree, objects, git)


def _begun_under_this_boot(place: Path) -> None:
    """Throw away what was written before our machine's last start.

    Sources and objects are not synced to the disk: after a power cut one of them may be empty or older than its
    time stamp says, and nothing shows it. Once after each start everything is made anew, which costs a minute.
    """
    stamp, now = place / "boot-id", disk.boot_id().encode()
    if stamp.exists() and stamp.read_bytes() == now:
        return
    for old in ("objects", "tree"):
        disk.discard(place / old)
    disk.write(stamp, now)


def check_out(place: Workspace, commit: Commit) -> BrokenBuild | None:
    """Make the workspace's tree the commit's, to the file: what a build left beside it is removed.

    The removal costs 0.13 s on a kernel tree; without it one commit's Makefile could write a header that all
    later commits find. Return why there is no such tree, if that is the commit's own doing. Raises HostError.
    """
    try:
        if why := place.git.check_out(commit):
            return BrokenBuild(commit.id, f"git does not check it out: {why}")
        place.git.sweep()
    except HostError as error:
        if error.transient:
            # A lock in our own worktree, and git of ours runs one at a time: a killed one left it.
            place.git.break_own_locks()
        raise
    return None


def require_whole(place: Workspace, commit: Commit) -> None:
    """Raise HostError if the tree's files are not the commit's any more: make then failed by our machine's fault."""
    if place.git.lacks(commit):
        raise HostError(
            f"somebody changed the worktree {place.tree} while make ran",
            "leave it alone, then resume",
            transient=True,
        )
