"""Is what one boot said taken for another of the same image, and only where one boot decides?"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bisector.model import Ending, Limits, Observation, Outcome, Reading, Spans, Transcript
from bisector.reuse import boots
from tests.conftest import ONCE, Bisector, Ran
from tests.frames import frame
from tests.minitree import MiniTree

# Whole sessions, several a test: minutes on a busy machine.
pytestmark = pytest.mark.timeout(400)

LIMITS = Limits(10, 10, 10, 10, 1 << 20, 60)
SAID = Transcript("a line\n", Ending.POWERED_OFF, 1.0, 0.5, "0" * 16, Spans(1, 1, 1, 2, 7))


def shown(word: str) -> Observation:
    return Observation((Reading("exec-sigtrap", Outcome(word)),), None, "6.12.0")


def shared(ran: Ran) -> list[str]:
    """The purposes of the steps that were not booted."""
    return [step["purpose"] for step in ran.steps if step.get("boot_of")]


def consoles(bisector: Bisector) -> int:
    """Count the boots whose consoles are kept."""
    return sum(b"-kernel" in path.read_bytes() for path in bisector.state.glob("sessions/*/logs/*.console-*.log"))


def test_the_same_search_again_boots_nothing_but_its_ends_and_what_certifies(
    tree: MiniTree, bisector: Bisector
) -> None:
    ids = tree.story(20, flip_at=13)
    first = bisector.start(tree.path, tree.base, ids[-1])
    before = consoles(bisector)
    again = bisector.start(tree.path, tree.base, ids[-1], "--new-session")
    assert (first.code, first.culprit) == (again.code, again.culprit) == (0, ids[13])
    assert shared(first) == []
    assert shared(again) == ["search"] * len(again.tested("search")) != []
    assert consoles(bisector) - before == len(again.steps) - len(shared(again))
    # Also where they are read again: their consoles are this session's.
    name = bisector.sessions[-1].name
    ran = bisector("rejudge", "--session", name)
    assert ran.code == 0
    assert f"{len(again.steps)} boots read again: 0 read otherwise" in ran.out
    text = bisector("report", name).out
    assert f"was not booted: its image was, as {again.tested('search')[0][:12]}" in " ".join(text.split())


def test_a_search_by_weight_boots_each_time(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(6, flip_at=3)
    assert bisector.start(tree.path, tree.base, ids[-1], *ONCE).code == 0
    flaky = tree.commit("mini: a flake", parents=[ids[-1]], flake=(50, "exec-sigtrap", "STUCK"))
    ran = bisector.start(tree.path, tree.base, flaky, "--end-boots", "8", "--confidence", "0.8")
    assert ran.culprit in (ids[3], None)
    assert ran.tested("weighed")
    assert shared(ran) == []


def test_a_wrong_reading_of_another_session_names_no_culprit(tree: MiniTree, bisector: Bisector) -> None:
    ids = tree.story(20, flip_at=13)
    first = bisector.start(tree.path, tree.base, ids[-1])
    searched = first.tested("search")
    wrong = max(ids.index(commit) for commit in searched if ids.index(commit) < 13)
    [kept] = {
        path
        for note in bisector.state.glob(f"kernels/*/*/built-of-{ids[wrong]}")
        for path in note.parent.glob("boot-*")
    }
    spoiled = json.loads(kept.read_bytes())
    [new] = {
        path for note in bisector.state.glob(f"kernels/*/*/built-of-{ids[-1]}") for path in note.parent.glob("boot-*")
    }
    # The console of a kernel that does behave, under this one's build id.
    said = json.loads(new.read_bytes())
    said["text"] = signed_again(said["text"], said["nonce"], build_id(said["text"]), build_id(spoiled["text"]))
    said["digest"] = hashlib.sha256(said["text"].encode()).hexdigest()
    kept.write_text(json.dumps(said))
    again = bisector.start(tree.path, tree.base, ids[-1], "--new-session")
    assert (again.code, again.culprit) == (0, ids[13]), again.err
    assert "distrusted" in [line.get("event") for line in again.lines]


def build_id(text: str) -> str:
    return next(word for word in text.split() if word.startswith("build_id="))


def signed_again(text: str, nonce: str, before: str, after: str) -> str:
    """Return a console as it would be if the probe had said another word."""

    def signed(match: re.Match[str]) -> str:
        return frame(int(match[1]), match[2].replace(before, after), nonce)

    return re.sub(rf"@bsct {nonce} ([0-9]+) [0-9a-f]{{8}} (.*{before}[^\r\n]*)", signed, text)


def test_a_boot_that_reads_otherwise_ends_the_sharing(tmp_path: Path) -> None:
    boots.keep(tmp_path, "m", "session/commit", SAID, shown("OK"))
    said = boots.kept(tmp_path, "m")
    assert said is not None
    assert (said.of, said.unsteady, said.text) == ("session/commit", False, "a line\n")
    boots.keep(tmp_path, "m", "another/commit", SAID, shown("OK"))
    assert boots.kept(tmp_path, "m") == said
    boots.keep(tmp_path, "m", "another/commit", SAID, shown("STUCK"))
    assert boots.kept(tmp_path, "m") == replace(said, unsteady=True)
    assert boots.kept(tmp_path, "another machine") is None


@pytest.mark.parametrize(
    "given_up",
    [replace(SAID, ending=Ending.SILENT), replace(SAID, spans=None), replace(SAID, text="x" * (boots.TEXT + 1))],
)
def test_one_that_was_given_up_is_not_shared_and_tells_that_an_image_is_not_steady(
    tmp_path: Path, given_up: Transcript
) -> None:
    boots.keep(tmp_path, "m", "s/c", given_up, shown("HUNG"))
    said = boots.kept(tmp_path, "m")
    assert said is not None
    assert (said.text, said.unsteady, said.fits(LIMITS)) == ("", False, False)
    boots.keep(tmp_path, "m", "s/c", SAID, shown("OK"))
    assert (said := boots.kept(tmp_path, "m")) is not None
    assert said.unsteady
    # And the other way round.
    boots.keep(tmp_path, "n", "s/c", SAID, shown("OK"))
    boots.keep(tmp_path, "n", "s/c", given_up, shown("HUNG"))
    assert (said := boots.kept(tmp_path, "n")) is not None
    assert said.unsteady


def test_under_narrower_limits_it_is_booted(tmp_path: Path) -> None:
    boots.keep(tmp_path, "m", "s/c", SAID, shown("OK"))
    said = boots.kept(tmp_path, "m")
    assert said is not None
    assert said.fits(LIMITS)
    assert not said.fits(replace(LIMITS, total=1.5))
    assert not said.fits(replace(LIMITS, output=6))
    assert said.spans is not None
    assert not replace(said, spans=replace(said.spans, boot=None)).fits(LIMITS)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"a line", b"a lime"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("spoil", [cut, changed, a_pipe])
def test_what_is_spoiled_is_not_taken(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    boots.keep(tmp_path, "m", "s/c", SAID, shown("OK"))
    spoil(tmp_path / "boot-m.json")
    assert boots.kept(tmp_path, "m") is None
