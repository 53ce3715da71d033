"""What does a person hear: how far the work is, or why it cannot go on?"""

from __future__ import annotations

import sys


class HistoryError(Exception):
    """The history cannot be made; the message says what the user can mend."""


def say(words: str) -> None:
    """Tell of progress, or of the end, on stderr."""
    print(f"kernel_history: {words}", file=sys.stderr, flush=True)
