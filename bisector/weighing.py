"""Which commit is it, where one boot does not tell? Commits booted again and again, until the readings name one.

The next commit is the one whose answer is worth most for its cost (`evidence.choice`), it is booted until a
sequential test with the ends' rates decides (`evidence.sequential`), and what all readings say together
(`evidence.posterior`) ends the search. All of it is derived from the journal's steps, so a resumed session goes on
in the middle of a commit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from bisector.endings import Candidate, Conclusion, Kind
from bisector.evidence import choice, odds, sequential
from bisector.evidence.posterior import Posterior
from bisector.evidence.rates import Tally, boots_for, difference
from bisector.evidence.sequential import Rates
from bisector.model import Commit, Kernel, Purpose, Step, Verdict
from bisector.readings import Readings
from bisector.steps import Steps

# Boots of each end from which the rates are taken, where they are not steady; and up to how many, if those do not
# tell the ends apart well enough for a test.
RATED, MOST_RATED = 20, 160
# Boots that a commit may need on average below one that is not as the new end.
MOST_BELOW = 100
# What a build costs, in boots, until this session has timed its own.
BUILD = 10.0
# A commit that shows neither behaviour in so many boots, and none of the two in any, is untestable.
NEITHER = 3
# What fresh boots are spent on: a commit that is the culprit rather than not.
LIKELY = 0.5

Verdicts = Mapping[str, Verdict]


def told_apart(boot: Callable[[int], None], shown: Callable[[], Rates], risk: float, times: int) -> Rates | None:
    """Boot the ends, `times` and then up to `MOST_RATED`, until their rates make a test; None if they never do."""
    while times <= MOST_RATED:
        boot(times)
        if math.isfinite((seen := shown()).told_apart(risk)):
            return seen
        times *= 2
    return None


def rates(readings: Readings) -> Rates:
    """Return the rates from what the boots of the old end and of the new behaviour's showed so far."""
    seen = readings.steps.tallies(readings.question)
    return Rates(seen.get(readings.steps.session.started.old.id, Tally()), seen.get(readings.top, Tally()))


def telling(readings: Readings, like: str) -> int:
    """Return how many boots tell, as sure as was asked, what a commit of our own does that may be like this one."""
    settings, seen = readings.steps.settings, readings.steps.tallies(readings.question).get(like, Tally())
    shown = seen if seen.new else rates(readings).new
    return settings.confirm_boots or boots_for(1 - settings.confidence, shown.at_least)


def build_cost(steps: Steps) -> float:
    """Return what a build costs, in boots: as this session has measured, if it has."""
    spent = [taken for taken in steps.session.steps if taken.kernel and not taken.boot_of]
    builds = [taken.seconds.checkout + taken.seconds.build for taken in spent if taken.seconds.build > 0]
    boot = sum(taken.seconds.boot + taken.seconds.probe for taken in spent) / (len(spent) or 1)
    return sum(builds) / len(builds) / boot if builds and boot else BUILD


class Weighing:
    """A search by weight. `risk`: of naming the wrong commit. `readings`: of the range that is left to search."""

    def __init__(self, readings: Readings, read: Callable[[str], Commit], risk: float) -> None:
        self.readings, self.steps, self.read, self.risk = readings, readings.steps, read, risk
        # Each of these tests may err, and the search with it.
        self._each = risk / (2 * max(1, math.ceil(math.log2(len(readings.within) + 1))))

    def searched(self, keep: Callable[[Verdicts], None]) -> Posterior:
        """Boot commits until one has all but `risk` of the probability, or no boot would tell more.

        `keep`: told all verdicts whenever there is a new one.
        """
        test = self._rated()
        while True:
            verdicts = self._verdicts(test) if test else {}
            self._narrow(verdicts)
            known = self.readings.known()
            if test and (below := self._below(known)) is not None:
                self.readings = below
                test = self._rated()
                continue
            if test is None or known.ranked(1)[0][1] >= 1 - self.risk:
                return known
            begun = [commit for commit in self._weighed() if commit not in verdicts and commit in known.within]
            commit = begun[0] if begun else self._following(known, verdicts, test)
            if commit is None:
                return known
            left = sum(share > self.risk / len(known.within) for share in known.culprit)
            while self._verdict(taken := self._judged(commit), test) is None:
                self._boot(self.read(commit), taken, test, int(left))
            keep(self._verdicts(test))

    def _boot(self, commit: Commit, taken: list[Step], test: sequential.Test, left: int) -> None:
        """Boot a commit again: no more often than the test needs whatever the boots say, so side by side."""
        times = min(test.least(Tally.of(step.verdict for step in taken)), self.steps.bench.abreast)
        if taken and times > 1:
            self.steps.more(commit, Purpose.WEIGHED, times, self.readings.question, left)
        else:
            self.steps.take(commit, Purpose.WEIGHED, self.readings.question, left)

    def candidates(self, known: Posterior) -> list[str] | Conclusion:
        """Return the culprit, or the set that untestable commits hide it in, the first new commit first."""
        held = [commit for commit, _ in known.holding(1 - self.risk)]
        reasons = self._untestable()
        hidden = sorted((commit for commit in held if commit in reasons), key=known.within.place.__getitem__)
        tested = [commit for commit in held if commit not in reasons]
        if not hidden and known.ranked(1)[0][1] >= LIKELY:
            return held[:1]
        if len(tested) == 1 and all(known.within.is_ancestor(commit, tested[0]) for commit in hidden):
            return [*tested, *reversed(hidden)]
        because = f"{len(held)} commits are left, and no boot would tell more of them"
        candidates = [
            Candidate(self.read(commit), reasons.get(commit, "not ruled out"), share)
            for commit, share in known.holding(1 - self.risk)[:10]
        ]
        made = Conclusion(Kind.BELOW_CONFIDENCE, because, candidates=tuple(candidates))
        return replace(made, odds=odds.told(known, made, self.readings.tallies()))

    def _rated(self) -> sequential.Test | None:
        """Boot the ends until their rates are known well enough; None if they are not told apart even so."""
        started = self.steps.session.started

        def boot(times: int) -> None:
            self.steps.tested(started.old, Purpose.OLD_END, times, None)
            if self.readings.partly:
                top = self.read(self.readings.top)
                self.steps.tested(top, Purpose.WEIGHED, times, self.readings.question)
            else:
                self.steps.tested(started.new, Purpose.NEW_END, times, None)

        shown = told_apart(boot, lambda: rates(self.readings), self._each, RATED)
        return shown.test(self._each) if shown else None

    def _narrow(self, verdicts: Verdicts) -> None:
        """Go on below the first new commit that an old one has in its history: there was more than one change."""
        whole = self.readings.whole
        olds = [commit for commit, found in verdicts.items() if found is Verdict.OLD and commit in whole]
        for commit, found in verdicts.items():
            within = self.readings.within
            if found is Verdict.NEW and commit in within and any(whole.is_ancestor(commit, old) for old in olds):
                self.readings = self.readings.up_to(commit)

    def _below(self, known: Posterior) -> Readings | None:
        """Return the part below a commit that is not as the old end, and not as the new one, or not for the model.

        What comes with one commit and becomes steady with a later one is two changes, and the model knows one: it
        would put such a commit on the side to which its rate is nearer.
        """
        shown, within = rates(self.readings), known.within
        try:
            test = shown.strict(self.risk / 2)
        except ValueError:
            # What certified booted the edge on, and the rates are nearer to each other than they were.
            return None
        closed = (self.readings.top, within.ids[-1])
        for commit in [one for one in self.readings.tallies() if one in within and one not in closed]:
            if any(taken.purpose is Purpose.PARENT for taken in self.steps.of(commit)):
                self._decide(commit, test)
            if test.ratio(self.readings.tallies()[commit]) < test.bound:
                continue
            doubted = known.culprit[within.ancestors(commit)].sum() < LIKELY
            if doubted:
                self.steps.tested(self.read(commit), Purpose.WEIGHED, RATED, self.readings.question)
            own = Rates(shown.old, self.readings.tallies()[commit])
            if difference(own.new, shown.new) >= 1 - self._each and own.new.rate < shown.new.rate:
                if own.told_apart(self._each) <= MOST_BELOW:
                    return replace(self.readings.up_to(commit), partly=commit)
            elif doubted:
                return self.readings.up_to(commit)
        return None

    def _decide(self, commit: str, test: sequential.Test) -> None:
        """Boot a parent on whose fresh boots and those of the search may not say the same."""
        while self._verdict(taken := self._judged(commit), test) is None:
            self._boot(self.read(commit), taken, test, 0)

    def _verdicts(self, test: sequential.Test) -> dict[str, Verdict]:
        """Return the verdict on every commit that has one, in the order of their first boots."""
        seen = ((commit, self._verdict(self._judged(commit), test)) for commit in self._tested())
        marked = {commit: found for commit, found in self.steps.marked().items() if commit in self.readings.whole}
        return marked | {commit: found for commit, found in seen if found is not None and commit not in marked}

    def _verdict(self, taken: list[Step], test: sequential.Test) -> Verdict | None:
        """Return what a commit's boots say, None while it needs another one."""
        tally = Tally.of(step.verdict for step in taken)
        neither = len(taken) - tally.boots
        if broken := [step.verdict for step in taken if step.broken]:
            return broken[0]
        if neither >= NEITHER and not tally.boots:
            return Verdict.UNTESTABLE
        if len(taken) >= test.most and neither > tally.boots:
            return Verdict.UNTESTABLE
        return test.verdict(tally)

    def _untestable(self) -> dict[str, str]:
        """Return the commits that showed neither behaviour in any boot, each with its reason."""
        marks = self.steps.session.marks
        judged = {commit: self._judged(commit) for commit in self._tested() if commit not in marks}
        said = {commit: mark.because for commit, mark in marks.items() if mark.verdict is Verdict.UNTESTABLE}
        return said | {
            commit: taken[-1].because
            for commit, taken in judged.items()
            if not Tally.of(step.verdict for step in taken).boots
        }

    def _judged(self, commit: str) -> list[Step]:
        """Return the steps of a commit that have a verdict, whatever they were taken for."""
        return [one for one in self.steps.of(commit) if one.verdict is not None and not one.boot_of]

    def _tested(self) -> list[str]:
        """Return the commits of the range with such a step, the first first."""
        tested = (commit for commit in self.steps.tested_commits() if commit in self.readings.whole)
        return [commit for commit in tested if self._judged(commit)]

    def _weighed(self) -> list[str]:
        """Return the commits that were booted for a search like this, the first first."""
        return [
            commit
            for commit in self._tested()
            if any(taken.purpose is Purpose.WEIGHED for taken in self.steps.of(commit))
        ]

    def _closed(self, verdicts: Verdicts) -> set[str]:
        """Return the commits that no boot is spent on: those with a verdict, and the new end."""
        return {*verdicts, self.readings.top}

    def _following(self, known: Posterior, verdicts: Verdicts, test: sequential.Test) -> str | None:
        there = [commit for commit, made in self.steps.bench.known.items() if isinstance(made, Kernel)]
        return choice.following(known, self._closed(verdicts), self._cost(test), there)

    def _cost(self, test: sequential.Test) -> Callable[[str], float]:
        """Return what a commit's test costs, in boots."""
        build, known = build_cost(self.steps), self.steps.bench.known
        return lambda commit: test.boots + (0.0 if isinstance(known.get(commit), Kernel) else build)
