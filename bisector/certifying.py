"""Does the edge hold? Fresh boots of a culprit and of its parents, as many as the rates ask for.

Each is built from nothing, and booted until so many boots that all read alike leave no more than its share of the
risk; the rate at which a boot would tell is taken from the ends, and for the parents from the culprit's own fresh
boots: along a range rates drift, so a parent that reads *new* half as often is told from an old one too. Where the
same kernel reads now so, now so, a sequential test decides, but only with rates that come from unsteady ends: else
there is no verdict, and the search begins to weigh.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bisector import keep
from bisector.ahead import Order
from bisector.errors import Misinferred
from bisector.events import Inherited
from bisector.evidence import sequential
from bisector.evidence.confirm import Fresh
from bisector.evidence.rates import Tally, boots_for, difference
from bisector.evidence.sequential import Rates
from bisector.evidence.unsteady import AGREEING
from bisector.model import Commit, Kernel, Purpose, Step, Verdict
from bisector.readings import Readings
from bisector.weighing import MOST_RATED, rates


@dataclass(frozen=True, slots=True)
class Edge:
    """A culprit and its parents, or the first new commit of a set and the old ones below it.

    `weighed`: boots do not read alike. `risk`: of certifying a wrong edge. `above`: for those of the others that are
    old also if they cannot be tested, an old commit that has them in its history.
    """

    readings: Readings
    culprit: Commit
    olds: Sequence[Commit]
    weighed: bool
    risk: float
    above: Mapping[str, Commit] = field(default_factory=dict)

    def fresh(self) -> dict[str, Fresh]:
        """Boot the culprit, and if it is new all others; return what each says."""
        share = self.risk / 2
        self.readings.steps.bench.foresee(*(Order(old.id, exact=True, clean=True) for old in self.olds))
        made = self._fresh(self.culprit, Purpose.CULPRIT, 1 - rates(self.readings).old.at_most, share)
        seen = {self.culprit.id: made}
        if made.verdict is Verdict.NEW:
            ends, own = rates(self.readings), Tally.of(step.verdict for step in made.steps)
            # Whose verdict is a person's word may have shown nothing.
            shown = Rates(ends.old, own if own.rate > ends.old.rate else ends.new)
            rate = min(shown.new.at_least, shown.halfway or 1.0)
            for old in self.olds:
                seen[old.id] = self._fresh(old, Purpose.PARENT, rate, share / len(self.olds))
            for old in self.olds:
                # What stands for it is made as sure of as it would have been.
                if seen[old.id].verdict is Verdict.UNTESTABLE and (one := self.above.get(old.id)) is not None:
                    seen[one.id] = self._fresh(one, Purpose.PARENT, rate, share / len(self.olds))
        return seen

    def apart(self, fresh: Mapping[str, Fresh]) -> bool:
        """Tell whether the fresh boots alone show that each of the others reads *new* less often than the culprit.

        Whatever rates the ends told: theirs may be the luck of the few boots in which they differed. Where
        the rates are one, the evidence for two exceeds 1 / risk with that risk at most, however long one boots on (J.
        Ville, 1939).
        """
        if not self.weighed:
            return True
        marked = self.readings.steps.marked()
        made = Tally.of(step.verdict for step in fresh[self.culprit.id].steps)
        others = [_not_new(fresh[old.id].steps) for old in self.olds if old.id not in marked]
        return self.culprit.id in marked or all(
            not other.boots or (difference(made, other) >= 1 - self.risk / len(self.olds) and made.rate > other.rate)
            for other in others
        )

    def beside_the_old_end(self, fresh: Mapping[str, Fresh]) -> None:
        """Boot the old end on where it may read *new* less often than one of the others: that would be a change more.

        As often as that one at least; whether it is a change is said from the boots that there are.
        """
        steps, settings = self.readings.steps, self.readings.steps.settings
        end = steps.session.started.old
        for old in self.olds if self.weighed else ():
            other = _not_new(fresh[old.id].steps)
            while (
                other.rate > (shown := rates(self.readings).old).rate
                and (AGREEING < difference(other, shown) < settings.confidence or shown.boots < other.boots)
                and (taken := len(self._taken(end, Purpose.OLD_END, 0))) < MOST_RATED
            ):
                steps.tested(end, Purpose.OLD_END, taken + steps.bench.abreast, None)

    def once_more(self) -> None:
        """Boot the culprit and each of the others one time more."""
        for commit, purpose in ((self.culprit, Purpose.CULPRIT), *((old, Purpose.PARENT) for old in self.olds)):
            self._taken(commit, purpose, len(self._taken(commit, purpose, 0)) + 1)

    def _fresh(self, commit: Commit, purpose: Purpose, rate: float, risk: float) -> Fresh:
        """Boot one of them until it is sure. `rate`: at which a boot would tell if it were of the other kind."""
        taken = self._taken(commit, purpose, self.readings.steps.settings.confirm_boots or boots_for(risk, rate))
        self._require_kin(commit, taken)
        if (mark := self.readings.steps.marked().get(commit.id)) is not None:
            return Fresh(mark, taken)
        said = {step.verdict for step in taken}
        expected = Verdict.NEW if purpose is Purpose.CULPRIT else Verdict.OLD
        test = self._test(risk)
        if len(said) == 1 and (test is None or said <= {expected, Verdict.UNTESTABLE}):
            return Fresh(said.pop(), taken)
        if test is None:
            return Fresh(None, taken)
        while (found := test.verdict(tally := Tally.of(one.verdict for one in taken))) is None and len(
            taken
        ) < test.most:
            beside = min(test.least(tally), self.readings.steps.bench.abreast)
            taken = self._taken(commit, purpose, len(taken) + beside)
        return Fresh(None if found is Verdict.UNTESTABLE else found, taken)

    def _require_kin(self, commit: Commit, taken: Sequence[Step]) -> None:
        """Raise Misinferred if the commit, built from nothing, is not the kernel that its verdict came from."""
        steps = self.readings.steps
        kin = steps.session.inherited.get(commit.id)
        source = steps.bench.known.get(kin.source.id) if kin else None
        if not kin or not isinstance(source, Kernel):
            return
        for one in taken:
            if one.kernel is None or not keep.same(one.kernel, source):
                raise Misinferred(f"{commit.short} does not make the kernel of {kin.source.short}, as it seemed")

    def _test(self, risk: float) -> sequential.Test | None:
        if not self.weighed:
            return None
        try:
            return rates(self.readings).strict(risk)
        except ValueError:
            return None

    def _taken(self, commit: Commit, purpose: Purpose, times: int) -> list[Step]:
        return self.readings.steps.tested(commit, purpose, times, self.readings.question)


def require_broken(readings: Readings, hiding: Collection[Commit]) -> None:
    """Build, of those that hide a culprit for they break as a tested one did, for each such one that differs most.

    Nothing else would ever ask whether they do. Raises Misinferred if one makes a kernel.
    """
    steps = readings.steps
    rows: dict[str, list[Inherited]] = {}
    for kin in steps.session.inherited.values():
        if kin.broken and kin.commit.id not in steps.session.marks:
            rows.setdefault(kin.source.id, []).append(kin)
    for row in rows.values():
        built = [kin for kin in row if steps.of(kin.commit.id)]
        if not built and (hidden := [kin for kin in row if kin.commit in hiding]):
            built = [max(hidden, key=lambda kin: kin.differing)]
            steps.take(built[0].commit, Purpose.SEARCH, readings.question)
        for kin in built:
            if any(taken.broken is None for taken in steps.of(kin.commit.id)):
                raise Misinferred(f"{kin.commit.short} does not break as {kin.source.short} does, as it seemed")


def _not_new(steps: Sequence[Step]) -> Tally:
    """Count the boots, those that showed another behaviour as not new."""
    booted = [step.verdict is Verdict.NEW for step in steps if step.observation is not None]
    return Tally(sum(booted), len(booted) - sum(booted))
