"""Do all six formats say the same of the same session, whatever kind it is?"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace

import kcidb_io
import pytest

from bisector import answers, events
from bisector.endings import Conclusion, Kind, Pair
from bisector.model import Outcome, Purpose, Question, Verdict
from bisector.report import mail, values
from bisector.report.kcidb import kcidb
from bisector.report.markdown import markdown
from bisector.report.page import Beside, page
from bisector.report.sections import headline
from bisector.report.text import text
from bisector.report.values import Report
from tests import samples

HUNG = Question("exec-sigtrap", old=Outcome("OK"), new=Outcome("HUNG"))
BREAKS = Question("exec-sigtrap", old=Outcome("OK"), new=Outcome("STUCK"))
PAIR = Pair(samples.commit("7", "mini: one half"), samples.commit("8", "mini: the other"), "together they do it")
CONTRADICTION = Conclusion(Kind.CONTRADICTION, "its parent shows it too: new 3 of 3")


def recorded(question: Question, *last: events.Recorded) -> Report:
    """Return the report of a session that asked this, tested an edge, and came to that end."""
    edge = [(samples.CULPRIT, Purpose.CULPRIT, Verdict.NEW, question.new)] * 3
    edge += [(samples.PARENT, Purpose.PARENT, Verdict.OLD, question.old)] * 3
    happened: tuple[events.Recorded, ...] = (
        events.Tested(step=samples.step(samples.OLD, Purpose.OLD_END, None, question.old)),
        events.Tested(step=samples.step(samples.NEW, Purpose.NEW_END, None, question.new)),
        events.Asked(question=question, differing=(question.scenario,)),
        events.Tested(step=samples.broken(samples.commit("5"), "init/main.c:1:1: error: no")),
        *(events.Tested(step=samples.step(*boot)) for boot in edge),
        *last,
    )
    stopped = isinstance(last[-1], events.Stopped)
    return values.report(
        samples.session(*happened), held=not stopped, configuration=(), reproduce=("qemu -kernel x",)
    )


SESSIONS = {
    "found": recorded(BREAKS, events.Concluded(conclusion=samples.FOUND)),
    "set": recorded(BREAKS, events.Concluded(conclusion=samples.AMONG)),
    "ends agree": recorded(BREAKS, events.Concluded(conclusion=Conclusion(Kind.ENDS_AGREE, "no scenario differs"))),
    "no certificate": recorded(BREAKS, events.Concluded(conclusion=CONTRADICTION)),
    "mended": recorded(samples.QUESTION, events.Concluded(conclusion=samples.FOUND)),
    "merge pair": recorded(BREAKS, events.Concluded(conclusion=replace(samples.FOUND, pair=PAIR))),
    "a hang": recorded(HUNG, events.Concluded(conclusion=samples.FOUND)),
    "our machine": recorded(BREAKS, samples.STOPPED),
}
NAMED = {"found", "mended", "merge pair", "a hang"}


def plain(made: Report) -> str:
    return text(made)


def in_markdown(made: Report) -> str:
    return re.sub(r"\\(.)", r"\1", markdown(made))


def in_html(made: Report) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", page(made, Beside())))


def in_json(made: Report) -> str:
    # Read back: what is said is in the values.
    again = json.loads(events.encode(answers.ReportAnswer(report=made)))
    return " ".join(map(str, _leaves(again)))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in _leaves(one)]
    return [value]


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": plain,
    "markdown": in_markdown,
    "html": in_html,
    "json": in_json,
}


def flat(said: str) -> str:
    return " ".join(said.split())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", SESSIONS)
def test_what_became_of_a_session_is_said_in_every_form_that_a_person_reads(name: str, form: str) -> None:
    made, said = SESSIONS[name], flat(FORMATS[form](SESSIONS[name]))
    assert made.session in said
    assert (samples.CULPRIT.id in said) is (name in NAMED or form == "json")
    if made.conclusion is not None:
        assert flat(made.conclusion.because) in said
        for one in made.conclusion.candidates:
            assert one.commit.short in said
    if form != "json":
        # The JSON has the values that these words are made of.
        assert flat(headline(made)) in said
    assert "init/main.c:1:1: error: no" in said
    if name == "merge pair":
        assert "together they do it" in said
        assert "7" * 12 in said
        assert "8" * 12 in said
    if name == "our machine":
        assert "the disk is full: ld" in said
    if name == "a hang":
        assert "HUNG" in said


@pytest.mark.parametrize("name", SESSIONS)
def test_a_letter_is_written_of_what_was_found_and_of_nothing_else(name: str) -> None:
    made = SESSIONS[name]
    if name not in NAMED | {"set"}:
        assert not mail.answers(made)
        with pytest.raises(ValueError, match="names no commit"):
            mail.mail(made, mail.Recipients())
        return
    said = flat(mail.mail(made, mail.Recipients(("a@example.org",))).decode())
    assert (f"#regzbot introduced: {samples.CULPRIT.id}" in said) is (name in ("found", "merge pair", "a hang"))
    assert ("This is no regression" in said) is (name == "mended")
    assert ("together they do it" in said) is (name == "merge pair")
    assert ("they could not be told apart" in said) is (name == "set")


@pytest.mark.parametrize("name", SESSIONS)
def test_kcidb_has_every_boot_and_an_issue_only_where_something_was_found(name: str) -> None:
    told = kcidb(SESSIONS[name])
    kcidb_io.schema.LATEST.validate(told)
    assert len(told["tests"]) == 8
    assert [one["status"] for one in told["builds"]].count("FAIL") == 1
    assert bool(told.get("issues")) is (name in NAMED | {"set"})
    if name in NAMED:
        assert told["issues"][0]["misc"]["certified"]
        assert told["issues"][0]["misc"]["commits"] == [
            {"id": samples.CULPRIT.id, "subject": samples.CULPRIT.subject}
        ]
