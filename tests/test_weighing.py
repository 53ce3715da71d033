"""Is the right commit named on real kernels whose boots read now so, now so; and what becomes of its revert?"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import LONG, ONCE, Bisector, Json, Ran
from tests.minitree import Edits, MiniTree

# Hundreds of boots, on a machine that does other things as well.
pytestmark = pytest.mark.timeout(600)
OK: Edits = {"hits": {"exec-sigtrap": "OK"}}


def flaky(tree: MiniTree, percent: int, word: str, size: int, flip: int) -> tuple[str, list[str]]:
    """Return the old end and the commits after it: so many of all boots read `word`."""
    first = tree.commit("mini: now so, now so", flake=(percent, "exec-sigtrap", word))
    return first, tree.story(size, flip)


def purposes(ran: Ran) -> Counter[str]:
    return Counter(step["purpose"] for step in ran.steps)


def log_of(bisector: Bisector, tree: MiniTree) -> str:
    """Return what git's bisection in the session's worktree says."""
    [worktree] = bisector.state.glob("workspaces/*/0/tree")
    return tree.git("-C", str(worktree), "bisect", "log")


def found(bisector: Bisector, tree: MiniTree, first: str, ids: list[str], right: str) -> Ran:
    """Bisect until the commit is named: now and then a session refuses, but none names another one."""
    words = ("--end-boots", "12", "--confidence", "0.9", "--new-session")
    for _ in range(4):
        ran = bisector.start(tree.path, first, ids[-1], *words)
        assert ran.culprit in (right, None), ran.err
        if ran.culprit is not None:
            assert ran.code == 0
            return ran
    raise AssertionError(f"four sessions refused: {ran.err}")


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("STUCK", id="new ones read old"),
        pytest.param("OK", id="old ones read new", marks=LONG),
    ],
)
def test_a_commit_is_found_though_a_boot_does_not_tell(word: str, tree: MiniTree, bisector: Bisector) -> None:
    first, ids = flaky(tree, 40, word, 5, 2)
    ran = found(bisector, tree, first, ids, ids[2])
    assert ran.conclusion["odds"]["culprit"] >= 0.9
    # However often a kernel is booted, it is built once, and once more to certify.
    built = Counter(step["commit"]["id"] for step in ran.steps if step["seconds"]["build"])
    assert max(built.values()) <= 2
    taken = purposes(ran)
    assert taken["weighed"] or taken["search"]
    if taken["weighed"]:
        # git has the verdicts, and what it says of them can be looked at.
        assert log_of(bisector, tree).count("\ngit bisect ") >= 2


def test_a_search_by_weight_goes_on_where_it_was_stopped(tree: MiniTree, bisector: Bisector) -> None:
    first, ids = flaky(tree, 40, "STUCK", 5, 2)
    found(bisector, tree, first, ids, ids[2])
    path = bisector.sessions[-1] / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    # In the middle of a commit's boots, as a power cut leaves it.
    [asked] = [number for number, line in enumerate(lines) if b'"event":"question"' in line]
    later = [number for number, line in enumerate(lines) if number > asked and b'"event":"step"' in line]
    cut = later[len(later) // 2]
    path.write_bytes(b"".join(lines[:cut]) + lines[cut][:40])
    done = bisector("resume", "--json", bisector.sessions[-1].name)
    assert done.culprit in (ids[2], None), done.err
    assert done.code in (0, 15, 16)
    assert path.read_bytes().startswith(b"".join(lines[:cut]))


def test_what_looked_steady_and_is_not_names_no_other_commit(tree: MiniTree, bisector: Bisector) -> None:
    """One boot of each end reads as if nothing were flaky; the search then errs, and its edge does not hold."""
    first, ids = flaky(tree, 35, "STUCK", 5, 2)
    ran = bisector.start(tree.path, first, ids[-1], "--end-boots", "1", "--confidence", "0.9")
    assert ran.culprit in (None, ids[2]), ran.err


# -- the revert ----------------------------------------------------------------------------------------


def reverted(tree: MiniTree, bisector: Bisector, *commits: Edits) -> tuple[str, Json]:
    """Bisect a line in which the second commit is the culprit; return what its revert does, and the whole answer."""
    ids = [tree.commit(f"mini: change {number}", **edits) for number, edits in enumerate(commits)]
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert (ran.code, ran.culprit) == (0, ids[1]), ran.err
    return ran.conclusion["reverted"][0], ran.conclusion


QUIET: Edits = {"neutral": "document"}


def test_a_revert_that_mends_it(tree: MiniTree, bisector: Bisector) -> None:
    said, conclusion = reverted(tree, bisector, QUIET, OK, QUIET, QUIET)
    assert (said, conclusion["reverted"][1]) == ("mends it", "old 1 of 1")
    assert "the new end without it  mends it: old 1 of 1" in bisector("report").out


def test_a_revert_at_the_new_end_is_its_parent(tree: MiniTree, bisector: Bisector) -> None:
    said, conclusion = reverted(tree, bisector, QUIET, OK)
    assert said == "mends it"
    assert "its parent is old" in conclusion["reverted"][1]


def test_a_revert_that_does_not_apply(tree: MiniTree, bisector: Bisector) -> None:
    edits: Edits = {"files": {"lib/more.c": "int more;\n"}}
    later: Edits = {"files": {"lib/more.c": "long more;\n"}}
    assert reverted(tree, bisector, QUIET, {**OK, **edits}, later, QUIET)[0] == "does not apply"


def test_a_revert_that_still_shows_it(tree: MiniTree, bisector: Bisector) -> None:
    two: Edits = {"hits": {"exec-sigtrap": "TOGETHER"}, "right": True}
    assert reverted(tree, bisector, two, {"left": True}, OK, QUIET)[0] == "still shows it"


def test_a_revert_that_does_not_build(tree: MiniTree, bisector: Bisector) -> None:
    header: Edits = {"files": {"include/more.h": "#define MORE 1\n"}}
    version = tree.files(tree.base)["init/version.c"]
    user: Edits = {"files": {"init/version.c": f'#include "more.h"\n{version}'}}
    said, conclusion = reverted(tree, bisector, QUIET, {**OK, **header}, user, QUIET)
    assert said == "does not build"
    assert "more.h" in conclusion["reverted"][1]


def test_a_revert_leaves_nothing_in_the_repository(tree: MiniTree, bisector: Bisector) -> None:
    before = sorted(str(path) for path in Path(tree.path).rglob("*"))
    reverted(tree, bisector, QUIET, OK, QUIET)
    after = sorted(str(path) for path in Path(tree.path).rglob("*"))
    assert len(after) - len(before) == len(set(after) - set(before))
    assert not [path for path in set(after) - set(before) if "/objects/" not in path and "/refs/" not in path]
    kept = [json.loads(line) for line in (bisector.sessions[0] / "journal.jsonl").read_text().splitlines()]
    [made] = [event["step"]["commit"] for event in kept if event.get("step", {}).get("purpose") == "reverted"]
    assert made["subject"] == 'Revert "mini: change 1"'
    assert tree.git("cat-file", "-e", "HEAD^{commit}") == ""
