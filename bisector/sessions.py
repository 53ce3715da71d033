"""Which sessions are there, and which one is meant?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import platformdirs

from bisector import journal
from bisector.claiming import SESSIONS
from bisector.errors import UserError
from bisector.events import SCHEMA, Started
from bisector.known import Session

# The last file that a session writes.
LAST_REPORT = "report.json"
# In a session's directory while searches that follow from its answer are not all at their end.
FOLLOWED = "followed"


def usual() -> Path:
    """Return the state directory that is the usual one on this platform."""
    return Path(platformdirs.user_state_dir("bisector"))


def home(state: Path) -> Path:
    """Return the directory of the sessions."""
    return state / SESSIONS


def names(state: Path) -> list[str]:
    """Return all sessions' names, the newest last."""
    place = home(state)
    return sorted(path.parent.name for path in place.glob(f"[!.]*/{journal.NAME}")) if place.is_dir() else []


def read(state: Path, prefix: str | None) -> Session:
    """Read the session with this unique prefix, or the newest. Raises UserError."""
    known = _names(state)
    if prefix is None:
        return journal.read(home(state) / known[-1])
    fitting = [name for name in known if name == prefix] or [name for name in known if name.startswith(prefix)]
    if len(fitting) != 1:
        what = "fits no session" if not fitting else f"fits {len(fitting)} sessions"
        raise UserError(f"{prefix!r} {what}", "bisector list shows their names")
    return journal.read(home(state) / fitting[0])


def to_resume(state: Path, prefix: str | None, warn: Callable[[str], None]) -> Session:
    """Read the session with this unique prefix; without one the newest that has no answer, or else the newest.

    One that cannot be read is told and left alone; if all are such, the newest one's UserError is raised.
    """
    if prefix is not None:
        return read(state, prefix)
    readable, failures = [], []
    for name in reversed(_names(state)):
        try:
            readable.append(journal.read(home(state) / name))
        except UserError as error:
            failures.append(error)
            warn(f"session {name} is left alone: {error.message}")
            continue
        if readable[-1].conclusion is None and not readable[-1].lost:
            return readable[-1]
    if not readable:
        raise failures[0]
    return readable[0]


def unfinished(
    state: Path,
    wanted: Started,
    warn: Callable[[str], None],
    also: Callable[[Session], bool] = lambda _: False,
) -> Session | None:
    """Return the newest session that this very start would repeat and that has no answer yet, or no report of it.

    `also`: tells which with an answer count, because something bigger than they is not at its end.
    """
    for name in reversed(names(state)):
        began = journal.begun(home(state) / name)
        if began is None or _question(began) != _question(wanted):
            continue
        try:
            found = journal.read(home(state) / name)
        except UserError as error:
            warn(f"session {name} is left alone: {error.message}")
            continue
        if found.conclusion is not None and (found.directory / LAST_REPORT).exists() and not also(found):
            continue
        if why := changed(began, wanted.versions):
            warn(f"session {name} is left alone: {why}")
            continue
        if found.lost:
            warn(f"session {name} is left alone: something spoiled its kernels")
            continue
        return found
    return None


def changed(started: Started, now: dict[str, str]) -> str:
    """Say what is not as it was, "" if all is: with another compiler two halves of a search are not comparable."""
    if started.schema != SCHEMA:
        age = "an older" if started.schema < SCHEMA else "a newer"
        return f"session {started.session} was written by {age} bisector ({started.bisector})"
    for name in ("compiler", "linker", "qemu", "probe"):
        if now[name] != (before := started.versions.get(name)):
            return f"the {name} is now {now[name]}, the session began with {before}"
    return ""


def _question(started: Started) -> tuple[object, ...]:
    """Return what makes two starts the same: not what the machine decides, whose memory differs by pages each day.

    What a person said of it counts, by `Settings.given`.
    """
    decided = ("jobs", "ahead", "build_memory", "ccache", "sandbox", "suspects")
    settings = {key: value for key, value in asdict(started.settings).items() if key not in decided}
    return started.old.id, started.new.id, settings


def _names(state: Path) -> list[str]:
    if found := names(state):
        return found
    raise UserError(f"there is no session in {state}", "bisector start makes one; --state names the directory")
