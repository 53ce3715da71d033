"""What stands in a session's journal?  One of each noun and event, to be varied by `replace`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bisector.endings import Candidate, Conclusion, Kind, Odds, Rate, Revert
from bisector.events import (
    Asked,
    Concluded,
    Distrusted,
    Inherited,
    Marked,
    Measured,
    Planned,
    Progress,
    Recorded,
    Rejudged,
    Reread,
    Resumed,
    Searching,
    Started,
    Stopped,
    Tested,
    Unmarked,
)
from bisector.evidence.forecast import Expected, Plan
from bisector.evidence.limits import UNMEASURED
from bisector.known import Session
from bisector.model import (
    BrokenBuild,
    Commit,
    Kernel,
    Observation,
    Outcome,
    Purpose,
    Question,
    Reading,
    Seconds,
    Step,
    Verdict,
)
from bisector.settings import Settings

DATE = "2024-01-02T03:04:05+01:00"
STUCK, OK = Outcome("STUCK"), Outcome("OK", "ss=1 again=1/1")
QUESTION = Question("exec-sigtrap", old=STUCK, new=OK)
LINE = "@bsct 0123456789abcdef 7 89abcdef fact scenario=exec-sigtrap open=0"


def commit(digit: str, subject: str = "arm64: change the stepping", *parents: str) -> Commit:
    return Commit(digit * 40, subject, "A Person <a@example.org>", DATE, DATE, parents)


OLD, NEW, CULPRIT, PARENT = commit("0"), commit("1"), commit("c", "arm64: step", "b" * 40), commit("b")


def settings(repo: str = "/srv/linux") -> Settings:
    return Settings(
        repo=repo,
        arch="arm64",
        cross_compile="aarch64-linux-gnu-",
        llvm="",
        jobs=2,
        ccache=None,
        accel="tcg",
        cpu="",
        limits={"silence": 20.5},
        on={"hung": Verdict.NEW},
        fragment="CONFIG_TTY=y  # required: the probe's lines leave through it\n",
        scenario=None,
        old_outcome=None,
        new_outcome="OK",
        end_boots=2,
        confirm_boots=3,
    )


def kernel(tested: Commit) -> Kernel:
    home = f"/srv/state/{tested.short}"
    return Kernel(tested.id, f"{home}/Image", f"{home}/System.map", tested.id[:20], f"{home}/config", "gcc")


def step(
    tested: Commit, purpose: Purpose, verdict: Verdict | None, outcome: Outcome, because: str = "", line: str = LINE
) -> Step:
    readings = (Reading("boot", Outcome("OK"), (line,)), Reading(QUESTION.scenario, outcome, (line, line)))
    return Step(
        tested,
        purpose,
        verdict,
        because or f"{QUESTION.scenario} is {outcome}",
        Seconds(1.5, 20.25, 2.5, 0.75, 25.0),
        kernel=kernel(tested),
        observation=Observation(readings, tested.id[:20], "6.12.0"),
        logs=("a.build.log", "a.console-1.log"),
    )


def broken(tested: Commit, because: str) -> Step:
    return Step(
        tested,
        Purpose.SEARCH,
        Verdict.UNTESTABLE,
        because,
        Seconds(build=3.0, total=3.0),
        broken=BrokenBuild(tested.id, because),
    )


def started(old: Commit = OLD, new: Commit = NEW, name: str = "20240102-030405-abc") -> Started:
    return Started(
        session=name,
        bisector="0.1.0",
        old=old,
        new=new,
        settings=settings(),
        versions={"git": "git version 2.39.5", "qemu": "QEMU emulator version 7.2.22"},
        caveat="emulated by QEMU",
    )


ODDS = Odds(0.9975, (("b" * 40, 0.002),), 1e-7, Rate(0, 12, 0.0, 0.2), Rate(11, 11, 0.8, 1.0))
FOUND = Conclusion(
    Kind.FOUND,
    "fresh boots: new 3 of 3",
    culprit=CULPRIT,
    files=("arch/arm64/kernel/signal.c",),
    odds=ODDS,
    reverted=(Revert.MENDS_IT, "old 3 of 3"),
)
AMONG = Conclusion(Kind.AMONG, "one of 2 commits", candidates=(Candidate(CULPRIT, "first"), Candidate(PARENT, "no")))
STOPPED = Stopped(why="failed", message="the disk is full: ld", hint="make room, then resume")
ASKED = Asked(question=QUESTION, differing=("exec-sigtrap", "step-svc"))

AFTER_THE_START: tuple[Recorded, ...] = (
    Tested(step=step(OLD, Purpose.OLD_END, None, STUCK)),
    Tested(step=step(NEW, Purpose.NEW_END, None, OK)),
    Measured(limits=UNMEASURED, boots=2),
    ASKED,
    Searching(commits=12, olds=(OLD.id,)),
    Tested(step=broken(commit("5"), "init/main.c:1:1: error: no")),
    STOPPED,
    Resumed(bisector="0.1.0"),
    Tested(step=step(CULPRIT, Purpose.SEARCH, Verdict.NEW, OK)),
    Tested(step=step(PARENT, Purpose.PARENT, Verdict.OLD, STUCK)),
    Marked(commit=PARENT, verdict=Verdict.OLD, because="seen by hand"),
    Inherited(commit=commit("4"), source=PARENT, differing=2),
    Distrusted(because="the culprit was new in the search, and is now old 3 of 3"),
    Inherited(commit=commit("6"), source=CULPRIT, differing=1),
    Inherited(commit=commit("8"), source=commit("5"), differing=3, broken=True),
    Unmarked(commit=CULPRIT, because="it was another"),
    Reread(observations={}, on={"hung": Verdict.OLD}, kept=3, gone=1),
    ASKED,
    Rejudged(verdicts={"0" * 16: (Verdict.OLD, "a boot that is not here")}),
    Concluded(conclusion=FOUND),
    Concluded(conclusion=AMONG),
)
PLAN = Plan(OLD, NEW, 12, (OLD.id,), 5, 11, 2, Expected(6, 8), Expected(33, 35), 3 << 30, 9 << 30, (120.0, 300.5))
PROGRESS: tuple[Progress | Planned, ...] = (
    Planned(plan=PLAN),
    Planned(plan=replace(PLAN, differing=None, looked_at=0, seconds=None)),
    Progress(phase="building", commit=OLD.id, purpose=Purpose.SEARCH, objects=7),
    Progress(phase="booting", commit=OLD.id, purpose=Purpose.TEST, commits=9, steps=4, seconds_left=12.5),
)


def session(*events: Recorded, begun: Started | None = None) -> Session:
    """Return the session that these events make."""
    first = begun or started()
    made = Session(Path("/srv/state/sessions") / first.session, first)
    for event in events:
        made.take(event)
    return made


def found(culprit: Commit = CULPRIT, parent: Commit = PARENT, line: str = LINE) -> tuple[Recorded, ...]:
    """Return the events of a session that names a culprit."""
    return (
        *AFTER_THE_START[:5],
        Tested(step=broken(commit("5"), "init/main.c:1:1: error: no")),
        Tested(step=step(culprit, Purpose.SEARCH, Verdict.NEW, OK)),
        *(Tested(step=step(culprit, Purpose.CULPRIT, Verdict.NEW, OK, line=line)) for _ in range(3)),
        *(Tested(step=step(parent, Purpose.PARENT, Verdict.OLD, STUCK, line=line)) for _ in range(3)),
        Concluded(conclusion=Conclusion(Kind.FOUND, "fresh boots: new 3 of 3", culprit=culprit, files=("a.c",))),
    )
