"""One bisection: test both ends, ask, search, confirm, finish; the same road when it is resumed.

Every part looks into the journal first and does only what is not there yet, so going on after a Ctrl-C, a
crash or a failure of our machine is nothing but walking the road again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bisector import progress, step
from bisector.errors import HostError, UserError
from bisector.events import Asked, Concluded, Event, Measured, Searching, Tested
from bisector.evidence import confirm, ends, limits
from bisector.host import stopping
from bisector.host.repository import Repository
from bisector.host.worktree import Worktree
from bisector.journal import Journal
from bisector.model import Commit, Conclusion, Kind, Observation, Outcome, Purpose, Question, Step, Verdict
from bisector.search import gitrun

Emit = Callable[[Event], None]


class Bisection:
    """A session at work. `emit` is told every event, those of the journal after they are on the disk."""

    def __init__(self, journal: Journal, repository: Repository, bench: step.Bench, emit: Emit) -> None:
        self.journal = journal
        self.session = journal.session
        self.settings = journal.session.started.settings
        self.repository = repository
        self.bench = bench
        self.emit = emit
        for known in self.session.steps:
            if made := known.kernel or known.broken:
                bench.known[known.commit.id] = made

    def proceed(self) -> Conclusion:
        """Walk the road to its end. Raises HostError and Interrupted; the session can then be resumed."""
        if self.session.conclusion is not None:
            return self.session.conclusion
        conclusion = self._conclusion()
        self._record(Concluded(conclusion=conclusion))
        return conclusion

    def _conclusion(self) -> Conclusion:
        question = self._question()
        if isinstance(question, Conclusion) and self._sure(self._ends(), None):
            question = self._question()
        if isinstance(question, Conclusion):
            return question
        olds = self._olds(question)
        if isinstance(olds, Conclusion):
            return olds
        candidates = self._search(question, olds)
        if len(candidates) > 1:
            return self._among(question, candidates)
        return self._confirmed(question, self.repository.read(candidates[0]))

    # -- the ends --------------------------------------------------------------------------------------

    def _question(self) -> Question | Conclusion:
        """Test both ends and let them, or the person, say what is asked."""
        settings = self.settings
        steps = {}
        for purpose in (Purpose.OLD_END, Purpose.NEW_END):
            steps[purpose] = self._end(purpose, settings.end_boots)
            if steps[purpose][0].broken is not None:
                return Conclusion(
                    Kind.ENDS_UNFIT,
                    f"the {purpose.value.replace('-', ' ')} makes no kernel: {steps[purpose][0].because}",
                )
        self._measure()
        if self.session.question is not None:
            return self.session.question
        old, new = (self._as_searched(purpose, steps[purpose]) for purpose in steps)
        asked = ends.question(
            old,
            new,
            settings.scenario,
            Outcome.parse(settings.old_outcome) if settings.old_outcome else None,
            Outcome.parse(settings.new_outcome) if settings.new_outcome else None,
            settings.on,
        )
        if isinstance(asked, Question):
            self._record(Asked(question=asked, differing=ends.differing(old, new)))
        return asked

    def _end(self, purpose: Purpose, times: int) -> list[Step]:
        end = self.session.started.old if purpose is Purpose.OLD_END else self.session.started.new
        return self._tested(end, purpose, times, None)[:times]

    def _as_searched(self, purpose: Purpose, steps: Sequence[Step]) -> list[Observation]:
        """Return what an end's boots showed, under the limits of the search.

        A boot that was given up under other limits may be given up otherwise (silent, not overdue) under these, and
        no commit of the search would ever show what the end did: such an end is booted as many times more.
        """
        unmeasured = limits.with_given(limits.UNMEASURED, self.settings.limits)
        if self.bench.limits != unmeasured and any(taken.spans is None for taken in steps):
            steps = self._end(purpose, 2 * len(steps))[len(steps) :]
        return [taken.observation for taken in steps if taken.observation is not None]

    def _measure(self) -> None:
        """Take the limits of all later boots from what the ends' own boots needed."""
        if self.session.measured is None:
            spans = [taken.spans for taken in self.session.steps if taken.spans is not None]
            taken_from = limits.measured(spans, self.settings.limits)
            self._record(Measured(limits=taken_from, boots=len(spans)))
        if self.session.measured is not None:
            self.bench.limits = self.session.measured.limits

    def _olds(self, question: Question) -> tuple[str, ...] | Conclusion:
        """Return the tested commits that bound the search from below.

        Where the old end is no ancestor of the new one git would test the merge bases, and with two of them
        end in "success" without a search. So we test them all, and git then gets the bases instead.
        """
        old, new = self.session.started.old, self.session.started.new
        bases = self.repository.merge_bases(old, new)
        if bases == [old.id]:
            return (old.id,)
        for base in map(self.repository.read, bases):
            told = ends.merge_base(base, self._tested(base, Purpose.MERGE_BASE, 1, question))
            if told is not None and self._sure([(base, Purpose.MERGE_BASE, 1)], question):
                told = ends.merge_base(base, self._tested(base, Purpose.MERGE_BASE, 1, question))
            if told is not None:
                return told
        return tuple(bases)

    def _ends(self) -> list[tuple[Commit, Purpose, int]]:
        """Return the ends that were tested, or the one that makes no kernel, with the boots that each gets."""
        started, boots = self.session.started, self.settings.end_boots
        ends = [(started.old, Purpose.OLD_END, boots), (started.new, Purpose.NEW_END, boots)]
        broken = {taken.purpose for taken in self.session.steps if taken.broken}
        return [end for end in ends if end[1] in broken] or ends

    def _sure(self, commits: Sequence[tuple[Commit, Purpose, int]], question: Question | None) -> bool:
        """Test each once more, built from nothing, if that was not done yet; return whether there is a new boot.

        An answer that names no commit has no certification. Objects that another commit's build has spoiled, or a
        poisoned cache, must not forge it: a kernel that comes out otherwise raises HostError.
        """
        new = False
        for commit, purpose, times in commits:
            steps = self._tested(commit, purpose, times, question)
            if len(steps) <= (1 if steps[0].broken else times):
                self._take(commit, purpose, question, clean=True)
                new = True
        return new

    # -- the search ------------------------------------------------------------------------------------

    def _search(self, question: Question, olds: tuple[str, ...]) -> list[str]:
        """Let git search; return the commits that are left: one, or those that untestable ones hide."""
        within = self.repository.between(olds, self.session.started.new.id)
        self._require_within(within)
        if self.session.searching is None:
            self._record(Searching(commits=len(within), olds=olds))
        # A git or a child of it that was killed: begun again, and told what the journal knows.
        return step.retrying(self.bench.warn, lambda: self._searched(question, olds))

    def _searched(self, question: Question, olds: tuple[str, ...]) -> list[str]:
        tree, new = self.bench.workspace.git, self.session.started.new.id
        tree.start_bisection(olds, new)
        for commit, found in self._marks().items():
            tree.mark(commit, found)
        if self._open(tree, olds):
            log = self.bench.directory / "logs" / "git-bisect.log"
            gitrun.run(tree, lambda commit: self._answer(commit, question, olds), log)
        journal = self._marks() | dict.fromkeys(olds, Verdict.OLD) | {new: Verdict.NEW}
        gitrun.reconcile(tree, journal)
        if untested := self._open(tree, olds):
            raise HostError(f"git ended its search, but {len(untested)} commits were not tested")
        candidates = gitrun.left(tree, olds, tree.marks())
        tree.end_bisection()
        return candidates

    def _open(self, tree: Worktree, olds: Sequence[str]) -> list[str]:
        """Return the candidates that nobody tested yet."""
        marks = tree.marks()
        return [commit for commit in gitrun.left(tree, olds, marks) if commit not in marks]

    def _marks(self) -> dict[str, Verdict]:
        """Return the search's verdicts so far, in order."""
        marks: dict[str, Verdict] = {}
        for taken in self.session.steps:
            if taken.purpose is Purpose.SEARCH and taken.verdict is not None:
                before = marks.setdefault(taken.commit.id, taken.verdict)
                if before is not taken.verdict:
                    raise UserError(
                        f"the journal has {taken.commit.short} both as {before.value} and as {taken.verdict.value}",
                        "somebody changed it: start a new session",
                    )
        return marks

    def _require_within(self, candidates: Sequence[str]) -> None:
        """Refuse a journal with verdicts on commits that this search could not ask for. Raises UserError."""
        if strange := self._marks().keys() - set(candidates):
            raise UserError(
                f"the journal has a verdict on {min(strange)[:12]}, which is not between the ends",
                "somebody changed it: start a new session",
            )

    def _answer(self, commit_id: str, question: Question, olds: Sequence[str]) -> Verdict:
        """Test the commit that git's child asks for."""
        left = len(self._open(self.bench.workspace.git, olds))
        taken = self._take(self.repository.commit(commit_id), Purpose.SEARCH, question, left)
        assert taken.verdict is not None
        return taken.verdict

    def _among(self, question: Question, candidates: Sequence[str]) -> Conclusion:
        """Confirm the edges of the set: its first new commit, and the old ones that it grows from."""
        reasons = {taken.commit.id: taken.because for taken in self.session.steps if taken.purpose is Purpose.SEARCH}
        # rev-list gives the newest first, and that is the one marked new: all others are its ancestors.
        first, *others = map(self.repository.read, candidates)
        below = {parent for commit in (first, *others) for parent in commit.parents} - set(candidates)
        olds = [self.repository.read(parent) for parent in sorted(below)]
        return confirm.among(
            first, {commit: reasons[commit.id] for commit in others}, olds, self._fresh(question, first, olds)
        )

    # -- confirming ------------------------------------------------------------------------------------

    def _confirmed(self, question: Question, culprit: Commit) -> Conclusion:
        """Build the culprit and every parent from nothing, and boot them afresh."""
        parents = [self.repository.read(parent) for parent in culprit.parents]
        steps = self._fresh(question, culprit, parents)
        return confirm.conclude(culprit, parents, steps, self.bench.workspace.git.files(culprit))

    def _fresh(self, question: Question, culprit: Commit, olds: Sequence[Commit]) -> dict[str, list[Step]]:
        """Return the confirming steps of the first commit that is new, and of the last that are old."""
        boots = self.settings.confirm_boots
        steps = {culprit.id: self._tested(culprit, Purpose.CULPRIT, boots, question)}
        for old in olds:
            steps[old.id] = self._tested(old, Purpose.PARENT, boots, question)
        return steps

    # -- steps -----------------------------------------------------------------------------------------

    def _tested(self, commit: Commit, purpose: Purpose, times: int, question: Question | None) -> list[Step]:
        """Return that many steps of the commit for this purpose, taking those that are not in the journal.

        A commit without a kernel is not tried again: the same source breaks the same way.
        """

        def done() -> list[Step]:
            return [taken for taken in self.session.steps if (taken.commit.id, taken.purpose) == (commit.id, purpose)]

        while len(done()) < times and not any(taken.broken for taken in done()):
            confirming = purpose in (Purpose.CULPRIT, Purpose.PARENT)
            self._take(commit, purpose, question, clean=confirming and not done())
        return done()

    def _take(
        self,
        commit: Commit,
        purpose: Purpose,
        question: Question | None,
        left: int | None = None,
        *,
        clean: bool = False,
    ) -> Step:
        """Take one step and put it into the journal."""
        tell = progress.teller(self.session, commit, purpose, left, self.emit)
        taken = step.take(self.bench, commit, purpose, question, tell, clean=clean)
        self._record(Tested(step=taken))
        return taken

    def _record(self, event: Tested | Measured | Asked | Searching | Concluded) -> None:
        # asyncio, below QEMU's monitor, keeps what is raised in its callbacks to itself.
        stopping.insist()
        self.emit(self.journal.append(event))
