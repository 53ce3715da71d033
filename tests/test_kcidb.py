"""Does KCIDB's own package take what a session tells it, and does it say what the report says?"""

from __future__ import annotations

import json

import kcidb_io
import pytest

from bisector.report.kcidb import Json, kcidb
from bisector.report.values import Report
from tests import samples
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree
from tests.test_mail import BROKEN, MENDED, report
from tests.test_report import ALL
from tests.test_report_hostile import EVERYTHING


def valid(told: Json) -> Json:
    """Return it if the schema's own validator takes it, also as it is read from a file."""
    again: Json = json.loads(json.dumps(told))
    kcidb_io.schema.LATEST.validate(again)
    return again


@pytest.mark.parametrize("made", ALL.values(), ids=ALL)
def test_every_kind_of_session_fits_the_schema(made: Report) -> None:
    told = valid(kcidb(made))
    assert len(told.get("checkouts", [])) == len({visit.commit.id for visit in made.visits})
    builds = {one["id"]: one for one in told.get("builds", [])}
    assert {one["build_id"] for one in told.get("tests", [])} <= builds.keys()
    assert {one["checkout_id"] for one in builds.values()} <= {one["id"] for one in told.get("checkouts", [])}


def test_a_regression_is_present_where_new_was_read_and_absent_elsewhere() -> None:
    told = valid(kcidb(report(BROKEN, samples.FOUND)))
    [issue] = told["issues"]
    assert (issue["misc"]["direction"], issue["misc"]["certified"]) == ("breaks", True)
    assert [one["id"] for one in issue["misc"]["commits"]] == [samples.CULPRIT.id]
    assert issue["culprit"] == {"code": True, "tool": False, "harness": False}
    assert [one["present"] for one in told["incidents"]] == [False, True, True, True, True, False, False, False]
    assert [one["status"] for one in told["tests"]] == ["PASS", *["FAIL"] * 4, *["PASS"] * 3]


def test_what_was_mended_is_present_before_and_absent_after() -> None:
    told = valid(kcidb(report(MENDED, samples.FOUND)))
    assert told["issues"][0]["misc"]["direction"] == "mends"
    assert [one["present"] for one in told["incidents"]] == [True, False, False, False, False, True, True, True]


def test_a_set_is_told_with_all_its_commits_and_not_as_certified() -> None:
    [issue] = valid(kcidb(report(BROKEN, samples.AMONG)))["issues"]
    assert issue["misc"]["certified"] is False
    assert len(issue["misc"]["commits"]) == 2


def test_without_an_answer_there_is_no_issue() -> None:
    for name in ("agree", "stopped", "running"):
        assert kcidb(ALL[name]).keys() & {"issues", "incidents"} == set()


def test_a_commit_without_a_kernel_is_a_failed_build_and_no_test() -> None:
    told = valid(kcidb(ALL["found"]))
    [failed] = [one for one in told["builds"] if one["status"] == "FAIL"]
    assert failed["log_excerpt"] == "init/main.c:1:1: error: no"
    assert failed["id"] not in {one["build_id"] for one in told["tests"]}


def test_hostile_texts_are_texts() -> None:
    told = json.dumps(valid(kcidb(report(BROKEN, samples.FOUND, EVERYTHING))))
    assert "\\u0000" not in told
    assert "\\u001b" not in told


def test_the_command_prints_what_a_session_did(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert ran.code == 0
    told = valid(json.loads(bisector("report", "--format", "kcidb").out))
    assert len(told["tests"]) == len(ran.steps)
    assert told["issues"][0]["misc"]["commits"][0]["id"] == ids[3]
