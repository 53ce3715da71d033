"""What does `--json` print for a command that gives one object? The values, and the JSON Schema of all output."""

from __future__ import annotations

from typing import Any

import msgspec

from bisector.branches import Passed
from bisector.changes import Change
from bisector.doctor import Check
from bisector.endings import Conclusion
from bisector.events import SCHEMA, Streamed
from bisector.evidence.forecast import Plan
from bisector.model import Question, Step
from bisector.report.values import Report


class Answer(msgspec.Struct, frozen=True, tag_field="command", kw_only=True):
    """What every object has: the schema's number."""

    schema: int = SCHEMA


class Doctor(Answer, frozen=True, tag="doctor"):
    """`bisector doctor`: `remedy` is one command, "" if nothing is missing."""

    checks: tuple[Check, ...]
    remedy: str


class Looked(msgspec.Struct, frozen=True):
    """One scenario. `gate`: the one that must be OK in the same boot, "" for none."""

    name: str
    about: str
    gate: str


class Scenarios(Answer, frozen=True, tag="scenarios"):
    """`bisector scenarios`: in the order in which they matter; and what each name of --on says of an outcome."""

    scenarios: tuple[Looked, ...]
    outcomes: dict[str, str]


class Test(Answer, frozen=True, tag="test"):
    """`bisector test`: one step a revision."""

    steps: tuple[Step, ...]


class Brief(msgspec.Struct, frozen=True):
    """One session in a list."""

    session: str
    state: str
    began: str
    repo: str
    steps: int
    answer: str


class List(Answer, frozen=True, tag="list"):
    """`bisector list`."""

    sessions: tuple[Brief, ...]


class Changes(Answer, frozen=True, tag="changes"):
    """`bisector start --every-change`, after the events of all its sessions: the oldest change last."""

    changes: tuple[Change, ...]


class Status(Answer, frozen=True, tag="status"):
    """`bisector status`."""

    session: str
    state: str
    began: str
    last: str
    question: Question | None
    steps: int
    conclusion: Conclusion | None
    stopped: str
    spoiled_lines: tuple[int, ...]


class ReportAnswer(Answer, frozen=True, tag="report"):
    """`bisector report`."""

    report: Report


class PlanAnswer(Answer, frozen=True, tag="plan"):
    """`bisector plan`."""

    plan: Plan


class Clean(Answer, frozen=True, tag="clean"):
    """`bisector clean`: kernels removed and left, and the bytes of these."""

    removed: int
    left: int
    bytes: int


class Job(msgspec.Struct, frozen=True):
    """One job of a queue, by its place in the file.

    `because`, `hint`: why it failed, and what mends it, "" if it came to an answer. `session`: "" if none was begun.
    """

    number: int
    exit_code: int
    because: str
    hint: str = ""
    session: str = ""


class Queue(Answer, frozen=True, tag="queue"):
    """`bisector start --from`, after the events of all its jobs."""

    jobs: tuple[Job, ...]


class Patrolled(Answer, frozen=True, tag="patrol"):
    """`bisector patrol`, after the events of what it tested and searched."""

    passed: Passed


class Failure(Answer, frozen=True, tag="error"):
    """Any command that ends with an error: the last line on standard output."""

    message: str
    hint: str
    exit_code: int


Printed = (
    Doctor
    | Scenarios
    | Changes
    | Test
    | List
    | Status
    | ReportAnswer
    | PlanAnswer
    | Clean
    | Patrolled
    | Queue
    | Failure
)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of every object and every event that `--json` prints."""
    (objects, events), definitions = msgspec.json.schema_components(
        (Printed, Streamed), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"bisector --json, schema {SCHEMA}",
        "anyOf": [*objects["anyOf"], *events["anyOf"]],
        "$defs": definitions,
    }
