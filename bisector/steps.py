"""Which steps has this session taken, and who takes the next one? The journal's steps, and those that it lacks."""

from __future__ import annotations

from collections.abc import Callable

from bisector import progress, step
from bisector.events import Asked, Concluded, Event, Measured, Searching, Tested
from bisector.host import stopping
from bisector.journal import Journal
from bisector.model import Commit, Purpose, Question, Step

Emit = Callable[[Event], None]
# What certifies is built from nothing: objects that were spoiled end there, not in an answer.
_FROM_NOTHING = (Purpose.CULPRIT, Purpose.PARENT, Purpose.REBUILT)


class Steps:
    """The steps of a session at work. `emit` is told every event, those of the journal after they are on the disk."""

    def __init__(self, journal: Journal, bench: step.Bench, emit: Emit) -> None:
        self.session = journal.session
        self.settings = journal.session.started.settings
        self.bench = bench
        self._journal, self._emit = journal, emit
        for known in self.session.steps:
            if made := known.kernel or known.broken:
                bench.known[known.commit.id] = made

    def tested(self, commit: Commit, purpose: Purpose, times: int, question: Question | None) -> list[Step]:
        """Return that many steps of the commit for this purpose, taking those that are not in the journal.

        A commit without a kernel is not tried again: the same source breaks the same way.
        """

        def done() -> list[Step]:
            return [taken for taken in self.session.steps if (taken.commit.id, taken.purpose) == (commit.id, purpose)]

        while len(done()) < times and not any(taken.broken for taken in done()):
            self.take(commit, purpose, question, clean=purpose in _FROM_NOTHING and not done())
        return done()

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
        taken = step.take(self.bench, commit, purpose, question, tell, clean=clean)
        self.record(Tested(step=taken))
        return taken

    def record(self, event: Tested | Measured | Asked | Searching | Concluded) -> None:
        """Put an event into the journal, and tell it."""
        # asyncio, below QEMU's monitor, keeps what is raised in its callbacks to itself.
        stopping.insist()
        self._emit(self._journal.append(event))
