"""What does a commit change in a file, and where?"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from kernel_history.messages import HistoryError


class Where(enum.Enum):
    """Where an edit's text goes, seen from its anchor."""

    REPLACE = "instead of the anchor"
    BEFORE = "before the anchor's line"
    AFTER = "after the anchor's line"
    ABOVE = "above the function"
    RENAME = "instead of the anchor, at each place in the function"
    APPEND = "at the end of the file"
    CREATE = "in a new file"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file; the anchor is a regular expression, looked for in the function `within`."""

    path: str
    where: Where
    anchor: str = ""
    text: str = ""
    within: str = ""

    def apply(self, old: str | None) -> str:
        """Return the file's new text; raise HistoryError unless the anchor matches exactly once."""
        if self.where is Where.CREATE:
            if old is not None:
                raise HistoryError(f"{self.path}: is there already, but an edit wants to create it")
            return self.text
        if old is None:
            raise HistoryError(f"{self.path}: no such file in this source")
        if self.where is Where.APPEND:
            return old + self.text
        start, end = self._scope(old)
        if self.where is Where.ABOVE:
            return old[:start] + self.text + old[start:]
        found = list(re.compile(self.anchor, re.MULTILINE).finditer(old, start, end))
        place = f"{self.path}: anchor {self.anchor!r}" + (f" in {self.within}()" if self.within else "")
        if self.where is Where.RENAME:
            if not found:
                raise HistoryError(f"{place} does not match; the edits are made for linux-source-6.12")
            return old[:start] + re.sub(self.anchor, self.text, old[start:end]) + old[end:]
        if len(found) != 1:
            raise HistoryError(
                f"{place} matches {len(found)} times, not once; the edits are made for linux-source-6.12"
            )
        if self.where is Where.REPLACE:
            return old[: found[0].start()] + self.text + old[found[0].end() :]
        if self.where is Where.BEFORE:
            at = old.rfind("\n", 0, found[0].start()) + 1
        else:
            at = old.find("\n", max(found[0].start(), found[0].end() - 1)) + 1 or len(old)
        return old[:at] + self.text + old[at:]

    def _scope(self, old: str) -> tuple[int, int]:
        if not self.within:
            return 0, len(old)
        definition = rf"^(?:\w[^\n;{{}}#=]*?\b)?{self.within}\([^;{{}}]*\)\n\{{\n.*?^\}}"
        found = list(re.finditer(definition, old, re.MULTILINE | re.DOTALL))
        if len(found) != 1:
            raise HistoryError(f"{self.path}: function {self.within}() is defined {len(found)} times, not once")
        return found[0].span()


@dataclass(frozen=True, slots=True)
class Change:
    """One commit of a story."""

    subject: str
    body: str
    author: str
    edits: tuple[Edit, ...]


def replace(path: str, anchor: str, text: str, within: str = "") -> Edit:
    """Put the text in the anchor's place."""
    return Edit(path, Where.REPLACE, anchor, text, within)


def before(path: str, anchor: str, text: str, within: str = "") -> Edit:
    """Put the text above the anchor's line."""
    return Edit(path, Where.BEFORE, anchor, text, within)


def after(path: str, anchor: str, text: str, within: str = "") -> Edit:
    """Put the text below the anchor's line."""
    return Edit(path, Where.AFTER, anchor, text, within)


def above(path: str, function: str, text: str) -> Edit:
    """Put the text above the function."""
    return Edit(path, Where.ABOVE, "", text, function)


def rename(path: str, function: str, old: str, new: str) -> Edit:
    """Give a word of the function another name, at each place."""
    return Edit(path, Where.RENAME, rf"\b{old}\b", new, function)


def append(path: str, text: str) -> Edit:
    """Put the text at the file's end."""
    return Edit(path, Where.APPEND, "", text)


def create(path: str, text: str) -> Edit:
    """Make a new file of the text."""
    return Edit(path, Where.CREATE, "", text)
