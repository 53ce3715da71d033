"""Did our machine fail in a way that may pass? The only retry (the home of tenacity)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

from bisector.errors import HostError

# Our machine's passing failures only: three tries, 1 s and then 4 s apart.
ATTEMPTS, FIRST_WAIT, LAST_WAIT = 3, 1.0, 8.0
T = TypeVar("T")


def calling(warn: Callable[[str], None], call: Callable[[], T]) -> T:
    """Call, and again after a wait if our machine failed in a way that may pass.

    What still fails then is raised as lasting: whoever called us must not try it as many times again.
    """
    trying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=FIRST_WAIT, exp_base=4, max=LAST_WAIT),
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, HostError) and error.transient),
        before_sleep=lambda state: warn(f"our machine failed, trying again: {_failure(state)}"),
        reraise=True,
    )
    try:
        return trying(call)
    except HostError as error:
        error.transient = False
        raise


def _failure(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    return error.message if isinstance(error, HostError) else str(error)
