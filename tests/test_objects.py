"""Does make ever trust objects that it must not? Those of a session that somebody else found to be spoiled."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from bisector import trust
from bisector.errors import HostError
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree
from tests.test_bisection_refusals import spoiling


def test_objects_elsewhere_are_thrown_away_when_a_kernel_was_spoiled(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(4, 2)
    words = ("test", "--repo", tree.path, "--no-store")
    assert bisector(*words, tree.base).code == 0
    [lock] = bisector.state.glob("workspaces/*/0/lock")

    def beside(commit: str) -> str:
        """Build in the next workspace, as a session does that runs at the same time."""
        with lock.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ran = bisector(*words, commit)
        assert ran.code == 0, ran.err
        return ran.out + ran.err

    beside(ids[0])
    assert "thrown away" not in beside(ids[1])
    assert bisector.start(tree.path, *spoiling(tree), *ONCE).code == 20
    assert f"the objects were thrown away: {trust.DISTRUSTED}" in beside(ids[2])
    assert "thrown away" not in beside(ids[3])


def test_objects_that_are_distrusted_while_make_writes_them_stay_so(tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    with pytest.raises(HostError, match=trust.DISTRUSTED) as failed, trust.building(objects):
        trust.distrust([objects])
    assert failed.value.transient
    assert trust.prepare(objects, tmp_path, "gcc 12") == trust.DISTRUSTED
    assert trust.prepare(objects, tmp_path, "gcc 12") == ""


def test_nobody_s_objects_need_no_mark(tmp_path: Path) -> None:
    trust.distrust([tmp_path / "gone"])
    assert not (tmp_path / "gone").exists()
