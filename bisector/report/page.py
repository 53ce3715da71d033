"""How does a report look in a browser? One file that loads nothing and runs nothing. (pure; the home of Jinja2)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined

from bisector.report import direction, harmless, pictures
from bisector.report.sections import headline, percent, sections
from bisector.report.values import Report

# Lines of a diff and of a console that are shown: a page is to be read.
DIFF, CONSOLE = 600, 300

_templates = Environment(
    loader=PackageLoader("bisector.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, keep_trailing_newline=True,
)  # fmt: skip
_templates.filters["line"] = lambda value: harmless.line(str(value))
# In a diff a tab is part of what was changed.
_templates.filters["code"] = lambda value: "\t".join(map(harmless.line, str(value).split("\t")))
_templates.filters["percent"] = percent


@dataclass(frozen=True, slots=True)
class Beside:
    """What a page shows that is not in the journal: read from git and the logs, where these are still there.

    `places`: of the commits in the range of `commits`, 0 the oldest. `diff`: the culprit's. `consoles`: by title, the
    lines of decisive boots.
    """

    places: Mapping[str, int] = field(default_factory=dict)
    commits: int = 0
    diff: tuple[str, ...] = ()
    consoles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def page(report: Report, beside: Beside) -> str:
    """Return the report as a whole HTML document; no text in it is markup."""
    known = {section.title: section for section in sections(report)}
    first = [
        known.pop(title) for title in ("Answer", "The commit", "Candidates", "How sure that is") if title in known
    ]
    behaviour = known.pop("What it does, before and after", None)
    return _templates.get_template("page.html.j2").render(
        report=report,
        tally=lambda side: Counter(side.outcomes).items(),
        headline=headline(report),
        way=direction.of(report.question).value if report.question and report.conclusion else "",
        first=first,
        behaviour=behaviour,
        sections=list(known.values()),
        narrowed=pictures.narrowed(report, beside.places, beside.commits) if beside.commits else [],
        commits=beside.commits,
        spent=pictures.spent(report),
        around=pictures.around(report),
        diff=_cut(beside.diff, DIFF),
        consoles={title: _cut(lines, CONSOLE) for title, lines in beside.consoles.items()},
    )


def _cut(lines: tuple[str, ...], most: int) -> tuple[str, ...]:
    if len(lines) <= most:
        return lines
    half = most // 2
    return (*lines[:half], f"[bisector: {len(lines) - 2 * half} lines are left out here]", *lines[-half:])
