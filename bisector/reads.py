"""What does a bisection need of git? Two small faces: one that reads the user's commits, one that searches them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from bisector.evidence.graph import Range
from bisector.model import Commit, Question, Verdict


class Reads(Protocol):
    """The commits; a `host.repository.Repository` is one."""

    def read(self, commit_id: str) -> Commit:
        """Return the commit with this full id."""

    def merge_bases(self, one: Commit, other: Commit) -> list[str]:
        """Return the ids of all best common ancestors."""

    def history(self, olds: Sequence[str], new: str) -> Iterator[tuple[str, list[str]]]:
        """Yield every commit in `new`'s history and in none of the `olds`', with its parents, parents first."""

    def files(self, commit: Commit) -> tuple[str, ...]:
        """Return the paths that the commit changed against its first parent."""


class Searches(Protocol):
    """The search by halves, and what else is done in our worktree; a `searching.GitSearch` is one."""

    def candidates(self, question: Question, olds: tuple[str, ...], within: Range) -> list[str]:
        """Search; return the commits that are left, newest first: one, or those that untestable ones hide."""

    def keep(self, olds: Sequence[str], within: Range, verdicts: Mapping[str, Verdict]) -> None:
        """Let git hold verdicts that it did not ask for."""

    def cannot_differ(self, one: Commit, other: Commit) -> bool:
        """Tell whether the two make the same kernel, by the files that took part in their builds."""

    def merged(self, one: Commit, other: Commit) -> Commit | None:
        """Return a commit of ours that merges the two; None if git cannot do it alone."""

    def without(self, culprit: Commit) -> Commit | None:
        """Return a commit of ours that is the new end without the culprit's change; None if that does not apply."""
