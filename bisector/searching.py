"""How does git search for us? `git bisect run` in our worktree: begun, answered, checked, told again after a stop."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from bisector import retrying, weighing
from bisector.ahead import Order
from bisector.errors import HostError, UserError
from bisector.events import Inherited, Searching
from bisector.evidence.graph import Range
from bisector.evidence.midpoint import Midpoints
from bisector.host import trees
from bisector.host.repository import Repository
from bisector.host.worktree import Worktree
from bisector.model import BrokenBuild, Commit, Kernel, Purpose, Question, Verdict
from bisector.reuse.kin import LOOKED_AT, Kernels
from bisector.search import gitrun
from bisector.steps import Steps


class _Elsewhere(Exception):
    """Another commit was tested. git ends, is told of that, and chooses again."""

    def __init__(self, commit: str, verdict: Verdict) -> None:
        super().__init__(commit)
        self.commit, self.verdict = commit, verdict


class GitSearch:
    """A session's bisection in git. It has no state but git's refs and the journal's steps."""

    def __init__(self, steps: Steps, repository: Repository) -> None:
        self.steps = steps
        self.repository = repository
        self.bench = steps.bench
        arch = self.bench.recipe.architecture.name
        self.kernels = Kernels(self.bench.known, functools.partial(trees.changes, repository), arch)
        # The commits that can make another kernel than their parent, merges but for; None: that is not known. And
        # those of them that change a suspected path.
        self._differing: set[str] | None = None
        self._suspected: frozenset[str] = frozenset()

    def candidates(self, question: Question, olds: tuple[str, ...], within: Range) -> list[str]:
        """Let git search; return the commits that are left, newest first: one, or those that untestable ones hide."""
        self._marks(within)  # refuses a journal that cannot be this search's, before anything is done
        started = self.steps.session.started
        touched = trees.touched(self.repository, olds, started.new.id, LOOKED_AT)
        known = self.kernels.differing_in(started.new.id, touched, started.settings.suspects)
        if known is not None:
            self._differing, self._suspected = known.able(), known.suspected
        if self.steps.session.searching is None:
            suspects = started.settings.suspects
            if "suspect" in started.settings.given and "" not in suspects and not self._suspected:
                why = "unknown which make other kernels" if known is None else "none of those does, or all do"
                self.bench.warn(f"commits that change {', '.join(suspects)} are not looked at first: {why}")
            numbers = (None, None) if known is None else (len(self._differing or ()), len(self._suspected))
            self.steps.record(Searching(len(within), olds, *numbers))
        # A git or a child of it that was killed: begun again, and told what the journal knows.
        return retrying.calling(self.bench.warn, lambda: self._searched(question, olds, within))

    def keep(self, olds: Sequence[str], within: Range, verdicts: Mapping[str, Verdict]) -> None:
        """Let git hold verdicts that it did not ask for, so that `git bisect log` and `visualize` show them.

        Those that contradict an earlier one are left out: git ends at them.
        """
        retrying.calling(self.bench.warn, lambda: self._kept(olds, within, verdicts))

    def _kept(self, olds: Sequence[str], within: Range, verdicts: Mapping[str, Verdict]) -> None:
        tree, new = self.bench.workspace.git, self.steps.session.started.new.id
        tree.start_bisection(olds, new)
        kept: dict[str, Verdict] = {new: Verdict.NEW}
        for commit, found in verdicts.items():
            if commit != new and not any(_contradict(within, commit, found, *other) for other in kept.items()):
                tree.mark(commit, found)
                kept[commit] = found

    def cannot_differ(self, one: Commit, other: Commit) -> bool:
        """Tell whether the two make the same kernel, by the files that took part in their builds."""
        return self.kernels.cannot_differ(one.id, other.id)

    def merged(self, one: Commit, other: Commit) -> Commit | None:
        """Return a commit of ours that merges the two; None if git cannot do it alone."""
        return self.bench.workspace.git.merged(one, other)

    def without(self, culprit: Commit) -> Commit | None:
        """Return a commit of ours that is the new end without the culprit's change; None if that does not apply."""
        return self.bench.workspace.git.without(self.steps.session.started.new.id, culprit)

    def _searched(self, question: Question, olds: tuple[str, ...], within: Range) -> list[str]:
        tree, new = self.bench.workspace.git, self.steps.session.started.new.id
        tree.start_bisection(olds, new)
        # Again at each try: what a git that was killed had asked for is in the journal by now.
        for commit, found in self._marks(within).items():
            tree.mark(commit, found)
        log = self.bench.directory / "logs" / "git-bisect.log"
        while any(True for _ in self._open(tree, olds)):
            try:
                gitrun.run(tree, lambda commit: self._answer(commit, question, olds, within), log)
            except _Elsewhere as other:
                tree.mark(other.commit, other.verdict)
            else:
                break
        gitrun.reconcile(tree, self._marks(within) | dict.fromkeys(olds, Verdict.OLD) | {new: Verdict.NEW})
        if untested := sum(1 for _ in self._open(tree, olds)):
            raise HostError(f"git ended its search, but {untested} commits were not tested")
        candidates = list(gitrun.left(tree, olds, tree.marks()))
        tree.end_bisection()
        return candidates

    def _open(self, tree: Worktree, olds: Sequence[str]) -> Iterator[str]:
        """Yield the candidates that nobody tested yet."""
        marks = tree.marks()
        return (commit for commit in gitrun.left(tree, olds, marks) if commit not in marks)

    def _marks(self, within: Range) -> dict[str, Verdict]:
        """Return the verdicts so far: first what a person said, then what was seen and does not contradict it.

        Raises UserError for a journal with verdicts that this search could not have made.
        """
        said = {commit: found for commit, found in self.steps.marked().items() if commit in within}
        seen: dict[str, Verdict] = {}
        for taken in self.steps.session.steps:
            if taken.purpose is not Purpose.SEARCH or taken.verdict is None:
                continue
            if taken.commit.id not in within:
                raise UserError(
                    f"the journal has a verdict on {taken.commit.short}, which is not between the ends",
                    "somebody changed it: start a new session",
                )
            if (before := seen.setdefault(taken.commit.id, taken.verdict)) is not taken.verdict:
                raise UserError(
                    f"the journal has {taken.commit.short} both as {before.value} and as {taken.verdict.value}",
                    "somebody changed it: start a new session",
                )
        marks: dict[str, Verdict] = {}
        decided: dict[str, Verdict] = {}
        # What a person said goes first, and what was inferred last: each counts if it contradicts none before it.
        for commit, found in (*said.items(), *seen.items(), *self._inherited(within).items()):
            if commit in marks or any(_contradict(within, commit, found, *other) for other in decided.items()):
                continue
            marks[commit] = found
            if found is not Verdict.UNTESTABLE:
                decided[commit] = found
        # git goes on below the new commit that it was told last.
        news = [commit for commit, found in marks.items() if found is Verdict.NEW]
        return dict.fromkeys(sorted(news, key=within.place.__getitem__, reverse=True), Verdict.NEW) | marks

    def _inherited(self, within: Range) -> dict[str, Verdict]:
        """Return what commits are that make another one's kernel."""
        sources, kin = self._sources(), self.steps.session.inherited
        told = {commit: sources.get(one.source.id) for commit, one in kin.items() if commit in within}
        return {commit: found for commit, found in told.items() if found is not None}

    def _sources(self) -> dict[str, Verdict]:
        """Return the commits that were booted, or make no kernel, and what all their steps say."""
        found: dict[str, Verdict] = {}
        if (question := self.steps.session.question) is None:
            return found
        for commit in self.steps.tested_commits():
            told = (one for one in self.steps.of(commit) if one.observation is not None or one.broken is not None)
            said = {self.steps.said(one, question) for one in told}
            if len(said) == 1 and (only := said.pop()) is not None:
                found[commit] = only
        return found

    def _inherits(self, commit: Commit) -> Verdict | None:
        """Find the commits that make what this one makes; return what they are, None if there is no such."""
        if not self.steps.session.inheriting:
            return None
        sources = self._sources()
        others = (one for one in sources if one != commit.id)
        same = {one: number for one in others if (number := self.kernels.differing(one, commit.id)) is not None}
        if len({sources[one] for one in same}) != 1:
            # None; or such as cannot all be right.
            return None
        nearest = min(same, key=same.__getitem__)
        broken = isinstance(self.bench.known.get(nearest), BrokenBuild)
        self.steps.record(Inherited(commit, self.repository.read(nearest), same[nearest], broken))
        return sources[nearest]

    def _answer(self, commit_id: str, question: Question, olds: Sequence[str], within: Range) -> Verdict:
        """Test the commit that git's child asks for, or a better one."""
        halves, marks, paid = self._halves(within)
        commit = self.repository.commit(commit_id)
        # A git that was told of a commit which it did not ask for asks for merge bases once more: such as lie outside
        # of the range, or are known by what was said of others. Whatever it hears of these is no part of the search.
        asked = halves.open(commit_id, marks)
        if asked and (found := self._inherits(commit)) is not None:
            return found
        tree = self.bench.workspace.git
        if (following := halves.following(marks, paid)) is None:
            # Also where new commits on two branches leave no single one that explains both: git goes by the last.
            still = list(self._open(tree, olds))
            following = commit_id if asked or commit_id in still else next(iter(still), None)
        if following is None:
            raise HostError(f"git asks for {commit.short}, and nothing is left to test", transient=True)
        chosen = commit if following == commit_id else self.repository.read(following)
        if self.bench.ahead is not None:
            after = (halves.following(marks | {chosen.id: told}, paid + 1) for told in (Verdict.NEW, Verdict.OLD))
            exact = not self.bench.inferring
            orders = [Order(one, exact=exact) for one in after if one is not None and one not in halves.there]
            self.bench.foresee(*orders, now=chosen.id)
        if chosen == commit or (verdict := self._inherits(chosen)) is None:
            untested = self._open(tree, olds)
            left = sum(self._differing is None or one in self._differing for one in untested)
            verdict = self.steps.take(chosen, Purpose.SEARCH, question, left).verdict
        assert verdict is not None
        if chosen != commit:
            raise _Elsewhere(chosen.id, verdict)
        return verdict

    def _halves(self, within: Range) -> tuple[Midpoints, dict[str, Verdict], int]:
        """Return how the range is halved, what is known of it, and how many steps that has taken."""
        marks = self._marks(within)
        there = {commit for commit, made in self.bench.known.items() if isinstance(made, Kernel)}
        if self.bench.store is not None:
            there |= self.bench.store.built_of(configured=self.bench.inferring)
        build = weighing.build_cost(self.steps)
        halves = Midpoints(within, self._differing, there, build, self._suspected)
        told = (commit for commit, found in marks.items() if found is not Verdict.UNTESTABLE)
        paid = sum(commit not in self.steps.session.inherited for commit in told)
        return halves, marks | {self.steps.session.started.new.id: Verdict.NEW}, paid


def _contradict(within: Range, commit: str, found: Verdict, other: str, known: Verdict) -> bool:
    """Tell whether no single change explains both: a new commit in an old one's history."""
    if {found, known} != {Verdict.OLD, Verdict.NEW}:
        return False
    new, old = (commit, other) if found is Verdict.NEW else (other, commit)
    return within.is_ancestor(new, old)
