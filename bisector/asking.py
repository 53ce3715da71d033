"""What is asked of this range, and what bounds it from below? Ends and merge bases, tested before any search.

An answer that comes already here names no commit, so nothing certifies it: what it rests on is built from nothing
and booted once more before it is given. Objects that a hostile or a broken-off build left must not forge it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bisector.ahead import Order
from bisector.endings import Conclusion, Kind
from bisector.events import Asked, Measured
from bisector.evidence import confirm, ends, limits
from bisector.evidence.rates import Tally
from bisector.evidence.sequential import Rates
from bisector.evidence.unsteady import More
from bisector.model import Commit, Observation, Outcome, Purpose, Question, Step, Verdict
from bisector.reads import Reads
from bisector.steps import Steps
from bisector.weighing import RATED, told_apart

_ENDS = (Purpose.OLD_END, Purpose.NEW_END)
# Boots of each end, where they are not steady, after which it is said whether they differ.
MOST = 80


def question(steps: Steps) -> Question | Conclusion:
    """Test both ends and let them, or the person, say what is asked; else say why there is nothing to ask."""
    asked = _asked(steps)
    if isinstance(asked, Question):
        return asked
    for end in _answering(steps):
        steps.tested(end, Purpose.REBUILT, 1, None)
    return _asked(steps)


def bounds(steps: Steps, repository: Reads, asked: Question) -> tuple[str, ...] | Conclusion:
    """Return the tested commits that bound the search from below.

    Where the old end is no ancestor of the new one git would test the merge bases, and with two of them
    end in "success" without a search. So we test them all, and git then gets the bases instead.
    """
    old, new = steps.session.started.old, steps.session.started.new
    bases = repository.merge_bases(old, new)
    if bases == [old.id]:
        return (old.id,)
    tallies = steps.tallies(asked)
    shaky = any(tallies.get(end.id, Tally()).mixed for end in (old, new))
    for base in map(repository.read, bases):
        told = _weighed(steps, base, asked) if shaky else _believed(steps, base, asked)
        if told is not None:
            return told
    return tuple(bases)


def _believed(steps: Steps, base: Commit, asked: Question) -> Conclusion | None:
    """Test a merge base between steady ends; return the answer that it gives, None if the search begins at it."""
    seen = steps.tested(base, Purpose.MERGE_BASE, 1, asked)
    if ends.merge_base(base, seen) is not None:
        seen = [*seen, *steps.tested(base, Purpose.REBUILT, 1, asked)]
    return ends.merge_base(base, seen)


def _weighed(steps: Steps, base: Commit, asked: Question) -> Conclusion | None:
    """Test a merge base where no single boot tells, until sequential tests with the ends' rates say what it is.

    Two of them: it is old if it does not read new half as often as the new end, and new if it reads as that does.
    """
    if (shown := _rated(steps, asked)) is None:
        return Conclusion(Kind.BELOW_CONFIDENCE, f"the ends' boots do not tell what the merge base {base.short} is")
    risk = _risk(steps)
    like_new, like_old = shown.test(risk), shown.strict(risk)
    seen = steps.tested(base, Purpose.MERGE_BASE, 1, asked)
    while not seen[0].broken and len(seen) < like_old.most:
        tally = Tally.of(one.verdict for one in seen)
        if like_old.verdict(tally) is Verdict.OLD:
            return None
        if like_new.verdict(tally) is Verdict.NEW:
            steps.tested(base, Purpose.REBUILT, 1, asked)
            return ends.shown_by(base, f"{asked.scenario} reads {tally}")
        further = min(like_old.least(tally), like_new.least(tally), like_old.most - len(seen))
        seen = steps.tested(base, Purpose.MERGE_BASE, len(seen) + further, asked)
    if seen[0].broken or not any(one.verdict in (Verdict.OLD, Verdict.NEW) for one in seen):
        return _believed(steps, base, asked)
    why = f"the merge base {base.short} is neither old nor new: {confirm.counts(seen)}"
    return Conclusion(Kind.BELOW_CONFIDENCE, why)


def _rated(steps: Steps, asked: Question) -> Rates | None:
    """Boot the ends until their rates are known well enough for tests; None if they never are."""
    started = steps.session.started

    def boot(times: int) -> None:
        for purpose in _ENDS:
            steps.tested(_commit(steps, purpose), purpose, times, None)

    def shown() -> Rates:
        seen = steps.tallies(asked)
        return Rates(seen[started.old.id], seen[started.new.id])

    return told_apart(boot, shown, _risk(steps), 2 * RATED)


def _risk(steps: Steps) -> float:
    """Return the risk of a merge base's test: the rates come from some boots only, and an answer may rest on it."""
    return (1 - steps.settings.confidence) / 10


def _asked(steps: Steps) -> Question | Conclusion:
    """Boot the ends until there is a question; on, up to `MOST` times, while they are not steady and not apart."""
    times = steps.settings.end_boots
    if not any(steps.of(_commit(steps, end).id) for end in _ENDS):
        steps.bench.foresee(Order(steps.session.started.new.id, exact=True))
    while True:
        for purpose in _ENDS:
            if (first := _end(steps, purpose, times)[0]).broken is not None:
                why = f"the {purpose.value.replace('-', ' ')} makes no kernel: {first.because}"
                return Conclusion(Kind.ENDS_UNFIT, why)
        _measure(steps)
        if steps.session.question is not None:
            return steps.session.question
        asked = _question(steps, times)
        if not isinstance(asked, More):
            return asked
        if times >= MOST:
            return asked.otherwise
        times = min(2 * times, MOST)


def _question(steps: Steps, times: int) -> Question | Conclusion | More:
    settings = steps.settings
    old, new = (_as_searched(steps, purpose, _end(steps, purpose, times)) for purpose in _ENDS)
    asked = ends.question(
        old,
        new,
        settings.scenario,
        Outcome.parse(settings.old_outcome) if settings.old_outcome else None,
        Outcome.parse(settings.new_outcome) if settings.new_outcome else None,
        steps.bench.table,
        settings.confidence,
    )
    if isinstance(asked, Question):
        steps.record(Asked(question=asked, differing=ends.differing(old, new)))
    return asked


def _commit(steps: Steps, purpose: Purpose) -> Commit:
    started = steps.session.started
    return started.old if purpose is Purpose.OLD_END else started.new


def _end(steps: Steps, purpose: Purpose, times: int) -> list[Step]:
    return steps.tested(_commit(steps, purpose), purpose, times, None)[:times]


def _as_searched(steps: Steps, purpose: Purpose, taken: Sequence[Step]) -> list[Observation]:
    """Return what an end's boots showed, under the limits of the search, a rebuilt kernel's among them.

    A boot that was given up under other limits may be given up otherwise (silent, not overdue) under these, and
    no commit of the search would ever show what the end did: such an end is booted as many times more.
    """
    unmeasured = limits.with_given(limits.UNMEASURED, steps.settings.limits)
    if steps.bench.limits != unmeasured and any(one.spans is None for one in taken):
        taken = _end(steps, purpose, 2 * len(taken))[len(taken) :]
    end = _commit(steps, purpose)
    rebuilt = [one for one in steps.session.steps if one.purpose is Purpose.REBUILT and one.commit.id == end.id]
    return [one.observation for one in (*taken, *rebuilt) if one.observation is not None]


def _measure(steps: Steps) -> None:
    """Take the limits of all later boots from what the ends' own boots needed."""
    if steps.session.measured is None:
        spans = [taken.spans for taken in steps.session.steps if taken.spans is not None]
        steps.record(Measured(limits=limits.measured(spans, steps.settings.limits), boots=len(spans)))
    if steps.session.measured is not None:
        steps.bench.limits = steps.session.measured.limits


def _answering(steps: Steps) -> list[Commit]:
    """Return the ends on which an answer without a name rests: both, or the one that makes no kernel."""
    broken = [taken.purpose for taken in steps.session.steps if taken.broken and taken.purpose in _ENDS]
    return [_commit(steps, purpose) for purpose in broken or _ENDS]
