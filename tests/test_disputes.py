"""Does a person's doubt change the answer, and cost nothing that is known already?"""

from __future__ import annotations

import json
import signal

import pytest

from bisector import events
from bisector.host.repository import Repository
from bisector.model import Verdict
from tests.conftest import ONCE, Bisector, Json, Ran
from tests.minitree import Edits, MiniTree, Neutral
from tests.test_session import until

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


def test_a_retest_of_what_was_untestable_by_chance_tells_what_it_is(found: list[str], bisector: Bisector) -> None:
    path = bisector.sessions[0] / "journal.jsonl"
    kept = []
    for line in map(json.loads, path.read_text().splitlines()):
        step = line.get("step")
        if step is not None and step["purpose"] not in ("old-end", "new-end", "search"):
            break
        if step is not None and step["purpose"] == "search" and step["commit"]["id"] == found[5]:
            # As if that one boot had ended in a panic.
            panic = {"outcome": {"word": "PANIC", "detail": "by chance"}}
            step |= {"verdict": "untestable", "because": "boot: PANIC(by chance)"}
            shown = step["observation"]["readings"]
            step["observation"]["readings"] = [one | panic for one in shown if one["scenario"] == "boot"]
        kept.append(json.dumps(line))
    path.write_text("\n".join(kept) + "\n")
    ran = bisector("resume", "--json")
    assert (ran.code, found[5] in ran.candidates) == (10, True), ran.err
    ran = bisector("retest", "--json", found[5], "-n", "5")
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err


def test_a_dispute_that_was_stopped_is_gone_on_with(found: list[str], bisector: Bisector) -> None:
    bisector("mark", "--json", found[4], "untestable", *WHY)
    path = bisector.sessions[0] / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    [marked] = [number for number, line in enumerate(lines) if b'"event":"mark"' in line]
    path.write_bytes(b"".join(lines[: marked + 1]))
    ran = bisector("resume", "--json")
    assert (ran.code, set(ran.candidates)) == (10, {found[4], found[5]}), ran.err


def test_what_cannot_be_said_is_refused_and_changes_nothing(found: list[str], bisector: Bisector) -> None:
    assert found
    before = (bisector.sessions[0] / "journal.jsonl").read_bytes()
    for words, why in (
        (("mark", "main", "old", *WHY), "is an end of the session"),
        (("mark", "nothing", "old", *WHY), "has no commit 'nothing'"),
        (("mark", "main~1", "good", *WHY), "'good' is not one of"),
        (("mark", "main~1", "old"), "Missing option '--because'"),
        (("mark", "main~1", "old", "--because", " "), "--because is empty"),
        (("mark", "main~20", "old", *WHY), "has no commit"),
        (("retest", "main~1", "-n", "0"), "0 is not in the range"),
        (("retest", "nothing"), "has no commit 'nothing'"),
        (("rejudge", "--on", "boot-panic=bad"), "'bad' is no verdict"),
        (("rejudge", "--on", "nothing=new"), "no outcome has the name 'nothing'"),
        (("rejudge", "--session", "nothing"), "nothing"),
    ):
        ran = bisector(*words)
        assert (ran.code, why in ran.err) == (2, True), ran.err
        assert (bisector.sessions[0] / "journal.jsonl").read_bytes() == before


def test_two_words_that_contradict_each_other_are_refused(found: list[str], bisector: Bisector) -> None:
    bisector("mark", "--json", found[7], "old", *WHY)
    ran = bisector("mark", found[2], "new", *WHY)
    assert ran.code == 2
    assert f"{found[2][:12]} cannot be new: it is in the history of {found[7][:12]}" in ran.err


def test_a_word_is_taken_back_and_the_boots_count_again(found: list[str], bisector: Bisector) -> None:
    assert bisector("mark", "--json", found[4], "untestable", *WHY).code == 10
    ran = bisector("mark", "--json", found[4], "measured", "--because", "it was not")
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err
    assert "Verdicts that a person gave" not in bisector("report").out
    again = bisector("mark", found[4], "measured", *WHY)
    assert (again.code, "no person said" in again.err) == (2, True)


# -- rejudge -------------------------------------------------------------------------------------------


def spoil(bisector: Bisector, commit: str, word: str, verdict: str) -> None:
    """Let the journal say what a bisector with a defect would have read in a commit's boot in the search."""
    path = bisector.sessions[0] / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    asked = next(line for line in lines if line["event"] == "question")["question"]["scenario"]
    for line in lines:
        if line["event"] == "step" and (line["step"]["commit"]["id"], line["step"]["purpose"]) == (commit, "search"):
            line["step"]["verdict"] = verdict
            [reading] = [one for one in line["step"]["observation"]["readings"] if one["scenario"] == asked]
            reading["outcome"]["word"] = word
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_boots_that_were_read_wrongly_are_read_again_and_the_search_goes_on_from_them(
    found: list[str], bisector: Bisector
) -> None:
    [commit, *_] = [
        event["step"]["commit"]["id"] for event in of(bisector, "step") if event["step"]["purpose"] == "search"
    ]
    spoil(bisector, commit, "LOST", "untestable")
    ran = bisector("rejudge", "--json")
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err
    assert f"a boot of {commit[:12]} reads otherwise: " in ran.err
    assert "1 read otherwise" in ran.err
    assert built(ran) == []
    [reread] = of(bisector, "reread")
    assert (len(reread["observations"]), reread["gone"]) == (1, 0)
    assert len(of(bisector, "rejudge")) == 1
    # All of it stands in the journal: a second time nothing is otherwise, and nothing is done.
    before = bisector.journal
    again = bisector("rejudge", "--json")
    assert (again.code, again.culprit, again.steps) == (0, found[5], [])
    assert bisector.journal == before


def test_no_name_stands_on_a_certifying_boot_that_reads_otherwise_now(found: list[str], bisector: Bisector) -> None:
    # What the culprit's certifying boot really said is what its parent's did: a bisector with a defect misread it.
    path = bisector.sessions[0] / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    by_purpose = {line["step"]["purpose"]: line["step"] for line in lines if line["event"] == "step"}
    by_purpose["culprit"]["heard"] = by_purpose["parent"]["heard"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = bisector("rejudge", "--json")
    assert f"a boot of {found[5][:12]} reads otherwise: " in ran.err
    # The name stands on boots that were made since, and that one is counted against it.
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err
    assert "fresh boots: old 1 of " in ran.conclusion["because"]
    assert len(ran.tested("culprit")) >= 4


def test_a_question_that_never_was_is_not_gone_on_to(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(3, flip_at=1, new="STUCK")
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE).code == 11
    ran = bisector("mark", ids[0], "old", *WHY)
    assert (ran.code, "bisector start begins another" in ran.err) == (2, True)


def test_a_rejudging_that_was_stopped_is_gone_on_with(found: list[str], bisector: Bisector) -> None:
    [*_, commit] = [
        event["step"]["commit"]["id"] for event in of(bisector, "step") if event["step"]["purpose"] == "search"
    ]
    spoil(bisector, commit, "LOST", "untestable")
    assert bisector("rejudge", "--json").culprit == found[5]
    path = bisector.sessions[0] / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    [read] = [number for number, line in enumerate(lines) if b'"event":"reread"' in line]
    path.write_bytes(b"".join(lines[: read + 1]))
    ran = bisector("resume", "--json")
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err


def test_another_meaning_of_a_name_makes_another_answer_and_builds_nothing_again(
    tree: MiniTree, bisector: Bisector
) -> None:
    shows: Edits = {"mode": "NORMAL", "hits": {"exec-sigtrap": "OK"}}
    ids = tree.story(8, 5, edits={4: {"mode": "PANIC_BOOT"}, 5: {"neutral": "comment"}, 6: shows})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[4:7])), ran.err
    known = {event["step"]["commit"]["id"] for event in of(bisector, "step")}
    ran = bisector("rejudge", "--json", "--on", "boot-panic=new")
    assert (ran.code, ran.culprit) == (0, ids[4]), ran.err
    assert not set(built(ran)) & known
    assert bisector("report", "--json").lines[0]["report"]["on"] == {"boot-panic": "new"}


def test_a_console_that_is_gone_or_changed_leaves_its_boot_as_it_was(found: list[str], bisector: Bisector) -> None:
    gone, changed, *_ = sorted((bisector.sessions[0] / "logs").glob("*.console-1.log"))
    gone.unlink()
    changed.write_bytes(changed.read_bytes().replace(b"begin", b"began"))
    before = bisector.journal
    ran = bisector("rejudge", "--json")
    assert (ran.code, ran.culprit) == (0, found[5]), ran.err
    assert "2 were not read" in ran.err
    assert f"{changed.name} is not as it was" in ran.err
    assert "stands as it was: No such file or directory" in ran.err
    assert bisector.journal == before


def test_a_boot_with_an_early_console_is_read_again_with_it(tree: MiniTree, bisector: Bisector) -> None:
    silent = tree.commit("mini: silent", mode="SILENT_UNTIL_EARLYCON")
    assert bisector.start(tree.path, tree.base, silent, *ONCE).culprit == silent
    ran = bisector("rejudge", "--json")
    assert (ran.code, ran.culprit) == (0, silent)
    assert "0 read otherwise" in ran.err
    assert "not read" not in ran.err


def test_words_of_new_on_two_branches_leave_a_search_by_halves(tree: MiniTree, bisector: Bisector) -> None:
    """As of a change that was picked into both: no single commit explains the words, and git goes by the last one."""
    sides, kinds = [], dict[str, Neutral](main="string", side="comment")
    for side, kind in kinds.items():
        ids = [tree.commit(f"mini: {side} 1", parents=[tree.base], branch=side, neutral=kind)]
        for number in range(2, 17):
            edit: Edits = {"hits": {"exec-sigtrap": "OK"}} if number == 4 else {"neutral": kind}
            ids.append(tree.commit(f"mini: {side} {number}", branch=side, **edit))
        sides.append(ids)
    new = tree.commit("mini: merge", parents=[sides[0][-1], sides[1][-1]], branch="main", files={"both.txt": "1\n"})
    first = bisector.spawn("start", "--json", "--repo", tree.path, "--old", tree.base, "--new", new, *ONCE)
    until(first, lambda line: line.get("event") == "search")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    [session], repository = bisector.sessions, Repository(tree.path)
    with (session / "journal.jsonl").open("ab") as journal:
        for ids in sides:
            said = events.Marked(commit=repository.commit(ids[-1]), verdict=Verdict.NEW, because="seen")
            journal.write(events.encode(said) + b"\n")
    ran = bisector("resume", "--json")
    assert ran.code != 20, ran.err
    assert 1 < len(ran.tested("search")) <= 6


def test_a_word_of_untestable_stands_before_a_third_behaviour(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = {
        3: {"breaks": "compile"},
        5: {"mends": True, "hits": {"exec-sigtrap": "DUP"}},
        6: {"breaks": "compile"},
        8: {"mends": True, "hits": {"exec-sigtrap": "OK"}},
    }
    ids = tree.story(11, 8, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, set(ids[6:9])), ran.err
    said = bisector("mark", "--json", ids[5], "untestable", "--because", "it is another matter")
    assert (said.code, set(said.candidates)) == (10, set(ids[3:9])), said.err
