"""Do ends differ that read now so, now so? Boots of both ends, counted -> Question, or the reason for none. (pure)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bisector.endings import Conclusion, Kind
from bisector.evidence.rates import Tally, difference
from bisector.model import Observation, Outcome, Question, Verdict
from bisector.verdict import NOT_MEASURED, Table, name, not_reached

Boots = Sequence[Observation]
# A difference that is less likely than this is none: the ends agree, as far as these boots can tell.
AGREEING = 0.5


@dataclass(frozen=True, slots=True)
class More:
    """More boots of the ends may tell. `otherwise`: what is said if there are none."""

    otherwise: Conclusion


@dataclass(frozen=True, slots=True)
class _Sides:
    """One scenario, counted at both ends."""

    scenario: str
    old: Counter[Outcome]
    new: Counter[Outcome]

    def share(self, outcome: Outcome) -> float:
        """Return how much more often the new end shows an outcome than the old one."""
        return self.new[outcome] / (self.new.total() or 1) - self.old[outcome] / (self.old.total() or 1)

    def told(self) -> str:
        """Return `OK 3, STUCK 2 of 5 boots at the old end, ...`."""
        ends = [
            f"{', '.join(f'{outcome} {count}' for outcome, count in seen.most_common())} of {seen.total()} boots"
            for seen in (self.old, self.new)
        ]
        return f"{self.scenario} is {ends[0]} at the old end, {ends[1]} at the new"


def outcomes(boots: Boots, scenario: str) -> tuple[Outcome, ...]:
    """Return the different outcomes of a scenario over the boots of one end, in order of appearance."""
    return tuple(dict.fromkeys(boot.reading(scenario).outcome for boot in boots))


def question(
    old: Boots,
    new: Boots,
    scenarios: Sequence[str],
    old_outcome: Outcome | None,
    new_outcome: Outcome | None,
    table: Table,
    confidence: float,
) -> Question | Conclusion | More:
    """Return the question of the scenario in which the ends differ most surely, if that is sure enough.

    `old_outcome`, `new_outcome`: what a person says the ends show, None to ask what they do.
    """
    best: tuple[float, _Sides, Question] | None = None
    refused: Conclusion | None = None
    for scenario in scenarios:
        sides = _Sides(scenario, _counted(old, scenario, table), _counted(new, scenario, table))
        asked = _asked(sides, old_outcome, new_outcome)
        if isinstance(asked, Conclusion):
            refused = refused or asked
            continue
        sure = difference(*(_tally(seen, asked) for seen in (sides.old, sides.new)))
        if best is None or sure > best[0]:
            best = (sure, sides, asked)
    if best is None:
        assert refused is not None
        return More(refused) if refused.kind is not Kind.ENDS_UNFIT else refused
    sure, sides, asked = best
    if sure >= confidence:
        return asked
    if new_outcome is not None and sides.old[new_outcome]:
        return More(Conclusion(Kind.OLD_SHOWS_IT, f"the old end shows it already: {sides.told()}"))
    kind = Kind.ENDS_AGREE if sure < AGREEING else Kind.BELOW_CONFIDENCE
    return More(
        Conclusion(kind, f"the ends are not steady, and differ with a probability of {sure:.3g} only: {sides.told()}")
    )


def _counted(boots: Boots, scenario: str, table: Table) -> Counter[Outcome]:
    """Count what was measured, and the boots' own outcomes of which a person has said what they mean."""
    seen: Counter[Outcome] = Counter()
    for boot in boots:
        outcome = boot.reading(scenario).outcome
        if not_reached(boot, scenario):
            outcome = boot.reading("boot").outcome
            if table.get(name(outcome, "boot"), Verdict.UNTESTABLE) is Verdict.UNTESTABLE:
                continue
        elif outcome.word in NOT_MEASURED:
            continue
        seen[outcome] += 1
    return seen


def _asked(sides: _Sides, old_outcome: Outcome | None, new_outcome: Outcome | None) -> Question | Conclusion:
    """Return what tells the ends apart best: the outcome that gains most, against the one that loses most.

    What else only one end shows is that end's as well; what both show, and is neither, says nothing.
    """
    for end, seen in (("old", sides.old), ("new", sides.new)):
        if not seen:
            return Conclusion(Kind.ENDS_UNFIT, f"no boot of the {end} end measures {sides.scenario}")
    if new_outcome is not None and not sides.new[new_outcome]:
        return Conclusion(Kind.NOT_REPRODUCED, f"the new end does not show {new_outcome}: {sides.told()}")
    if old_outcome is not None and not sides.old[old_outcome]:
        return Conclusion(Kind.ENDS_UNFIT, f"the old end does not show {old_outcome}: {sides.told()}")
    shown = list(dict.fromkeys([*sides.old, *sides.new]))
    before = old_outcome or min(shown, key=sides.share)
    after = new_outcome or max(shown, key=sides.share)
    if before == after or sides.share(after) <= 0:
        return Conclusion(Kind.ENDS_AGREE, f"the ends are not steady, and alike: {sides.told()}")
    rest = [outcome for outcome in shown if outcome not in (before, after)]
    return Question(
        sides.scenario,
        before,
        after,
        also_old=tuple(outcome for outcome in rest if not sides.new[outcome]) if old_outcome is None else (),
        also_new=tuple(outcome for outcome in rest if not sides.old[outcome]) if new_outcome is None else (),
    )


def _tally(seen: Counter[Outcome], asked: Question) -> Tally:
    return Tally(
        sum(seen[one] for one in (asked.new, *asked.also_new)), sum(seen[one] for one in (asked.old, *asked.also_old))
    )
