"""What does a session's report need beside its journal? What is held, kept and known on this machine -> Report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bisector import answers, events, journal, opening, reproduce, transcripts
from bisector.errors import BisectorError, UserError
from bisector.host import disk, messages
from bisector.host.repository import Repository
from bisector.kconfig import difference
from bisector.known import Session
from bisector.model import Purpose, Step
from bisector.report import sections, values
from bisector.report.markdown import markdown
from bisector.report.text import text
from bisector.reuse import configs
from bisector.sessions import LAST_REPORT

# Commits of a range that is drawn: a longer one takes seconds to list.
DRAWN = 200_000


def report(session: Session) -> values.Report:
    """Return the session's report, also on a machine that could not run it."""
    settings, directory = session.started.settings, session.directory
    made, vm, commands = opening.recipe(settings), opening.machine(settings, here=False), list[str]()
    culprits = _decisive(session, Purpose.CULPRIT)
    for side, taken in [("before", t) for t in _decisive(session, Purpose.PARENT)] + [("after", t) for t in culprits]:
        assert taken.kernel is not None
        commands += [f"# {side}: {taken.commit.short}, the kernel that was kept"]
        commands += [reproduce.boot_kept(vm, directory, taken.kernel)]
    for taken in culprits:
        anew = reproduce.build_anew(made, vm, directory, settings.repo, taken.commit)
        commands += ["# built anew; for a parent's kernel set COMMIT to the parent", *anew]
    return values.report(
        session, held=journal.is_held(directory), configuration=_configuration(session), reproduce=commands
    )


def mail(session: Session) -> bytes:
    """Return the session's answer as a letter to those whom it concerns, an mbox; nothing is sent.

    Raises UserError if there is no answer for them, or the repository is gone.
    """
    # Here, as the page's below: most commands make neither, and what both need takes a tenth of a second.
    from bisector import maintainers
    from bisector.report import mail as letter

    made = report(session)
    if made.conclusion is None or not letter.answers(made):
        raise UserError(
            f"session {session.name} has no commit to write about: {sections.headline(made)}",
            "bisector report says what it has",
        )
    settings, named = session.started.settings, made.conclusion.culprit or made.conclusion.candidates[0].commit
    repository = Repository(Path(settings.repo))
    people = maintainers.recipients(repository, named, session.started.new)
    return letter.mail(made, people)


def kept(session: Session) -> values.Report:
    """Return the session's report, after it was written beside the journal in all forms."""
    made = report(session)
    forms = {
        "report.txt": text(made).encode(errors="backslashreplace"),
        "report.md": markdown(made).encode(errors="backslashreplace"),
        "report.html": _page(session, made).encode(errors="backslashreplace"),
        LAST_REPORT: events.encode(answers.ReportAnswer(report=made)) + b"\n",
    }
    for name, words in forms.items():
        disk.write(session.directory / name, words)
    return made


def page(session: Session) -> str:
    """Return the session's report as a page for a browser, with what git and the logs still have of it."""
    return _page(session, report(session))


def _page(session: Session, made: values.Report) -> str:
    from bisector.report import page as pages

    searching, culprit = session.searching, made.conclusion.culprit if made.conclusion else None
    places: dict[str, int] = {}
    diff: tuple[str, ...] = ()
    # Where the repository is gone, or another one, the page says what the journal has.
    with suppress(BisectorError):
        repository = Repository(Path(session.started.settings.repo))
        if searching is not None and searching.commits <= DRAWN:
            counted = (one.id for one, *_ in (*made.inherited, *made.as_broken))
            wanted = {visit.commit.id for visit in made.visits} | set(counted)
            history = repository.history(searching.olds, session.started.new.id)
            places = {commit: place for place, (commit, _) in enumerate(history) if commit in wanted}
        if culprit is not None and (patch := messages.patch(repository, culprit)) is not None:
            diff = _diff(patch.decode("utf-8", "backslashreplace"))
    shown = searching.commits if searching is not None and places else 0
    return pages.page(made, pages.Beside(places, shown, diff, _consoles(session)))


def _diff(patch: str) -> tuple[str, ...]:
    """Return what a patch changes, without its letter's head."""
    lines = patch.split("\n")
    begins = next((number for number, line in enumerate(lines) if line.startswith("diff --git ")), len(lines))
    return tuple(lines[begins:])


def _consoles(session: Session) -> dict[str, tuple[str, ...]]:
    """Return the consoles of the decisive boots, those that are still as they were."""
    told = {}
    for when, purpose in (("before", Purpose.PARENT), ("after", Purpose.CULPRIT)):
        for taken in _decisive(session, purpose):
            with suppress(OSError, transcripts.Changed):
                if taken.heard is not None:
                    said = transcripts.again(taken.heard, session.directory / "logs").text
                    # A serial line ends in a carriage return, and the terminal between may have put one more there.
                    lines = (line.rstrip("\r") for line in said.split("\n"))
                    told[f"{taken.commit.short}, {when}"] = tuple(lines)
    return told


def _decisive(session: Session, purpose: Purpose) -> list[Step]:
    """Return one step with a kernel for each commit of this purpose."""
    steps = {taken.commit.id: taken for taken in session.of_edge(purpose) if taken.kernel}
    return list(steps.values())


def _configuration(session: Session) -> tuple[str, ...]:
    """Return how the newest kernel's .config differs from tinyconfig's, () if they are not kept or not to be read."""
    for taken in reversed(session.steps):
        if taken.kernel is None:
            continue
        if (texts := configs.kept(taken.kernel)) is not None:
            return difference(*(text.decode(errors="replace") for text in texts))
    return ()
