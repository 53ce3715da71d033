"""What does a commit do? Revisions built, booted and probed once each, without a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bisector import journal, opening, sessions, step
from bisector.bench import Bench
from bisector.claiming import TESTS, claim
from bisector.errors import HostError
from bisector.host import disk, stopping
from bisector.host.repository import Repository
from bisector.model import Commit, Purpose, Step
from bisector.settings import Settings

Warn = Callable[[str], None]


def test(
    settings: Settings,
    revisions: Sequence[str],
    *,
    state: Path | None = None,
    tell: Callable[[Commit, str, int], None] = lambda *_: None,
    warn: Warn = lambda _: None,
) -> Iterator[Step]:
    """Build, boot and probe each revision once, without a session; yield each step when it is taken.

    `tell`: told which commit is in which phase, and the objects compiled so far.
    """
    state = state or sessions.usual()
    repository = Repository(Path(settings.repo))
    commits = [repository.commit(revision) for revision in revisions]
    opening.machine(settings)
    claim(state)
    opening.versions(settings)
    stopping.go_on_with("what was found stands above; run it again for the rest")
    directory = state / TESTS / opening.new_name()
    with disk.writing(directory):
        directory.mkdir(mode=0o700)
    try:
        with journal.held(directory), opening.bench(settings, directory, state, commits[0], warn) as bench:
            for commit in commits:
                yield _tested(bench, commit, tell)
    except OSError as error:
        raise HostError.of(error) from error


def _tested(bench: Bench, commit: Commit, tell: Callable[[Commit, str, int], None]) -> Step:
    return step.take(bench, commit, Purpose.TEST, None, lambda phase, made: tell(commit, phase, made))
