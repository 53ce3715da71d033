"""Does a person's doubt change the answer, and cost nothing that is known already?"""

from __future__ import annotations

import pytest

from tests.conftest import ONCE, Bisector, Json, Ran
from tests.minitree import MiniTree

WHY = ("--because", "it was bent by hand")


@pytest.fixture
def found(tree: MiniTree, bisector: Bisector) -> list[str]:
    """A finished session: its commits, the sixth of which made the change."""
    ids = tree.story(10, flip_at=5)
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE).culprit == ids[5]
    return ids


def built(ran: Ran) -> list[str]:
    """The ids of what was built, but for what certifies, in order."""
    edge = ("culprit", "parent", "reverted")
    return [step["commit"]["id"] for step in ran.steps if step["seconds"]["build"] and step["purpose"] not in edge]


def of(bisector: Bisector, event: str) -> list[Json]:
    return [line for line in bisector.journal if line["event"] == event]


def test_a_commit_that_a_person_calls_untestable_makes_a_set(found: list[str], bisector: Bisector) -> None:
    before = bisector.journal
    ran = bisector("mark", "--json", found[4], "untestable", *WHY)
    assert (ran.code, set(ran.candidates)) == (10, {found[4], found[5]}), ran.err
    assert ran.candidates[found[4]] == "a person said so: it was bent by hand"
    known = {event["step"]["commit"]["id"] for event in before if event["event"] == "step"}
    assert not set(built(ran)) & known
    report = bisector("report").out
    assert "Verdicts that a person gave" in report
    assert f"{found[4][:12]}  untestable  it was bent by hand" in report
    assert len(of(bisector, "conclusion")) == 2


def test_a_commit_that_a_person_calls_old_moves_the_change_behind_it(found: list[str], bisector: Bisector) -> None:
    ran = bisector("mark", "--json", found[6], "old", *WHY)
    assert ran.culprit in (found[7], None), ran.err
    assert ran.code in (0, 15, 16)
    assert of(bisector, "mark")[0]["verdict"] == "old"


def test_the_last_word_counts_and_untestable_takes_one_back(found: list[str], bisector: Bisector) -> None:
    bisector("mark", "--json", found[6], "old", *WHY)
    done = bisector("mark", "--json", found[6], "new", *WHY)
    assert (done.code, done.culprit) == (0, found[5]), done.err


def test_a_retest_boots_and_builds_nothing(found: list[str], bisector: Bisector) -> None:
    ran = bisector("retest", "--json", found[4], "-n", "3")
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err
    assert ran.tested("retest") == [found[4]] * 3
    assert built(ran) == []
    assert not [step for step in ran.steps if step["purpose"] != "retest"]


def test_a_dispute_that_was_stopped_is_gone_on_with(found: list[str], bisector: Bisector) -> None:
    bisector("mark", "--json", found[4], "untestable", *WHY)
    path = bisector.sessions[0] / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    [marked] = [number for number, line in enumerate(lines) if b'"event":"mark"' in line]
    path.write_bytes(b"".join(lines[: marked + 1]))
    ran = bisector("resume", "--json")
    assert (ran.code, set(ran.candidates)) == (10, {found[4], found[5]}), ran.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("mark", "main", "old", *WHY), "is an end of the session"),
        (("mark", "nothing", "old", *WHY), "has no commit 'nothing'"),
        (("mark", "main~1", "good", *WHY), "'good' is not one of"),
        (("mark", "main~1", "old"), "Missing option '--because'"),
        (("mark", "main~1", "old", "--because", " "), "--because is empty"),
        (("mark", "main~20", "old", *WHY), "has no commit"),
        (("retest", "main~1", "-n", "0"), "0 is not in the range"),
        (("retest", "nothing"), "has no commit 'nothing'"),
    ],
)
def test_what_cannot_be_said_is_refused_and_changes_nothing(
    words: tuple[str, ...], why: str, found: list[str], bisector: Bisector
) -> None:
    assert found
    before = (bisector.sessions[0] / "journal.jsonl").read_bytes()
    ran = bisector(*words)
    assert (ran.code, why in ran.err) == (2, True), ran.err
    assert (bisector.sessions[0] / "journal.jsonl").read_bytes() == before


def test_two_words_that_contradict_each_other_are_refused(found: list[str], bisector: Bisector) -> None:
    bisector("mark", "--json", found[7], "old", *WHY)
    ran = bisector("mark", found[2], "new", *WHY)
    assert ran.code == 2
    assert f"{found[2][:12]} cannot be new: it is in the history of {found[7][:12]}" in ran.err
