"""Is this kernel there already? All sessions' kernels, found by what went into them.

A kernel lies at `<recipe>/<key>`: the recipe is how it was made (words, options, programs), the key is what of its
commit took part (`alike.Selection.key`). So a commit that was never built finds the kernel of one that differs from
it in nothing that matters, in any session and any history. What certifies an answer is no such inference: it takes
from here only what was built from nothing, of that very commit.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bisector import keep
from bisector.errors import HostError
from bisector.host import disk
from bisector.model import Kernel, Observation, Transcript
from bisector.reuse import boots
from bisector.reuse.alike import Selection
from bisector.reuse.parts import Parts

# Bytes that all kernels together may have: one of the tiny kernel has 5 MB with all that is kept beside it.
MOST = 4 << 30
# Kernels of other commits that are looked at, the last used first: 3 ms each.
LOOKED_AT = 200
# Seconds that we wait for another session to come out of the store; then we build.
PATIENCE = 10.0
# Beside a kernel: what was read of its commit, to know most of the others at a glance.
_READ = "read.sha256"
# And a note for each commit of which this kernel, bit for bit, was built: on top of which objects.
_BUILT_OF, _FROM_NOTHING = "built-of-", "nothing"
_THERE, _CONFIGURED = "objects that were there", "objects and a configuration that were there"


@dataclass(frozen=True, slots=True)
class Store:
    """The kernels below `home` that one recipe made. `recipe`: what tells it from others, hex. `arch`: as in make."""

    home: Path
    recipe: str
    arch: str

    def taken(
        self, commit: str, listing: Mapping[str, str], into: Path, *, clean: bool, exact: bool = False
    ) -> Kernel | None:
        """Copy the commit's kernel to `into`, for a session to keep; None if there is none, or none that is whole.

        `exact`: only one of this very commit; `clean`: only such a one that was built from nothing. Raises HostError
        if it cannot be written.
        """
        with self._locked(fcntl.LOCK_SH) as ours:
            for entry in self._likely(commit, exact=exact) if ours else ():
                made, how = keep.manifested(entry), _told(entry / f"{_BUILT_OF}{commit}")
                if made is None or (clean and how != _FROM_NOTHING) or (exact and how not in (_FROM_NOTHING, _THERE)):
                    continue
                if (how or self._same(entry, made, listing)) and keep.kept(entry, made.commit) is not None:
                    kernel = keep.moved(made, into, commit, "" if how else made.commit)
                    if how in (_FROM_NOTHING, _THERE):
                        kernel = replace(kernel, configured="")
                    elif how == _CONFIGURED:
                        kernel = replace(kernel, configured=made.configured or made.commit)
                    keep.keep(kernel, keep.files(entry), clean=clean, parts=keep.took_part(made))
                    with suppress(OSError):
                        # The least recently used goes first.
                        os.utime(entry / keep.MANIFEST)
                    return keep.kept(into, commit, clean=clean)
        return None

    def put(self, kernel: Kernel, listing: Mapping[str, str], *, clean: bool) -> None:
        """Keep a session's kernel for all others. What cannot be kept is no failure: it is built again."""
        if (parts := keep.took_part(kernel)) is None:
            return
        selection = Selection(parts, self.arch)
        entry = self._recipe() / selection.key(listing)
        with suppress(HostError, OSError), self._locked(fcntl.LOCK_EX) as ours:
            if not ours:
                return
            before = keep.manifested(entry)
            same = before is not None and keep.same(before, kernel) and _told(entry / _READ)
            if before is None or not same or keep.kept(entry, before.commit) is None:
                made = keep.moved(kernel, entry, kernel.commit)
                keep.keep(made, keep.files(Path(kernel.image).parent), clean=clean, parts=parts)
                disk.write(entry / _READ, selection.read(listing).encode())
            note = entry / f"{_BUILT_OF}{kernel.commit}"
            if clean or _told(note) in ("", _CONFIGURED):
                told = _FROM_NOTHING if clean else _CONFIGURED if kernel.configured else _THERE
                disk.write(note, told.encode())
        with suppress(HostError, OSError), self._locked(fcntl.LOCK_EX) as ours:
            # Also what a full disk left unfinished above.
            if ours:
                shrink(self.home, MOST)

    def said(self, kernel: Kernel, machine: str) -> boots.Said | None:
        """Return what a boot of this image on that machine said, None if there was none that was always the same."""
        with suppress(HostError), self._locked(fcntl.LOCK_SH) as ours:
            found = [boots.kept(entry, machine) for entry in self._of_image(kernel)] if ours else []
            if all(said is not None and not said.unsteady for said in found):
                return found[0] if found else None
        return None

    def hear(self, kernel: Kernel, machine: str, of: str, transcript: Transcript, shown: Observation) -> None:
        """Keep what a boot of a session's kernel said, beside that kernel. What cannot be kept is no failure."""
        with suppress(HostError, OSError), self._locked(fcntl.LOCK_EX) as ours:
            for entry in self._of_image(kernel) if ours else ():
                boots.keep(entry, machine, of, transcript, shown)

    def _of_image(self, kernel: Kernel) -> list[Path]:
        """Return where this very image is kept, of the commit that it was built of."""
        likely = self._likely(kernel.source or kernel.commit, exact=True)
        made = ((entry, keep.manifested(entry)) for entry in likely)
        return [entry for entry, one in made if one is not None and one.digest == kernel.digest]

    def forget(self) -> None:
        """Remove all kernels of this recipe: one of them was not what its commit makes."""
        with self._locked(fcntl.LOCK_EX) as ours:
            if ours:
                disk.discard(self._recipe())

    def built_of(self, *, configured: bool = True) -> frozenset[str]:
        """Return the commits whose kernels are there, each built of that very commit.

        `configured`: also where another commit's configuration was put back for that.
        """
        with suppress(OSError):  # another session may be removing some of them
            notes = self._recipe().glob(f"*/{_BUILT_OF}*")
            there = (note for note in notes if configured or _told(note) != _CONFIGURED)
            return frozenset(note.name.removeprefix(_BUILT_OF) for note in there)
        return frozenset()

    def newest_parts(self) -> Parts | None:
        """Return what took part in the build of the kernel that was used last; None if there is none."""
        for entry in self._entries():
            if (made := keep.manifested(entry)) is not None and (parts := keep.took_part(made)) is not None:
                return parts
        return None

    def _recipe(self) -> Path:
        return self.home / self.recipe

    def _likely(self, commit: str, *, exact: bool) -> list[Path]:
        """Return where the commit's kernel may be: what was built of it, and then the last used of the others."""
        own = [note.parent for note in self._recipe().glob(f"*/{_BUILT_OF}{commit}")]
        return own if exact else [*own, *(entry for entry in self._entries()[:LOOKED_AT] if entry not in own)]

    def _entries(self) -> list[Path]:
        """Return this recipe's kernels, the last used first."""
        return [entry for _, entry in sorted(_used(self._recipe()), reverse=True)]

    def _same(self, entry: Path, made: Kernel, listing: Mapping[str, str]) -> bool:
        """Tell whether the commit of this listing makes that kernel, by the files that took part."""
        if (parts := keep.took_part(made)) is None:
            return False
        selection = Selection(parts, self.arch)
        return selection.read(listing) == _told(entry / _READ) and selection.key(listing) == entry.name

    @contextmanager
    def _locked(self, how: int) -> Iterator[bool]:
        """Hold the store, and say whether it could be held. Raises HostError if it cannot be written."""
        with locked(self.home, how) as there:
            yield there


@contextmanager
def locked(home: Path, how: int = fcntl.LOCK_EX) -> Iterator[bool]:
    """Hold the whole store; say False if somebody else held it all the time. Raises HostError."""
    with disk.writing(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / "lock").open("a")
    with lock:
        yield disk.locked(lock, PATIENCE, how)


def make_room(home: Path, most: int) -> tuple[int, int, int]:
    """Do as `shrink` does, holding the store. Raises HostError if somebody else holds it all the time."""
    with locked(home) as ours:
        if not ours:
            raise HostError(f"another bisector has held {home} for {PATIENCE:.0f} seconds", "try it again")
        return shrink(home, most)


def shrink(home: Path, most: int) -> tuple[int, int, int]:
    """Remove the least recently used kernels until the others have no more than `most` bytes; hold the store.

    Return how many were removed, how many are left, and the bytes of these.
    """
    kernels = sorted((used, entry) for recipe in home.glob("*/") for used, entry in _used(recipe))
    sizes = {entry: disk.size(entry) for _, entry in kernels}
    left, removed = sum(sizes.values()), 0
    for _, entry in kernels:
        if left <= most:
            break
        disk.discard(entry)
        left, removed = left - sizes[entry], removed + 1
    for unfinished in [
        *home.glob("*/*.part"),
        *home.glob("*/*/*.part"),
        *home.glob("*/*.gone"),
        *home.glob("*.gone"),
    ]:
        disk.remove(unfinished)
    return removed, len(kernels) - removed, left


def _used(recipe: Path) -> Iterator[tuple[float, Path]]:
    """Yield every kernel of a recipe, and when it was used last."""
    for entry in recipe.glob("*/"):
        with suppress(OSError):
            yield (entry / keep.MANIFEST).stat().st_mtime, entry


def _told(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def named(words: Mapping[str, object]) -> str:
    """Return a recipe's name from all that decides what it makes."""
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:32]
