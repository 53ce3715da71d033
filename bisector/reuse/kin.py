"""Whose kernel does a commit make? The kernels that are there, and what took part in their builds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from bisector import keep
from bisector.model import BrokenBuild, Kernel
from bisector.reuse import alike
from bisector.reuse.alike import Differing, Selection
from bisector.reuse.parts import Parts

# A history's own paths between two of its commits; see `trees.changes`.
Changes = Callable[[str, str], Mapping[str, bool]]
# Commits whose files are looked at, to know which can differ: 16,000 take 2 s.
LOOKED_AT = 30_000


class Kernels:
    """The kernels of a session by their commit, and what took part in their builds. `arch`: as make calls it."""

    def __init__(self, known: Mapping[str, Kernel | BrokenBuild], changes: Changes, arch: str) -> None:
        self._known, self._changes, self._arch = known, changes, arch
        self._parts: dict[tuple[str, str], Parts | None] = {}

    def differing(self, built: str, other: str) -> int | None:
        """Return in how many files the two differ, if none of them can matter to the build of `built`, else None."""
        if (parts := self._took_part(built)) is None:
            return None
        changes = self._changes(built, other)
        return None if alike.mattering(parts, changes, self._arch) else len(changes)

    def cannot_differ(self, one: str, other: str) -> bool:
        """Tell whether neither build read a file in which the two commits differ."""
        return all(self.differing(*pair) is not None for pair in ((one, other), (other, one)))

    def differing_in(
        self, built: str, touched: Iterable[tuple[str, Mapping[str, bool]]], suspects: Collection[str]
    ) -> Differing | None:
        """Return which commits can make another kernel than their parent, by what took part in that of `built`.

        None: that is not known, or there are more than `LOOKED_AT`. `suspects`: as `Selection.differing` has them.
        """
        if (parts := self._took_part(built)) is None:
            return None
        found = Selection(parts, self._arch).differing(touched, suspects)
        return found if len(found.looked_at) < LOOKED_AT else None

    def _took_part(self, built: str) -> Parts | None:
        if (made := self._known.get(built)) is None:
            return None
        # By its build too: a kernel that was wrongly taken for this commit's is another one.
        key = built, made.build_id if isinstance(made, Kernel) else made.parts
        if key not in self._parts:
            self._parts[key] = keep.took_part(made)
        return self._parts[key]
