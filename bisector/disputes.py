"""Which commit does a person doubt, and can it be what they say?"""

from __future__ import annotations

from bisector.errors import UserError
from bisector.events import Marked, Unmarked
from bisector.host.repository import Repository
from bisector.known import Session
from bisector.model import Commit, Verdict


def disputed(session: Session, repository: Repository, revision: str) -> Commit:
    """Return the commit, which must be in the session's range. Raises UserError."""
    started = session.started
    if session.question is None:
        ended = session.conclusion is not None
        hint = (
            "it ended before there was one: bisector start begins another"
            if ended
            else "bisector resume goes on to it"
        )
        raise UserError(f"session {session.name} has no question{'' if ended else ' yet'}", hint)
    commit = repository.commit(revision)
    if commit.id != started.old.id and commit.id not in repository.between([started.old.id], started.new.id):
        raise UserError(
            f"{commit.short} is not in the session's range {started.old.short} .. {started.new.short}",
            "bisector report shows the commits that it visited",
        )
    return commit


def word(
    session: Session, repository: Repository, commit: Commit, verdict: Verdict | None, because: str
) -> Marked | Unmarked:
    """Return a person's word on a commit as the journal has it. Raises UserError if it cannot be."""
    if verdict is not None:
        _require_consistent(session, repository, commit, verdict)
        return Marked(commit=commit, verdict=verdict, because=because)
    if commit.id not in session.marks:
        raise UserError(f"no person said what {commit.short} is", "bisector report shows the verdicts that one gave")
    return Unmarked(commit=commit, because=because)


def _require_consistent(session: Session, repository: Repository, commit: Commit, verdict: Verdict) -> None:
    """Refuse a word that no single change makes true beside the ends and the words before it. Raises UserError."""
    started = session.started
    if commit.id in (started.old.id, started.new.id):
        raise UserError(
            f"{commit.short} is an end of the session: it is what its boots show",
            "bisector start with other ends begins anew; bisector retest boots it again",
        )
    if verdict is Verdict.UNTESTABLE:
        return
    for other, mark in session.marks.items():
        if other == commit.id or {mark.verdict, verdict} != {Verdict.OLD, Verdict.NEW}:
            continue
        new, old = (commit.id, other) if verdict is Verdict.NEW else (other, commit.id)
        if new not in repository.between([old], new):
            raise UserError(
                f"{new[:12]} cannot be new: it is in the history of {old[:12]}, which is old by a person's word",
                f"take that back first: bisector mark {other[:12]} measured --because ...",
            )
