"""What do the boots of the two ends ask? Observations of both ends -> Question, or the reason for none. (pure)

Ends that read the same in every boot are told apart by that. Where an end reads now so, now so, the boots are
counted (`unsteady`): ends whose rates differ make a question as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from bisector.endings import Conclusion, Kind
from bisector.evidence import confirm, unsteady
from bisector.evidence.unsteady import More, outcomes
from bisector.model import Commit, Observation, Outcome, Question, Step, Verdict
from bisector.scenarios import SCENARIOS
from bisector.verdict import NOT_MEASURED, Table, name, not_reached

Boots = Sequence[Observation]


def differing(old: Boots, new: Boots) -> tuple[str, ...]:
    """Return the scenarios in which the ends differ, in the order that matters.

    Measured in every boot, and no outcome of one end was seen at the other.
    """
    found = []
    for scenario in SCENARIOS:
        before, after = outcomes(old, scenario.name), outcomes(new, scenario.name)
        measured = not any(outcome.word in NOT_MEASURED for outcome in (*before, *after))
        if measured and not set(before) & set(after):
            found.append(scenario.name)
    return tuple(found)


def mixed(old: Boots, new: Boots) -> tuple[str, ...]:
    """Return the scenarios that did not read the same in every boot of an end."""
    return tuple(
        scenario.name
        for scenario in SCENARIOS
        if len(outcomes(old, scenario.name)) > 1 or len(outcomes(new, scenario.name)) > 1
    )


def question(
    old: Boots,
    new: Boots,
    scenario: str | None,
    old_outcome: Outcome | None,
    new_outcome: Outcome | None,
    table: Table,
    confidence: float = 0.99,
) -> Question | Conclusion | More:
    """Return what to ask: the scenario that was named, or the first that differs; else why there is nothing.

    `old_outcome`, `new_outcome`: what a person says the ends do; it must be so. `table`: what a person says of
    outcomes by name; an end that does not come to the scenario may show by it what it is. `confidence`: of ends
    that are not steady, how sure it must be that they differ. `More`: more boots may tell; it has what is said if
    there are none.
    """
    if scenario is None:
        shaky = mixed(old, new)
        if steady := [name for name in differing(old, new) if name not in shaky]:
            scenario = steady[0]
        elif not shaky:
            return _nothing_to_ask(old, new)
        else:
            return unsteady.question(old, new, shaky, None, None, table, confidence)
    before = _by_table(old, scenario, Verdict.OLD, table) or outcomes(old, scenario)
    after = _by_table(new, scenario, Verdict.NEW, table) or outcomes(new, scenario)
    if len(before) > 1 or len(after) > 1:
        return unsteady.question(old, new, [scenario], old_outcome, new_outcome, table, confidence)
    for end, seen in (("old", before), ("new", after)):
        if seen[0].word in NOT_MEASURED:
            return Conclusion(Kind.ENDS_UNFIT, f"the {end} end does not measure {scenario}: {seen[0]}")
    said = _as_said(scenario, before[0], after[0], old_outcome, new_outcome)
    if said is not None:
        return said
    if before == after:
        return Conclusion(Kind.ENDS_AGREE, f"{scenario} is {before[0]} at both ends")
    return Question(scenario, before[0], after[0])


def _by_table(boots: Boots, scenario: str, end: Verdict, table: Table) -> tuple[Outcome, ...]:
    """Return the boot's outcomes if none of the boots came to the scenario, and the table says that they count."""
    if not all(not_reached(boot, scenario) for boot in boots):
        return ()
    seen = outcomes(boots, "boot")
    return seen if all(table.get(name(outcome, "boot")) is end for outcome in seen) else ()


def _as_said(
    scenario: str, before: Outcome, after: Outcome, old_outcome: Outcome | None, new_outcome: Outcome | None
) -> Conclusion | None:
    """Check what a person said of the ends; None if it is so."""
    if new_outcome is not None and new_outcome != after:
        why = f"the new end does not show {new_outcome}: {scenario} is {after}"
        return Conclusion(Kind.NOT_REPRODUCED, why)
    if new_outcome is not None and new_outcome == before:
        return Conclusion(Kind.OLD_SHOWS_IT, f"the old end shows it already: {scenario} is {before}")
    if old_outcome is not None and old_outcome != before:
        kind = Kind.OLD_SHOWS_IT if before == after else Kind.ENDS_UNFIT
        return Conclusion(kind, f"the old end does not show {old_outcome}: {scenario} is {before}")
    return None


def _nothing_to_ask(old: Boots, new: Boots) -> Conclusion:
    boots = outcomes(old, "boot")[0], outcomes(new, "boot")[0]
    measured = any(reading.scenario != "boot" for boot in (*old, *new) for reading in boot.readings)
    if not measured or any(outcome.word in NOT_MEASURED for outcome in boots):
        return Conclusion(Kind.ENDS_UNFIT, f"boot is {boots[0]} at the old end, {boots[1]} at the new")
    return Conclusion(Kind.ENDS_AGREE, "no scenario differs between the ends")


def shown_by(base: Commit, because: str) -> Conclusion:
    """Return the answer that a merge base gives which is new."""
    why = (
        f"the merge base {base.short} shows it: {because}; it was changed on the old end's side "
        "(bisector start --inverse finds the commit that changed it there)"
    )
    return Conclusion(Kind.MERGE_BASE_SHOWS_IT, why, base=base)


def merge_base(base: Commit, steps: Sequence[Step]) -> Conclusion | None:
    """Return the answer that a merge base's boots give, None if all are old: the search then begins at it."""
    if len({step.verdict for step in steps}) > 1:
        why = f"the merge base {base.short} did not read the same in every boot: {confirm.counts(steps)}"
        return Conclusion(Kind.BELOW_CONFIDENCE, why)
    match steps[0].verdict:
        case Verdict.NEW:
            return shown_by(base, steps[0].because)
        case Verdict.OLD:
            return None
    return Conclusion(
        Kind.ENDS_UNFIT,
        f"the merge base {base.short} cannot be tested ({steps[0].because}); "
        "choose an old end in the new one's history",
    )
