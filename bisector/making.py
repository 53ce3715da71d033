"""Which kernel does this commit make? One that the session keeps, or the store has, or that is built now."""

from __future__ import annotations

import functools
import time
from pathlib import Path

from bisector import build, checkout, keep, retrying, trust
from bisector.bench import Bench, Tell
from bisector.errors import HostError, Misinferred, Spoiled
from bisector.host import disk, trees
from bisector.model import BrokenBuild, Commit, Kernel
from bisector.reuse import alike


def made(
    bench: Bench, commit: Commit, tell: Tell, *, clean: bool, exact: bool
) -> tuple[Kernel | BrokenBuild, float, float]:
    """Return the commit's kernel, and the seconds for checkout and build: none if it was made before.

    `exact`: not one that was built of another commit. Raises Misinferred if such a one was booted and is not it.
    `clean`: from nothing. An incremental build that went wrong ends there, not in a name: builds are the same
    bit for bit, so whatever spoiled the objects (a clock that was set back, a power cut, another program in the
    directory) shows in the image.
    """
    before = bench.known.get(commit.id)

    def differs(one: Kernel | BrokenBuild | None) -> bool:
        return one is not None and before is not None and not keep.same(before, one)

    if isinstance(before, BrokenBuild) and not clean:
        return before, 0.0, 0.0
    made: Kernel | BrokenBuild | None = keep.kept(bench.kept(commit), commit.id, clean=clean)
    checked_out = built = 0.0
    if (isinstance(made, Kernel) and keep.inferred(made) and exact) or differs(made):
        # What differs was built to be compared, by a session that was stopped then: our own build tells.
        made = None
    elsewhere = isinstance(before, Kernel) and bool(keep.inferred(before))
    if made is None and before is not None and not clean and not elsewhere:
        bench.warn(f"the kernel that was kept of {commit.short} is gone or spoiled: it is made again")
    if made is None and bench.store is not None:
        listing = trees.listing(bench.workspace.git, commit.id)
        taken = functools.partial(bench.store.taken, commit.id, listing, bench.kept(commit), clean=clean, exact=exact)
        made = taken()
        if made is None and bench.ahead is not None:
            tell("building", 0)
            made = taken() if bench.ahead.awaited(commit.id, clean=clean) else None
        if differs(made):
            # Who of the two is wrong, our own build from nothing tells.
            made = None
    if made is None:
        made, checked_out, built = _make(bench, commit, tell, clean=clean, exact=exact)
        if clean and bench.alone and differs(made) and bench.recipe.ccache is not None:
            # An option may bring the sources' names into the kernel, and ccache names them otherwise.
            bench.alone = False
            made, *again = _make(bench, commit, tell, clean=clean, exact=exact)
            checked_out, built = checked_out + again[0], built + again[1]
        if bench.store is not None and isinstance(made, Kernel):
            bench.store.put(made, listing, clean=clean)
    if differs(made):
        if bench.ahead is not None:
            bench.ahead.close()
        trust.emptied(bench.workspace.objects)
        # Or another workspace's objects have it, and the store has it from there.
        mine = bench.workspace.objects
        trust.distrust(other for other in mine.parent.parent.glob("*/objects") if other != mine)
        if bench.store is not None:
            bench.store.forget()
        if isinstance(before, Kernel) and before.source:
            raise Misinferred(f"{commit.short} does not make the kernel of {before.source[:12]}, as it seemed")
        if isinstance(before, Kernel) and before.configured:
            raise Misinferred(f"{commit.short} is not configured as {before.configured[:12]} is, as it seemed")
        if (cache := bench.recipe.cache()) is not None:
            # It may be what spoiled them.
            for entry in cache.iterdir() if cache.is_dir() else ():
                disk.discard(entry)
        disk.discard(bench.kept(commit))
        how = "built from nothing" if clean else "built again"
        raise Spoiled(
            f"{commit.short} {how} is not the kernel that was built before",
            "something spoiled the objects or the kept kernel; they were thrown away: bisector start --new-session",
        )
    bench.known[commit.id] = made
    return made, checked_out, built


def _configured(bench: Bench, commit: Commit) -> Kernel | None:
    """Return a kernel whose configuration this commit has too: of all those of the session the last one."""
    for kernel in reversed(bench.known.values()):
        if isinstance(kernel, Kernel):
            if (parts := keep.took_part(kernel)) is None or not keep.kept(Path(kernel.image).parent, kernel.commit):
                return None
            try:
                changes = trees.changes(bench.workspace.git, kernel.commit, commit.id)
            except HostError:
                # One of our own commits, in a repository of ours that was thrown away.
                return None
            return None if alike.configuring(parts, changes, bench.recipe.architecture.name) else kernel
    return None


def _make(
    bench: Bench, commit: Commit, tell: Tell, *, clean: bool, exact: bool
) -> tuple[Kernel | BrokenBuild, float, float]:
    like = None if exact else _configured(bench, commit)
    objects = bench.workspace.objects.with_name("clean") if clean else bench.workspace.objects
    checked_out = began = 0.0

    def attempt() -> Kernel | BrokenBuild:
        # Both together: where somebody took the sources away from make, a new checkout helps and make alone does not.
        nonlocal checked_out, began
        started = time.monotonic()
        tell("checking out", 0)
        if clean:
            trust.emptied(objects)
        if why := trust.prepare(objects, bench.workspace.tree, bench.recipe.made_by()):
            bench.warn(f"the objects were thrown away: {why}")
        refused = checkout.check_out(bench.workspace, commit)
        checked_out, began = time.monotonic() - started, time.monotonic()
        if refused is not None:
            return refused
        tell("building", 0)
        return _built(bench, commit, tell, objects, clean=clean, like=like)

    try:
        made = retrying.calling(bench.warn, attempt)
        return made, checked_out, time.monotonic() - began
    finally:
        if clean:
            disk.discard(objects)


def _built(
    bench: Bench, commit: Commit, tell: Tell, objects: Path, *, clean: bool, like: Kernel | None
) -> Kernel | BrokenBuild:
    made = build.kernel(
        bench.recipe,
        commit,
        tree=bench.workspace.tree,
        objects=objects,
        into=bench.kept(commit),
        log=bench.build_log(commit),
        on_object=lambda count: tell("building", count),
        clean=clean,
        like=like,
        alone=bench.alone,
    )
    if isinstance(made, BrokenBuild):
        checkout.require_whole(bench.workspace, commit)
    return made
