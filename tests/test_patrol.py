"""Is each change of a branch reported exactly once, whatever leaps, kills and rebases come between?"""

import functools
import json
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import branches, journal, room
from tests import samples
from tests.conftest import LONG, Bisector, Json, Ran
from tests.minitree import Edits, MiniTree
from tests.test_session import until

# Whole sessions, several a test: minutes on a busy machine.
pytestmark = pytest.mark.timeout(400)

QUICK = ("--end-boots", "1", "--confirm-boots", "1", "--confidence", "0.5")


class Patrol:
    """A branch, and the passes over it. `told`: what all of them reported."""

    def __init__(self, tree: MiniTree, bisector: Bisector) -> None:
        self.tree, self.bisector = tree, bisector
        self.told: list[Json] = []

    def words(self, *more: str) -> list[str]:
        return ["patrol", "--json", "--repo", str(self.tree.path), "--branch", "watched", *QUICK, *more]

    def to(self, commit: str) -> None:
        self.tree.git("update-ref", "refs/heads/watched", commit)

    def once(self, *more: str) -> Json:
        ran = self.bisector(*self.words(*more))
        return self.heard(ran)

    def passes(self, first: str, then: str, *, most: int) -> int:
        """Look again and again, each time for so many hours, until nothing is left; return how often."""
        number, state = 1, self.once("--hours", first)["state"]
        while state == "goes-on":
            assert number < most
            number, state = number + 1, self.once("--hours", then)["state"]
        return number

    def heard(self, ran: Ran) -> Json:
        assert ran.code in (0, 17, 18, 19), ran.err
        passed: Json = ran.lines[-1]["passed"]
        states = {"first": 0, "unchanged": 0, "changed": 17, "untestable": 18, "goes-on": 19}
        assert ran.code == (17 if passed["changes"] or passed["unnamed"] else states[passed["state"]])
        self.told += passed["changes"]
        return passed

    def kept(self) -> Json:
        [path] = self.bisector.state.glob("patrols/*.json")
        kept: Json = json.loads(path.read_bytes())
        return kept


@pytest.fixture
def patrol(tree: MiniTree, bisector: Bisector) -> Patrol:
    return Patrol(tree, bisector)


def three_changes(tree: MiniTree) -> tuple[list[str], list[str]]:
    """Return sixty commits, and the three among them that change what a scenario does."""
    ok, twice = {"exec-sigtrap": "OK"}, {"exec-sigtrap": "DUP"}
    edits: dict[int, Edits] = {14: {"hits": ok}, 33: {"hits": {"watch-sigtrap": "DUP"}}, 47: {"hits": twice}}
    ids = [tree.base, *tree.story(60, 14, edits=edits)]
    return ids, [ids[1 + at] for at in edits]


def test_three_changes_in_sixty_commits_are_reported_once_each_in_random_leaps_with_kills(patrol: Patrol) -> None:
    ids, changed = three_changes(patrol.tree)
    chance, at = random.Random(60), 0
    killed = 0
    patrol.to(ids[0])
    assert patrol.once()["state"] == "first"
    while at < len(ids) - 1:
        at = min(len(ids) - 1, at + chance.randint(1, 25))
        patrol.to(ids[at])
        for _ in range(chance.randint(0, 2)):
            running = patrol.bisector.spawn(*patrol.words())
            time.sleep(chance.uniform(0.3, 3.0))
            killed += running.poll() is None
            running.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            out, err = running.communicate(timeout=60)
            # A kill may come after the last word too.
            if '"command":"patrol"' in out:
                patrol.told += Ran(running.returncode, out, err).lines[-1]["passed"]["changes"]
        patrol.once()
    assert patrol.once()["state"] == "unchanged"
    assert killed
    assert sorted(one["commit"]["id"] for one in patrol.kept()["reported"]) == sorted(changed)
    assert sorted(one["commit"]["id"] for one in patrol.told) == sorted(changed)
    for one in patrol.kept()["reported"]:
        assert (patrol.bisector.state / "sessions" / one["session"] / "report.html").exists()


@LONG
def test_a_leap_over_all_of_them_finds_all_of_them(patrol: Patrol) -> None:
    ids, changed = three_changes(patrol.tree)
    patrol.to(ids[0])
    patrol.once()
    patrol.to(ids[-1])
    passed = patrol.once()
    assert passed["state"] == "changed"
    assert sorted(one["commit"]["id"] for one in passed["changes"]) == sorted(changed)
    assert patrol.once() == passed | {"state": "unchanged", "because": "the tip is the same commit", "changes": []}


def test_a_commit_that_changes_two_scenarios_is_one_change(patrol: Patrol) -> None:
    ids = patrol.tree.story(8, 5, edits={5: {"hits": {"exec-sigtrap": "OK", "watch-sigtrap": "DUP"}}})
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    [change] = patrol.once()["changes"]
    assert change["commit"]["id"] == ids[5]
    assert sorted(name for name, *_ in change["scenarios"]) == ["exec-sigtrap", "watch-sigtrap"]
    # What the first search's fresh boots showed was enough.
    assert len(patrol.bisector.sessions) == 1


def test_a_tip_that_cannot_be_tested_is_no_change(patrol: Patrol) -> None:
    tree = patrol.tree
    patrol.to(tree.base)
    patrol.once()
    broken = tree.commit("mini: does not build", breaks="compile")
    patrol.to(broken)
    passed = patrol.once()
    assert (passed["state"], passed["changes"]) == ("untestable", [])
    panics = tree.commit("mini: panics", mends=True, mode="PANIC_BOOT")
    patrol.to(panics)
    assert patrol.once()["state"] == "untestable"
    assert patrol.kept()["known"]["commit"]["id"] == tree.base
    mended = tree.commit("mini: works again, and does it", mode="NORMAL", hits={"exec-sigtrap": "OK"})
    patrol.to(mended)
    assert [one["commit"]["id"] for one in patrol.once()["changes"]] == [mended]


def test_what_does_not_fit_into_a_pass_goes_on_in_the_next(patrol: Patrol) -> None:
    ids = patrol.tree.story(20, flip_at=13)
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    assert patrol.passes("0.00001", "0.0004", most=60) > 2
    assert [one["commit"]["id"] for one in patrol.told] == [ids[13]]
    assert len(patrol.bisector.sessions) == 1


def test_a_rebased_branch_is_understood_by_the_patch_of_what_was_known(patrol: Patrol) -> None:
    tree = patrol.tree
    one = tree.commit("mini: one", files={"Documentation/one.txt": "1\n"})
    patrol.to(one)
    patrol.once()
    other = tree.commit(
        "mini: what it was rebased on", parents=[tree.base], branch="b", hits={"watch-sigtrap": "DUP"}
    )
    again = tree.commit("mini: one", parents=[other], branch="b", files={"Documentation/one.txt": "1\n"})
    new = tree.commit("mini: change it", parents=[again], branch="b", hits={"exec-sigtrap": "OK"})
    patrol.to(new)
    ran = patrol.bisector(*patrol.words())
    passed = patrol.heard(ran)
    assert f"the branch was rebased: {one[:12]} is now {again[:12]}" in ran.err
    assert new in [change["commit"]["id"] for change in passed["changes"]]


def test_a_branch_that_was_set_back_is_told_and_looked_at_from_there(patrol: Patrol) -> None:
    tree = patrol.tree
    kept = tree.commit("mini: kept", neutral="comment")
    patrol.to(tree.commit("mini: change it", hits={"exec-sigtrap": "OK"}))
    patrol.once()
    patrol.to(kept)
    passed = patrol.once()
    assert (passed["state"], passed["changes"]) == ("changed", [])
    [why] = passed["unnamed"]
    assert why.startswith("exec-sigtrap from OK to STUCK: the branch was set back from ")
    new = tree.commit("mini: again", parents=[kept], branch="b", hits={"exec-sigtrap": "OK"})
    patrol.to(new)
    assert [change["commit"]["id"] for change in patrol.once()["changes"]] == [new]


def test_a_change_that_left_the_branch_and_came_back_is_told_again(patrol: Patrol) -> None:
    tree = patrol.tree
    patrol.to(tree.base)
    patrol.once()
    new = tree.commit("mini: change it", hits={"exec-sigtrap": "OK"})
    for _ in range(2):
        patrol.to(new)
        passed = patrol.once()
        assert (passed["state"], [change["commit"]["id"] for change in passed["changes"]]) == ("changed", [new])
        patrol.to(tree.base)
        assert patrol.once()["unnamed"]


def test_a_commit_that_is_found_again_is_no_news_unless_the_branch_turned() -> None:
    def found(session: str, scenario: str) -> branches.Reported:
        return branches.Reported(samples.CULPRIT, ((scenario, "OK", "STUCK"),), session, "")

    beat = branches.Beat("/srv/linux", "master", reported=[replace(found("20261129-080000-abc", "a"), told=True)])
    # Others read the boots now, so it was searched again.
    beat.since = "20261129-090000"
    beat.report(found("20261129-090000-abc", "b"))
    assert [(one.session, one.told, len(one.scenarios)) for one in beat.reported] == [
        ("20261129-080000-abc", True, 2)
    ]
    beat.turned = "20261129-100000"
    beat.report(found("20261129-110000-abc", "a"))
    assert [(one.session, one.told) for one in beat.reported] == [("20261129-110000-abc", False)]
    # What nobody has heard of is not lost, whenever it was found.
    beat.turned = "20261129-120000"
    beat.report(found("20261129-130000-abc", "c"))
    assert [[name for name, *_ in one.scenarios] for one in beat.reported] == [["a", "c"]]


def test_a_pass_without_time_comes_further_all_the_same(patrol: Patrol) -> None:
    ids = patrol.tree.story(6, flip_at=3)
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    patrol.passes("0.0000001", "0.0000001", most=40)
    assert [one["commit"]["id"] for one in patrol.told] == [ids[3]]


def test_a_remote_that_is_none_is_the_user_s_to_mend(patrol: Patrol) -> None:
    patrol.to(patrol.tree.base)
    ran = patrol.bisector(*patrol.words("--fetch", "nosuch"))
    assert (ran.code, "git remote shows their names" in ran.err) == (2, True), ran.err


def test_a_meaning_that_holds_in_one_direction_is_refused(patrol: Patrol) -> None:
    patrol.to(patrol.tree.base)
    ran = patrol.bisector(*patrol.words("--on", "hung=new"))
    assert (ran.code, ran.lines[-1]["exit_code"]) == (2, 2)
    assert "--on hung=new is right in one of them only" in ran.err


def test_a_rebase_that_lost_the_known_commit_is_said(patrol: Patrol) -> None:
    tree = patrol.tree
    one = tree.commit("mini: one", files={"Documentation/one.txt": "1\n"})
    patrol.to(one)
    patrol.once()
    new = tree.commit("mini: change it", parents=[tree.base], branch="b", hits={"exec-sigtrap": "OK"})
    patrol.to(new)
    ran = patrol.bisector(*patrol.words())
    assert f"{one[:12]} is not found again by its patch" in ran.err
    assert [change["commit"]["id"] for change in patrol.heard(ran)["changes"]] == [new]


def test_a_tip_that_reads_otherwise_by_chance_is_no_change_for_ever(patrol: Patrol) -> None:
    tree = patrol.tree
    patrol.to(tree.base)
    patrol.once()
    flaky = tree.commit("mini: a flake", flake=(50, "exec-sigtrap", "OK"))
    patrol.to(flaky)
    for _ in range(3):
        passed = patrol.once()
    assert passed["state"] == "unchanged"
    assert len([one for one in patrol.kept()["reported"] if one["commit"]["id"] != flaky]) == 0


def test_what_an_older_probe_said_is_compared_with_what_this_one_says_of_the_same_commit(patrol: Patrol) -> None:
    tree = patrol.tree
    patrol.to(tree.base)
    patrol.once()
    [path] = patrol.bisector.state.glob("patrols/*.json")
    # As a bisector wrote it that did not say who read the boot, and had another word for it.
    older = patrol.kept()
    del older["known"]["by"]
    [said] = [one for one in older["known"]["shown"]["readings"] if one["scenario"] == "exec-sigtrap"]
    said["outcome"] = {"word": "LOST", "detail": ""}
    path.write_text(json.dumps(older))
    patrol.to(tree.commit("mini: nothing of note", files={"Documentation/note.txt": "1\n"}))
    passed = patrol.once()
    assert (passed["state"], passed["changes"], passed["unnamed"]) == ("unchanged", [], [])
    assert patrol.bisector.sessions == []
    assert patrol.kept()["known"]["shown"]["readings"] != older["known"]["shown"]["readings"]
    # By the same probe it is a change, whoever made it.
    again = patrol.kept()
    [said] = [one for one in again["known"]["shown"]["readings"] if one["scenario"] == "exec-sigtrap"]
    said["outcome"] = {"word": "LOST", "detail": ""}
    path.write_text(json.dumps(again))
    patrol.to(tree.commit("mini: nor here", files={"Documentation/note.txt": "2\n"}))
    assert patrol.once()["unnamed"] != []


def test_what_an_older_probe_said_of_a_commit_that_cannot_be_tested_now_is_compared_with_nothing(
    patrol: Patrol,
) -> None:
    tree = patrol.tree
    patrol.to(tree.base)
    patrol.once()
    [path] = patrol.bisector.state.glob("patrols/*.json")
    broken = tree.commit("mini: does not build", breaks="compile")
    older = patrol.kept()
    older["known"]["by"], older["known"]["commit"]["id"] = "", broken
    path.write_text(json.dumps(older))
    patrol.to(tree.commit("mini: builds, and does it", mends=True, hits={"exec-sigtrap": "OK"}))
    ran = patrol.bisector(*patrol.words())
    passed = patrol.heard(ran)
    assert (passed["state"], passed["changes"], passed["unnamed"]) == ("first", [], [])
    assert "cannot be tested" in ran.err


def test_a_full_machine_is_given_room_before_anything_is_asked_of_it(patrol: Patrol, tmp_path: Path) -> None:
    patrol.to(patrol.tree.base)
    patrol.once()
    # Here no probe can be written.
    no_directory = tmp_path / "no-directory"
    no_directory.touch()
    patrol.bisector.env["XDG_CACHE_HOME"] = str(no_directory)
    kept = list(patrol.bisector.state.glob("kernels/*/*"))
    assert kept
    assert patrol.bisector(*patrol.words("--disk", "0.000001")).code == 20
    assert list(patrol.bisector.state.glob("kernels/*/*")) == []


def test_searches_that_an_older_probe_made_necessary_are_begun_anew(patrol: Patrol) -> None:
    ids = patrol.tree.story(8, 5, edits={5: {"hits": {"exec-sigtrap": "OK"}}})
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    assert patrol.once("--hours", "0.00001")["state"] == "goes-on"
    [path] = patrol.bisector.state.glob("patrols/*.json")
    older = patrol.kept()
    older["goal"]["by"] = older["known"]["by"] = ""
    older["left"][0]["after"] = {"word": "LOST", "detail": ""}
    path.write_text(json.dumps(older))
    ran = patrol.bisector(*patrol.words())
    [change] = patrol.heard(ran)["changes"]
    assert change["commit"]["id"] == ids[5]
    assert "are begun anew" in ran.err


def test_it_fetches_only_where_it_is_asked_to(patrol: Patrol, tmp_path: Path) -> None:
    tree = patrol.tree
    upstream = tmp_path / "upstream"
    tree.git("clone", "-q", "--bare", str(tree.path), str(upstream))
    tree.git("remote", "add", "up", str(upstream))
    tree.git("fetch", "-q", "up")
    new = tree.commit("mini: change it", parents=[tree.base], branch="elsewhere", hits={"exec-sigtrap": "OK"})
    branch = tree.git("--git-dir", str(upstream), "symbolic-ref", "--short", "HEAD").strip()
    words = ["patrol", "--json", "--repo", str(tree.path), "--branch", f"up/{branch}", *QUICK]
    assert patrol.heard(patrol.bisector(*words))["state"] == "first"
    tree.git("push", "-q", "--force", str(upstream), f"{new}:refs/heads/{branch}")
    assert patrol.heard(patrol.bisector(*words))["state"] == "unchanged"
    assert [one["commit"]["id"] for one in patrol.heard(patrol.bisector(*words, "--fetch", "up"))["changes"]] == [new]
    upstream.rename(tmp_path / "unmounted")
    ran = patrol.bisector(*words, "--fetch", "up")
    assert ran.code == 20
    assert "cannot fetch up" in ran.err


def test_two_passes_at_once_and_a_spoiled_memory_are_refused(patrol: Patrol) -> None:
    patrol.to(patrol.tree.base)
    patrol.once()
    [path] = patrol.bisector.state.glob("patrols/*.json")
    path.write_text("{")
    ran = patrol.bisector(*patrol.words())
    assert ran.code == 2
    assert "is not what a patrol wrote" in ran.err


def is_event(name: str, line: Json) -> bool:
    return bool(line.get("event") == name)


def broken_off(patrol: Patrol, *events: str) -> None:
    """Begin a pass, and stop it when it has told these events, one after the other."""
    running = patrol.bisector.spawn(*patrol.words())
    for event in events:
        until(running, functools.partial(is_event, event))
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)


def test_what_a_broken_pass_found_is_told_by_the_next(patrol: Patrol) -> None:
    ids, changed = three_changes(patrol.tree)
    patrol.to(ids[0])
    patrol.once()
    patrol.to(ids[-1])
    # One change is found, and the next one is searched.
    broken_off(patrol, "conclusion", "started")
    passed = patrol.once()
    assert sorted(one["commit"]["id"] for one in passed["changes"]) == sorted(changed)


def test_a_change_whose_session_was_deleted_is_in_no_other_search_s_way(patrol: Patrol) -> None:
    ids, changed = three_changes(patrol.tree)
    patrol.to(ids[0])
    patrol.once()
    patrol.to(ids[-1])
    # One change is found, and the next one is searched.
    broken_off(patrol, "conclusion", "started")
    [found] = patrol.kept()["reported"]
    shutil.rmtree(patrol.bisector.state / "sessions" / found["session"])
    passed = patrol.once()
    assert sorted(one["commit"]["id"] for one in passed["changes"]) == sorted(changed)


def test_a_search_that_another_patrol_is_at_is_left_to_the_next_pass(patrol: Patrol) -> None:
    ids = patrol.tree.story(6, flip_at=3)
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    broken_off(patrol, "started")
    [session] = patrol.bisector.sessions
    with journal.held(session):
        passed = patrol.once()
    assert (passed["state"], patrol.told) == ("goes-on", [])
    assert "is held by process" in passed["because"]
    assert patrol.once()["state"] == "changed"


def test_what_nobody_heard_is_told_again(patrol: Patrol) -> None:
    ids = patrol.tree.story(6, flip_at=3)
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    running = patrol.bisector.spawn(*(word for word in patrol.words() if word != "--json"))
    assert running.stdout is not None
    while "ended:" not in (said := running.stdout.readline()):
        assert said
    running.stdout.close()
    assert running.wait(60) == 17
    passed = patrol.once()
    assert passed["state"] == "changed"
    assert [one["commit"]["id"] for one in passed["changes"]] == [ids[3]]


def test_another_machine_s_readings_are_not_compared(patrol: Patrol) -> None:
    patrol.to(patrol.tree.base)
    assert patrol.once()["state"] == "first"
    assert patrol.once("--cpu", "cortex-a53")["state"] == "first"
    assert patrol.once()["state"] == "unchanged"


def test_a_known_commit_that_is_gone_begins_anew(patrol: Patrol) -> None:
    tree = patrol.tree
    gone = tree.commit("mini: soon gone", files={"Documentation/gone.txt": "1\n"})
    patrol.to(gone)
    patrol.once()
    [path] = patrol.bisector.state.glob("patrols/*.json")
    path.write_bytes(path.read_bytes().replace(gone.encode(), b"d" * 40))
    patrol.to(tree.base)
    ran = patrol.bisector(*patrol.words())
    assert "is in the repository no more" in ran.err
    assert patrol.heard(ran)["state"] == "first"
    assert not list(patrol.bisector.state.glob("tests/*"))


def test_what_does_not_fit_on_the_disk_goes_on_in_the_next_pass(patrol: Patrol) -> None:
    ids = patrol.tree.story(20, flip_at=13)
    patrol.to(patrol.tree.base)
    patrol.once()
    patrol.to(ids[-1])
    # Two kernels of the mini kernel, and no more.
    most = 2 * room.taken(patrol.bisector.state) / (1 << 30)
    passes = [patrol.once("--disk", str(most))]
    assert passes[0]["because"].startswith("the disk of this pass is used up")
    while passes[-1]["state"] == "goes-on":
        assert len(passes) < 60
        passes.append(patrol.once("--disk", str(most)))
    assert passes[-1]["state"] == "changed"
    assert [one["commit"]["id"] for one in patrol.told] == [ids[13]]
    # The next pass makes room first.
    assert patrol.once("--disk", str(most))["state"] == "unchanged"
    assert room.taken(patrol.bisector.state) <= most * (1 << 30)
