"""How much disk do kept kernels take below a state directory, and which of them may go?

Those of commits that were tested without a session go first, then those of sessions at their end, the oldest one's
before the others: the next session can use shared ones only. A session keeps its journal, consoles and reports, and
the kernels of the commit that it found and of its parents: what a person boots again. Then shared ones go, the least
recently used before the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from bisector import journal, keep, sessions
from bisector.claiming import STORE, TESTS
from bisector.errors import UserError
from bisector.host import disk
from bisector.model import Purpose
from bisector.reuse import store

_EDGE = (Purpose.CULPRIT, Purpose.PARENT)


def taken(state: Path) -> int:
    """Return the bytes of all kernels, shared and not."""
    return sum(map(disk.size, (*_shared(state), *_of_their_own(state))))


def make(state: Path, most: int, warn: Callable[[str], None]) -> tuple[int, int, int]:
    """Remove kernels until all have no more than `most` bytes, or nothing is left that may go.

    Return how many were removed, how many are left, and the bytes of these. Raises HostError.
    """
    removed, left = 0, taken(state)
    for kernel in _spare(state, warn) if left > most else ():
        left -= disk.size(kernel)
        disk.discard(kernel)
        removed += 1
        if left <= most:
            break
    own = _of_their_own(state)
    size = sum(map(disk.size, own))
    gone, shared, more = store.make_room(state / STORE, max(0, most - size))
    return removed + gone, len(own) + shared, size + more


def enough(state: Path, most: int, warn: Callable[[str], None]) -> bool:
    """Make room where it is needed; tell whether that could be done, and warn of what is in the way."""
    if taken(state) <= most:
        return True
    _, left, size = make(state, most, warn)
    if size > most:
        homes = [sessions.home(state) / name for name in sessions.names(state)]
        names = [home.name for home in homes if not (home / sessions.LAST_REPORT).exists() and _kept(home)]
        warn(
            f"{left} kernels that must not go have {size / (1 << 30):.1f} GiB, more than they may; resume the "
            f"sessions without an answer, or delete their directories: {', '.join(names) or 'there are none'}"
        )
    return size <= most


def _spare(state: Path, warn: Callable[[str], None]) -> Iterator[Path]:
    """Yield the kernels of tests at their end, and those that sessions at theirs can do without, the oldest first."""
    for directory in _tests(state):
        with suppress(UserError), journal.held(directory):
            try:
                yield from _kept(directory)
            finally:
                if not _kept(directory):
                    # With the logs that lie beside them.
                    disk.discard(directory)
    for name in sessions.names(state):
        directory = sessions.home(state) / name
        if not ((directory / sessions.LAST_REPORT).exists() or _lost(directory)):
            continue
        try:
            with journal.held(directory):
                session = journal.read(directory)
                if session.lost:
                    yield from _kept(directory)
                # A word of a person's, or more boots, may have opened it again.
                if session.conclusion is None or (directory / sessions.FOLLOWED).exists():
                    continue
                wanted = {step.commit.short for purpose in _EDGE for step in session.of_edge(purpose)}
                yield from (kernel for kernel in _kept(directory) if kernel.name not in wanted)
        except UserError as error:
            warn(f"the kernels of session {name} are left alone: {error.message}")


def _lost(directory: Path) -> bool:
    """Tell whether a session has no report and never will; read without holding it, for it may be at work."""
    with suppress(UserError):
        return journal.read(directory).lost
    return False


def _shared(state: Path) -> list[Path]:
    return _directories(state / STORE, "*/*/")


def _of_their_own(state: Path) -> list[Path]:
    homes = [sessions.home(state) / name for name in sessions.names(state)]
    return [kernel for home in (*_tests(state), *homes) for kernel in _kept(home)]


def _tests(state: Path) -> list[Path]:
    return [directory for directory in _directories(state / TESTS, "*/") if _kept(directory)]


def _kept(directory: Path) -> list[Path]:
    # With a manifest of ours: whoever names the wrong state directory loses nothing there.
    return [kernel for kernel in _directories(directory / "kernels", "*/") if (kernel / keep.MANIFEST).is_file()]


def _directories(place: Path, pattern: str) -> list[Path]:
    # Not those that somebody else is writing or removing just now.
    return sorted(path for path in place.glob(pattern) if path.suffix not in (".part", ".gone"))
