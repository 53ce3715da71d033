"""How sure is the answer, and what speaks against it? Posterior + counts -> the numbers of a report. (pure)"""

from __future__ import annotations

from collections.abc import Mapping

from bisector.endings import Conclusion, Odds, Rate
from bisector.evidence.posterior import Posterior
from bisector.evidence.rates import Tally

# The next candidates that are told, and how unlikely one may be to be told at all.
NEXT, LEAST = 3, 1e-6


def told(known: Posterior, made: Conclusion, tallies: Mapping[str, Tally]) -> Odds:
    """Return the probability of what the conclusion names, of the next candidates, and of no change at all.

    Both rates are counted on either side of the likeliest commit.
    """
    named = [made.culprit.id] if made.culprit else [one.commit.id for one in made.candidates]
    named = [commit for commit in named if commit in known.within]
    others = [(commit, share) for commit, share in known.ranked(NEXT + len(named)) if commit not in named]
    likeliest = known.ranked(1)[0][0]
    sides = {True: Tally(), False: Tally()}
    for commit, tally in tallies.items():
        new = commit in known.within and known.within.is_ancestor(likeliest, commit)
        sides[new] += tally
    return Odds(
        culprit=sum(known.of(commit) for commit in named),
        following=tuple((commit, share) for commit, share in others[:NEXT] if share >= LEAST),
        unchanged=known.unchanged,
        old=_rate(sides[False]),
        new=_rate(sides[True]),
    )


def _rate(tally: Tally) -> Rate:
    return Rate(tally.new, tally.boots, *tally.interval())
