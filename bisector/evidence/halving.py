"""Which commit is next, and which are left, where one test of a commit tells? A search by halves. (pure)

What git's bisection does, for ranges that git does not know: its commits may be of our own making.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bisector.evidence.graph import Range
from bisector.model import Verdict


def remaining(within: Range, verdicts: Mapping[str, Verdict]) -> NDArray[np.bool_]:
    """Tell which commits may be the first new one, shape (commits,); the range's last commit is new."""
    found = np.ones(len(within), dtype=np.bool_)
    for commit, verdict in verdicts.items():
        if commit not in within:
            continue
        if verdict is Verdict.NEW:
            found &= within.ancestors(commit)
        elif verdict is Verdict.OLD:
            found &= ~within.ancestors(commit)
    return found


def left(within: Range, verdicts: Mapping[str, Verdict]) -> list[str]:
    """Return the commits that may be the first new one, newest first."""
    found = remaining(within, verdicts)
    return [within.ids[place] for place in reversed(np.flatnonzero(found))]


def middle(within: Range, verdicts: Mapping[str, Verdict]) -> str | None:
    """Return the commit without a verdict that splits those that are left most evenly; None if there is none."""
    found = remaining(within, verdicts)
    whole = np.count_nonzero(found)
    places, below = within.sums(found.astype(np.float64))
    worth = {
        within.ids[place]: min(share, whole - share)
        for place, share in zip(places, below, strict=True)
        if found[place]
    }
    # The newest of equals: the first in this order.
    wanted = [commit for commit in reversed(worth) if commit not in verdicts]
    return max(wanted, key=worth.__getitem__, default=None)
