"""Which commit is next, and which are left, where one test of a commit tells? A search by halves. (pure)

What git's bisection does, for ranges that git does not know: its commits may be of our own making.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bisector.evidence.graph import Range
from bisector.model import Verdict


def left(within: Range, verdicts: Mapping[str, Verdict]) -> list[str]:
    """Return the commits that may be the first new one, newest first; the range's last commit is new."""
    found = np.ones(len(within), dtype=np.bool_)
    for commit, verdict in verdicts.items():
        if verdict is Verdict.NEW:
            found &= within.ancestors(commit)
        elif verdict is Verdict.OLD:
            found &= ~within.ancestors(commit)
    return [within.ids[place] for place in reversed(np.flatnonzero(found))]


def middle(within: Range, verdicts: Mapping[str, Verdict]) -> str | None:
    """Return the commit without a verdict that splits those that are left most evenly; None if there is none."""
    remaining = left(within, verdicts)
    weights = np.zeros(len(within))
    weights[[within.place[commit] for commit in remaining]] = 1.0
    places, below = within.sums(weights)
    worth = {
        within.ids[place]: min(share, len(remaining) - share) for place, share in zip(places, below, strict=True)
    }
    wanted = [commit for commit in remaining if commit in worth and commit not in verdicts]
    return max(wanted, key=worth.__getitem__, default=None)
