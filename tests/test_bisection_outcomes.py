"""Is every kind of change found? One short history each, whose last commit makes the difference."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.conftest import ONCE, SHORT, Bisector, Ran
from tests.minitree import Edits, MiniTree

STEPS = "stops=handler+0/5/5"
TOLD = "PANIC(the mini kernel was told to)"


def hits(outcome: str) -> Edits:
    return {"hits": {"exec-sigtrap": outcome}}


def stops(facts: str) -> Edits:
    return {"facts": {"step-into-handler": facts}}


FLIPS: dict[str, tuple[Edits, Edits, str, str, str]] = {
    # before, from the third commit on, scenario, old outcome, new outcome
    "the loop is mended": ({}, hits("OK"), "exec-sigtrap", "STUCK", "OK"),
    "the loop begins": (hits("OK"), hits("STUCK"), "exec-sigtrap", "OK", "STUCK"),
    "the feature appears": (hits("UNSUP"), hits("STUCK"), "exec-sigtrap", "UNSUP(E2BIG)", "STUCK"),
    "the feature goes": (hits("OK"), hits("UNSUP"), "exec-sigtrap", "OK", "UNSUP(E2BIG)"),
    "two hits": (hits("OK"), hits("DUP"), "exec-sigtrap", "OK", "DUP(2)"),
    "flaky within a boot": (hits("OK"), hits("FLAKY"), "exec-sigtrap", "OK", "FLAKY"),
    "hits are lost": (hits("OK"), hits("LOST"), "exec-sigtrap", "OK", "LOST(some of 50)"),
    "the child is killed": ({}, hits("KILLED"), "exec-sigtrap", "STUCK", "KILLED(5)"),
    "the child hangs": ({}, hits("HUNG"), "exec-sigtrap", "STUCK", "HUNG"),
    "the child cannot be killed": ({}, hits("UNKILLABLE"), "exec-sigtrap", "STUCK", "UNKILLABLE"),
    "the processor dies": ({}, hits("DEAD"), "exec-sigtrap", "STUCK", "UNKILLABLE"),
    "the program counter moves": (
        {}, stops("stops=site+4/5/5"), "step-into-handler", "STOPS(handler+0/5/5)", "STOPS(site+4/5/5)"
    ),
    "si_code only": (
        {}, stops("stops=handler+0/5/2"), "step-into-handler", "STOPS(handler+0/5/5)", "STOPS(handler+0/5/2)"
    ),
    "a panic while it runs": ({}, {"mode": 'PANIC_DURING("exec-sigtrap")'}, "exec-sigtrap", "STUCK", TOLD),
    "an oops while it runs": (
        {}, {"mode": 'OOPS_DURING("exec-sigtrap")'}, "exec-sigtrap", "STUCK", "OOPS(Oops in do_breakpoint)"
    ),
    "a panic at boot": ({}, {"mode": "PANIC_BOOT"}, "boot", "OK", TOLD),
    "a reset without a word": ({}, {"mode": "PANIC_EARLY"}, "boot", "OK", "NO_PROBE(reset, nothing printed)"),
    "a power-off before the last line": ({}, {"mode": "NO_END"}, "boot", "OK", "CUT_OFF"),
    "a boot panic is mended": ({"mode": "PANIC_BOOT"}, {"mode": "NORMAL"}, "boot", TOLD, "OK"),
}  # fmt: skip

# The same, but somebody has to wait for the silence.
HANGS: dict[str, tuple[Edits, Edits, str, str, str]] = {
    "silence after the start": (
        {},
        {"mode": 'SILENT_DURING("exec-sigtrap")'},
        "exec-sigtrap",
        "STUCK",
        "HUNG(silent)",
    ),
    "beats for ever": ({}, {"mode": 'BEATS_FOREVER("exec-sigtrap")'}, "exec-sigtrap", "STUCK", "HUNG(overdue)"),
    "a silent boot": ({}, {"mode": "SILENT_BOOT"}, "boot", "OK", "SILENT(nothing printed)"),
    "a boot that falls silent": ({}, {"mode": "SILENT_BEFORE"}, "boot", "OK", "SILENT"),
    "endless boot messages": ({}, {"mode": "ENDLESS_OUTPUT"}, "boot", "OK", "FLOODED"),
    "no power-off": ({}, {"mode": "NO_POWER_OFF"}, "boot", "OK", "NO_POWER_OFF"),
}
# The slow ones first, beside which the others run.
ALL = HANGS | FLIPS


@dataclass(frozen=True)
class Case:
    """A bisection that ran, and the last two of its three commits; the first was the old end."""

    ran: Ran
    parent: str
    culprit: str


@pytest.fixture(scope="module")
def cases(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Case]]]:
    """All bisections, three at a time: what takes their time is mostly waiting."""

    def case(name: str) -> Case:
        before, after, *_ = ALL[name]
        place = tmp_path_factory.mktemp("case")
        tree = MiniTree.create(place / "linux")
        first = tree.commit("mini: as it was", **before)
        parent, culprit = tree.story(2, 1, edits={1: after})
        here = Bisector(place / "state", environ, place)
        return Case(here.start(tree.path, first, culprit, *ONCE, *SHORT), parent, culprit)

    with ThreadPoolExecutor(3) as pool:
        yield {name: pool.submit(case, name) for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_the_commit_is_found_and_certified(name: str, cases: dict[str, Future[Case]]) -> None:
    case = cases[name].result()
    ran = case.ran
    assert ran.question == ALL[name][2:]
    assert (ran.code, ran.culprit) == (0, case.culprit), ran.err
    assert ran.conclusion["kind"] == "found"
    assert ran.tested("culprit") == [case.culprit]
    assert ran.tested("parent") == [case.parent]


def test_a_hang_that_other_limits_would_call_otherwise_is_found_under_the_search_s_own(
    tree: MiniTree, bisector: Bisector
) -> None:
    """It talks for twenty seconds: silent then before anything was measured, overdue by what the sound end needed."""
    ids = tree.story(3, 1, edits={1: {"mode": "FALLS_SILENT(20)"}})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert ran.question == ("boot", "OK", "OVERDUE"), ran.err
    assert (ran.code, ran.culprit) == (0, ids[1]), ran.err
    assert ran.tested("old-end") == [tree.base]
    assert ran.tested("new-end") == [ids[-1], ids[-1]]
    seen = [step["observation"]["readings"][0]["outcome"]["word"] for step in ran.steps[1:3]]
    assert seen == ["SILENT", "OVERDUE"]


def test_an_end_that_is_given_up_is_booted_no_more_often_for_a_stop_in_between(
    tree: MiniTree, bisector: Bisector
) -> None:
    silent = tree.commit("mini: silent", mode="SILENT_BEFORE")
    ran = bisector.start(tree.path, tree.base, silent, *SHORT, "--end-boots", "2", "--confirm-boots", "1")
    assert (ran.code, len(ran.tested("new-end"))) == (0, 4)
    [session] = bisector.sessions
    journal = session / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    # Cut off after the first of the boots under the search's limits: old end, new end, the limits, and it.
    [limits] = [number for number, line in enumerate(lines) if json.loads(line)["event"] == "limits"]
    journal.write_text("".join(lines[: limits + 2]))
    again = bisector("resume", "--json")
    assert (again.code, again.culprit) == (0, silent)
    assert len(again.tested("new-end")) == 1
    assert [line["event"] for line in bisector.journal].count("step") == len(ran.steps)


def test_kernel_messages_inside_every_line_change_no_outcome(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, 1, edits={1: {"mode": "NOISE"}})
    ran = bisector.start(tree.path, tree.base, ids[2], *ONCE)
    assert (ran.code, ran.conclusion["kind"]) == (11, "ends-agree")


def test_forged_lines_change_no_outcome(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(4, 2, edits={1: {"mode": "FORGED"}, 2: {"hits": {"exec-sigtrap": "OK"}}})
    ran = bisector.start(tree.path, tree.base, ids[3], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[2])
    assert not ran.untestable


def test_a_kernel_that_tells_two_stories_is_no_evidence(tree: MiniTree, bisector: Bisector) -> None:
    twice: Edits = {"mode": "TWO_STORIES"}
    ids = tree.story(4, 3, edits={1: twice, 2: {"mode": "NORMAL"}})
    ran = bisector.start(tree.path, tree.base, ids[3], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[3])
    assert all("two ways" in why for why in ran.untestable.values())
    end = bisector.start(tree.path, tree.base, ids[1], *ONCE)
    assert (end.code, end.conclusion["kind"]) == (2, "ends-unfit")
    assert "two ways" in end.conclusion["because"]
