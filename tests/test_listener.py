"""Is a person's command told each event, and is the session never the worse for it?"""

import json
from pathlib import Path

import pytest

from bisector.host.listener import PATIENCE, Listener
from tests import leftovers
from tests.conftest import ONCE, Bisector
from tests.minitree import MiniTree


def test_each_event_of_a_session_is_told_once_and_in_order(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids = tree.story(6, flip_at=3)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--on-event", f"cat >> {tmp_path}/heard")
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
    heard = [json.loads(line) for line in (tmp_path / "heard").read_text().splitlines()]
    assert heard == [line for line in ran.lines if line.get("event") not in (None, "progress")]
    assert [line for line in heard if line["event"] != "planned"] == bisector.journal


@pytest.mark.parametrize(
    "command", ["exit 3", "no-such-program", "exec <&-; exit 0", "kill -9 $$", "echo loud; echo err >&2"]
)
def test_whatever_the_command_does_the_answer_is_the_same(tree: MiniTree, bisector: Bisector, command: str) -> None:
    ids = tree.story(6, flip_at=3)
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--on-event", command)
    assert (ran.code, ran.culprit) == (0, ids[3]), ran.err
    assert "loud" not in ran.out
    failing = command not in ("exec <&-; exit 0", "echo loud; echo err >&2")
    assert ran.err.count("--on-event: the command ended with exit code") == (PATIENCE if failing else 0)


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    warned: list[str] = []
    listener = Listener(f"sleep 600 & echo + >> {tmp_path}/called; sleep 600", warned.append, seconds=0.3)
    for _ in range(PATIENCE + 2):
        listener.tell(b"{}")
    assert (tmp_path / "called").read_text() == "+\n" * PATIENCE
    assert warned == [
        *["--on-event: the command did not end in 0 s, and was ended"] * (PATIENCE - 1),
        "--on-event: the command did not end in 0 s, and was ended and is not called any more",
    ]
    assert leftovers.running() == []


def test_one_success_forgets_the_failures_before_it(tmp_path: Path) -> None:
    warned: list[str] = []
    listener = Listener(f"grep -q good || exit 1; echo + >> {tmp_path}/called", warned.append)
    for line in (b"bad", b"bad", b"good", b"bad", b"bad", b"good"):
        listener.tell(line)
    assert (tmp_path / "called").read_text() == "+\n+\n"
    assert len(warned) == 4
