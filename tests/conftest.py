"""What do the integration tests share? The command line as a person runs it, and what it said, checked.

Hermetic: a home, a state and a cache of the test's own, and nothing of the caller's but PATH. The cache is
one for all tests, so that the probe is compiled once.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import jsonschema
import pytest

from bisector import answers
from tests.minitree import MiniTree

# The guest's seconds, whatever the host does meanwhile. A scenario that cannot be killed takes 13 of them.
SHORT = ("--silence-limit", "3", "--boot-limit", "4", "--scenario-limit", "15", "--output-limit", "0.5")
# Of several cases of one kind, those that `scripts/test` leaves to `scripts/test --all`: some twenty seconds each.
LONG = pytest.mark.long
ONCE = ("--end-boots", "1", "--confirm-boots", "1", "--confidence", "0.5")


def dies(program: str, number: str) -> str:
    """Return shell lines for a wrapper: run a QEMU whose guest goes on for ever, end it when the guest has spoken."""
    return (
        f'rm -f "$0.said"; {program} "$@" > "$0.said" & until [ -s "$0.said" ]; do sleep 0.01; done; '
        f"kill -{number} $!; wait $!"
    )


# Whoever runs the tests in the background lets them, and all that they start, ignore what the tests are about.
for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)
# Fewer cores than those with which kernels are built ahead: tests look at which step builds what.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:3])
# How long one example takes is the machine's matter.
hypothesis.settings.register_profile("ours", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("ours")
_VALIDATOR = jsonschema.Draft202012Validator(answers.schema())

Json = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What one call of bisector did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Json]:
        """Standard output as JSON, every line of it checked against our schema."""
        found: list[Json] = []
        for line in self.out.splitlines():
            value = json.loads(line)
            _VALIDATOR.validate(value)
            found.append(value)
        return found

    @property
    def steps(self) -> list[Json]:
        return [line["step"] for line in self.lines if line.get("event") == "step"]

    @property
    def question(self) -> tuple[str, str, str]:
        """Scenario, old and new outcome, as they are written."""
        [asked] = [line["question"] for line in self.lines if line.get("event") == "question"]
        return asked["scenario"], written(asked["old"]), written(asked["new"])

    @property
    def conclusion(self) -> Json:
        [concluded] = [line["conclusion"] for line in self.lines if line.get("event") == "conclusion"]
        assert isinstance(concluded, dict)
        return concluded

    @property
    def culprit(self) -> str | None:
        """The id of the commit that was named, None if none was."""
        named = [line["conclusion"]["culprit"] for line in self.lines if line.get("event") == "conclusion"]
        return named[0]["id"] if named and named[0] else None

    @property
    def candidates(self) -> dict[str, str]:
        """Reason by commit id."""
        return {one["commit"]["id"]: one["because"] for one in self.conclusion["candidates"]}

    @property
    def untestable(self) -> dict[str, str]:
        """Reason by commit id, of every step that gave no verdict."""
        return {step["commit"]["id"]: step["because"] for step in self.steps if step["verdict"] == "untestable"}

    def tested(self, purpose: str) -> list[str]:
        """The ids of the commits tested for a purpose, in order."""
        return [step["commit"]["id"] for step in self.steps if step["purpose"] == purpose]


def written(outcome: Mapping[str, str]) -> str:
    """Write an outcome as people read it."""
    return f"{outcome['word']}({outcome['detail']})" if outcome["detail"] else outcome["word"]


@dataclass
class Bisector:
    """The command line, with a state directory of its own."""

    state: Path
    env: dict[str, str]
    cwd: Path
    command: Sequence[str] = field(default=(sys.executable, "-m", "bisector"))

    def argv(self, *words: str | Path) -> list[str]:
        return [*self.command, str(words[0]), "--state", str(self.state), *map(str, words[1:])]

    def __call__(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Ran:
        """Run a command to its end."""
        environ = self.env | dict(env or {})
        done = subprocess.run(
            self.argv(*words), env=environ, cwd=self.cwd, capture_output=True, text=True, timeout=400, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, tree: Path, old: str, new: str, *words: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run a bisection, with JSON on standard output."""
        return self("start", "--json", "--repo", tree, "--old", old, "--new", new, *words, env=env)

    def spawn(self, *words: str | Path) -> subprocess.Popen[str]:
        """Begin a command; the test ends it."""
        return subprocess.Popen(
            self.argv(*words), env=self.env, cwd=self.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def sessions(self) -> list[Path]:
        return sorted(self.state.glob("sessions/*"))

    @property
    def journal(self) -> list[Json]:
        """The events of the only session."""
        [session] = self.sessions
        return [json.loads(line) for line in (session / "journal.jsonl").read_text().splitlines()]


# The files that take minutes, the longest first: else one worker may have work at the end, and two have none.
_MINUTES = [
    "faults",
    "bisection",
    "nonsense",
    "kills",
    "bisection_refusals",
    "patrol",
    "disputes",
    "session",
    "bisection_outcomes",
    "boot",
    "hostile_texts",
    "sandbox",
    "trust",
    "store",
    "shared_boots",
    "page",
    "cli",
    "abreast",
    "queue",
    "readme",
    "ahead",
    "corpus",
    "inheriting",
    "keeper",
    "torture",
    "configs",
    "plan",
    "mail",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    places = {f"test_{name}": place for place, name in enumerate(_MINUTES)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Leave no zombie, an orphan that was adopted, to the tests that follow: every look at the processes sees it."""
    yield
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every program that a test starts."""
    home = tmp_path_factory.mktemp("home")
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def bisector(environ: dict[str, str], tmp_path: Path) -> Bisector:
    """Bisector, run from a directory that is no checkout, with a state of the test's own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    return Bisector(tmp_path / "state", dict(environ), elsewhere)


@pytest.fixture
def tree(tmp_path: Path) -> MiniTree:
    """A history of the mini kernel with one commit, at which exec-sigtrap is STUCK."""
    return MiniTree.create(tmp_path / "linux")
