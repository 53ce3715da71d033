"""Does all that we print and write fit the one schema that we publish?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from bisector import answers, events
from bisector.branches import Passed, Reported
from bisector.changes import Change
from bisector.doctor import Check
from bisector.endings import Kind
from bisector.model import Purpose, Verdict
from bisector.report import values
from tests import samples

PUBLISHED = Path(events.__file__).with_name("schema.json")
STREAMED = (samples.started(), *samples.AFTER_THE_START, *samples.PROGRESS)
REPORT = values.report(
    samples.session(*samples.found()), held=False, configuration=("CONFIG_TTY=y",), reproduce=("make",)
)
PRINTED = (
    answers.Scenarios(scenarios=(answers.Looked("boot", "it boots", ""),), outcomes={"hung": "no end"}),
    answers.Doctor(checks=(Check("git", "the search", "git", True, False),), remedy="apt-get install git"),
    answers.Test(steps=(samples.broken(samples.OLD, "no"),)),
    answers.List(sessions=(answers.Brief("a", "finished", "", "/srv/linux", 3, "Found"),)),
    answers.Status(
        session="a",
        state="stopped",
        began="",
        last="",
        question=samples.QUESTION,
        steps=3,
        conclusion=None,
        stopped="the disk is full",
        spoiled_lines=(4,),
    ),
    answers.Changes(
        changes=(Change(samples.CULPRIT, "exec-sigtrap", samples.STUCK, samples.OK, "20240102-030405-abc"),)
    ),
    answers.ReportAnswer(report=REPORT),
    answers.PlanAnswer(plan=samples.PLAN),
    answers.Clean(removed=3, left=2, bytes=10_000_000),
    answers.Patrolled(
        passed=Passed(
            "main", samples.NEW, "changed", "", (Reported(samples.CULPRIT, (("a", "b", "c"),), "s", ""),), ("no",)
        )
    ),
    answers.Queue(jobs=(answers.Job(1, 0, ""), answers.Job(2, 2, "no"))),
    answers.Failure(message="no", hint="yes", exit_code=2),
)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(answers.schema())


def name(value: object) -> str:
    return type(value).__name__


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(answers.schema())
    assert answers.schema()["title"] == f"bisector --json, schema {events.SCHEMA}"


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert PUBLISHED.read_text() == json.dumps(answers.schema(), indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("value", [*STREAMED, *PRINTED], ids=name)
def test_everything_that_is_printed_fits_the_schema(value: object, validator: Draft202012Validator) -> None:
    validator.validate(json.loads(events.encode(value)))


def test_the_samples_are_of_every_kind_that_there_is() -> None:
    known = {name(value) for value in (*STREAMED, *PRINTED)}
    every = {*events.Event.__subclasses__(), *answers.Answer.__subclasses__()}
    assert known == {kind.__name__ for kind in every}


@pytest.mark.parametrize("value", [*STREAMED, *PRINTED], ids=name)
def test_what_says_of_itself_that_it_is_something_else_does_not_fit(
    value: object, validator: Draft202012Validator
) -> None:
    said = json.loads(events.encode(value))
    tag = "event" if "event" in said else "command"
    assert not validator.is_valid(said | {tag: "holiday"})
    assert not validator.is_valid({key: value for key, value in said.items() if key != tag})


def altered(said: Any, path: tuple[str | int, ...], value: object) -> Any:
    """Return a copy with one value changed."""
    made = json.loads(json.dumps(said))
    place = made
    for part in path[:-1]:
        place = place[part]
    assert path[-1] in place
    place[path[-1]] = value
    return made


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("step", "verdict"), "bad"),
        (("step", "purpose"), "fun"),
        (("step", "commit", "id"), None),
        (("step", "seconds", "build"), "long"),
        (("step", "observation", "readings"), "none"),
    ],
)
def test_a_wrong_value_in_a_step_does_not_fit(
    path: tuple[str | int, ...], value: object, validator: Draft202012Validator
) -> None:
    said = json.loads(events.encode(samples.AFTER_THE_START[0]))
    assert validator.is_valid(said)
    assert not validator.is_valid(altered(said, path, value))


def test_the_schema_lists_the_closed_vocabularies() -> None:
    definitions = answers.schema()["$defs"]
    assert set(definitions["Verdict"]["enum"]) == {verdict.value for verdict in Verdict}
    assert set(definitions["Kind"]["enum"]) == {kind.value for kind in Kind}
    assert set(definitions["Purpose"]["enum"]) == {purpose.value for purpose in Purpose}


def test_progress_is_streamed_and_never_in_the_journal() -> None:
    for progress in samples.PROGRESS:
        with pytest.raises(events.Unreadable):
            events.decode(events.encode(progress))


def test_a_field_that_a_later_version_adds_is_no_damage() -> None:
    line = json.dumps(json.loads(events.encode(samples.ASKED)) | {"mood": "good"}).encode()
    assert events.decode(line) == samples.ASKED


@pytest.mark.parametrize(
    ("schema", "newer"), [(events.SCHEMA + 1, True), (events.SCHEMA, False), ("99", False), (None, False)]
)
def test_only_a_later_number_makes_an_unreadable_line_newer(schema: object, newer: bool) -> None:
    with pytest.raises(events.Unreadable) as caught:
        events.decode(json.dumps({"event": "holiday", "schema": schema}).encode())
    assert caught.value.newer is newer


def test_a_line_of_a_later_schema_is_refused_although_it_fits() -> None:
    with pytest.raises(events.Unreadable):
        events.decode(events.encode(msgspec.structs.replace(samples.ASKED, schema=events.SCHEMA + 1)))


def test_the_time_is_utc_in_milliseconds() -> None:
    said = events.now()
    assert len(said) == len("2024-01-02T03:04:05.678Z")
    assert said.endswith("Z")
