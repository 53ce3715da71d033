"""Does every form of a report say the answer, readably?  (What hostile texts do: test_report_hostile.py.)"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bisector import answers, events
from bisector.endings import Conclusion, Kind
from bisector.events import Concluded, Recorded
from bisector.model import Purpose, Verdict
from bisector.report import values
from bisector.report.markdown import markdown
from bisector.report.sections import headline, sections
from bisector.report.text import WIDTH, text
from bisector.report.values import Report
from tests import samples

CODE = ("# after: the kernel that was kept", "qemu-system-aarch64 -kernel Image")


def report(*happened: Recorded, code: tuple[str, ...] = ()) -> Report:
    config = ("CONFIG_TTY=y",) if code else ()
    return values.report(
        samples.session(*happened), held=samples.STOPPED not in happened, configuration=config, reproduce=code
    )


FOUND = report(*samples.found(), code=CODE)
AMONG = report(*samples.AFTER_THE_START[:6], Concluded(conclusion=samples.AMONG))
AGREE = report(
    samples.AFTER_THE_START[0],
    Concluded(conclusion=Conclusion(Kind.ENDS_AGREE, "no scenario differs between the ends")),
)
STOPPED = report(samples.AFTER_THE_START[0], samples.STOPPED)
RUNNING = report(*samples.AFTER_THE_START[:5])
ALL = {"found": FOUND, "among": AMONG, "agree": AGREE, "stopped": STOPPED, "running": RUNNING}


def titles(made: Report) -> list[str]:
    return [section.title for section in sections(made)]


def part(made: Report, title: str) -> list[str]:
    """Return the lines of one section of the text, without its title and without empty ones."""
    body = text(made).split(f"{title}\n{'-' * len(title)}\n")[1].split("\n---")[0].splitlines()
    return [line for line in body if line]


# -- what is said --------------------------------------------------------------------------------------


def test_what_was_found_is_told_in_full() -> None:
    assert titles(FOUND) == [
        "Answer",
        "The commit",
        "What it does, before and after",
        "Commits visited",
        "Untestable",
        "Limits and verdicts",
        "To repeat the decisive boots by hand",
        "The configuration, beside tinyconfig",
        "Programs",
    ]
    assert text(FOUND).splitlines()[:13] == [
        "Answer",
        "------",
        "",
        'Found and certified: cccccccccccc ("arm64: step") changed exec-sigtrap',
        "from STUCK to OK(ss=1 again=1/1).",
        "",
        "  range               000000000000 .. 111111111111",
        "  repository          /srv/linux",
        "  scenario            exec-sigtrap",
        "  old behaviour       STUCK",
        "  new behaviour       OK(ss=1 again=1/1)",
        "  the ends differ in  step-svc",
        "  because             fresh boots: new 3 of 3",
    ]


def test_the_culprit_is_told_with_its_full_id_and_files() -> None:
    assert part(FOUND, "The commit")[:5] == [
        f"  commit   {samples.CULPRIT.id}",
        "  author   A Person <a@example.org>",
        f"  date     {samples.DATE}",
        "  subject  arm64: step",
        "  file     a.c",
    ]


def test_what_it_does_is_told_of_the_confirming_boots_before_and_after() -> None:
    assert part(FOUND, "What it does, before and after")[:4] == [
        "  before, at bbbbbbbbbbbb  STUCK in 3 of 3 boots",
        "  after, at cccccccccccc   OK(ss=1 again=1/1) in 3 of 3 boots",
        "  # before, at bbbbbbbbbbbb",
        "  fact scenario=exec-sigtrap open=0",
    ]


def test_without_a_culprit_the_ends_stand_for_before_and_after() -> None:
    assert (AMONG.before[0].commit, AMONG.after and AMONG.after.commit) == (samples.OLD, samples.NEW)
    assert FOUND.after is not None
    assert (FOUND.before[0].commit, FOUND.after.commit) == (samples.PARENT, samples.CULPRIT)


def test_a_set_is_told_with_each_member_s_reason() -> None:
    assert text(AMONG).splitlines()[3] == "Not one commit but a set of candidates."
    assert part(AMONG, "Candidates")[:3] == [
        "  commit        probability  subject: why",
        "  cccccccccccc            -  arm64: step: first",
        "  bbbbbbbbbbbb            -  arm64: change the stepping: no",
    ]
    assert "The commit" not in titles(AMONG)


def test_ends_that_agree_are_told_with_the_reason() -> None:
    lines = text(AGREE).splitlines()
    assert lines[3] == "The ends agree: nothing changed."
    assert "  because     no scenario differs between the ends" in lines
    assert titles(AGREE) == ["Answer", "Commits visited", "Programs"]


def test_a_stopped_session_is_told_with_its_reason_and_no_answer() -> None:
    lines = text(STOPPED).splitlines()
    assert lines[3] == "Stopped without an answer, can be resumed: the disk is full: ld."
    assert "  session     20240102-030405-abc (stopped)" in lines
    assert STOPPED.state == "stopped"


def test_a_running_session_has_no_answer_yet() -> None:
    assert (RUNNING.state, headline(RUNNING)) == ("running", "Without an answer yet")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_ending_has_a_headline_of_its_own(kind: Kind) -> None:
    said = {headline(replace(AGREE, conclusion=Conclusion(other, "x"))) for other in Kind}
    assert len(said) == len(Kind)
    assert headline(replace(AGREE, conclusion=Conclusion(kind, "x"))) in said


def test_an_end_is_old_or_new_by_its_purpose_once_there_is_a_question() -> None:
    seen = [(visit.purpose, visit.verdict, visit.because) for visit in AMONG.visits[:2]]
    assert seen == [
        (Purpose.OLD_END, Verdict.OLD, "exec-sigtrap is STUCK"),
        (Purpose.NEW_END, Verdict.NEW, "exec-sigtrap is OK(ss=1 again=1/1)"),
    ]
    assert [visit.verdict for visit in STOPPED.visits] == [None]


def test_an_untestable_commit_is_told_with_its_reason() -> None:
    assert part(FOUND, "Untestable")[1] == "  555555555555  arm64: change the stepping: init/main.c:1:1: error: no"


def test_a_mixed_behaviour_is_told_with_its_numbers() -> None:
    mixed = events.Tested(step=samples.step(samples.OLD, Purpose.OLD_END, None, samples.OK))
    made = report(samples.AFTER_THE_START[0], mixed, samples.AFTER_THE_START[1], samples.ASKED)
    said = part(made, "What it does, before and after")[0]
    assert said == "  before, at 000000000000  STUCK in 1 of 2 boots, OK(ss=1 again=1/1) in"
    assert part(made, "What it does, before and after")[1].strip() == "1 of 2 boots"


# -- how it is said ------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", ALL.values(), ids=ALL)
def test_text_is_no_wider_than_a_terminal(made: Report) -> None:
    assert max(map(len, text(replace(made, reproduce=())).splitlines())) <= WIDTH


def test_long_reasons_are_folded() -> None:
    said = Concluded(conclusion=Conclusion(Kind.ENDS_AGREE, "a reason that goes on and on, " * 20))
    lines = text(report(samples.AFTER_THE_START[0], said)).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(" ".join(lines).split()).count("goes on and on") == 20


def test_long_subjects_are_folded() -> None:
    subject = "arm64: hw_breakpoint: a subject of seventy-five characters as they often are"
    step = events.Tested(step=samples.broken(samples.commit("7", subject), "boot: SILENT"))
    assert max(map(len, text(report(step)).splitlines())) <= WIDTH


@pytest.mark.parametrize("made", ALL.values(), ids=ALL)
def test_both_forms_have_the_same_sections(made: Report) -> None:
    lines = markdown(made).splitlines()
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == titles(made)
    assert lines[0] == "# bisector: 20240102-030405-abc"


def test_markdown_has_a_row_for_the_boots_of_a_visit() -> None:
    rows = [line for line in markdown(FOUND).splitlines() if line.startswith("| ") and " culprit " in line]
    assert rows == ["| cccccccccccc | culprit | new | 4.5 | 60.8 | 7.5 | 2.2 | OK(ss=1 again=1/1) 3 of 3 boots |"]


def test_boots_that_differ_are_counted_in_their_row() -> None:
    shown = [(Verdict.OLD, samples.STUCK), (Verdict.NEW, samples.OK), (Verdict.OLD, samples.STUCK)]
    steps = [events.Tested(step=samples.step(samples.PARENT, Purpose.WEIGHED, said, seen)) for said, seen in shown]
    [row] = [line for line in markdown(report(samples.ASKED, *steps)).splitlines() if " weighed " in line]
    assert row.startswith("| bbbbbbbbbbbb | weighed | old/new | 4.5 |")
    assert row.endswith("| STUCK 2, OK(ss=1 again=1/1) 1 of 3 boots |")


def test_how_sure_it_is_is_told_in_numbers() -> None:
    told = part(report(samples.ASKED, events.Concluded(conclusion=samples.FOUND)), "How sure that is")
    assert "  it is this commit       99.75 %" in told
    assert "  next candidates         bbbbbbbbbbbb 0.20 %" in told
    assert "  nothing changed         < 0.01 %" in told
    assert "  with the change         reads new in 11 of 11 boots (95 % interval:" in told
    assert "  the new end without it  mends it: old 3 of 3" in told


@pytest.mark.parametrize("made", ALL.values(), ids=ALL)
def test_json_says_the_very_values(made: Report) -> None:
    said = json.loads(events.encode(answers.ReportAnswer(report=made)))
    assert (said["command"], said["schema"]) == ("report", events.SCHEMA)
    told = said["report"]
    assert (told["session"], told["state"], told["old"]["id"]) == (made.session, made.state, samples.OLD.id)
    assert [visit["because"] for visit in told["visits"]] == [visit.because for visit in made.visits]
    assert told["conclusion"] == (json.loads(events.encode(made.conclusion)) if made.conclusion else None)
