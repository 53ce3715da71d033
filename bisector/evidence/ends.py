"""What do the boots of the two ends ask? Observations of both ends -> Question, or the reason for none. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

from bisector.evidence import confirm
from bisector.model import Commit, Conclusion, Kind, Observation, Outcome, Question, Step, Verdict
from bisector.scenarios import SCENARIOS
from bisector.verdict import NOT_MEASURED, Table, name, not_reached

Boots = Sequence[Observation]


def outcomes(boots: Boots, scenario: str) -> tuple[Outcome, ...]:
    """Return the different outcomes of a scenario over the boots of one end, in order of appearance."""
    return tuple(dict.fromkeys(boot.reading(scenario).outcome for boot in boots))


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


def unsteady(old: Boots, new: Boots) -> tuple[str, ...]:
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
) -> Question | Conclusion:
    """Return what to ask: the scenario that was named, or the first that differs; else why there is nothing.

    `old_outcome`, `new_outcome`: what a person says the ends do; it must be so. `table`: what a person says of
    outcomes by name; an end that does not come to the scenario may show by it what it is.
    """
    if scenario is None:
        candidates = differing(old, new)
        steady = [name for name in candidates if name not in unsteady(old, new)]
        if not steady:
            return _nothing_to_ask(old, new, candidates)
        scenario = steady[0]
    before = _by_table(old, scenario, Verdict.OLD, table) or outcomes(old, scenario)
    after = _by_table(new, scenario, Verdict.NEW, table) or outcomes(new, scenario)
    for end, seen in (("old", before), ("new", after)):
        if any(outcome.word in NOT_MEASURED for outcome in seen):
            return Conclusion(Kind.ENDS_UNFIT, f"the {end} end does not measure {scenario}: {_either(seen)}")
    said = _as_said(scenario, before, after, old_outcome, new_outcome)
    if said is not None:
        return said
    for end, seen in (("old", before), ("new", after)):
        if len(seen) > 1:
            return Conclusion(Kind.BELOW_CONFIDENCE, f"the {end} end is not steady: {scenario} is {_either(seen)}")
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
    scenario: str,
    before: tuple[Outcome, ...],
    after: tuple[Outcome, ...],
    old_outcome: Outcome | None,
    new_outcome: Outcome | None,
) -> Conclusion | None:
    """Check what a person said of the ends; None if it is so."""
    if new_outcome is not None and new_outcome not in after:
        return Conclusion(
            Kind.NOT_REPRODUCED, f"the new end does not show {new_outcome}: {scenario} is {_either(after)}"
        )
    if new_outcome is not None and new_outcome in before:
        return Conclusion(Kind.OLD_SHOWS_IT, f"the old end shows it already: {scenario} is {_either(before)}")
    if old_outcome is not None and old_outcome not in before:
        kind = Kind.OLD_SHOWS_IT if set(before) & set(after) else Kind.ENDS_UNFIT
        return Conclusion(kind, f"the old end does not show {old_outcome}: {scenario} is {_either(before)}")
    return None


def _nothing_to_ask(old: Boots, new: Boots, candidates: Sequence[str]) -> Conclusion:
    if candidates or (shaky := unsteady(old, new)):
        names = ", ".join(candidates or shaky)
        return Conclusion(Kind.BELOW_CONFIDENCE, f"the ends are not steady from boot to boot in: {names}")
    boots = outcomes(old, "boot"), outcomes(new, "boot")
    measured = any(reading.scenario != "boot" for boot in (*old, *new) for reading in boot.readings)
    if not measured or any(outcome.word in NOT_MEASURED for outcome in (*boots[0], *boots[1])):
        return Conclusion(
            Kind.ENDS_UNFIT, f"boot is {_either(boots[0])} at the old end, {_either(boots[1])} at the new"
        )
    return Conclusion(Kind.ENDS_AGREE, "no scenario differs between the ends")


def _either(seen: Sequence[Outcome]) -> str:
    return " or ".join(str(outcome) for outcome in seen)


def merge_base(base: Commit, steps: Sequence[Step]) -> Conclusion | None:
    """Return the answer that a merge base's boots give, None if all are old: the search then begins at it."""
    if len({step.verdict for step in steps}) > 1:
        why = f"the merge base {base.short} did not read the same in every boot: {confirm.counts(steps)}"
        return Conclusion(Kind.BELOW_CONFIDENCE, why)
    match steps[0].verdict:
        case Verdict.NEW:
            return Conclusion(
                Kind.MERGE_BASE_SHOWS_IT,
                f"the merge base {base.short} shows it: {steps[0].because}; it was changed on the old end's side",
            )
        case Verdict.OLD:
            return None
    return Conclusion(
        Kind.ENDS_UNFIT,
        f"the merge base {base.short} cannot be tested ({steps[0].because}); "
        "choose an old end in the new one's history",
    )
