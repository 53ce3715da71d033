"""Is room made among kernels only where nothing is lost that somebody wants?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bisector import events, journal, room
from bisector.claiming import TESTS
from bisector.model import Verdict
from tests import samples
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree


def kernels(bisector: Bisector, session: int) -> set[str]:
    return {path.name for path in (bisector.sessions[session] / "kernels").iterdir()}


def opened_again(session: Path) -> None:
    """A person's word has opened it, and it was stopped before it had an answer again."""
    with (session / "journal.jsonl").open("a") as journal:
        said = events.Marked(commit=samples.PARENT, verdict=Verdict.UNTESTABLE, because="seen", at=samples.DATE)
        journal.write(events.encode(said).decode() + "\n")


@pytest.mark.parametrize(
    "spare",
    [
        lambda session: (session / "report.json").unlink(),
        lambda session: (session / "followed").touch(),
        opened_again,
    ],
    ids=["no report yet", "followed by others", "opened again"],
)
def test_a_session_at_its_end_keeps_the_kernels_that_tell(
    tree: MiniTree, bisector: Bisector, spare: Callable[[Path], None]
) -> None:
    ids = tree.story(12, flip_at=7)
    first = bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    assert first.culprit == ids[7]
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--new-session").culprit == ids[7]
    spare(bisector.sessions[1])
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


def test_a_session_that_is_held_is_left_alone_and_said(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    before = kernels(bisector, 0)
    with journal.held(bisector.sessions[0]):
        cleaned = bisector("clean", "--to", "0", "--sessions")
    assert (cleaned.code, kernels(bisector, 0)) == (0, before)
    assert f"the kernels of session {bisector.sessions[0].name} are left alone: " in cleaned.out
    # What others write or remove just now is no kernel.
    (bisector.sessions[0] / "kernels" / "0123456789ab.part").mkdir()
    assert bisector("clean", "--json", "--to", "8").lines[0]["removed"] == 0
    assert room.make(bisector.state, 0, pytest.fail)[0] == len(before) - 2


def test_what_a_test_left_goes_before_all_else_but_not_while_it_runs(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    before, size = kernels(bisector, 0), room.taken(bisector.state)

    def tested(commit: str) -> Path:
        there = set((bisector.state / TESTS).iterdir())
        assert bisector("test", "--repo", str(tree.path), commit).code == 0
        [made] = set((bisector.state / TESTS).iterdir()) - there
        return made / "kernels"

    first, second = tested(ids[0]), tested(ids[3])
    assert room.taken(bisector.state) > size
    with journal.held(second.parent):
        assert room.make(bisector.state, room.taken(bisector.state) - 1, pytest.fail)[0] == 1
        # With all that lay beside it.
        assert (first.parent.exists(), kernels(bisector, 0)) == (False, before)
        assert room.make(bisector.state, 0, pytest.fail)[0] > 1
        assert list(second.iterdir())
    begun = bisector.state / TESTS / "begun-just-now"
    begun.mkdir()
    assert room.make(bisector.state, 0, pytest.fail)[0] == 1
    assert list((bisector.state / TESTS).iterdir()) == [begun]


def test_room_for_all_of_them_removes_none(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    bisector.start(tree.path, tree.base, ids[-1], *ONCE)
    size, before = room.taken(bisector.state), kernels(bisector, 0)
    assert room.make(bisector.state, size, pytest.fail)[0] == 0
    # One byte less, and what goes is of the session: what is shared serves the next one.
    removed, _, left = room.make(bisector.state, size - 1, pytest.fail)
    assert (removed, len(kernels(bisector, 0)), left) == (1, len(before) - 1, room.taken(bisector.state))
    assert left < size


def test_a_session_at_work_is_passed_over_without_a_word(tree: MiniTree, bisector: Bisector) -> None:
    [new] = tree.story(1, 0)
    assert bisector.start(tree.path, tree.base, new, *ONCE).code == 0
    [session] = bisector.sessions
    (session / "report.json").unlink()
    before, warned = kernels(bisector, 0), list[str]()
    with journal.held(session):
        room.make(bisector.state, 0, warned.append)
    assert (warned, kernels(bisector, 0)) == ([], before)
