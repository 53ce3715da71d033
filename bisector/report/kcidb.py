"""What does a session tell KCIDB, where all kernel CI systems keep their results? (pure)

The shape is that of the `kcidb-io` package, schema v5.3: checkouts, builds of them, tests of these, one issue, and
where it was seen and not seen (incidents). Ids are the session's, so the same session told twice is told once.
"""

from __future__ import annotations

from typing import Any

from bisector.endings import Kind
from bisector.model import Commit, Question, Verdict
from bisector.report import direction, harmless
from bisector.report.sections import headline
from bisector.report.values import Report, Visit

ORIGIN, MAJOR, MINOR = "bisector", 5, 3
Json = dict[str, Any]
# How KCIDB calls what a test did. What is neither right nor wrong was done.
_STATUS = {"OK": "PASS", "UNSUP": "SKIP", "NORUN": "MISS", "ENV_BAD": "ERROR"}


def kcidb(report: Report) -> Json:
    """Return the session as KCIDB takes it."""
    told: dict[str, list[Json]] = {name: [] for name in ("checkouts", "builds", "tests", "issues", "incidents")}
    seen: set[str] = set()
    for number, visit in enumerate(report.visits, 1):
        if visit.commit.id not in seen:
            seen.add(visit.commit.id)
            told["checkouts"].append(_checkout(report, visit.commit))
            told["builds"].append(_build(report, visit))
        if visit.booted and report.question is not None:
            told["tests"].append(_test(report, report.question, visit, number))
    if (issue := _issue(report)) is not None:
        told["issues"].append(issue)
        told["incidents"] += _incidents(report, issue)
    return {"version": {"major": MAJOR, "minor": MINOR}} | {name: rows for name, rows in told.items() if rows}


def _id(report: Report, *words: str) -> str:
    return ":".join([ORIGIN, report.session, *words])


def _checkout(report: Report, commit: Commit) -> Json:
    told: Json = {"id": _id(report, commit.id), "origin": ORIGIN, "valid": True}
    told["comment"] = harmless.line(commit.subject)
    # By a SHA-256 no commit is known there.
    return told | ({"git_commit_hash": commit.id} if len(commit.id) == 40 else {})


def _build(report: Report, visit: Visit) -> Json:
    made = visit.booted
    told: Json = {
        "id": _id(report, visit.commit.id, "build"),
        "checkout_id": _id(report, visit.commit.id),
        "origin": ORIGIN,
        "architecture": report.arch,
        "compiler": harmless.line(report.versions.get("compiler", "")),
        "config_name": "tinyconfig and bisector's fragments",
        "status": "PASS" if made else "FAIL",
    }
    if not made:
        told["log_excerpt"] = harmless.line(visit.because)
    return told | ({"duration": visit.seconds.build} if visit.seconds.build else {})


def _test(report: Report, asked: Question, visit: Visit, number: int) -> Json:
    # Of a boot that did not come to the scenario, the boot is what failed.
    outcome = visit.outcome
    status = _STATUS.get(outcome.word, "FAIL") if outcome is not None else "ERROR"
    return {
        "id": _id(report, str(number)),
        "build_id": _id(report, visit.commit.id, "build"),
        "origin": ORIGIN,
        "path": f"bisector.{asked.scenario}",
        "status": status,
        "comment": harmless.line(visit.because),
        "duration": visit.seconds.boot + visit.seconds.probe,
        "environment": {"comment": harmless.line(report.caveat)},
        "misc": {
            "purpose": visit.purpose.value,
            "outcome": str(outcome) if outcome is not None else "",
            "verdict": visit.verdict.value if visit.verdict is not None else "",
            "boot_of": visit.boot_of,
        },
    }


def _issue(report: Report) -> Json | None:
    """Return the behaviour that is wrong, or only changed; None where nothing was found."""
    made, asked = report.conclusion, report.question
    if asked is None or made is None or made.kind not in (Kind.FOUND, Kind.AMONG):
        return None
    named = [made.culprit] if made.culprit is not None else [one.commit for one in made.candidates]
    way = direction.of(asked)
    return {
        "id": _id(report, "issue"),
        "version": 1,
        "origin": ORIGIN,
        "report_subject": harmless.line(headline(report)),
        "culprit": {"code": True, "tool": False, "harness": False},
        "comment": harmless.line(f"{asked.scenario}: {asked.new if _is_new(report) else asked.old}"),
        "misc": {
            "direction": way.value,
            "certified": made.kind is Kind.FOUND,
            "commits": [{"id": one.id, "subject": harmless.line(one.subject)} for one in named],
            "range": [report.old.id, report.new.id],
            "because": harmless.line(made.because),
            "probability": made.odds.culprit if made.odds is not None else None,
        },
    }


def _is_new(report: Report) -> bool:
    """Tell whether the issue is the new behaviour: all but where that mends what was wrong."""
    return report.question is None or direction.of(report.question) is not direction.Direction.MENDS


def _incidents(report: Report, issue: Json) -> list[Json]:
    wrong = Verdict.NEW if _is_new(report) else Verdict.OLD
    return [
        {
            "id": _id(report, str(number), "incident"),
            "origin": ORIGIN,
            "issue_id": issue["id"],
            "issue_version": issue["version"],
            "build_id": _id(report, visit.commit.id, "build"),
            "test_id": _id(report, str(number)),
            "present": visit.verdict is wrong,
        }
        for number, visit in enumerate(report.visits, 1)
        if visit.booted and visit.verdict in (Verdict.OLD, Verdict.NEW)
    ]
