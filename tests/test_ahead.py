"""Are kernels built ahead taken when they are wanted, broken off when they are not, and never a reason to fail?"""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bisector import ahead
from bisector.ahead import Order
from bisector.events import encode
from tests import leftovers, samples
from tests.conftest import LONG, ONCE, Bisector, Ran
from tests.minitree import MiniTree
from tests.test_session import stopped, until

# Whole sessions, several a test: minutes on a busy machine.
pytestmark = pytest.mark.timeout(400)


def built(ran: Ran) -> list[str]:
    """The purposes for which the session itself built kernels."""
    return [step["purpose"] for step in ran.steps if step["seconds"]["build"] > 0]


def not_idle(tmp_path: Path) -> Path:
    """Let forerunners have their share of a machine that is busy with other tests; each boot takes some time."""
    wrapper(tmp_path, "chrt", 'shift 2; exec "$@"')
    return wrapper(tmp_path, "qemu-system-aarch64", "sleep 4")


def wrapper(tmp_path: Path, name: str, first: str) -> Path:
    place = tmp_path / "bin"
    place.mkdir(exist_ok=True)
    real = next(Path(one, name) for one in os.environ["PATH"].split(":") if Path(one, name).exists())
    (place / name).write_text(f'#!/bin/sh\ncase "$*" in *--version*) ;; *) {first};; esac\nexec {real} "$@"\n')
    (place / name).chmod(0o755)
    return place


def test_what_was_built_ahead_is_found_and_the_answer_is_the_same(
    tree: MiniTree, bisector: Bisector, tmp_path: Path
) -> None:
    ids = tree.story(24, flip_at=13, edits={at: {"neutral": "string"} for at in range(24) if at != 13})
    env = bisector.env | {"PATH": f"{not_idle(tmp_path)}:{os.environ['PATH']}"}
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--ahead", "2", env=env)
    assert (ran.code, ran.culprit) == (0, ids[13]), ran.err
    [session] = bisector.sessions
    assert list(session.glob("ahead-*")) == []
    leftovers.nothing_left(bisector, tree)
    alone = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--ahead", "0", "--no-store")
    assert [step["commit"]["id"] for step in alone.steps] == [step["commit"]["id"] for step in ran.steps]
    assert alone.culprit == ran.culprit
    assert built(ran).count("search") <= built(alone).count("search") // 2


def test_a_broken_forerunner_costs_time_and_nothing_else(tree: MiniTree, bisector: Bisector, tmp_path: Path) -> None:
    ids = tree.story(8, flip_at=5)
    # It is started through this, and nothing else is.
    env = bisector.env | {"PATH": f"{wrapper(tmp_path, 'chrt', 'exit 1')}:{os.environ['PATH']}"}
    ran = bisector.start(tree.path, tree.base, ids[-1], *ONCE, "--ahead", "2", env=env)
    assert (ran.code, ran.culprit) == (0, ids[5]), ran.err


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=LONG), signal.SIGKILL])
def test_forerunners_end_with_the_session(
    tree: MiniTree, bisector: Bisector, tmp_path: Path, number: signal.Signals
) -> None:
    leftovers.adopt_orphans()
    ids = tree.story(8, flip_at=5)
    slow = wrapper(tmp_path, "aarch64-linux-gnu-gcc", 'case "$*" in *-c*) sleep 600;; esac')
    bisector.env["PATH"] = f"{slow}:{bisector.env['PATH']}"
    words = ("--repo", tree.path, "--old", tree.base, "--new", ids[-1], *ONCE, "--ahead", "1", "--no-ccache")
    running = bisector.spawn("start", "--json", *words)
    until(running, lambda line: line.get("phase") == "building")
    deadline = time.monotonic() + 60
    # Ours, and the forerunner's, each in a workspace of its own.
    while sum("sleep" in one for pid in leftovers.below(running.pid) for one in leftovers.words_of(pid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    stopped(running, number)
    assert leftovers.running() == []
    bisector.env["PATH"] = os.environ["PATH"]
    ran = bisector("resume", "--json")
    assert (ran.code, ran.culprit) == (0, ids[5]), ran.err
    assert leftovers.running() == []
    # A forerunner that is ended in the middle of a build leaves that to whoever opens its workspace next.
    elsewhere = [str(place) for place in bisector.state.glob("workspaces/*/[1-9]*")]
    assert [path for path in leftovers.files(bisector, tree) if not path.startswith(tuple(elsewhere))] == []


def test_a_plan_counts_the_worktrees_of_those_that_build_ahead(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(8, flip_at=5)
    words = ("plan", "--json", "--repo", tree.path, "--old", tree.base, "--new", ids[-1])
    alone, beside = (json.loads(bisector(*words, "--ahead", number).out)["plan"]["needs"] for number in ("0", "2"))
    assert beside == 3 * alone > 0


class Slow:
    """A forerunner's process that is at its work until it is told otherwise."""

    def __init__(self) -> None:
        self.orders: list[bytes] = []
        self.ready = False
        self.ended = False

    def say(self, line: bytes) -> None:
        self.orders.append(line)
        self.ready = False

    def heard(self, seconds: float) -> bytes | None:
        del seconds
        return b"done" if self.ready else b""

    def end(self) -> None:
        self.ended = True


def test_what_is_wanted_now_comes_to_its_end_and_what_is_useless_does_not(tmp_path: Path) -> None:
    begun: list[Slow] = []

    def begin(_: Path) -> Slow:
        begun.append(Slow())
        return begun[-1]

    one, other, third = Order("a" * 40), Order("b" * 40), Order("c" * 40)
    runners = ahead.Ahead(replace(samples.settings(), ahead=2), tmp_path, tmp_path, "d" * 40, begin)
    runners.want([one, other])
    assert [order for runner in begun for order in runner.orders[1:]] == [encode(one), encode(other)]
    # The verdict is in: the first is built next, the second is useless, and others may be needed after it.
    runners.want([third], now=one.commit)
    assert [runner.ended for runner in begun] == [False, True, False]
    assert begun[2].orders[1:] == [encode(third)]
    begun[0].ready = True
    assert runners.awaited(one.commit, clean=False)
    assert not runners.awaited("e" * 40, clean=False)
    # One that does not come to its end in as long as it took is ended.
    assert not runners.awaited(third.commit, clean=False)
    assert begun[2].ended
    runners.close()
    assert all(runner.ended for runner in begun)
