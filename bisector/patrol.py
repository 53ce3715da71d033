"""What changed on a branch since it was last looked at? One pass: test the tip, and search what lies between.

What a patrol knows stands in one file, written whole after each thing that it learned: a pass that is killed, or
whose time is up, goes on in the next one where it was, and what was reported is not reported again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from bisector import api, branches, changes, opening, room
from bisector.branches import Beat, Passed, Reported, Tip
from bisector.changes import Interval
from bisector.claiming import claim
from bisector.errors import Held, HostError, Interrupted, UserError
from bisector.events import Event, Tested, now
from bisector.evidence import ends
from bisector.host import disk, messages
from bisector.host.repository import Repository
from bisector.known import Session
from bisector.model import Commit, Purpose
from bisector.report.sections import headline
from bisector.settings import Settings

OTHERS = "another bisector, compiler, linker or QEMU"
Emit = Callable[[Event], None]
Warn = Callable[[str], None]


def one_pass(
    settings: Settings,
    branch: str,
    *,
    state: Path,
    until: float | None,
    most: int | None,
    fetch: str,
    emit: Emit,
    warn: Warn,
    tell: Callable[[Passed], bool],
) -> Passed:
    """Look at the branch once. Raises UserError, HostError, Interrupted; what was learned is kept.

    `until`: on the monotonic clock; a step that was begun is ended all the same. `most`: bytes that all kept kernels
    may have after a step; what is over that is removed, and the pass ends where nothing is left that may go. `fetch`:
    the remote that is fetched before, "" for none. `tell`: told how the pass ended; what stands in it is not told
    again if it says that this was heard.
    """
    repository = Repository(Path(settings.repo))
    claim(state)
    with branches.held(state, repository, branch, settings) as (beat, path):
        if fetch:
            messages.fetch(repository, fetch)
        walk = _Pass(settings, repository, beat, path, state, until, most, emit, warn)
        walk.make_room()
        passed = walk.walked(repository.commit(branch))
        if tell(passed):
            walk.heard_of()
            try:
                walk.make_room()
            except HostError as error:
                # The next pass makes it first of all.
                warn(f"no room was made: {error.message}")
        return passed


class _Pass:
    """One pass at work."""

    def __init__(
        self, settings: Settings, repository: Repository, beat: Beat, path: Path, state: Path, until: float | None,
        most: int | None, emit: Emit, warn: Warn,
    ) -> None:  # fmt: skip
        self.settings, self.repository, self.beat, self.path, self.state = settings, repository, beat, path, state
        self._until, self._most, self._emit, self._warn = until, most, emit, warn
        # Who reads the boots of this pass, and what of it is used up.
        self._by, self._over = "", ""
        self._tested = False

    def walked(self, tip: Commit) -> Passed:
        beat, self._by = self.beat, branches.readers(self.settings)
        self._forget_what_is_gone()
        try:
            if beat.goal is None and (told := self._looked(tip)) is not None:
                return told
            while beat.left:
                # Not before it has taken any: each pass shall come further.
                if self._tested:
                    self._require_time()
                self._searched(beat.left[-1])
        except Interrupted:
            if not self._over:
                raise
            left = f"{len(beat.left)} searches are" if beat.goal is not None else "the tip is"
            at = beat.goal.commit if beat.goal is not None else tip
            return self.beat.passed(at, "goes-on", f"{self._over}; {left} left for the next pass")
        assert beat.goal is not None
        goal, beat.known, beat.goal = beat.goal, beat.goal, None
        self._save()
        return self.beat.passed(goal.commit, "unchanged", "")

    def heard_of(self) -> None:
        """Note that all that was found was told."""
        self.beat.reported = [dataclasses.replace(one, told=True) for one in self.beat.reported]
        self.beat.unnamed = []
        self._save()

    def _forget_what_is_gone(self) -> None:
        """Begin anew where commits that are known, or are searched, are in the repository no more.

        What was to be searched is, too, where others read the boots now: its ends need not show today what they did.
        """
        beat = self.beat
        if beat.goal is not None and beat.goal.by != self._by:
            self._warn(f"{OTHERS} began the searches up to {beat.goal.commit.short}: they are begun anew")
            beat.goal, beat.left = None, []
        wanted = [tip.commit for tip in (beat.known, beat.goal) if tip is not None]
        wanted += [commit for one in beat.left for commit in (one.old, one.new)]
        if (gone := branches.gone(self.repository, wanted)) is not None:
            self._warn(f"{gone.short}, which was known, is in the repository no more: the branch is looked at anew")
            beat.known, beat.goal, beat.left = None, None, []

    def _looked(self, tip: Commit) -> Passed | None:
        """Test the tip, and set the searches that it makes necessary; return how the pass ends, if there is none."""
        beat = self.beat
        if beat.known is not None and beat.known.commit.id == tip.id:
            return self.beat.passed(tip, "unchanged", "the tip is the same commit")
        if beat.known is not None and beat.known.by != self._by:
            self._look_again(beat.known.commit)
        seen, because = self._seen(tip)
        if seen is None:
            return self.beat.passed(tip, "untestable", because)
        if beat.known is None:
            beat.known = seen
            self._save()
            return self.beat.passed(tip, "first", "the next pass compares with it")
        differ = ends.differing([beat.known.shown], [seen.shown])
        if not differ:
            beat.known = seen
            self._save()
            return self.beat.passed(tip, "unchanged", "it behaves as before")
        old = branches.old_end(self.repository, beat.known.commit, tip, self._warn)
        before, after = beat.known.shown, seen.shown
        intervals = [
            Interval(old, tip, name, before.reading(name).outcome, after.reading(name).outcome) for name in differ
        ]
        # By the second: a name's last letters are drawn.
        beat.goal, beat.left, beat.since = seen, intervals[::-1], opening.new_name()[:-4]
        self._save()
        return None

    def _look_again(self, known: Commit) -> None:
        """See for ourselves what others saw: another word for the same thing is no commit's change."""
        self.beat.known, because = self._seen(known)
        if self.beat.known is None:
            self._warn(f"{known.short}, seen by {OTHERS}, cannot be tested ({because}): the branch is looked at anew")
        self._save()
        self._require_time()
        self._require_room()

    def _seen(self, commit: Commit) -> tuple[Tip | None, str]:
        """Return what one boot of a commit shows; None if it cannot be tested, and why."""
        [step] = api.test(self.settings, [commit.id], state=self.state, tell=lambda *_: None, warn=self._warn)
        self._emit(Tested(step=step, at=now()))
        self._tested = True
        # Of a step without a session: its kernel is in the store, and what it said is kept in the patrol's file.
        for log in step.logs[:1]:
            disk.remove(Path(log).parents[1])
        shown = step.observation
        if shown is None or shown.reading("boot").outcome.word != "OK":
            return None, step.because
        return Tip(commit, shown, self._by), ""

    def _searched(self, one: Interval) -> None:
        """Search an interval, unless what was found before explains it."""
        beat = self.beat
        why = branches.nothing_between(self.repository, one)
        if why or self._explained(one):
            beat.left.pop()
            if why:
                self._unnamed(one, why)
        else:
            session, made = self._session(one)
            beat.left.pop()
            beat.left += changes.intervals(made)
            if (found := changes.change(made)) is not None:
                change = (found.scenario, str(found.before), str(found.after))
                beat.report(Reported(found.commit, (change,), made.name, now(), found.others))
            else:
                self._keep(one, made)
                self._unnamed(one, session)
        self._save()

    def _unnamed(self, one: Interval, why: str) -> None:
        self.beat.unnamed.append(f"{one.scenario} from {one.before} to {one.after}: {why}")
        self.beat.turned = opening.new_name()[:-4]

    def _session(self, one: Interval) -> tuple[str, Session]:
        asked = dataclasses.replace(
            self.settings, scenario=one.scenario, old_outcome=str(one.before), new_outcome=str(one.after)
        )
        try:
            session, _ = api.start(
                asked, one.old.id, one.new.id, state=self.state, emit=self._heard, warn=self._warn,
                also=lambda session: session.name >= self.beat.since,
            )  # fmt: skip
        except Held as error:
            # As another branch's patrol, of the same commits.
            self._over = error.message
            raise Interrupted(self._over, "the next pass goes on") from error
        return headline(api.kept(session)), session

    def _heard(self, event: Event) -> None:
        self._emit(event)
        if isinstance(event, Tested):
            self._tested = True
            self._require_time()
            self._require_room()

    def _require_time(self) -> None:
        if self._until is not None and time.monotonic() > self._until:
            self._over = "the time of this pass is up"
            raise Interrupted(self._over, "the next pass goes on")

    def _require_room(self) -> None:
        if not self.make_room():
            self._over = "the disk of this pass is used up"
            raise Interrupted(self._over, "the next pass goes on")

    def make_room(self) -> bool:
        """Remove kernels that are over the bound; tell whether there is room for one more."""
        return self._most is None or room.enough(self.state, self._most, self._warn)

    def _explained(self, one: Interval) -> bool:
        """Tell whether a commit that was found for this goal was seen to make this change too, in its fresh boots."""
        beat = self.beat
        for told in beat.reported:
            if told.session < beat.since:
                continue
            try:
                explains = changes.explains(api.read(told.session, state=self.state), one)
            except UserError:
                # Its directory is gone, or what is in it: what it saw is not known any more, and is searched.
                continue
            if explains:
                beat.made_too(told, one)
                return True
        return False

    def _keep(self, one: Interval, session: Session) -> None:
        """Go on from what a session saw of the tip; if that is not steady, from what was known before.

        The tip's one boot may have been by chance; and where the change is real, the next tip is compared with it. A
        change below another one says nothing of the tip.
        """
        if (goal := self.beat.goal) is None or one.new.id != goal.commit.id:
            return
        seen = changes.steady(session, Purpose.NEW_END, one.scenario) or one.before
        self.beat.goal = goal.but(one.scenario, seen)

    def _save(self) -> None:
        disk.write(self.path, self.beat.encoded())
