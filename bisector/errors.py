"""What went wrong, and whose turn is it? Two families; what a kernel does is in neither.

A kernel that does not build, panics or hangs is a value (see `model`). Only these are exceptions:
something a person can mend, and something that our machine failed to do.
"""

from __future__ import annotations

from typing import Self


class BisectorError(Exception):
    """One clear sentence, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(BisectorError):
    """Words, revisions or files that a person can mend. Nothing was tested, nothing is lost."""


class Held(UserError):
    """Another bisector is at work on the very session; it can be asked again when that one has ended."""


class HostError(BisectorError):
    """Our machine failed: this says nothing about any commit, and is never a verdict or a skip.

    `transient`: worth another try without a person (a compiler killed for memory, a VM that did not start).
    """

    def __init__(self, message: str, hint: str = "", *, transient: bool = False) -> None:
        super().__init__(message, hint)
        self.transient = transient

    @classmethod
    def of(cls, error: OSError) -> Self:
        """Say what the disk or the system refused us, wherever that was."""
        where = f"{error.filename}: " if error.filename else ""
        return cls(f"{where}{error.strerror or error}", "mend that, then do the same again, or resume")


class Misinferred(HostError):
    """A commit does not make the kernel that was taken for its own. Nothing of the kind is believed from then on."""


class Spoiled(HostError):
    """A commit is not the kernel that was built of it before: no other kernel of the session can be believed."""


class Interrupted(BaseException):
    """A person or the system asked us to stop (SIGINT, SIGTERM, SIGHUP). The session can be resumed.

    Not an Exception: nobody's `except Exception` may take it for a failure of his own.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
