"""Whose kernel does a commit make? The kernels that are there, and what took part in their builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bisector import keep
from bisector.model import BrokenBuild, Kernel
from bisector.reuse import alike
from bisector.reuse.parts import Parts

# A history's own paths between two of its commits; see `Repository.changes`.
Changes = Callable[[str, str], Mapping[str, bool]]


class Kernels:
    """The kernels of a session by their commit, and what took part in their builds. `arch`: as make calls it."""

    def __init__(self, known: Mapping[str, Kernel | BrokenBuild], changes: Changes, arch: str) -> None:
        self._known, self._changes, self._arch = known, changes, arch
        self._parts: dict[str, Parts | None] = {}

    def differing(self, built: str, other: str) -> int | None:
        """Return in how many files the two differ, if none of them can matter to the kernel of `built`, else None."""
        if (parts := self._took_part(built)) is None:
            return None
        changes = self._changes(built, other)
        return None if alike.mattering(parts, changes, self._arch) else len(changes)

    def cannot_differ(self, one: str, other: str) -> bool:
        """Tell whether neither build read a file in which the two commits differ."""
        return all(self.differing(*pair) is not None for pair in ((one, other), (other, one)))

    def _took_part(self, built: str) -> Parts | None:
        if built not in self._parts:
            kernel = self._known.get(built)
            if not isinstance(kernel, Kernel):
                # Not to be kept: it may be built yet.
                return None
            self._parts[built] = keep.took_part(kernel)
        return self._parts[built]
