"""One bisection: test both ends, ask, search, certify, finish; the same road when it is resumed.

Every part looks into the journal first and does only what is not there yet, so going on after a Ctrl-C, a
crash or a failure of our machine is nothing but walking the road again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bisector import asking, certifying, keep, pairing, rejudging, reverting, weighing
from bisector.endings import Candidate, Conclusion, Kind
from bisector.errors import Misinferred
from bisector.events import Concluded, Distrusted
from bisector.evidence import confirm, odds
from bisector.evidence.confirm import Fresh
from bisector.evidence.graph import Range
from bisector.evidence.posterior import Posterior
from bisector.evidence.rates import Tally, difference
from bisector.model import Commit, Purpose, Question, Verdict
from bisector.readings import Readings
from bisector.reads import Reads, Searches
from bisector.steps import Steps

# How often a search by weight may name a commit that fresh boots then speak against.
ATTEMPTS = 5
# Boots of a culprit and of each of its parents, beyond those that certify, until all boots together are sure enough.
BEYOND = 40
# What an answer can be that more boots of other commits might change.
_OPEN = (Kind.CONTRADICTION, Kind.BELOW_CONFIDENCE)


class Bisection:
    """A session at work: its steps, the repository that it reads, and the git that searches in its worktree."""

    def __init__(self, steps: Steps, repository: Reads, git: Searches) -> None:
        self.session = steps.session
        self.steps, self.repository, self.git = steps, repository, git
        self.risk = 1 - steps.settings.confidence

    def proceed(self) -> Conclusion:
        """Walk the road to its end. Raises HostError and Interrupted; the session can then be resumed."""
        if self.session.conclusion is not None:
            return self.session.conclusion
        try:
            conclusion = self._conclusion()
        except Misinferred as error:
            self.steps.record(Distrusted(because=error.message))
            conclusion = self._conclusion()
        self.steps.record(Concluded(conclusion=conclusion))
        return conclusion

    def _conclusion(self) -> Conclusion:
        question = asking.question(self.steps)
        if isinstance(question, Conclusion):
            return question
        if not self.session.rejudged:
            self.steps.record(rejudging.judged(self.session, question))
        olds = asking.bounds(self.steps, self.repository, question)
        if isinstance(olds, Conclusion):
            return olds
        within = Range(self.repository.history(olds, self.session.started.new.id))
        readings = Readings(self.steps, question, within, within)
        made = self._searched(readings, olds)
        if made.kind in _OPEN and self._inferred(made.kind):
            # Of what stands against this answer some was only inferred.
            self.steps.record(Distrusted(because=made.because))
            made = self._searched(readings, olds)
        if made.culprit is None:
            return made
        pair = pairing.paired(readings, self.repository, self.git, made.culprit)
        return replace(made, pair=pair, reverted=reverting.reverted(readings, self.git, made.culprit))

    def _searched(self, readings: Readings, olds: tuple[str, ...]) -> Conclusion:
        """Let git search, one boot a commit; where one boot does not tell, or led to no answer, search by weight."""
        made: Conclusion | None = None
        if not self._unsteady(readings.question):
            found = self.git.candidates(readings.question, olds, readings.whole)
            made = self._certified(readings, found, weighed=False)
        if made is None or (made.kind in _OPEN and readings.mixed()):
            made = self._weighed(readings, olds)
        return made

    def _inferred(self, kind: Kind) -> bool:
        """Tell whether any verdict is not of a boot of its own, of a kernel that was built of its commit.

        Or not configured of it, where that may be why: it makes no boots differ.
        """
        kernels = [one.kernel for one in self.session.steps if one.kernel]
        configured = kind is Kind.CONTRADICTION and any(map(keep.inferred, kernels))
        shared = any(one.boot_of for one in self.session.steps)
        return bool(self.session.inherited) or any(one.source for one in kernels) or configured or shared

    def _unsteady(self, question: Question) -> bool:
        """Tell whether an end, or what a person had booted again, reads now so, now so."""
        seen, started = self.steps.tallies(question), self.session.started
        again = {one.commit.id for one in self.session.steps if one.purpose is Purpose.RETEST}
        return any(seen.get(commit, Tally()).mixed for commit in (started.old.id, started.new.id)) or any(
            len({one.verdict for one in self.steps.of(commit) if one.verdict and not one.boot_of}) > 1
            for commit in again
        )

    def _weighed(self, readings: Readings, olds: tuple[str, ...]) -> Conclusion:
        """Search by weight; what fresh boots of the edge then speak against counts too, and the search goes on."""
        made: Conclusion | None = None
        for _ in range(ATTEMPTS):
            search = weighing.Weighing(readings, self.repository.read, self.risk / 2)
            known = search.searched(lambda verdicts: self.git.keep(olds, readings.whole, verdicts))
            candidates = search.candidates(known)
            if isinstance(candidates, Conclusion):
                return candidates
            made = self._certified(search.readings, candidates, weighed=True)
            if made.kind not in _OPEN:
                break
        assert made is not None
        return made

    def _certified(self, readings: Readings, candidates: Sequence[str], *, weighed: bool) -> Conclusion:
        """Build the edges from nothing, boot them afresh, and say how sure all boots together are.

        `candidates`: newest first, as rev-list gives them: the one marked new, and untestable ancestors of it.
        """
        first, *others = map(self.repository.read, candidates)
        certifying.require_broken(readings, others)
        files = self.repository.files(first)
        if others and (made := self._after_another(readings, first, others, files, weighed=weighed)) is not None:
            return self._beside(readings, first, made)
        olds = self._olds(first, others)
        known = {} if weighed else readings.below_old(olds)
        edge = certifying.Edge(readings, first, olds, weighed, self.risk / 2, known)

        def told(fresh: Mapping[str, Fresh]) -> Conclusion:
            if others:
                return confirm.among(first, self._reasons(others), olds, fresh, above=known)
            return confirm.conclude(first, olds, fresh, files, self.git.cannot_differ, known)

        made = self._sure(readings, edge, told)
        assert made is not None
        return self._beside(readings, first, made)

    def _beside(self, readings: Readings, first: Commit, made: Conclusion) -> Conclusion:
        """Say so if the named change is not the only one: its parents read *new* more often than the old end did.

        Or what it brought reads *new* less often than the new end.
        """
        if made.kind not in (Kind.FOUND, Kind.AMONG):
            return made
        started, tallies = self.session.started, self.steps.tallies(readings.question)
        # A person's word stands in place of boots.
        seen = {commit: tally for commit, tally in tallies.items() if commit not in self.session.marks}

        def rarer(one: Commit, other: Commit) -> bool:
            if one.id not in seen or other.id not in seen:
                return False
            few, many = seen[one.id], seen[other.id]
            return few.rate < many.rate and difference(few, many) >= self.steps.settings.confidence

        told = [made.because]
        for parent in self._olds(first, [one.commit for one in made.candidates if one.commit != first]):
            if rarer(started.old, parent):
                shows = f"{parent.short} reads {seen[parent.id]}, the old end {seen[started.old.id]}"
                told.append(f"another change comes before it: {shows}")
        above = self.repository.read(readings.partly) if readings.partly else first
        if rarer(above, started.new):
            shows = f"{above.short} reads {seen[above.id]}, the new end {seen[started.new.id]}"
            told.append(f"another change comes after it: {shows}")
        return replace(made, because="; ".join(told))

    def _olds(self, first: Commit, others: Sequence[Commit]) -> list[Commit]:
        """Return what a culprit or a set grows from: a culprit's parents in its own order, or any number of them."""
        if not others:
            return [self.repository.read(parent) for parent in first.parents]
        inside = {one.id for one in (first, *others)}
        below = {parent for commit in (first, *others) for parent in commit.parents} - inside
        return [self.repository.read(parent) for parent in sorted(below)]

    def _reasons(self, untestable: Sequence[Commit]) -> dict[Commit, str]:
        """Return why each of these could not be tested."""
        marks = self.session.marks
        return {
            one: f"a person said so: {marks[one.id].because}" if one.id in marks else self._why_untestable(one)
            for one in untestable
        }

    def _why_untestable(self, commit: Commit) -> str:
        said = [one.because for one in self.steps.of_kernel(commit.id) if one.verdict is Verdict.UNTESTABLE]
        kin = self.session.inherited.get(commit.id)
        if kin is None or self.steps.of(commit.id):
            return said[-1] if said else ""
        as_what = f"breaks as {kin.source.short} does" if kin.broken else f"the same kernel as {kin.source.short}"
        return f"{as_what}: {said[-1] if said else ''}"

    def _after_another(
        self, readings: Readings, first: Commit, others: Sequence[Commit], files: tuple[str, ...], *, weighed: bool
    ) -> Conclusion | None:
        """Certify a change that comes after another one: old, a third behaviour, new. None if it is not that.

        A commit that steadily shows the third behaviour did not bring the new one, nor did any of its ancestors:
        what is left is the culprit, or the untestable commits above it that hide which one it is.
        """
        # A person's word stands in place of boots.
        booted = [one for one in others if one.id not in self.session.marks]
        shown = {one: readings.measured_otherwise(one.id) for one in booted}
        steady = {one: outcome for one, outcome in shown.items() if outcome is not None}
        within = readings.whole
        below = {one for one in others if any(within.is_ancestor(one.id, other.id) for other in steady)}
        left = [one for one in others if one not in below]
        olds = self._olds(first, left)
        if not steady or any(old in below and old not in steady for old in olds):
            return None
        edge = certifying.Edge(readings, first, olds, weighed, self.risk / 2)

        def told(fresh: Mapping[str, Fresh]) -> Conclusion | None:
            if any(readings.measured_otherwise(one.id) != outcome for one, outcome in steady.items()):
                return None
            if left:
                return confirm.among(first, self._reasons(left), olds, fresh, steady)
            return confirm.after_another(first, olds, steady, fresh, files)

        return self._sure(readings.not_new(one.id for one in steady), edge, told)

    def _sure(
        self, readings: Readings, edge: certifying.Edge, told: Callable[[Mapping[str, Fresh]], Conclusion | None]
    ) -> Conclusion | None:
        """Certify, and boot the edge on until all boots together are as sure as was asked; None if `told` says so.

        `told`: what the edge's fresh boots say.
        """
        for _ in range(BEYOND):
            fresh = edge.fresh()
            if (said := told(fresh)) is None:
                return None
            made = _numbered(readings, said)
            if made.kind not in (Kind.FOUND, Kind.AMONG) or made.odds is None:
                return made
            share = made.odds.culprit
            if share < self.steps.settings.confidence:
                doubt = f"all boots together are sure of it with {share:.3g} only"
            elif not edge.apart(fresh):
                doubt = "its fresh boots hardly differ from those of its parent"
            else:
                edge.beside_the_old_end(fresh)
                return made
            edge.once_more()
        known = readings.known()
        likely = known.holding(self.steps.settings.confidence)[:10]
        return replace(
            made,
            kind=Kind.BELOW_CONFIDENCE,
            because=f"{made.because}; but {doubt}",
            culprit=None,
            candidates=tuple(Candidate(self.repository.read(one), "not ruled out", share) for one, share in likely),
        )


def _numbered(readings: Readings, made: Conclusion) -> Conclusion:
    """Return the conclusion with the probabilities of what it names."""
    known = readings.known()
    candidates = tuple(replace(one, probability=_of(known, one)) for one in made.candidates)
    return replace(made, candidates=candidates, odds=odds.told(known, made, readings.tallies()))


def _of(known: Posterior, one: Candidate) -> float | None:
    return known.of(one.commit.id) if one.commit.id in known.within else None
