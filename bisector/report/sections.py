"""Which sections has a report, and what stands in each? The words, before any form. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from bisector.model import Commit, Kind, Seconds, Verdict
from bisector.report import rules
from bisector.report.values import Behaviour, Report


@dataclass(frozen=True, slots=True)
class Table:
    """`align`: one of `<` and `>` a column. The last column may be as long as it likes."""

    head: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A title, and below it whatever of these there is, in this order. Texts are raw: forms make them harmless."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    paragraphs: tuple[str, ...] = ()
    table: Table | None = None
    code: tuple[str, ...] = ()


_HEADLINES = {
    Kind.FOUND: "Found and certified",
    Kind.AMONG: "Not one commit but a set of candidates",
    Kind.ENDS_AGREE: "The ends agree: nothing changed",
    Kind.NOT_REPRODUCED: "The new end does not show it",
    Kind.OLD_SHOWS_IT: "The old end shows it already",
    Kind.MERGE_BASE_SHOWS_IT: "A merge base shows it",
    Kind.CONTRADICTION: "Contradiction: no single change explains what was seen",
    Kind.BELOW_CONFIDENCE: "Not steady enough for an answer",
    Kind.ENDS_UNFIT: "The ends cannot be tested for this",
}


def headline(report: Report) -> str:
    """Return the answer in one line."""
    if report.conclusion is not None:
        text = _HEADLINES[report.conclusion.kind]
        if report.conclusion.culprit is not None and report.question is not None:
            commit, asked = report.conclusion.culprit, report.question
            text += f': {commit.short} ("{commit.subject}") changed {asked.scenario} from {asked.old} to {asked.new}'
        return text
    if report.stopped:
        return f"Stopped without an answer, can be resumed: {report.stopped}"
    return "Without an answer yet"


def sections(report: Report) -> tuple[Section, ...]:
    """Return the report's sections in reading order, without empty ones."""
    found = [_answer(report), _culprit(report), _candidates(report), _behaviour(report), _visits(report)]
    found += [_untestable(report), _rules(report), _reproduce(report), _configuration(report), _programs(report)]
    return tuple(section for section in found if section is not None)


def _answer(report: Report) -> Section:
    facts = [("range", f"{report.old.short} .. {report.new.short}"), ("repository", report.repo)]
    if report.question is not None:
        asked = report.question
        facts += [("scenario", asked.scenario), ("old behaviour", str(asked.old)), ("new behaviour", str(asked.new))]
        others = [name for name in report.differing if name != asked.scenario]
        if others:
            facts.append(("the ends differ in", ", ".join(others)))
    if report.conclusion is not None:
        facts.append(("because", report.conclusion.because))
    facts += [("session", f"{report.session} ({report.state})")]
    return Section("Answer", tuple(facts), (headline(report) + ".",))


def _commit_facts(commit: Commit) -> tuple[tuple[str, str], ...]:
    return (
        ("commit", commit.id),
        ("author", commit.author),
        ("date", commit.author_date),
        ("subject", commit.subject),
    )


def _culprit(report: Report) -> Section | None:
    if report.conclusion is None or report.conclusion.culprit is None:
        return None
    files = tuple(("file", name) for name in report.conclusion.files)
    return Section("The commit", (*_commit_facts(report.conclusion.culprit), *files))


def _candidates(report: Report) -> Section | None:
    if report.conclusion is None or not report.conclusion.candidates:
        return None
    rows = tuple((one.commit.short, f"{one.commit.subject}: {one.because}") for one in report.conclusion.candidates)
    return Section("Candidates", table=Table(("commit", "subject: why"), "<<", rows))


def _behaviour(report: Report) -> Section | None:
    if report.after is None:
        return None
    sides = [(f"before, at {side.commit.short}", side) for side in report.before]
    sides.append((f"after, at {report.after.commit.short}", report.after))
    facts = tuple((title, _times(side)) for title, side in sides)
    code: list[str] = []
    for title, side in sides:
        code += [f"# {title}", *side.lines]
    return Section("What it does, before and after", facts, code=tuple(code))


def _times(side: Behaviour) -> str:
    seen = {outcome: side.outcomes.count(outcome) for outcome in side.outcomes}
    return ", ".join(f"{outcome} in {n} of {len(side.outcomes)} boots" for outcome, n in seen.items())


def _visits(report: Report) -> Section | None:
    if not report.visits:
        return None
    rows = tuple(
        (
            visit.commit.short,
            visit.purpose.value,
            visit.verdict.value if visit.verdict else "-",
            *_parts(visit.seconds),
            str(visit.outcome) if visit.outcome and visit.verdict is not Verdict.UNTESTABLE else visit.because,
        )
        for visit in report.visits
    )
    head = ("commit", "purpose", "verdict", "checkout", "build", "boot", "probe", "seen")
    return Section("Commits visited", paragraphs=("Times in seconds.",), table=Table(head, "<<<>>>><", rows))


def _parts(spent: Seconds) -> tuple[str, ...]:
    return tuple(f"{part:.1f}" for part in (spent.checkout, spent.build, spent.boot, spent.probe))


def _untestable(report: Report) -> Section | None:
    rows = tuple(
        (visit.commit.short, f"{visit.commit.subject}: {visit.because}")
        for visit in report.visits
        if visit.verdict is Verdict.UNTESTABLE
    )
    return Section("Untestable", table=Table(("commit", "subject: why"), "<<", rows)) if rows else None


def _rules(report: Report) -> Section | None:
    if report.limits is None:
        return None
    facts = (
        ("a boot is given up", f"{rules.limits(report.limits)}; measured on {report.measured_on} boots of the ends"),
        ("other outcomes", rules.table(report.on)),
    )
    return Section("Limits and verdicts", facts)


def _reproduce(report: Report) -> Section | None:
    if not report.reproduce:
        return None
    return Section("To repeat the decisive boots by hand", code=report.reproduce)


def _configuration(report: Report) -> Section | None:
    if not report.configuration:
        return None
    return Section("The configuration, beside tinyconfig", code=report.configuration)


def _programs(report: Report) -> Section:
    facts = (("bisector", report.bisector), *report.versions.items())
    return Section("Programs", facts, (f"Caveat: {report.caveat}.",))
