"""How does a report read in a terminal or a plain mail? (pure)"""

from __future__ import annotations

import textwrap

from bisector.report import harmless
from bisector.report.sections import Section, Table, sections
from bisector.report.values import Report

# Quoted once or twice in a mail, a line of this width still fits into eighty columns.
WIDTH = 72


def text(report: Report) -> str:
    """Return the report as plain text; only commands, console lines and option lines are wider than WIDTH."""
    return "\n".join(_section(section) for section in sections(report))


def _section(section: Section) -> str:
    title = harmless.line(section.title)
    lines = [title, "-" * len(title), ""]
    for paragraph in section.paragraphs:
        lines += [*textwrap.wrap(harmless.line(paragraph), WIDTH, break_on_hyphens=False), ""]
    label = max((len(name) for name, _ in section.facts), default=0)
    for name, said in section.facts:
        lines += _hanging(f"  {harmless.line(name):<{label}}  ", harmless.line(said))
    if section.facts:
        lines.append("")
    if section.table is not None:
        lines += [*_table(section.table), ""]
    if section.code:
        lines += [*(f"  {harmless.line(line)}" for line in section.code), ""]
    return "\n".join(lines)


def _hanging(first: str, said: str) -> list[str]:
    wrapped = textwrap.wrap(
        said, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip
    return wrapped or [first.rstrip()]


def _table(table: Table) -> list[str]:
    """Columns side by side, the last one below its row where it would be too wide."""
    rows = [tuple(harmless.line(cell) for cell in row) for row in (table.head, *table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.head) - 1)]
    lines = []
    for row in rows:
        cells = zip(row[:-1], table.align, widths, strict=False)
        line = "  " + "  ".join(f"{cell:{align}{width}}" for cell, align, width in cells)
        if len(line) + 2 + len(row[-1]) <= WIDTH:
            lines.append(f"{line}  {row[-1]}".rstrip())
        else:
            indent = " " * 6
            lines += [line.rstrip()]
            lines += textwrap.wrap(row[-1], WIDTH, initial_indent=indent, subsequent_indent=indent)
    return lines
