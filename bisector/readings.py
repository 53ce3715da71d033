"""What do all boots of a session say of one range? The journal's readings, counted where they count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bisector import verdict
from bisector.evidence.graph import Range
from bisector.evidence.posterior import Posterior, posterior
from bisector.evidence.rates import Tally
from bisector.model import Commit, Outcome, Question
from bisector.steps import Steps


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings on one question, and the range that they are of; `within` may be the lower part of `whole`.

    Where the behaviour went back and forth only that part has one change, and what lies above it says nothing of
    it: but for the new end's boots, which tell how the new behaviour reads. `others`: commits that count as not new.
    `partly`: a commit that reads *new* more often than the old end, and less often than the new one: the part is
    below it, and its boots tell how the new behaviour reads there.
    """

    steps: Steps
    question: Question
    whole: Range
    within: Range
    others: frozenset[str] = frozenset()
    partly: str | None = None

    @property
    def top(self) -> str:
        """The commit whose boots tell how the new behaviour reads."""
        return self.partly or self.steps.session.started.new.id

    def tallies(self) -> dict[str, Tally]:
        """Return the counts of every commit that tells something of the range, its lower bounds' among them."""
        seen = self.steps.tallies(self.question)
        for commit in self.others:
            booted = [one for one in self.steps.of_kernel(commit) if one.observation is not None and not one.boot_of]
            seen[commit] = Tally(0, len(booted))
        for commit in self.steps.marked():
            # A person's word stands in place of its boots.
            seen.pop(commit, None)
        if self.within is self.whole:
            return seen
        kept = {commit: tally for commit, tally in seen.items() if commit in self.within or commit not in self.whole}
        if (last := self.within.ids[-1]) != self.top:
            kept[last] = kept.get(last, Tally()) + seen.get(self.top, Tally())
        return kept

    def known(self) -> Posterior:
        """Return what they say of the culprit."""
        # Two that break alike need not be one kernel.
        inherited = self.steps.session.inherited
        pairs = [(commit, one.source.id) for commit, one in inherited.items() if not one.broken]
        # What lies above the part that is looked at tells nothing of it; what lies below the range has no change.
        kin = [pair for pair in pairs if all(one in self.within or one not in self.whole for one in pair)]
        return posterior(self.within, self.tallies(), self.steps.marked(), kin)

    def below_old(self, commits: Iterable[Commit]) -> dict[str, Commit]:
        """Return those that need not be tested to be old, each with an old commit that has it in its history."""
        seen = self.steps.tallies(self.question)
        olds = [commit for commit, tally in seen.items() if tally.old and not tally.new and commit in self.whole]
        found = {}
        for one in commits:
            if one.id not in self.whole:
                found[one.id] = self.steps.session.started.old
            elif above := [old for old in olds if old != one.id and self.whole.is_ancestor(one.id, old)]:
                found[one.id] = self.steps.of(max(above, key=lambda old: seen[old].boots))[0].commit
        return found

    def measured_otherwise(self, commit: str) -> Outcome | None:
        """Return the one outcome that all boots of a commit showed, if it is measured and neither old nor new."""
        scenario, seen = self.question.scenario, set[Outcome | None]()
        for taken in self.steps.of_kernel(commit):
            shown = taken.observation
            whole = shown is not None and not verdict.not_reached(shown, scenario)
            seen.add(shown.reading(scenario).outcome if shown is not None and whole else None)
        [outcome, *more] = seen or {None}
        if more or outcome is None or not verdict.measured(outcome):
            return None
        known = (self.question.old, self.question.new, *self.question.also_old, *self.question.also_new)
        return None if outcome in known else outcome

    def not_new(self, commits: Iterable[str]) -> Readings:
        """Return readings that count the boots of these commits, which show another behaviour, as not new."""
        return replace(self, others=frozenset(commits))

    def mixed(self) -> bool:
        """Tell whether any commit read now so, now so."""
        return any(tally.mixed for tally in self.tallies().values())

    def up_to(self, new: str) -> Readings:
        """Return the readings of the part of the range that ends at this commit."""
        return replace(self, within=self.within.up_to(new))
