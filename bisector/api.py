"""What can be asked of bisector? Start, resume, test, read and report: all that the command line does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bisector import __version__, disputes, halting, journal, opening, planning, rejudging, sessions
from bisector.claiming import claim, require_plain
from bisector.endings import Conclusion
from bisector.errors import BisectorError, HostError, Interrupted, Misinferred, Spoiled, UserError
from bisector.events import Concluded, Distrusted, Event, Planned, Resumed, Started, now
from bisector.evidence.forecast import Plan
from bisector.given import settings
from bisector.host import stopping
from bisector.host.repository import Repository
from bisector.journal import Journal
from bisector.known import Session
from bisector.model import Purpose, Verdict
from bisector.reporting import kept, mail, page, report
from bisector.searching import GitSearch
from bisector.session import Bisection
from bisector.settings import Settings
from bisector.steps import Steps
from bisector.testing import test

__all__ = ["kept", "mail", "mark", "page", "plan", "read", "rejudge", "report", "resume", "retest"]
__all__ += ["settings", "start", "test"]

Emit = Callable[[Event], None]
Warn = Callable[[str], None]


def ignored(_: object) -> None:
    """Take an event or a warning that nobody wants to hear of."""


def start(
    settings: Settings,
    old: str,
    new: str,
    *,
    state: Path | None = None,
    emit: Emit = ignored,
    warn: Warn = ignored,
    new_session: bool = False,
    also: Callable[[Session], bool] = lambda _: False,
    again: str = "",
) -> tuple[Session, Conclusion]:
    """Run a whole bisection; return the session and its answer. Raises UserError, HostError, Interrupted.

    `old`, `new`: any revisions. `state`: the directory of the sessions, None for the usual one. `emit` is told each
    event as it happens, `warn` what a person should know.
    A session of the same ends and settings that has no answer yet is gone on with, unless it shall be a new one;
    one that has an answer gives it again if `also` is true of it. `again`: what a person does after a stop, if not
    resume the session.
    """
    state = state or sessions.usual()
    repository = Repository(Path(settings.repo))
    ends = repository.commit(old), repository.commit(new)
    planning.require_range(repository, *ends)
    opening.machine(settings)
    claim(state)
    started = Started(
        session=opening.new_name(),
        bisector=__version__,
        old=ends[0],
        new=ends[1],
        settings=settings,
        versions=opening.versions(settings),
        caveat=opening.CAVEAT[settings.accel],
    )
    with ExitStack() as stack:
        with journal.choosing(sessions.home(state)):
            # Two equal lines at the same moment: one looks, begins and holds; then the other looks.
            found = None if new_session else sessions.unfinished(state, started, warn, also)
            with stopping.deferred():
                # Both or none: from the moment at which it is there, that is how to go on.
                book = Journal(found) if found else journal.create(sessions.home(state) / started.session, started)
                _will_go_on(state, book.session, again)
            stack.enter_context(journal.held(book.session.directory))
        if found and found.conclusion is not None:
            emit(found.started)
            return found, resume(found, state=state, emit=emit, warn=warn)
        if found:
            warn(f"going on with session {found.name}, which has no answer yet (--new-session begins another)")
        emit(book.session.started)
        emit(Planned(plan=planning.plan(book.session.started.settings, repository, *ends, state), at=now()))
        return book.session, _work(book, repository, state, emit, warn, resumed=found is not None)


def plan(settings: Settings, old: str, new: str, *, state: Path | None = None) -> Plan:
    """Return what a bisection will take, and build nothing. Raises UserError as `start` does."""
    repository = Repository(Path(settings.repo))
    ends = repository.commit(old), repository.commit(new)
    planning.require_range(repository, *ends)
    opening.machine(settings)
    require_plain(state := state or sessions.usual())
    return planning.plan(settings, repository, *ends, state)


def resume(session: Session, *, state: Path | None = None, emit: Emit = ignored, warn: Warn = ignored) -> Conclusion:
    """Go on with a session that was stopped; a finished one gives its answer again."""
    if session.conclusion is not None:
        emit(Concluded(conclusion=session.conclusion, at=session.last))
        return session.conclusion
    state = state or sessions.usual()
    repository = Repository(Path(session.started.settings.repo))
    with _held(session, state):
        return _work(Journal(session), repository, state, emit, warn, resumed=True)


def read(session: str | None = None, *, state: Path | None = None) -> Session:
    """Return the session with this unique prefix, or the newest. Raises UserError."""
    return sessions.read(state or sessions.usual(), session)


def mark(
    session: Session,
    revision: str,
    verdict: Verdict | None,
    because: str,
    *,
    state: Path | None = None,
    emit: Emit = ignored,
    warn: Warn = ignored,
) -> Conclusion:
    """Take a person's word for what a commit is, and go on from what is known. Raises UserError if it cannot be.

    `verdict`: None takes an earlier word back.
    """
    state = state or sessions.usual()
    repository = Repository(Path(session.started.settings.repo))
    commit = disputes.disputed(session, repository, revision)
    said = disputes.word(session, repository, commit, verdict, because)
    with _held(session, state):
        return _work(Journal(session), repository, state, emit, warn, lambda steps: steps.record(said), resumed=True)


def retest(
    session: Session,
    revision: str,
    times: int,
    *,
    state: Path | None = None,
    emit: Emit = ignored,
    warn: Warn = ignored,
) -> Conclusion:
    """Boot a commit so many times more, and go on from what is known then."""
    state = state or sessions.usual()
    repository = Repository(Path(session.started.settings.repo))
    commit = disputes.disputed(session, repository, revision)
    with _held(session, state):
        _will_go_on(state, session, how="with the boots that were made by then; retest makes more")

        def again(steps: Steps) -> None:
            try:
                steps.take(commit, Purpose.RETEST, session.question)
            except Misinferred as error:
                steps.record(Distrusted(because=error.message))
                steps.take(commit, Purpose.RETEST, session.question)
            if times > 1 and steps.of(commit.id)[-1].kernel:
                steps.more(commit, Purpose.RETEST, times - 1, session.question)

        return _work(Journal(session), repository, state, emit, warn, again, resumed=True)


def rejudge(
    session: Session,
    on: Mapping[str, Verdict],
    *,
    state: Path | None = None,
    emit: Emit = ignored,
    warn: Warn = ignored,
) -> Conclusion:
    """Read the kept consoles again under today's rules and this table, and go on from what they say then.

    Nothing is written, and the answer given again, if nothing reads otherwise and `on` says nothing new. What was
    read stands in the journal also where going on is refused, by other programs than the session began with.
    """
    state = state or sessions.usual()
    with _held(session, state):
        session.catch_up(journal.read(session.directory))
        reread = rejudging.reread(session, on, warn)
        if reread is not None:
            emit(Journal(session).append(reread))
    return resume(session, state=state, emit=emit, warn=warn)


@contextmanager
def _held(session: Session, state: Path) -> Iterator[None]:
    with journal.held(session.directory):
        _will_go_on(state, session)
        yield


def _will_go_on(state: Path, session: Session, again: str = "", how: str = "where it stopped") -> None:
    stopping.go_on_with((again or opening.to_go_on(state, f"resume {session.name}")) + f" goes on {how}")


def _work(
    book: Journal,
    repository: Repository,
    state: Path,
    emit: Emit,
    warn: Warn,
    first: Callable[[Steps], None] = lambda _: None,
    *,
    resumed: bool = False,
) -> Conclusion:
    """Sit at the session, which is held, until it ends or stops; a stop is written down with its reason.

    `first`: what is done before it goes on.
    """
    session = book.session
    try:
        if resumed:
            # Whoever held it until now may have gone on, or have come to the end.
            session.catch_up(journal.read(session.directory))
            if session.stopped is not None and session.lost:
                raise Spoiled(session.stopped.message, session.stopped.hint)
            if changed := sessions.changed(session.started, opening.versions(session.started.settings)):
                raise UserError(changed, "bisector start --new-session begins anew")
            if session.spoiled:
                numbers = ", ".join(map(str, session.spoiled))
                warn(f"journal: lines {numbers} cannot be read and are left out")
            emit(book.append(Resumed(bisector=__version__)))
        started = session.started
        with opening.bench(started.settings, session.directory, state, started.new, warn) as bench:
            if session.measured is not None:
                bench.limits = session.measured.limits
            bench.table, bench.inferring = session.on, session.inheriting
            steps = Steps(book, bench, emit)
            first(steps)
            return Bisection(steps, repository, GitSearch(steps, repository)).proceed()
    except OSError as error:
        failure = HostError.of(error)
        halting.note(book, failure, emit)
        raise failure from error
    except (BisectorError, Interrupted) as error:
        halting.note(book, error, emit)
        raise
