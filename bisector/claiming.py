"""May bisector keep what it makes in this state directory? If so its directories are there, for its user alone."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from bisector.errors import UserError
from bisector.host import disk

SESSIONS, TESTS, WORKSPACES, STORE = "sessions", "tests", "workspaces", "kernels"
# That it is ours, also where somebody removed one of these.
_MARK = ".bisector"


def require_plain(state: Path) -> None:
    """Refuse a state directory that make or a shell would read as something else. Raises UserError.

    The kernel's Makefile takes neither spaces nor colons; make itself expands `$`, and cuts at `#`; its recipes put
    the path into shell lines.
    """
    if not re.fullmatch(r"[\w./+@,=~-]+", str(state)):
        raise UserError(
            f"the state directory {str(state)!r} has spaces or signs in its path that make does not take",
            "name one with --state whose path has letters, digits, and . / + @ , = ~ - _ only",
        )


def claim(state: Path) -> None:
    """Make what bisector keeps below a state directory, for nobody but its user: logs and journals tell much.

    Raises UserError if that cannot be its place: by its path, or because something of that name is there already,
    which is not a directory of the user's own or not of our making.
    """
    require_plain(state)
    if state.exists():
        # A link to the state directory is a person's choice; what lies in a stranger's, the stranger may exchange.
        _require_own(state, state.stat())
    # Whoever claims it at the same time leaves the mark first.
    others = [name for name in (TESTS, WORKSPACES, STORE) if os.path.lexists(state / name)]
    for name in others:
        _require_own(state / name, (state / name).lstat())
    with disk.writing(state):
        # An empty one may be another disk of the person's.
        others = [name for name in others if any((state / name).iterdir())]
    if others and not any((state / trace).exists() for trace in (SESSIONS, _MARK, "patrols", f"{STORE}/lock")):
        raise UserError(
            f"{state} has a directory {others[0]!r} that bisector did not make", "name another directory with --state"
        )
    with disk.writing(state):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        (state / _MARK).touch()
        for name in (SESSIONS, TESTS, WORKSPACES, STORE):
            place = state / name
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)
            _require_own(place, place.lstat())
            place.chmod(0o700)


def _require_own(place: Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UserError(
            f"{place} is no directory of yours, but a link, a file, or another user's",
            "move it away, or name another directory with --state",
        )
