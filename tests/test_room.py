"""Is room made among kernels only where nothing is lost that somebody wants?"""

from __future__ import annotations

import pytest

from bisector import room
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree


def kernels(bisector: Bisector, session: int) -> set[str]:
    return {path.name for path in (bisector.sessions[session] / "kernels").iterdir()}


def test_a_session_at_its_end_keeps_the_kernels_that_tell(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(12, flip_at=7)
    first = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert first.culprit == ids[7]
    stopped = bisector("start", "--json", "--repo", tree.path, "--old", tree.base, "--new", ids[-1])
    assert stopped.culprit == ids[7]
    (bisector.sessions[1] / "report.json").unlink()  # as if it were not at its end
    before = [kernels(bisector, at) for at in (0, 1)]
    cleaned = bisector("clean", "--json", "--to", "0", "--sessions")
    assert cleaned.code == 0
    assert kernels(bisector, 0) == {ids[7][:12], ids[6][:12]} < before[0]
    assert kernels(bisector, 1) == before[1]
    assert not list(bisector.state.glob("kernels/*/*/"))
    left = len(before[1]) + 2
    assert (cleaned.lines[0]["left"], cleaned.lines[0]["bytes"]) == (left, room.taken(bisector.state))
    # What it found can be booted again without a build, and the rest can be built again.
    again = bisector("retest", "--json", "--session", bisector.sessions[0].name, ids[7], "-n", "1")
    assert [step["seconds"]["build"] for step in again.steps if step["purpose"] == "retest"] == [0]
    assert bisector("report", bisector.sessions[0].name).code == 0


def test_room_for_all_of_them_removes_none(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    size, before = room.taken(bisector.state), kernels(bisector, 0)
    assert room.make(bisector.state, size, pytest.fail)[0] == 0
    # One byte less, and what goes is of the session: what is shared serves the next one.
    removed, _, left = room.make(bisector.state, size - 1, pytest.fail)
    assert (removed, len(kernels(bisector, 0)), left) == (1, len(before) - 1, room.taken(bisector.state))
    assert left < size
