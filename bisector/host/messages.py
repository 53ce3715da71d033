"""What does git know of a commit as a letter? Its trailers, its patch, its files, and who works here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from bisector.errors import HostError, UserError
from bisector.host import process
from bisector.host.repository import Repository, environment
from bisector.model import Commit

# Bytes: MAINTAINERS has 900,000, a patch of a whole driver some millions.
LARGE = 16 << 20
# Seconds for a fetch, or for the patches of so many commits.
FETCH, LOOKED_AT = 1800.0, 5000


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


def fetch(repository: Repository, remote: str) -> None:
    """Fetch a remote into the user's own repository, as was asked for. Raises UserError."""
    if remote.startswith("-"):
        raise UserError(f"{remote!r} is no remote", "git remote shows their names")
    words = ["git", "-C", str(repository.path), "fetch", "--quiet", "--no-recurse-submodules", remote]
    # As the person does it, with all that is set up for that; but nobody is there to be asked.
    env = dict(os.environ) | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        process.output(process.bound_to_us(words), env=env, seconds=FETCH)
    except HostError as error:
        said = error.message.rpartition("exit code ")[2]
        # In quotes stands its address, if it has one.
        if f"'{remote}' does not appear to be a git repository" in said:
            raise UserError(
                f"{remote!r} is no remote of {repository.path}", "git remote shows their names"
            ) from error
        raise HostError(
            f"cannot fetch {remote}: git said {said}", "mend that; the next pass tries it again"
        ) from error


def same_patch(repository: Repository, commit: Commit, olds: Sequence[str], new: str) -> str | None:
    """Return the commit in `new`'s history and in none of the `olds`' that makes the same change, None for none."""
    if len(commit.parents) != 1:
        return None
    place = str(repository.path)
    wanted = _patches(place, ["-1", commit.id])
    if not wanted:
        return None
    [(patch, _)] = wanted.items()
    return _patches(place, [f"--max-count={LOOKED_AT}", new, "--not", *olds]).get(patch)


def _patches(place: str, words: Sequence[str]) -> dict[str, str]:
    """Return patch ids, and the commits that have them, the oldest of several."""
    line = 'git -C "$0" log --no-merges --format=raw -p "$@" | git -C "$0" patch-id --stable'
    said = process.output(process.bound_to_us(["sh", "-c", line, place, *words]), env=environment(), seconds=FETCH)
    return dict(row.split() for row in said.splitlines())
