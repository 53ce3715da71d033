"""Does it hold on real kernels? Debian's Linux 6.1 and 6.12, built, booted and bisected.

Minutes, not seconds: `scripts/test --fast` leaves these out. One state directory serves all of them, so that
the second test finds the first one's worktree and objects, as a person's second session does; ccache and the
imported sources are the machine's own, and stay.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import readme
from behaviour_table import VERSIONS, outcomes, table
from kernel_history import History, make

from bisector import sessions
from bisector.opening import cache
from tests.conftest import Ran

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(3600)]

SOURCE = Path("/usr/src/linux-source-6.12.tar.xz")
REPOSITORY = cache() / "demo" / "linux-6.12.git"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def story(name: str) -> History:
    REPOSITORY.parent.mkdir(parents=True, exist_ok=True)
    return make(SOURCE, REPOSITORY, name)


def bisector(state: Path, *words: str) -> Ran:
    command = [sys.executable, "-m", "bisector", words[0], "--json", "--state", str(state), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def start(state: Path, history: History, *words: str) -> Ran:
    ends = ("--old", history.old, "--new", history.new)
    return bisector(state, "start", "--repo", str(REPOSITORY), *ends, *words)


def readings(step: dict[str, Any], scenario: str) -> str:
    [found] = [one for one in step["observation"]["readings"] if one["scenario"] == scenario]
    return f"{found['outcome']['word']}({found['outcome']['detail']})"


def test_the_behaviour_of_debians_kernels_is_the_table_in_the_readme() -> None:
    written = readme.written("behaviours")
    seen = table({version: outcomes(version) for version in VERSIONS})
    # The head names the releases: Debian's updates change those, and should change nothing else.
    assert seen.splitlines()[1:] == written.splitlines()[1:]


def test_the_commit_that_mends_the_loop_is_found_and_certified(state: Path) -> None:
    history = story("mended")
    ran = start(state, history)
    assert (ran.code, ran.culprit) == (0, history.culprit)
    assert ran.question == ("exec-sigtrap", "STUCK", "OK")
    assert ran.tested("culprit") == [history.culprit] * 5
    assert ran.conclusion["reverted"][0] == "mends it"


def test_a_step_that_stops_elsewhere_is_found(state: Path) -> None:
    history = story("moved-pc")
    ran = start(state, history)
    assert (ran.code, ran.culprit) == (0, history.culprit)
    assert ran.question == ("step-into-handler", "STOPS(handler+0/5/5)", "STOPS(handler+4/5/2)")


def test_a_step_that_differs_only_in_si_code_is_told_apart(state: Path) -> None:
    # A search for it would build two more kernels from nothing: the one above searches for such a difference.
    history = story("si-code")
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), f"{history.culprit}^", history.culprit).lines
    seen = [readings(step, "step-into-handler") for step in tested["steps"]]
    assert seen == ["STOPS(handler+0/5/5)", "STOPS(handler+0/5/2)"]


@pytest.mark.parametrize(
    ("name", "scenario", "outcome"),
    [
        ("unsup", "exec-sigtrap", "UNSUP(EINVAL)"),
        ("unkillable", "exec-sigtrap", "UNKILLABLE()"),
        ("other-console", "exec-sigtrap", "STUCK()"),
        ("silent", "boot", "NO_PROBE(nothing printed)"),
    ],
)
def test_what_a_fixture_does_is_read_by_its_name(state: Path, name: str, scenario: str, outcome: str) -> None:
    history = story(name)
    ran = bisector(state, "test", "--repo", str(REPOSITORY), history.culprit)
    [tested] = ran.lines
    assert ran.code == 0
    assert readings(tested["steps"][0], scenario) == outcome


def test_a_panic_at_boot_is_read_with_its_reason(state: Path) -> None:
    history = story("boot-panic")
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), history.culprit).lines
    assert readings(tested["steps"][0], "boot") == "PANIC(hw-breakpoint: debug registers are missing)"


def test_a_boot_that_hangs_names_the_place_in_which_it_does(state: Path) -> None:
    history = story("boot-hangs")
    # As a search would have measured it. After 21 seconds RCU's stall detector begins to talk.
    words = ("--silence-limit", "5", "--repo", str(REPOSITORY))
    [tested] = bisector(state, "test", *words, history.culprit).lines
    step = tested["steps"][0]
    assert readings(step, "boot") == "SILENT()"
    [boot] = [one for one in step["observation"]["readings"] if one["scenario"] == "boot"]
    places = [line for line in boot["lines"] if line.startswith("sampled: ")]
    assert len(places) == 2
    # Either CPU may be seen at its timer once; what it was seen at most often comes first.
    for where in (r"in hw_breakpoint_wait_for_slots(\+0x[0-9a-f]+)?", "idle"):
        assert any(re.match(rf"sampled: CPU\d {where}, [345] of 5 samples", line) for line in places), places


def test_a_link_error_names_the_missing_symbol(state: Path) -> None:
    history = story("no-build")
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), history.culprit).lines
    assert "undefined reference to `try_step_suspended_breakpoints'" in tested["steps"][0]["broken"]["because"]


def test_every_kernel_of_a_session_has_the_same_configuration(state: Path) -> None:
    # A file named tiny.config in the object directory once made the second configuration differ.
    for name in sessions.names(state):
        configs = list((sessions.home(state) / name / "kernels").glob("*/config"))
        assert len(configs) > 2
        assert len({hashlib.sha256(config.read_bytes()).digest() for config in configs}) == 1


def test_an_incremental_build_gives_the_image_of_a_clean_one(state: Path, tmp_path: Path) -> None:
    history = story("mended")
    name = next(name for name in sessions.names(state) if sessions.read(state, name).started.new.id == history.new)
    incremental = sessions.home(state) / name / "kernels" / history.culprit[:12] / "Image"
    ran = bisector(tmp_path, "test", "--repo", str(REPOSITORY), history.culprit)
    [tested] = ran.lines
    clean = Path(tested["steps"][0]["kernel"]["image"])
    assert incremental.read_bytes() == clean.read_bytes()


def test_the_demo_ends_with_the_right_commit_certified(tmp_path: Path) -> None:
    ran = demo(tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert f"Found and certified: {story('demo').culprit[:12]}" in ran.stdout
    assert "CONFIG_SERIAL_AMBA_PL011_CONSOLE vanished" in ran.stdout
    assert "demo: that is the commit which was made to change it." in ran.stdout


def demo(state: Path, words: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).parents[1] / "scripts" / "demo"
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    return subprocess.run([script, *words], env=environment, capture_output=True, text=True, check=False)
