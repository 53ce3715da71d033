"""One bisection: test both ends, ask, search, confirm, finish; the same road when it is resumed.

Every part looks into the journal first and does only what is not there yet, so going on after a Ctrl-C, a
crash or a failure of our machine is nothing but walking the road again.
"""

from __future__ import annotations

from collections.abc import Sequence

from bisector import asking, step
from bisector.errors import HostError, UserError
from bisector.events import Concluded, Searching
from bisector.evidence import confirm
from bisector.host.repository import Repository
from bisector.host.worktree import Worktree
from bisector.journal import Journal
from bisector.model import Commit, Conclusion, Purpose, Question, Step, Verdict
from bisector.search import gitrun
from bisector.steps import Emit, Steps


class Bisection:
    """A session at work. `emit` is told every event, those of the journal after they are on the disk."""

    def __init__(self, journal: Journal, repository: Repository, bench: step.Bench, emit: Emit) -> None:
        self.session = journal.session
        self.repository = repository
        self.bench = bench
        self.steps = Steps(journal, bench, emit)

    def proceed(self) -> Conclusion:
        """Walk the road to its end. Raises HostError and Interrupted; the session can then be resumed."""
        if self.session.conclusion is not None:
            return self.session.conclusion
        conclusion = self._conclusion()
        self.steps.record(Concluded(conclusion=conclusion))
        return conclusion

    def _conclusion(self) -> Conclusion:
        question = asking.question(self.steps)
        if isinstance(question, Conclusion):
            return question
        olds = asking.bounds(self.steps, self.repository, question)
        if isinstance(olds, Conclusion):
            return olds
        candidates = self._search(question, olds)
        if len(candidates) > 1:
            return self._among(question, candidates)
        return self._confirmed(question, self.repository.read(candidates[0]))

    # -- the search ------------------------------------------------------------------------------------

    def _search(self, question: Question, olds: tuple[str, ...]) -> list[str]:
        """Let git search; return the commits that are left: one, or those that untestable ones hide."""
        within = self.repository.between(olds, self.session.started.new.id)
        self._require_within(within)
        if self.session.searching is None:
            self.steps.record(Searching(commits=len(within), olds=olds))
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
        taken = self.steps.take(self.repository.commit(commit_id), Purpose.SEARCH, question, left)
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
        boots = self.steps.settings.confirm_boots
        steps = {culprit.id: self.steps.tested(culprit, Purpose.CULPRIT, boots, question)}
        for old in olds:
            steps[old.id] = self.steps.tested(old, Purpose.PARENT, boots, question)
        return steps
