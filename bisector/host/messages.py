"""What does git know of a commit as a letter? Its trailers, its patch, its files, and who works here."""

from __future__ import annotations

from contextlib import suppress

from bisector.errors import HostError
from bisector.host.repository import Repository
from bisector.model import Commit

# Bytes: MAINTAINERS has 900,000, a patch of a whole driver some millions.
LARGE = 16 << 20


def trailers(repository: Repository, commit: Commit) -> list[tuple[str, str]]:
    """Return the lines at the end of the commit's message that name people and things, as (key, value)."""
    form = "--format=%(trailers:only=true,unfold=true,separator=%x00,key_value_separator=%x01)"
    with repository.stream("show", "--no-patch", "--no-notes", form, commit.id) as stream:
        said = stream.read(LARGE).decode("utf-8", "backslashreplace").rstrip("\n")
    pairs = (line.partition("\x01") for line in said.split("\0"))
    return [(key, value) for key, found, value in pairs if found]


def content(repository: Repository, commit: Commit, path: str) -> bytes | None:
    """Return a file of the commit, None if it has no such file, or one larger than `LARGE`."""
    with suppress(HostError):
        return _small(repository, "cat-file", "blob", f"{commit.id}:{path}")
    return None


def patch(repository: Repository, commit: Commit) -> bytes | None:
    """Return the commit as a patch in a letter, None if that is larger than `LARGE`."""
    return _small(repository, "format-patch", "-1", "--stdout", "--no-signature", commit.id)


def person(repository: Repository) -> str:
    """Return who works with this repository, "A Person <a@example.org>"; "" if git has not been told."""
    with suppress(HostError):
        # As git signs a commit: its own words for nobody are an error.
        with repository.stream("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT") as stream:
            said = stream.read(4096).decode("utf-8", "backslashreplace")
        return said.rpartition(">")[0] + ">" if ">" in said else ""
    return ""


def _small(repository: Repository, *words: str) -> bytes | None:
    with repository.stream(*words) as stream:
        found: bytes = stream.read(LARGE + 1)
    return found if len(found) <= LARGE else None
