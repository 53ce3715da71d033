"""Which commit is the culprit, and how sure is that? Readings of any commits -> probabilities. (pure)

The model: one commit in the range is the culprit, each as likely as the next before any boot. Every commit that has
it in its history reads *new* at one unknown rate, every other commit at another; both are integrated over, under the
prior of `rates`. So a boot counts for what it is worth: where either behaviour is steady one boot all but decides,
and where it is not the same boots that look for the commit teach the rates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bisector.evidence.graph import Places, Range, Weights
from bisector.evidence.rates import PRIOR, Tally, special
from bisector.model import Verdict


@dataclass(frozen=True, slots=True)
class Posterior:
    """What all readings together say. `culprit`: the probability of each commit, shape (commits,), in sum 1.

    `unchanged`: the probability that no commit in the range changed anything, when that was as likely before the
    boots as that one did; `culprit` is under the assumption that one did.
    """

    within: Range
    culprit: Weights
    unchanged: float

    def new(self, also: Collection[str] = ()) -> tuple[Places, Weights]:
        """Return places of commits, and of each the probability that it has the culprit in its history, or is it.

        Of all commits, or of some of a long range and of those of `also`: see `Range.sums`.
        """
        places, sums = self.within.sums(self.culprit, also)
        return places, np.clip(sums, 0.0, 1.0)

    def of(self, commit: str) -> float:
        """Return the probability that this commit is the culprit."""
        return float(self.culprit[self.within.place[commit]])

    def ranked(self, most: int) -> list[tuple[str, float]]:
        """Return the likeliest commits and their probabilities, the likeliest first."""
        order = np.argsort(-self.culprit, kind="stable")[:most]
        return [(self.within.ids[place], float(self.culprit[place])) for place in order]

    def holding(self, share: float) -> list[tuple[str, float]]:
        """Return the fewest commits that hold this much of the probability together, the likeliest first.

        And with the last of them those that are as likely: what nothing tells apart is not left out by its place.
        """
        order = np.argsort(-self.culprit, kind="stable")
        ranked = self.culprit[order]
        enough = min(int(np.searchsorted(np.cumsum(ranked), share)), len(ranked) - 1)
        enough = int(np.count_nonzero(ranked >= ranked[enough] * (1 - 1e-9)))
        return [(self.within.ids[place], float(self.culprit[place])) for place in order[:enough]]


def posterior(
    within: Range,
    tallies: Mapping[str, Tally],
    marks: Mapping[str, Verdict] | None = None,
    kin: Iterable[tuple[str, str]] = (),
) -> Posterior:
    """Return the probabilities after these readings. Commits outside the range are old: its lower bounds.

    `marks`: what a person said, old or new, which is certain. `kin`: commits that make the same kernel, so that the
    culprit is in the history of both or of neither. If no commit is left by that, all of them are.
    """
    new = np.zeros((2, len(within)))  # of the commits that have h in their history, for every h: new, old readings
    total = np.zeros(2)
    for commit, tally in tallies.items():
        counts = np.array([tally.new, tally.old], dtype=np.float64)
        total += counts
        if commit in within:
            new[:, within.ancestors(commit)] += counts[:, np.newaxis]
    old = total[:, np.newaxis] - new
    betaln = special().betaln
    logs = betaln(PRIOR + new[0], PRIOR + new[1]) + betaln(PRIOR + old[0], PRIOR + old[1]) - betaln(PRIOR, PRIOR)
    possible = np.ones(len(within), dtype=np.bool_)
    for commit, found in (marks or {}).items():
        if commit in within and found is not Verdict.UNTESTABLE:
            possible &= within.ancestors(commit) if found is Verdict.NEW else ~within.ancestors(commit)
    for pair in kin:
        one, other = (within.ancestors(commit) if commit in within else False for commit in pair)
        possible &= np.equal(one, other)
    if possible.any():
        logs = np.where(possible, logs, -np.inf)
    highest = float(logs.max())
    weights = np.exp(logs - highest)
    mean = float(weights.mean())
    alike = float(special().betaln(PRIOR + total[0], PRIOR + total[1]))
    odds = np.exp(np.clip(alike - highest, -700.0, 700.0)) / mean
    return Posterior(within, weights / weights.sum(), float(odds / (1 + odds)))
