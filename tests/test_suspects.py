"""Are commits that change a suspected path looked at first, and is nothing else changed by that?"""

from __future__ import annotations

import pytest

from bisector import given
from bisector.arches import ARCHITECTURES
from bisector.errors import UserError
from bisector.reuse.alike import Paths
from tests.conftest import ONCE, Bisector
from tests.minitree import Edits, MiniTree


def test_the_one_that_changes_a_suspected_file_is_tested_with_its_parent_and_is_found(
    tree: MiniTree, bisector: Bisector
) -> None:
    # Of 40 commits that all make other kernels one is suspected.
    edits: dict[int, Edits] = {at: {"neutral": "string"} for at in range(40) if at != 9}
    ids = tree.story(40, flip_at=9, edits=edits)
    words = (tree.path, tree.base, ids[-1], *ONCE)
    alone = bisector.start(*words, "--suspect", ".")
    ran = bisector.start(*words, "--suspect", "behaviour.h", "--suspect", "gone/from/the/tree.c")
    assert ran.culprit == alone.culprit == ids[9]
    [searching] = [line for line in ran.lines if line.get("event") == "search"]
    assert (searching["differing"], searching["suspected"]) == (40, 1)
    asked, before = ([step for step in one.steps if step["purpose"] == "search"] for one in (ran, alone))
    assert len(asked) <= 3 < len(before)
    assert [line["suspected"] for line in alone.lines if line.get("event") == "search"] == [0]
    assert "gone/from" not in ran.err
    [planned] = [line["plan"] for line in ran.lines if line.get("event") == "planned"]
    assert (planned["differing"], planned["suspected"]) == (40, 1)


def test_a_wrong_suspicion_costs_a_step_and_no_answer(tree: MiniTree, bisector: Bisector) -> None:
    edits: dict[int, Edits] = {at: {"neutral": "string"} for at in range(40) if at != 9}
    # It only looks as if: two changes of the suspected file that change nothing.
    edits |= {at: {"files": {"lib/suspected.inc": f"{at}\n"}, "neutral": "string"} for at in (20, 30)}
    ids = tree.story(40, flip_at=9, edits=edits)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--suspect", "lib/suspected.inc")
    assert ran.culprit == ids[9]
    [searching] = [line for line in ran.lines if line.get("event") == "search"]
    # It lies beside files that are compiled, so that it matters cannot be ruled out.
    assert (searching["differing"], searching["suspected"]) == (40, 2)
    steps = [step for step in ran.steps if step["purpose"] == "search"]
    assert len(steps) <= 6 + 1 + 1


def test_a_suspicion_that_no_commit_bears_out_is_told(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(4, flip_at=2)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--suspect", "kernel/signals.c")
    assert ran.culprit == ids[2]
    assert "commits that change kernel/signals.c are not looked at first" in ran.err


@pytest.mark.parametrize("path", ["/etc/passwd", "..", "../other", "kernel/../../other", "", "a\0b", "kernel/\udcff"])
def test_a_path_outside_the_tree_is_refused(path: str) -> None:
    with pytest.raises(UserError, match="is no path in the kernel's tree"):
        given.settings(".", suspect=[path], sandbox="off")


def test_paths_are_told_as_git_tells_them() -> None:
    words = ["./kernel//signal.c", "kernel/events/", "kernel/signal.c", ".", "..odd"]
    assert given.settings(".", suspect=words, sandbox="off").suspects == (
        "kernel/signal.c",
        "kernel/events",
        "",
        "..odd",
    )
    usual = given.settings(".", sandbox="off")
    assert usual.suspects == ARCHITECTURES[0].suspects
    assert "suspect" not in usual.given


def test_a_directory_is_all_that_is_below_it() -> None:
    some = Paths(("kernel/events", "kernel/signal.c"))
    assert "kernel/events/core.c" in some
    assert "kernel/signal.c" in some
    assert "kernel/events2.c" not in some
    assert "kernel/signal.c2" not in some
    assert "anything" not in Paths(())
    assert "anything" in Paths([""])
