"""What can be asked of bisector? Start, resume, test, read and report: all that the command line does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bisector import __version__, journal, opening, reproduce, step
from bisector.build import TINY
from bisector.errors import BisectorError, HostError, Interrupted, UserError
from bisector.events import Concluded, Event, Resumed, Settings, Started, Stopped
from bisector.host.repository import Repository
from bisector.journal import Journal, Session
from bisector.kconfig import difference
from bisector.model import Commit, Conclusion, Purpose, Step
from bisector.report import values
from bisector.session import Bisection

Emit = Callable[[Event], None]
Warn = Callable[[str], None]


def start(
    settings: Settings, old: str, new: str, *, state: Path, emit: Emit, warn: Warn
) -> tuple[Session, Conclusion]:
    """Run a whole bisection; return the session and its answer. Raises UserError, HostError, Interrupted."""
    repository = Repository(Path(settings.repo))
    ends = repository.commit(old), repository.commit(new)
    _check_ends(repository, *ends)
    opening.machine(settings)
    opening.require_plain(state)
    versions = opening.versions(settings)
    name = opening.new_name()
    started = Started(
        session=name,
        bisector=__version__,
        old=ends[0],
        new=ends[1],
        settings=settings,
        versions=versions,
        caveat=opening.CAVEAT[settings.accel],
    )
    book = journal.create(sessions_home(state) / name, started)
    emit(book.session.started)
    return book.session, _work(book, repository, state, emit, warn)


def resume(session: Session, *, state: Path, emit: Emit, warn: Warn) -> Conclusion:
    """Go on with a session that was stopped; a finished one gives its answer again."""
    if session.conclusion is not None:
        emit(Concluded(conclusion=session.conclusion, at=session.last))
        return session.conclusion
    repository = Repository(Path(session.started.settings.repo))
    book = Journal(session)
    return _work(book, repository, state, emit, warn, resumed=True)


def _work(
    book: Journal, repository: Repository, state: Path, emit: Emit, warn: Warn, *, resumed: bool = False
) -> Conclusion:
    """Sit at the session until it ends or stops; a stop is written down with its reason."""
    session = book.session
    with journal.held(session.directory):
        try:
            if resumed:
                # Whoever held it until now may have gone on, or have come to the end.
                session.catch_up(journal.read(session.directory))
                _same_programs(session)
                emit(book.append(Resumed(bisector=__version__)))
            started = session.started
            with opening.bench(started.settings, session.directory, state, started.new, warn) as bench:
                return Bisection(book, repository, bench, emit).proceed()
        except OSError as error:
            failure = _as_host_error(error)
            _note_stop(book, Stopped(why="failed", message=failure.message, hint=failure.hint), emit)
            raise failure from error
        except BisectorError as error:
            why = "interrupted" if isinstance(error, Interrupted) else "failed"
            _note_stop(book, Stopped(why=why, message=error.message, hint=error.hint), emit)
            raise


def _same_programs(session: Session) -> None:
    """Refuse to go on with another compiler or QEMU: two halves of a search would not be comparable."""
    now = opening.versions(session.started.settings)
    for name in ("compiler", "qemu"):
        before = session.started.versions.get(name)
        if now[name] != before:
            raise UserError(f"the {name} is now {now[name]}, the session began with {before}", "start a new session")


def _as_host_error(error: OSError) -> HostError:
    """What the disk or the system refused us anywhere: our machine's failure."""
    where = f"{error.filename}: " if error.filename else ""
    return HostError(f"{where}{error.strerror or error}", "mend that, then resume")


def _note_stop(book: Journal, stopped: Stopped, emit: Emit) -> None:
    """Write the stop down and tell it if that can be done; what stopped us (a full disk) may prevent both."""
    told: Event = stopped
    with suppress(HostError):
        told = book.append(stopped)
    with suppress(HostError):
        emit(told)


def _check_ends(repository: Repository, old: Commit, new: Commit) -> None:
    """Refuse ends between which nothing can be searched. Raises UserError."""
    if repository.is_shallow():
        raise UserError(f"{repository.path} is a shallow clone: its history is cut", "git fetch --unshallow")
    if old.id == new.id:
        raise UserError(f"both ends are the commit {old.short}", "--old and --new must differ")
    bases = repository.merge_bases(old, new)
    if not bases:
        raise UserError(f"{old.short} and {new.short} have no common ancestor", "choose ends of one history")
    if bases == [new.id]:
        raise UserError(
            f"the new end {new.short} is in the history of the old end {old.short}",
            "swap --old and --new: old is the earlier commit, whichever of the two behaves well",
        )


def test(
    settings: Settings, revisions: Sequence[str], *, state: Path, tell: Callable[[Commit, str, int], None], warn: Warn
) -> list[Step]:
    """Build, boot and probe each revision once, without a session."""
    repository = Repository(Path(settings.repo))
    commits = [repository.commit(revision) for revision in revisions]
    opening.machine(settings)
    opening.require_plain(state)
    opening.versions(settings)
    directory = state / "tests" / opening.new_name()
    try:
        with opening.bench(settings, directory, state, commits[0], warn) as bench:
            return [_tested(bench, commit, tell) for commit in commits]
    except OSError as error:
        raise _as_host_error(error) from error


def _tested(bench: step.Bench, commit: Commit, tell: Callable[[Commit, str, int], None]) -> Step:
    return step.take(bench, commit, Purpose.TEST, None, lambda phase, made: tell(commit, phase, made))


# -- sessions on the disk ------------------------------------------------------------------------------


def sessions_home(state: Path) -> Path:
    """Return the directory of the sessions."""
    return state / "sessions"


def session_names(state: Path) -> list[str]:
    """Return all sessions' names, the newest last."""
    home = sessions_home(state)
    return sorted(path.parent.name for path in home.glob(f"*/{journal.NAME}")) if home.is_dir() else []


def session(state: Path, prefix: str | None) -> Session:
    """Read the session with this unique prefix, or the newest. Raises UserError."""
    names = session_names(state)
    if not names:
        raise UserError(f"there is no session in {state}", "bisector start makes one; --state names the directory")
    if prefix is None:
        return journal.read(sessions_home(state) / names[-1])
    fitting = [name for name in names if name == prefix] or [name for name in names if name.startswith(prefix)]
    if len(fitting) != 1:
        what = "fits no session" if not fitting else f"fits {len(fitting)} sessions"
        raise UserError(f"{prefix!r} {what}", "bisector list shows their names")
    return journal.read(sessions_home(state) / fitting[0])


def report(session: Session) -> values.Report:
    """Return the session's report, also on a machine that could not run it."""
    settings, directory = session.started.settings, session.directory
    made, vm = opening.recipe(settings), opening.machine(settings, here=False)
    commands: list[str] = []
    culprits = _decisive(session, Purpose.CULPRIT)
    for side, taken in [("before", t) for t in _decisive(session, Purpose.PARENT)] + [("after", t) for t in culprits]:
        assert taken.kernel is not None
        commands += [f"# {side}: {taken.commit.short}, the kernel that was kept"]
        commands += [reproduce.boot_kept(vm, directory, taken.kernel)]
    for taken in culprits:
        commands += ["# built anew; for a parent's kernel set COMMIT to the parent"]
        commands += reproduce.build_anew(made, vm, directory, settings.repo, taken.commit)
    return values.report(
        session, held=journal.is_held(directory), configuration=_configuration(session), reproduce=commands
    )


def _decisive(session: Session, purpose: Purpose) -> list[Step]:
    """Return one step with a kernel for each commit of this purpose."""
    steps = {taken.commit.id: taken for taken in session.steps if taken.purpose is purpose and taken.kernel}
    return list(steps.values())


def _configuration(session: Session) -> tuple[str, ...]:
    """Return how the newest kernel's .config differs from tinyconfig's, () if no kernel was kept."""
    for taken in reversed(session.steps):
        if taken.kernel is not None and Path(taken.kernel.config).exists():
            config = Path(taken.kernel.config)
            base = config.with_name(TINY)
            return difference(base.read_text(errors="replace"), config.read_text(errors="replace"))
    return ()
