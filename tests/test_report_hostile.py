"""Can a commit's text, or a kernel's, do anything but be read?"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import click.testing
import msgspec
import pytest
from markdown_it import MarkdownIt

from bisector import answers, events, journal
from bisector.cli import cli
from bisector.model import Verdict
from bisector.report import harmless, values
from bisector.report.markdown import markdown
from bisector.report.text import text
from bisector.report.values import Report
from tests import samples

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "window title": "\x1b]0;owned\x07",
    "C1 control": "\x9b31m",
    "bidi": "\u202eesrever\u2066",
    "invisible": "a\u200bb\ufeffc\u00add",
    "NUL": "a\0b",
    "forged line": "x\nForged: yes\r\nForged: yes",
    "other line ends": "x\u2028Forged: yes\u2029Forged: yes\x85Forged: yes\x0bForged: yes",
    "table cell": "a | b || c |\\| d",
    "emphasis": "**a** *b* _c_ __d__ ~~e~~",
    "link": "[a](http://example.org) ![i](http://example.org/i.png) [r]: http://example.org",
    "HTML": "<script>alert(1)</script> <!-- <img src=x onerror=alert(1)>",
    "autolink": "<http://example.org> <a@example.org>",
    "code": "`a` ``b`` ```c```",
    "entity": "&lt;b&gt; &#60; &amp;",
    "heading": "# a",
    "list": "- a",
    "number": "1. a",
    "quotation": "> a",
    "rule": "---",
    "backslashes": "\\ \\\\ \\* \\",
}
EVERYTHING = " ".join(HOSTILE.values())


def report(said: str, line: str = samples.LINE) -> Report:
    """Return a report in which every text of a commit is this one."""
    culprit, parent = samples.commit("c", said, "b" * 40), samples.commit("b", said)
    begun = samples.started(samples.commit("0", said), samples.commit("1", said))
    *before, answer = samples.found(culprit, parent, line)
    mark = events.Marked(commit=parent, verdict=Verdict.UNTESTABLE, because=said)
    happened = (*before, events.Tested(step=samples.broken(parent, said)), mark, answer)
    return values.report(samples.session(*happened, begun=begun), held=False, configuration=(), reproduce=())


def acts(shown: str) -> set[str]:
    """Return the categories of characters that do something to a terminal, but for line ends."""
    return {unicodedata.category(c) for c in shown if c != "\n"} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def markup(source: str) -> Counter[str]:
    """Return how often each kind of markup stands in a Markdown text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    every = [part for token in tokens for part in (token, *(token.children or ()))]
    return Counter(token.type for token in every if token.type != "text")


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_text_holds_nothing_that_acts_on_a_terminal(said: str) -> None:
    shown = text(report(said, line=said))
    assert acts(shown) == set()
    assert not [line for line in shown.splitlines() if line.lstrip(" |#-").startswith("Forged")]


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_markdown_holds_nothing_that_acts_on_a_terminal(said: str) -> None:
    shown = markdown(report(said, line=said))
    assert acts(shown) == set()
    assert not [line for line in shown.splitlines() if line.lstrip(" |#-").startswith("Forged")]


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_a_commit_s_text_adds_no_markup_to_markdown(said: str) -> None:
    assert markup(markdown(report(said))) == markup(markdown(report("plain")))


@pytest.mark.parametrize("said", ["table cell", "emphasis", "HTML", "entity", "backslashes"])
def test_what_markdown_shows_is_what_the_commit_says(said: str) -> None:
    cells = MarkdownIt("commonmark").parse(harmless.markdown(f"x {HOSTILE[said]}"))[1].children or []
    assert "".join(token.content for token in cells) == f"x {HOSTILE[said]}"


@pytest.mark.parametrize("said", ["HTML", "link", "emphasis", "code"])
def test_a_console_line_adds_no_markup_to_markdown(said: str) -> None:
    assert markup(markdown(report("plain", line=HOSTILE[said]))) == markup(markdown(report("plain")))


def test_console_lines_are_code_in_markdown() -> None:
    assert markup(markdown(report("plain")))["code_block"] == 1


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_json_is_one_line_that_gives_the_very_text_back(said: str) -> None:
    line = events.encode(answers.ReportAnswer(report=report(said)))
    assert not [byte for byte in line if byte < 0x20]
    assert json.loads(line)["report"]["conclusion"]["culprit"]["subject"] == said


def written(state: Path, said: str) -> None:
    """Put a finished session with these texts on the disk."""
    begun = samples.started(samples.commit("0", said), samples.commit("1", said))
    book = journal.create(state / "sessions" / begun.session, begun)
    for event in samples.found(samples.commit("c", said, "b" * 40), samples.commit("b", said), line=said):
        book.append(event)


def poisoned(event: events.Recorded, said: str) -> bytes:
    """Return the event's line with this text in the place of every string that may be any text."""
    whole = json.loads(events.encode(event))

    def put(place: Any) -> None:
        for key, value in list(place.items() if isinstance(place, dict) else enumerate(place)):
            if isinstance(value, dict | list):
                put(value)
            elif isinstance(value, str):
                place[key] = said
                try:
                    events.decode(json.dumps(whole).encode())
                except events.Unreadable:
                    place[key] = value

    put(whole)
    return json.dumps(whole).encode()


@pytest.mark.parametrize("ended", [True, False])
def test_no_reading_command_lets_any_string_of_a_journal_act(tmp_path: Path, ended: bool) -> None:
    said = "/\x1b[31m\u202e\x9b\nForged: yes"
    place = tmp_path / "sessions" / "20240102-\x1b[31m-abc"
    place.mkdir(parents=True)
    begun = msgspec.structs.replace(samples.started(), at=samples.DATE)
    stopped = (*samples.found()[:-1], samples.STOPPED)
    lines = [poisoned(event, said) for event in (begun, *(samples.found() if ended else stopped))]
    # The architecture chooses a row of a table, and another is refused as a whole.
    lines[0] = json.dumps(with_arch(json.loads(lines[0]))).encode()
    (place / journal.NAME).write_bytes(b"\n".join(lines) + b"\n")
    for command in COMMANDS:
        words = [*command.split(), "--state", str(tmp_path)]
        done = click.testing.CliRunner().invoke(cli, words, standalone_mode=False)
        assert done.exception is None, command
        assert "\\x1b" in done.output
        assert acts(done.output) == set(), command
        assert not [line for line in done.output.splitlines() if line.startswith("Forged")], command


def with_arch(begun: Any) -> Any:
    begun["settings"] |= {"arch": "arm64", "fragment": ""}
    return begun


COMMANDS = [
    "list",
    "log",
    "report",
    "report --format markdown",
    "status",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_reading_command_lets_a_commit_s_text_act(tmp_path: Path, command: str) -> None:
    written(tmp_path, EVERYTHING)
    done = click.testing.CliRunner().invoke(cli, [*command.split(), "--state", str(tmp_path)], standalone_mode=False)
    assert done.exception is None
    assert "cccccccccccc" in done.output
    assert acts(done.output) == set()


# -- one line ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain, ü, 漢字", "plain, ü, 漢字"),
        ("a\tb", "a b"),
        ("a\nb\r\0", "a\\x0ab\\x0d\\x00"),
        ("\x1b[1m", "\\x1b[1m"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("a\u034fb\u3164\ufe0f\uffa0\u115f\u17b5\u180d", "a\\u034fb\\u3164\\ufe0f\\uffa0\\u115f\\u17b5\\u180d"),
        ("\U000e01ef", "\\U000e01ef"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_acts_is_shown_by_its_number(said: str, shown: str) -> None:
    assert harmless.line(said) == shown
