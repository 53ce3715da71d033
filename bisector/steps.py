"""Which steps has this session taken, and who takes the next one? The journal's steps, and those that it lacks."""

from __future__ import annotations

from collections.abc import Callable

from bisector import keep, progress, step, verdict
from bisector.bench import Bench
from bisector.events import Distrusted, Event, Judged, Recorded, Tested
from bisector.evidence.rates import Tally
from bisector.host import stopping
from bisector.journal import Journal
from bisector.model import Commit, Kernel, Purpose, Question, Step, Verdict

Emit = Callable[[Event], None]
# `step.take`, or what simulates it.
Take = Callable[..., Step]
# Commits of our own, which are not in the history.
_OF_OURS = (Purpose.REVERTED, Purpose.PAIR)
# What certifies is built from nothing: objects that were spoiled end there, not in an answer.
FROM_NOTHING = (Purpose.CULPRIT, Purpose.PARENT, Purpose.REBUILT)


class Steps:
    """The steps of a session at work. `emit` is told every event, those of the journal after they are on the disk."""

    def __init__(self, journal: Journal, bench: Bench, emit: Emit, take: Take = step.take) -> None:
        self.session = journal.session
        self.settings = journal.session.started.settings
        self.bench = bench
        self._journal, self._emit, self._take = journal, emit, take
        # The session's steps by their commit, in order.
        self._of: dict[str, list[Step]] = {}
        self._sort()
        bench.known |= {
            known.commit.id: made for known in self.session.steps if (made := known.kernel or known.broken)
        }

    def _sort(self) -> None:
        self._of.clear()
        for known in self.session.steps:
            self._of.setdefault(known.commit.id, []).append(known)

    def marked(self) -> dict[str, Verdict]:
        """Return what a person said of commits."""
        return {commit: mark.verdict for commit, mark in self.session.marks.items()}

    def of(self, commit: str) -> list[Step]:
        """Return the steps of a commit, whatever they were taken for, in order."""
        return self._of.get(commit, [])

    def of_kernel(self, commit: str) -> list[Step]:
        """Return the steps of a commit, or of the one whose kernel it was found to make."""
        kin = self.session.inherited.get(commit)
        return self.of(commit) or (self.of(kin.source.id) if kin else [])

    def tested_commits(self) -> list[str]:
        """Return the ids of the history's commits with a step, the first first; not those that we made."""
        return [commit for commit, steps in self._of.items() if steps[0].purpose not in _OF_OURS]

    def tested(self, commit: Commit, purpose: Purpose, times: int, question: Question | None) -> list[Step]:
        """Return that many steps of the commit for this purpose, taking those that are not in the journal.

        A commit without a kernel is not tried again: the same source breaks the same way.
        """

        def done() -> list[Step]:
            return [taken for taken in self.of(commit.id) if taken.purpose is purpose]

        while (left := times - len(done())) > 0 and not any(taken.broken for taken in done()):
            if done():
                self.more(commit, purpose, left, question)
            else:
                self.take(commit, purpose, question, clean=purpose in FROM_NOTHING)
        return done()

    def more(
        self, commit: Commit, purpose: Purpose, times: int, question: Question | None, left: int | None = None
    ) -> None:
        """Boot a commit that was booted before so many times more, side by side where that can be."""
        clean = purpose in FROM_NOTHING
        while times > 0:
            if (beside := min(times, self.bench.abreast)) > 1:
                tell = progress.teller(self.session, commit, purpose, left, self._emit)
                for taken in step.together(self.bench, commit, purpose, question, tell, beside, clean=clean):
                    self.record(Tested(step=taken))
            else:
                self.take(commit, purpose, question, left, clean=clean)
            times -= beside

    def tallies(self, question: Question) -> dict[str, Tally]:
        """Return the readings of every commit of the history, whatever it was booted for, of boots of its own."""
        return {
            commit: Tally.of(self.said(taken, question) for taken in self.of(commit) if not taken.boot_of)
            for commit in self.tested_commits()
        }

    def said(self, taken: Step, question: Question) -> Verdict | None:
        """Return what a step says to the question, also an end's, which was booted before there was one."""
        if taken.verdict is None and taken.observation is not None:
            return verdict.judge(taken.observation, question, self.bench.table)[0]
        return taken.verdict

    def take(
        self,
        commit: Commit,
        purpose: Purpose,
        question: Question | None,
        left: int | None = None,
        *,
        clean: bool = False,
    ) -> Step:
        """Take one step and put it into the journal. `left`: the commits left to git's search."""
        tell = progress.teller(self.session, commit, purpose, left, self._emit)
        taken = self._take(self.bench, commit, purpose, question, tell, clean=clean)
        self.record(Tested(step=taken))
        return taken

    def record(self, event: Recorded) -> None:
        """Put an event into the journal, and tell it."""
        # asyncio, below QEMU's monitor, keeps what is raised in its callbacks to itself.
        stopping.insist()
        self._emit(self._journal.append(event))
        if isinstance(event, Tested):
            self._of.setdefault(event.step.commit.id, []).append(event.step)
        elif isinstance(event, Judged):
            self._sort()
        elif isinstance(event, Distrusted):
            self._sort()
            self.bench.inferring = False
            for commit, made in list(self.bench.known.items()):
                if isinstance(made, Kernel) and keep.inferred(made):
                    del self.bench.known[commit]
