"""Which sections has a report, and what stands in each? The words, before any form. (pure)"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bisector.endings import Kind, Pair, Rate
from bisector.model import Commit, Seconds, Verdict
from bisector.report import rules
from bisector.report.values import Behaviour, Report, Visit


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
        if report.conclusion.kind is Kind.AMONG and len(report.conclusion.candidates) == 1:
            text = "One commit is left, and its parent cannot be tested"
        if report.conclusion.culprit is not None and report.question is not None:
            commit, asked = report.conclusion.culprit, report.question
            text += f': {commit.short} ("{commit.subject}") changed {asked.scenario} from {asked.old} to {asked.new}'
        return text
    if report.stopped:
        return f"Stopped without an answer{'' if report.lost else ', can be resumed'}: {report.stopped}"
    return "Without an answer yet"


def sections(report: Report) -> tuple[Section, ...]:
    """Return the report's sections in reading order, without empty ones."""
    found = [_answer(report), _culprit(report), _candidates(report), _odds(report), _behaviour(report)]
    found += [_marks(report), _visits(report), _inherited(report), _untestable(report), _rules(report)]
    found += [_reproduce(report), _configuration(report), _programs(report)]
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
    return Section("The commit", (*_commit_facts(report.conclusion.culprit), *_pair(report.conclusion.pair), *files))


def _pair(pair: Pair | None) -> tuple[tuple[str, str], ...]:
    if pair is None:
        return ()
    both = [f'{commit.short} ("{commit.subject}")' for commit in (pair.one, pair.other) if commit is not None]
    return (("together", f"{' with '.join(both)}: {pair.because}" if both else pair.because),)


def _candidates(report: Report) -> Section | None:
    if report.conclusion is None or not report.conclusion.candidates:
        return None
    rows = tuple(
        (one.commit.short, percent(one.probability), f"{one.commit.subject}: {one.because}")
        for one in report.conclusion.candidates
    )
    return Section("Candidates", table=Table(("commit", "probability", "subject: why"), "<><", rows))


def _odds(report: Report) -> Section | None:
    if report.conclusion is None or report.conclusion.odds is None:
        return None
    odds, reverted = report.conclusion.odds, report.conclusion.reverted
    named = "this commit" if report.conclusion.culprit else "one of these commits"
    others = ", ".join(f"{commit[:12]} {percent(share)}" for commit, share in odds.following)
    facts = [
        (f"it is {named}", percent(odds.culprit)),
        ("next candidates", others or "none above one in a million"),
        ("nothing changed", percent(odds.unchanged)),
        ("with the change", f"reads new in {_rate(odds.new)}"),
        ("without it", f"reads new in {_rate(odds.old)}"),
    ]
    if reverted is not None:
        facts.append(("the new end without it", f"{reverted[0].value}: {reverted[1]}"))
    said = "All boots of this session together, if one commit in the range made the change."
    return Section("How sure that is", tuple(facts), (said,))


def percent(share: float | None) -> str:
    """Return a probability in per cent; one that is all but sure is not called sure."""
    if share is None:
        return "-"
    if share < 0.0001:
        return "< 0.01 %"
    return "> 99.99 %" if share > 0.9999 else f"{100 * share:.2f} %"


def _rate(rate: Rate) -> str:
    return f"{rate.new} of {rate.boots} boots (95 % interval: {100 * rate.low:.1f} to {100 * rate.high:.1f} %)"


def _behaviour(report: Report) -> Section | None:
    if report.after is None:
        return None
    sides = [(f"before, at {side.commit.short}", side) for side in report.before]
    sides.append((f"after, at {report.after.commit.short}", report.after))
    facts = tuple((title, _times(side)) for title, side in sides)
    code: list[str] = []
    for title, side in sides:
        code += [f"# {title}", *side.told()]
    return Section("What it does, before and after", facts, code=tuple(code))


def _times(side: Behaviour) -> str:
    seen = {outcome: side.outcomes.count(outcome) for outcome in side.outcomes}
    return ", ".join(f"{outcome} in {n} of {len(side.outcomes)} boots" for outcome, n in seen.items())


def _marks(report: Report) -> Section | None:
    if not report.marks:
        return None
    rows = tuple((commit.short, verdict.value, because) for commit, verdict, because in report.marks)
    said = "In place of what their boots showed."
    return Section(
        "Verdicts that a person gave", paragraphs=(said,), table=Table(("commit", "verdict", "why"), "<<<", rows)
    )


def _visits(report: Report) -> Section | None:
    """Return a row for each commit and purpose: boots of one kernel, one after the other, stand together."""
    if not report.visits:
        return None
    rows = []
    for (commit, purpose), group in itertools.groupby(report.visits, lambda visit: (visit.commit, visit.purpose)):
        visits = list(group)
        verdicts = list(dict.fromkeys(visit.verdict for visit in visits))
        said = "/".join(verdict.value if verdict else "-" for verdict in verdicts)
        parts = [visit.seconds for visit in visits]
        rows.append((commit.short, purpose.value, said, *_parts(parts), _seen(visits)))
    head = ("commit", "purpose", "verdict", "checkout", "build", "boot", "probe", "seen")
    told = ["Times in seconds.", *(_shared(visit) for visit in report.visits if visit.boot_of)]
    return Section("Commits visited", paragraphs=tuple(told), table=Table(head, "<<<>>>><", tuple(rows)))


def _shared(visit: Visit) -> str:
    session, _, commit = visit.boot_of.rpartition("/")
    return f"{visit.commit.short} was not booted: its image was, as {commit}, in session {session}."


def _inherited(report: Report) -> Section | None:
    if not report.inherited:
        return None
    rows = tuple(
        (one.short, source[:12], "in the store" if number is None else f"{number}", one.subject)
        for one, source, number in report.inherited
    )
    said = "Not built: nothing in which they differ from a tested commit took part in its build."
    head = ("commit", "counts as", "files that differ", "subject")
    return Section("Commits with the kernel of another", paragraphs=(said,), table=Table(head, "<<><", rows))


def _seen(visits: Sequence[Visit]) -> str:
    """Return what the boots showed; how often each, if there were several."""
    shown = Counter(
        str(visit.outcome) if visit.outcome and visit.verdict is not Verdict.UNTESTABLE else visit.because
        for visit in visits
    )
    if len(visits) == 1:
        return next(iter(shown))
    return f"{', '.join(f'{said} {count}' for said, count in shown.items())} of {len(visits)} boots"


def _parts(spent: Sequence[Seconds]) -> tuple[str, ...]:
    sums = zip(*((one.checkout, one.build, one.boot, one.probe) for one in spent), strict=True)
    return tuple(f"{sum(parts):.1f}" for parts in sums)


def _untestable(report: Report) -> Section | None:
    untestable = [visit for visit in report.visits if visit.verdict is Verdict.UNTESTABLE]
    told = [(visit.commit.short, f"{visit.commit.subject}: {visit.because}") for visit in untestable]
    why = "not built; it breaks as {} does, whose build read none of the {} files that differ"
    told += [(one.short, f"{one.subject}: {why.format(source[:12], n)}") for one, source, n in report.as_broken]
    rows = tuple(dict.fromkeys(told))
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
