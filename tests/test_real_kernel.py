"""Does it hold on real kernels? Debian's Linux 6.1 and 6.12, built, booted and bisected.

Minutes, not seconds: `scripts/test --fast` leaves these out. The demo's is the one whole search; all else is read
at single commits, in its state directory, where its worktree and objects are, as a person's second session finds
them. ccache and the imported sources are the machine's own, and stay.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import readme
from behaviour_table import VERSIONS, outcomes, table
from kernel_history import History, make

from bisector import sessions
from bisector.endings import Revert
from bisector.known import Session
from bisector.model import Purpose
from bisector.opening import cache
from bisector.reuse.parts import Parts
from tests.conftest import Ran

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(3600)]

SOURCE = Path("/usr/src/linux-source-6.12.tar.xz")
REPOSITORY = cache() / "demo" / "linux-6.12.git"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of all programs' states, bisector's too."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def shown(home: Path) -> subprocess.CompletedProcess[str]:
    """The demo, run to its end in `home`."""
    script = Path(__file__).parents[1] / "scripts" / "demo"
    environment = os.environ | {"XDG_STATE_HOME": str(home)}
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def state(home: Path, shown: subprocess.CompletedProcess[str]) -> Path:
    """Bisector's state directory, with the demo's session."""
    assert shown.returncode == 0, shown.stderr
    return home / "bisector"


@pytest.fixture(scope="module")
def session(state: Path) -> Session:
    """The demo's session."""
    return sessions.read(state, None)


def story(name: str) -> History:
    REPOSITORY.parent.mkdir(parents=True, exist_ok=True)
    return make(SOURCE, REPOSITORY, name)


def bisector(state: Path, *words: str) -> Ran:
    command = [sys.executable, "-m", "bisector", words[0], "--json", "--state", str(state), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def readings(step: dict[str, Any], scenario: str) -> str:
    [found] = [one for one in step["observation"]["readings"] if one["scenario"] == scenario]
    return f"{found['outcome']['word']}({found['outcome']['detail']})"


def test_the_behaviour_of_debians_kernels_is_the_table_in_the_readme() -> None:
    written = readme.written("behaviours")
    seen = table({version: outcomes(version) for version in VERSIONS})
    # The head names the releases: Debian's updates change those, and should change nothing else.
    assert seen.splitlines()[1:] == written.splitlines()[1:]


def test_the_demo_ends_with_the_right_commit_certified(shown: subprocess.CompletedProcess[str]) -> None:
    assert shown.returncode == 0, shown.stderr
    assert f"Found and certified: {story('demo').culprit[:12]}" in shown.stdout
    assert "'const struct debug_info' has no member named 'wps_suspended'" in " ".join(shown.stdout.split())
    assert "demo: that is the commit which was made to change it." in shown.stdout


def test_it_is_known_what_the_compiler_read_of_a_commit_that_it_refused(session: Session) -> None:
    noted = {step.broken.parts for step in session.steps if step.broken and "wps_suspended" in step.broken.because}
    assert noted
    for path in noted:
        found = Parts.decoded(Path(path).read_bytes())
        assert {"arch/arm64/kernel/hw_breakpoint.c", "arch/arm64/include/asm/hw_breakpoint.h"} <= found.files
        assert {"init/Kconfig", "arch/arm64/Kconfig"} <= found.kconfigs
        assert {"", "arch/arm64/kernel", "kernel/events"} <= found.places


def test_the_commit_that_mends_the_loop_is_certified_by_fresh_boots_and_by_its_revert(session: Session) -> None:
    culprit, asked = story("demo").culprit, session.question
    assert asked is not None
    assert (asked.scenario, str(asked.old), str(asked.new)) == ("exec-sigtrap", "STUCK", "OK")
    assert session.conclusion is not None
    assert session.conclusion.culprit is not None
    assert session.conclusion.culprit.id == culprit
    assert [step.commit.id for step in session.of_edge(Purpose.CULPRIT)] == [culprit] * 5
    assert session.conclusion.reverted is not None
    assert session.conclusion.reverted[0] is Revert.MENDS_IT


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("mended", "STUCK()", "OK()"),
        ("moved-pc", "STOPS(handler+0/5/5)", "STOPS(handler+4/5/2)"),
        ("si-code", "STOPS(handler+0/5/5)", "STOPS(handler+0/5/2)"),
    ],
)
def test_a_changed_behaviour_is_read_at_the_commit_and_before_it(
    state: Path, name: str, before: str, after: str
) -> None:
    history = story(name)
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), f"{history.culprit}^", history.culprit).lines
    scenario = "exec-sigtrap" if name == "mended" else "step-into-handler"
    assert [readings(step, scenario) for step in tested["steps"]] == [before, after]


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


def test_a_commit_that_loses_a_required_option_is_not_built_and_says_which(state: Path) -> None:
    history = story("demo")
    loses = history.commits[history.subjects.index("serial: amba-pl011: the console needs the DMA engine")]
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), loses).lines
    assert tested["steps"][0]["broken"]["because"].startswith("CONFIG_SERIAL_AMBA_PL011_CONSOLE vanished")


def test_a_link_error_names_the_missing_symbol(state: Path) -> None:
    history = story("no-build")
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), history.culprit).lines
    assert "undefined reference to `try_step_suspended_breakpoints'" in tested["steps"][0]["broken"]["because"]


def test_every_kernel_of_a_session_has_the_same_configuration(session: Session) -> None:
    # A file named tiny.config in the object directory once made the second configuration differ.
    configs = list((session.directory / "kernels").glob("*/config"))
    assert len(configs) > 2
    assert len({hashlib.sha256(config.read_bytes()).digest() for config in configs}) == 1


def test_an_incremental_build_gives_the_image_of_a_clean_one(state: Path, tmp_path: Path) -> None:
    # In the demo's worktree, where one kernel is built on top of another all the time.
    [tested] = bisector(state, "test", "--repo", str(REPOSITORY), story("moved-pc").culprit).lines
    incremental = Path(tested["steps"][0]["kernel"]["image"])
    [tested] = bisector(tmp_path, "test", "--repo", str(REPOSITORY), story("moved-pc").culprit).lines
    clean = Path(tested["steps"][0]["kernel"]["image"])
    assert incremental.read_bytes() == clean.read_bytes()
