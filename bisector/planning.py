"""What will a bisection take? A dry run: commits, kernels, boots, disk and time, before anything is built."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bisector import checkout, journal, opening, sessions
from bisector.claiming import STORE
from bisector.errors import HostError, UserError
from bisector.evidence import forecast
from bisector.evidence.forecast import Expected, Plan, Speeds
from bisector.evidence.rates import Tally, boots_for
from bisector.evidence.sequential import Rates
from bisector.host import trees
from bisector.host.repository import Repository
from bisector.known import Session
from bisector.model import Commit
from bisector.reuse.alike import Differing, Selection
from bisector.reuse.kin import LOOKED_AT
from bisector.reuse.store import Store, named
from bisector.settings import Settings
from bisector.steps import FROM_NOTHING

# Sessions from which speeds are taken, the newest first.
SESSIONS = 5
# Of a commit whether it can differ: it was not looked at.
_UNSEEN = 2


def plan(settings: Settings, repository: Repository, old: Commit, new: Commit, state: Path) -> Plan:
    """Return what this bisection will take, as far as that is known before it begins."""
    bases = repository.merge_bases(old, new)
    made = opening.recipe(settings)
    # A plan can be made where nothing can be written.
    with suppress(HostError):
        made = opening.tried(made)
    store = Store(state / STORE, named(made.identity()), settings.arch)
    at_hand, exact = (store.built_of(configured=also) if settings.store else frozenset() for also in (True, False))
    known = differing(repository, store, bases, new.id, settings.suspects)
    looked_at = known.looked_at
    # A byte for each commit, newest first: a whole kernel's history has 1.3 million.
    there, differ, suspected = bytearray(), bytearray(), bytearray()
    for commit in repository.between(bases, new.id):
        there.append(commit in at_hand)
        differ.append(looked_at.get(commit, _UNSEEN))
        suspected.append(commit in known.suspected)
    if len(looked_at) >= LOOKED_AT:
        # Too many for the search to know: it takes all alike.
        suspected = bytearray()
    steps, search = forecast.searched(_estimated(differ, looked_at)[::-1], there[::-1], suspected[::-1])
    risk = (1 - settings.confidence) / 4
    # Of the commit, of the new end without it, and of its parent.
    shown = Rates(Tally(0, settings.end_boots), Tally(settings.end_boots, 0))
    # Fewer than the confidence asks for are not the last ones.
    asked = settings.confirm_boots
    once, parent = (max(asked, boots_for(risk, rate)) for rate in (shown.new.at_least, shown.halfway))
    fresh = 2 * once + parent
    beside = len({old.id, new.id, *bases} - exact) + forecast.REVERTED
    on_top = Expected(search.median + beside, search.worst + beside)
    booted = forecast.boots(steps, settings.end_boots, fresh, len({*bases} - {old.id}))
    return Plan(
        old,
        new,
        len(there),
        tuple(bases),
        sum(looked_at.values()) if looked_at else None,
        len(looked_at),
        sum(there),
        Expected(on_top.median + forecast.CERTIFYING, on_top.worst + forecast.CERTIFYING),
        booted,
        _needs(repository, state, new, settings.ahead if settings.store else 0),
        shutil.disk_usage(_existing(state)).free,
        forecast.seconds(on_top, forecast.CERTIFYING, booted, measured(state, settings)),
        sum(suspected) if looked_at and suspected else None,
    )


def require_range(repository: Repository, old: Commit, new: Commit) -> None:
    """Refuse ends between which nothing can be searched. Raises UserError."""
    if repository.is_shallow():
        raise UserError(f"{repository.path} is a shallow clone: its history is cut", "git fetch --unshallow")
    if old.id == new.id:
        raise UserError(f"both ends are the commit {old.short}", "--old and --new must differ")
    bases = repository.merge_bases(old, new)
    if not bases:
        raise UserError(f"{old.short} and {new.short} have no common ancestor", "choose ends of one history")
    if bases == [new.id]:
        raise UserError(
            f"the new end {new.short} is in the history of the old end {old.short}",
            "swap --old and --new: old is the earlier commit, whichever of the two behaves well",
        )


def differing(
    repository: Repository, store: Store, olds: Sequence[str], new: str, suspects: Sequence[str]
) -> Differing:
    """Return of each commit but merges whether it can make another kernel than its parent; none if that is unknown.

    Known as soon as any kernel of this recipe was built: by what took part in that. Of a long range: of the newest.
    """
    if (parts := store.newest_parts()) is None:
        return Differing({}, frozenset())
    return Selection(parts, store.arch).differing(trees.touched(repository, olds, new, LOOKED_AT), suspects)


def _estimated(seen: Sequence[int], looked_at: Mapping[str, bool]) -> bytes:
    """Return of each commit whether it can differ: all, where that is unknown; those not looked at as the others."""
    if not looked_at:
        return bytes([1]) * len(seen)
    share = sum(looked_at.values()) / len(looked_at) if len(looked_at) >= LOOKED_AT else 0.0
    return bytes(
        int((place + 1) * share) > int(place * share) if one == _UNSEEN else one for place, one in enumerate(seen)
    )


def measured(state: Path, settings: Settings) -> Speeds:
    """Return the speeds of this state directory's newest sessions that built the same with the same programs."""
    builds: list[float] = []
    from_nothing: list[float] = []
    boots: list[float] = []
    for session in _like(state, settings):
        for step in session.steps:
            if step.seconds.build > 0 and step.kernel is not None:
                (from_nothing if step.purpose in FROM_NOTHING else builds).append(step.seconds.build)
            if step.observation is not None and not step.boot_of:
                boots.append(step.seconds.boot + step.seconds.probe)
    return Speeds(tuple(builds), tuple(from_nothing), tuple(boots))


def _machine(settings: Settings) -> tuple[object, ...]:
    """Return what makes builds and boots take as long as others."""
    machine = settings.repo, settings.arch, settings.accel, settings.llvm, settings.cross_compile
    return *machine, settings.fragment, settings.jobs, settings.ccache is None


def _like(state: Path, settings: Settings) -> Iterator[Session]:
    seen = 0
    for name in reversed(sessions.names(state)):
        try:
            began = journal.begun(sessions.home(state) / name)
            if began is None or _machine(began.settings) != _machine(settings):
                continue
            yield sessions.read(state, name)
        except (UserError, OSError):
            continue
        else:
            if (seen := seen + 1) >= SESSIONS:
                return


def _needs(repository: Repository, state: Path, commit: Commit, ahead: int) -> int:
    """Return the bytes that are still to be written: a work tree and objects, for each workspace that is lacking."""
    lacking = max(0, 1 + ahead - checkout.free(repository, state))
    return lacking * 2 * trees.size(repository, commit.id) if lacking else 0


def _existing(place: Path) -> Path:
    while not os.path.lexists(place):
        place = place.parent
    return place
