"""Is the right commit found, whatever the history and the workspace look like, and never a wrong one?"""

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Unpack

import pytest

from bisector import keep
from tests.conftest import ONCE, SHORT, Bisector
from tests.minitree import Break, Edits, MiniTree

STUCK: Edits = {"hits": {"exec-sigtrap": "STUCK"}}
OK: Edits = {"hits": {"exec-sigtrap": "OK"}}


def test_one_of_thirty_commits_is_found_and_certified(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(30, flip_at=17)
    ran = bisector.start(tree.path, tree.base, ids[-1])
    assert (ran.code, ran.culprit) == (0, ids[17]), ran.err
    assert ran.question == ("exec-sigtrap", "STUCK", "OK")
    assert ran.conclusion["files"] == ["behaviour.h"]
    assert ran.tested("old-end") == [tree.base] * 5
    assert ran.tested("new-end") == [ids[-1]] * 5
    assert ran.tested("culprit") == [ids[17]] * 5
    assert ran.tested("parent") == [ids[16]] * 9
    assert ran.conclusion["odds"]["culprit"] > 0.999
    assert ran.conclusion["reverted"][0] == "mends it"
    searched = ran.tested("search")
    assert len(searched) == len(set(searched)) <= 6


def test_a_kernel_is_built_once_and_once_more_from_nothing_to_certify_it(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(8, flip_at=5)
    ran = bisector.start(tree.path, tree.base, ids[-1])
    assert (ran.code, ran.culprit) == (0, ids[5])
    edge = ("culprit", "parent")
    built = [step["commit"]["id"] for step in ran.steps if step["seconds"]["build"] and step["purpose"] not in edge]
    assert len(built) == len(set(built))
    again = [(step["purpose"], step["seconds"]["build"] > 0) for step in ran.steps if step["purpose"] in edge]
    boots = dict(zip(edge, (5, 9), strict=True))
    assert again == [(purpose, number == 0) for purpose in edge for number in range(boots[purpose])]


def test_objects_that_were_spoiled_name_no_culprit(tree: MiniTree, bisector: Bisector) -> None:
    # The clock was ahead when the objects were made: make then holds every later edit for older than they are.
    ids = tree.story(8, flip_at=5)
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE).culprit == ids[5]
    [objects] = bisector.state.glob("workspaces/*/0/objects")
    later = time.time() + 7200
    for path in objects.rglob("*"):
        os.utime(path, (later, later))
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) in ((0, ids[5]), (20, None))


def test_a_kernel_that_was_built_to_be_compared_and_differs_is_built_again(
    tree: MiniTree, bisector: Bisector
) -> None:
    """As a session leaves it that is stopped after the first of two builds from nothing: the second one tells."""
    # Each makes another kernel, and a file that appears may make another configuration.
    edits: dict[int, Edits] = {
        at: {
            "files": {f"notes-{at}.txt": "1\n"},
            "hits": {"exec-sigtrap": "OK" if at >= 3 else "STUCK"},
            "neutral": "string",
        }
        for at in range(6)
    }
    ids = tree.story(6, 3, edits=edits)
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--no-store").culprit == ids[3]
    [session] = bisector.sessions
    lines = (session / "journal.jsonl").read_bytes().splitlines(keepends=True)
    edge = next(at for at, line in enumerate(lines) if json.loads(line).get("step", {}).get("purpose") == "culprit")
    (session / "journal.jsonl").write_bytes(b"".join(lines[:edge]))
    (session / "report.json").unlink()
    place = session / "kernels" / ids[3][:12]
    made = keep.kept(place, ids[3], clean=True)
    assert made is not None
    names = [path for path in keep.files(place) if path.name != "Image"]
    other = tree.path.parent / "Image"
    other.write_bytes((place / "Image").read_bytes() + b"another name")
    keep.keep(made, [other, *names], clean=True)
    ran = bisector("resume", "--json")
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
    assert any(step["purpose"] == "culprit" and step["seconds"]["build"] for step in ran.steps)


def test_a_shallow_clone_is_refused(tree: MiniTree, tmp_path: Path, bisector: Bisector) -> None:
    ids = tree.story(8, flip_at=5)
    tree.git("clone", "-q", "--depth", "4", f"file://{tree.path}", str(tmp_path / "cut"))
    ran = bisector.start(tmp_path / "cut", ids[-3], ids[-1])
    assert ran.code == 2
    assert "shallow" in ran.err


@pytest.mark.parametrize("at", [0, 5])
def test_a_culprit_at_the_edge_of_the_range_is_found(at: int, tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=at)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[at])


def test_a_range_of_one_commit_is_certified_without_a_search(tree: MiniTree, bisector: Bisector) -> None:
    [only] = tree.story(1, flip_at=0)
    ran = bisector.start(tree.path, tree.base, only)
    assert (ran.code, ran.culprit) == (0, only)
    assert ran.tested("search") == []
    assert (len(ran.tested("culprit")), len(ran.tested("parent"))) == (5, 9)


@pytest.mark.parametrize(("kind", "why"), [("compile", "error: "), ("header", "uint33_t"), ("link", "crc32")])
def test_an_unbuildable_commit_beside_the_flip_ends_in_a_set_with_reasons(
    kind: Break, why: str, tree: MiniTree, bisector: Bisector
) -> None:
    ids = tree.story(6, 3, edits={2: {"breaks": kind}, 3: {"mends": True} | OK})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (10, None), ran.err
    assert set(ran.candidates) == {ids[2], ids[3]}
    assert why in ran.candidates[ids[2]]


def test_a_culprit_that_does_not_build_is_in_the_set(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(8, 3, edits={3: {"breaks": "compile"} | OK, 6: {"mends": True}})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert ran.code == 10
    assert set(ran.candidates) == set(ids[3:7])
    assert all(ran.candidates.values())


def test_unbuildable_commits_away_from_the_flip_do_not_matter(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = {2: {"breaks": "link"}, 5: {"mends": True}, 9: OK}
    ran = bisector.start(tree.path, tree.base, tree.story(12, 9, edits=edits)[-1], *ONCE)
    assert (ran.code, ran.conclusion["culprit"]["subject"]) == (0, "mini: change 9 of 12")


def test_an_option_that_vanished_is_no_verdict(tree: MiniTree, bisector: Bisector) -> None:
    lost: Edits = {"drops": ["PERF_EVENTS"]}
    ids = tree.story(8, 6, edits={2: lost, 5: {"restores": ["PERF_EVENTS"]}, 6: OK})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[6])
    assert ran.untestable
    assert all(why.startswith("CONFIG_PERF_EVENTS vanished") for why in ran.untestable.values())
    # It is looked for twice, and the second time what can tell is asked anew, but not what takes most of the time.
    logs = [bisector.sessions[0] / "logs" / f"{commit[:12]}.build.log" for commit in ran.untestable]
    made = [re.findall(r"^\$ .* (\w+config)$", log.read_text(), re.MULTILINE) for log in logs]
    assert all(goals == ["tinyconfig", "olddefconfig", "olddefconfig"] for goals in made), made


# What a commit may add to the Makefile, with the reason that is told and the words of the command line.
ADDED = {
    "two files fail, and with many jobs the second is the first": (
        'Image: one two\none:\n\t@sleep 0.5; echo "lib/a.c:1:1: error: one" >&2; exit 1\n'
        'two:\n\t@echo "lib/b.c:1:1: error: two" >&2; exit 1\n',
        "lib/a.c:1:1: error: one",
    ),
    "the image is not where it should be": (
        "boot := elsewhere\n",
        "make succeeded, but there is no arch/arm64/boot/Image",
    ),
    "too much memory with many jobs only": (
        "Image: one two\none two:\n\t@perl -e 'vec($$x, 150 << 20, 8) = 1; sleep 1'\n",
        "boot and probe complete",
    ),
}


@pytest.mark.parametrize("what", ADDED)
def test_a_build_is_settled_by_further_attempts_with_one_job(what: str, tree: MiniTree, bisector: Bisector) -> None:
    added, because = ADDED[what]
    makefile = tree.files(tree.base)["Makefile"].replace("\nall: Image\n", f"\n{added}all: Image\n")
    odd = tree.commit("mini: an odd Makefile", files={"Makefile": makefile})
    words = ("--jobs", "2", "--build-memory", "0.25")
    ran = bisector("test", "--json", "--repo", tree.path, *words, odd)
    assert ran.code == 0, ran.err
    assert [step["because"] for step in ran.lines[0]["steps"]] == [because]
    assert "trying again" not in ran.err


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("SILENT_BOOT", "boot: SILENT(nothing printed)"),
        ("SILENT_BEFORE", "boot: SILENT"),
        ("PANIC_BOOT", "boot: PANIC(the mini kernel was told to)"),
        ("PANIC_EARLY", "boot: NO_PROBE(reset, nothing printed)"),
        ('PANIC_DURING("count-watch")', "exec-sigtrap is NORUN, neither"),
        ('PANIC_DURING("exec-sigtrap")', "exec-sigtrap is PANIC(the mini kernel was told to), neither STUCK nor OK"),
    ],
)
def test_a_kernel_that_dies_otherwise_is_untestable_and_named(
    mode: str, why: str, tree: MiniTree, bisector: Bisector
) -> None:
    dying = tree.commit("mini: dies", mode=mode)
    healed = tree.commit("mini: healed and changed", mode="NORMAL", hits=OK["hits"])
    ran = bisector.start(tree.path, tree.base, healed, *ONCE, *SHORT, "--scenario", "exec-sigtrap")
    assert (ran.code, ran.culprit) == (10, None)
    assert set(ran.candidates) == {dying, healed}
    assert why in ran.candidates[dying]


def test_commits_that_hang_at_boot_do_not_hide_a_later_change(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, 5, edits={1: {"mode": "SILENT_BOOT"}, 3: {"mode": "NORMAL"}, 5: OK})
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, *SHORT)
    assert (ran.code, ran.culprit) == (0, ids[5])
    assert set(ran.untestable.values()) == {"boot: SILENT(nothing printed)"}


@pytest.mark.timeout(600)
def test_a_flaky_culprit_is_never_answered_by_another_commit(tree: MiniTree, bisector: Bisector) -> None:
    flaky: Edits = {"flake": (50, "exec-sigtrap", "OK")}
    ids = tree.story(6, 2, edits={2: flaky, 5: {"flake": (0, "exec-sigtrap", "OK")} | OK})
    # Half of its boots are old, and half of those of the next two: luck names another one in few of many sessions.
    ran = bisector.start(tree.path, tree.base, ids[-1], "--confidence", "0.9999")
    assert (ran.code, ran.culprit) in ((0, ids[2]), (15, None), (16, None)), ran.conclusion


def test_a_merge_in_which_two_sides_meet_is_found_and_both_parents_certified(
    tree: MiniTree, bisector: Bisector
) -> None:
    first = tree.commit("mini: together", hits={"exec-sigtrap": "TOGETHER"})
    left = tree.commit("mini: left", parents=[first], branch="left", left=True)
    right = tree.commit("mini: right", parents=[first], branch="right", right=True)
    merge = tree.commit("Merge branch 'right'", parents=[left, right])
    last = tree.commit("mini: after", neutral="comment")
    ran = bisector.start(tree.path, first, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, merge)
    assert set(ran.tested("parent")) == {left, right}
    pair = ran.conclusion["pair"]
    assert (pair["one"]["id"], pair["other"]["id"]) == (left, right)


def test_the_pair_that_does_it_together_is_found_on_both_sides_of_a_merge(tree: MiniTree, bisector: Bisector) -> None:
    first = tree.commit("mini: together", hits={"exec-sigtrap": "TOGETHER"})

    def side(name: str, length: int, at: int, **edits: Unpack[Edits]) -> list[str]:
        made, tip = [], first
        for number in range(length):
            edit: Edits = edits if number == at else {"files": {f"Documentation/{name}-{number}.txt": "more\n"}}
            tip = tree.commit(f"mini: {name} {number}", parents=[tip], branch=name, **edit)
            made.append(tip)
        return made

    left, right = side("left", 6, 2, left=True), side("right", 5, 3, right=True)
    merge = tree.commit("Merge branch 'right'", parents=[left[-1], right[-1]])
    last = tree.commit("mini: after", neutral="comment")
    ran = bisector.start(tree.path, first, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, merge), ran.err
    pair = ran.conclusion["pair"]
    assert (pair["one"]["id"], pair["other"]["id"]) == (left[2], right[3])
    report = " ".join(bisector("report").out.split())
    assert (
        f'together {left[2][:12]} ("mini: left 2") with {right[3][:12]} ("mini: right 3"): neither does it' in report
    )


def test_a_merge_that_makes_the_change_itself_has_no_pair(tree: MiniTree, bisector: Bisector) -> None:
    main = tree.story(3, 9)
    side = tree.commit("mini: side", parents=[tree.base], branch="side", files={"Documentation/side.txt": "more\n"})
    merge = tree.commit("Merge branch 'side'", parents=[main[-1], side], **OK)
    ran = bisector.start(tree.path, tree.base, tree.commit("mini: after", neutral="document"), *ONCE)
    assert (ran.code, ran.culprit) == (0, merge), ran.err
    assert (ran.conclusion["pair"]["one"], ran.conclusion["pair"]["other"]) == (None, None)
    assert "the merge itself made the change" in ran.conclusion["pair"]["because"]


def test_a_commit_on_a_side_branch_is_found(tree: MiniTree, bisector: Bisector) -> None:
    main = tree.commit("mini: main", neutral="document")
    side = tree.commit("mini: side 1", parents=[tree.base], branch="side", neutral="comment")
    change = tree.commit("mini: side 2", parents=[side], branch="side", **OK)
    tree.commit("Merge branch 'side'", parents=[main, change])
    last = tree.commit("mini: after", neutral="string")
    ran = bisector.start(tree.path, tree.base, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, change)


def test_an_old_end_that_is_no_ancestor_is_replaced_by_the_merge_base(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=4)
    old = tree.commit("mini: stable", parents=[ids[1]], branch="stable", neutral="document")
    ran = bisector.start(tree.path, old, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[4])
    assert ran.tested("merge-base") == [ids[1]]


def criss_cross(tree: MiniTree) -> tuple[str, str, list[str]]:
    """Two branches that merged each other, so that their tips have two merge bases."""
    one = tree.commit("mini: one", parents=[tree.base], branch="one", neutral="comment")
    two = tree.commit("mini: two", parents=[tree.base], branch="two", neutral="string")
    old = tree.commit("Merge two into one", parents=[one, two], branch="one")
    crossed = tree.commit("Merge one into two", parents=[two, one], branch="two")
    ids = [tree.commit(f"mini: two {n}", branch="two", neutral="document") for n in range(3)]
    assert len(tree.git("merge-base", "--all", old, crossed).split()) == 2
    return old, crossed, ids


def test_two_merge_bases_are_both_tested_and_then_searched(tree: MiniTree, bisector: Bisector) -> None:
    old, _, ids = criss_cross(tree)
    change = tree.commit("mini: the change", branch="two", **OK)
    last = tree.commit("mini: after", branch="two", neutral="comment")
    ran = bisector.start(tree.path, old, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, change)
    assert len(ran.tested("merge-base")) == 2
    assert ran.tested("parent") == [ids[-1]]


def test_a_criss_cross_merge_that_is_the_culprit_is_found(tree: MiniTree, bisector: Bisector) -> None:
    one = tree.commit("mini: one", branch="one", parents=[tree.base], left=True, hits={"exec-sigtrap": "TOGETHER"})
    two = tree.commit("mini: two", branch="two", parents=[tree.base], right=True)
    old = tree.commit("Merge, and back", parents=[one, two], branch="one", right=False)
    merge = tree.commit("Merge one into two", parents=[two, one], branch="two")
    last = tree.commit("mini: after", branch="two", neutral="comment")
    ran = bisector.start(tree.path, old, last, *ONCE)
    assert (ran.code, ran.culprit) == (0, merge)
    assert set(ran.tested("parent")) == {one, two}


def test_a_merge_base_that_shows_it_ends_the_search(tree: MiniTree, bisector: Bisector) -> None:
    base = tree.commit("mini: fixed later, on the other side", **OK)
    new = tree.commit("mini: new", neutral="comment")
    old = tree.commit("mini: stable", parents=[base], branch="stable", **STUCK)
    ran = bisector.start(tree.path, old, new, *ONCE)
    assert (ran.code, ran.conclusion["kind"], ran.culprit) == (14, "merge-base-shows-it", None)
    assert ran.tested("merge-base") == ran.tested("rebuilt") == [base]
    assert base[:12] in ran.conclusion["because"]
    assert "--inverse" in ran.conclusion["because"]


def test_the_inverse_search_finds_what_changed_it_on_the_old_side(tree: MiniTree, bisector: Bisector) -> None:
    base = tree.commit("mini: new here already", **OK)
    new = tree.commit("mini: new", neutral="comment")
    side = tree.commit("mini: stable 1", parents=[base], branch="stable", neutral="document")
    broke = tree.commit("mini: stable 2", branch="stable", **STUCK)
    old = tree.commit("mini: stable 3", branch="stable", neutral="comment")
    ran = bisector.start(tree.path, old, new, *ONCE, "--inverse", "--every-change")
    assert ran.code == 0, ran.err
    assert [one["commit"]["id"] for one in ran.lines[-1]["changes"]] == [broke]
    first, second = [line["conclusion"] for line in ran.lines if line.get("event") == "conclusion"]
    assert (first["kind"], first["base"]["id"]) == ("merge-base-shows-it", base)
    assert (second["kind"], second["culprit"]["id"]) == ("found", broke)
    asked = [line["question"] for line in ran.lines if line.get("event") == "question"]
    assert [(one["old"]["word"], one["new"]["word"]) for one in asked] == [("STUCK", "OK"), ("OK", "STUCK")]
    assert [event["old"]["id"] for event in ran.lines if event.get("event") == "started"] == [old, base]
    assert side not in {step["commit"]["id"] for step in ran.steps if step["purpose"] == "old-end"}


def test_the_inverse_search_turns_what_outcomes_mean(tree: MiniTree, bisector: Bisector) -> None:
    base = tree.commit("mini: new here already", **OK)
    new = tree.commit("mini: new", neutral="comment")
    tree.commit("mini: stable 1", parents=[base], branch="stable", hits={"exec-sigtrap": "DUP"})
    broke = tree.commit("mini: stable 2", branch="stable", **STUCK)
    old = tree.commit("mini: stable 3", branch="stable", neutral="comment")
    ran = bisector.start(tree.path, old, new, *ONCE, "--inverse", "--on", "dup=new")
    assert ran.code == 0, ran.err
    _, second = [line["conclusion"] for line in ran.lines if line.get("event") == "conclusion"]
    assert (second["kind"], second["culprit"]["id"]) == ("found", broke)


def test_a_user_who_likes_other_line_ends_builds_the_commits_own_bytes(tree: MiniTree, bisector: Bisector) -> None:
    [new] = tree.story(1, 0)
    tree.git("config", "core.autocrlf", "true")
    ran = bisector.start(tree.path, tree.base, new, *ONCE)
    assert (ran.code, ran.culprit) == (0, new), ran.conclusion


def test_a_broken_workspace_is_made_anew(tree: MiniTree, bisector: Bisector) -> None:
    def behaves() -> bool:
        [answer] = bisector("test", "--json", "--repo", tree.path, tree.base).lines
        return bool(answer["steps"][0]["because"] == "boot and probe complete")

    assert behaves()
    [place] = bisector.state.glob("workspaces/*/0/tree")
    gitdir = place / ".git"
    for name in ("index.lock", "HEAD.lock"):
        (gitdir / name).touch()
    (place / "init" / "main.c").write_text("changed\n")
    (place / "junk").mkdir()
    assert behaves()
    shutil.rmtree(place)
    assert behaves()
    (gitdir / "objects" / "info" / "alternates").write_text("/nowhere\n")
    assert behaves()
    assert os.listdir(place)


def test_a_commit_that_is_looked_for_because_it_does_not_build_is_built_from_nothing_too(
    tree: MiniTree, bisector: Bisector
) -> None:
    # The new end panics, which counts as new; so does what does not build, and that is where the change is.
    ids = tree.story(6, 5, edits={3: {"breaks": "compile"}, 4: {"mends": True, "mode": "PANIC_BOOT"}, 5: {}})
    on = ("--on", "no-build=new", "--on", "boot-panic=new", "--scenario", "exec-sigtrap")
    ran = bisector.start(tree.path, tree.base, ids[5], *ONCE, *on)
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.conclusion
    [step] = [step for step in ran.steps if step["purpose"] == "culprit"]
    assert step["seconds"]["build"] > 0
    assert "/clean " in Path(step["logs"][0]).read_text()


@pytest.mark.parametrize("below", [False, True])
def test_a_topic_that_forked_where_nothing_builds_is_a_set_and_no_doubt(
    tree: MiniTree, bisector: Bisector, *, below: bool
) -> None:
    fork = tree.commit("mini: breaks", breaks="compile")
    mended = tree.commit("mini: mends", mends=True)
    tip = tree.commit("mini: a string", neutral="string")
    first = tree.commit("mini: a topic", parents=[fork], branch="topic", files={"doc/topic.txt": "A topic.\n"})
    second = tree.commit("mini: change it", branch="topic", hits={"exec-sigtrap": "OK"})
    merge = tree.commit("Merge branch 'topic'", parents=[tip, second])
    ran = bisector.start(tree.path, mended if below else tree.base, merge, *ONCE)
    # The fork point has no part in it: an old commit has it in its history.
    assert (ran.code, set(ran.candidates)) == (10, {first, second, merge}), ran.err


def test_a_culprit_after_a_broken_commit_that_an_old_one_has_in_its_history_stands_alone(
    tree: MiniTree, bisector: Bisector
) -> None:
    fork = tree.commit("mini: breaks", breaks="compile")
    mended = tree.commit("mini: mends", mends=True)
    new = tree.commit("mini: change it", parents=[fork], branch="topic", mends=True, hits={"exec-sigtrap": "OK"})
    merge = tree.commit("Merge branch 'topic'", parents=[mended, new])
    ran = bisector.start(tree.path, mended, merge, *ONCE)
    assert (ran.code, set(ran.candidates)) == (10, {new}), ran.err
    assert f"before it {fork[:12]} could not be tested, which an old commit has" in ran.conclusion["because"]
