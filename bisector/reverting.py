"""Does the new end show it without the culprit's change? The revert, built and booted: a second witness."""

from __future__ import annotations

from bisector.endings import Revert
from bisector.evidence.confirm import counts
from bisector.model import Commit, Purpose, Verdict
from bisector.readings import Readings
from bisector.reads import Searches
from bisector.weighing import telling

_SAYS = {Verdict.OLD: Revert.MENDS_IT, Verdict.NEW: Revert.STILL_NEW}


def reverted(readings: Readings, git: Searches, culprit: Commit) -> tuple[Revert, str]:
    """Return what the new end does without the culprit's change, and why; no outcome of it takes the answer back."""
    steps = readings.steps
    if culprit.id == steps.session.started.new.id:
        return Revert.MENDS_IT, "the new end is the commit itself, and its parent is old"
    made = git.without(culprit)
    if made is None:
        return Revert.DOES_NOT_APPLY, "what came later changed the same lines"
    taken = steps.tested(made, Purpose.REVERTED, telling(readings, steps.session.started.new.id), readings.question)
    if (broken := taken[0].broken) is not None:
        return Revert.DOES_NOT_BUILD, broken.because
    said = {step.verdict for step in taken}
    found = _SAYS.get(said.pop() or Verdict.UNTESTABLE, Revert.DIFFERS) if len(said) == 1 else Revert.DIFFERS
    return found, counts(taken) if found is not Revert.DIFFERS else f"{counts(taken)}: {taken[-1].because}"
