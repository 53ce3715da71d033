"""Which commit is looked at next, where a boot does not tell for sure? (pure)

The one whose answer is worth most for what it costs: the entropy of whether it is old or new, in bits, for each
boot's time, where a build costs as much as many boots and a kernel that is at hand costs none. On a steady history
without kernels at hand that is the commit which git's own bisection takes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from bisector.evidence.graph import Weights
from bisector.evidence.posterior import Posterior

# A commit about which less is unknown than this, in bits, is worth no test.
LEAST = 1e-6


def entropy(share: Weights) -> Weights:
    """Return the entropy of a yes that has this probability, in bits."""
    inside = np.clip(share, 1e-300, 1.0), np.clip(1 - share, 1e-300, 1.0)
    return np.asarray(-share * np.log2(inside[0]) - (1 - share) * np.log2(inside[1]))


def following(
    known: Posterior, without: Collection[str], cost: Callable[[str], float], cheap: Collection[str] = ()
) -> str | None:
    """Return the commit to test next, None if no test of any would tell anything.

    `without`: commits that cannot be tested, or were tested to the end. `cost`: of a test, in boots. `cheap`: those
    whose test costs less than of the others.
    """
    places, shares = known.new(cheap)
    worth = entropy(shares)
    worth[np.isin(places, known.within.place.of(without))] = 0.0
    if float(worth.max()) < LEAST:
        return None
    costs = np.array([cost(known.within.ids[place]) for place in places])
    return known.within.ids[int(places[np.argmax(worth / costs)])]
