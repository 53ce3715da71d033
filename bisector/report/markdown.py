"""How does a report read in Markdown? (pure)"""

from __future__ import annotations

from bisector.report import harmless
from bisector.report.sections import Section, Table, sections
from bisector.report.values import Report


def markdown(report: Report) -> str:
    """Return the report as Markdown with tables; nothing in a commit's text acts as markup."""
    title = harmless.markdown(f"bisector: {report.session}")
    return "\n".join([f"# {title}", "", *(_section(section) for section in sections(report))])


def _section(section: Section) -> str:
    lines = [f"## {harmless.markdown(section.title)}", ""]
    for paragraph in section.paragraphs:
        lines += [harmless.markdown(paragraph), ""]
    lines += [f"- **{harmless.markdown(name)}**: {harmless.markdown(said)}" for name, said in section.facts]
    if section.facts:
        lines.append("")
    if section.table is not None:
        lines += [*_table(section.table), ""]
    if section.code:
        # Indented, not fenced: no line of a console can close an indented block. Right after a list it would
        # belong to the list's last item, where its lines are markup.
        lines += ["As the console and the programs have it:", ""] if section.facts else []
        lines += [*(f"    {harmless.line(line)}" for line in section.code), ""]
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    rule = {"<": ":--", ">": "--:"}
    rows = [tuple(harmless.markdown(cell) for cell in row) for row in (table.head, *table.rows)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], f"| {' | '.join(rule[align] for align in table.align)} |", *lines[1:]]
