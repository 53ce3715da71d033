"""Where does a session live, how is bisector run there, and what lies there afterwards?"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torturing.history import Story

Json = dict[str, Any]
# What the environment points to; nothing but PATH comes from the caller.
DIRECTORIES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "xdg-state",
    "XDG_CONFIG_HOME": "config",
    "XDG_RUNTIME_DIR": "run",
}
# Names that differ between two sessions of one history without meaning anything.
_SAME = (
    (re.compile(r"\d{8}-\d{6}-[a-z]{3}"), "SESSION"),
    (re.compile(r"workspaces/[^/]+-[0-9a-f]{8}"), "workspaces/REPO"),
    (re.compile(r"workspaces/REPO/\d+"), "workspaces/REPO/N"),
    # mkstemp's letters: gcc's and ccache's temporary files.
    (re.compile(r"/cc[A-Za-z0-9]{6}\."), "/ccXXXXXX."),
    (re.compile(r"\.tmp\.[A-Za-z0-9]{6}"), ".tmp.XXXXXX"),
    # Which kernels the sessions share, and of which commits they were built, hangs on what was built before.
    (re.compile(r"/kernels/[0-9a-f]{32}"), "/kernels/RECIPE"),
    (re.compile(r"/kernels/RECIPE/[0-9a-f]{64}"), "/kernels/RECIPE/KEY"),
    (re.compile(r"built-of-[0-9a-f]{40}"), "built-of-COMMIT"),
    # A boot that was killed leaves its console's log, and the next one takes the next number: both are evidence.
    (re.compile(r"console-\d+\.log"), "console-N.log"),
)
# git's own, told apart by other checks: a worktree holds whatever was checked out last; the cache of ccache.
_NOT_LISTED = re.compile(r"workspaces/REPO/N/tree/|cache/bisector/ccache(-sandboxed)?(/(?!.*\.(tmp|lock))|$)")


@dataclass
class Place:
    """A directory with a home, a state and temporary files of its own, and the repository's copy."""

    root: Path
    story: Story
    repo: Path
    state: Path
    path: list[Path] = field(default_factory=list)
    runs: int = 0

    @classmethod
    def make(cls, root: Path, story: Story, *, repo: Path | None = None, state: Path | None = None) -> Place:
        """Make the directories; copy the repository unless one is given."""
        for name in DIRECTORIES.values():
            (root / name).mkdir(parents=True, mode=0o700)
        if repo is None:
            repo = root / "linux"
            subprocess.run(["cp", "-a", str(story.repo), str(repo)], check=True)
        return cls(root, story, repo, state or root / "state")

    def take_probe(self, other: Path) -> None:
        """Take over the compiled probe of another place, so that the start-up compiles nothing."""
        (self.root / "cache" / "bisector").mkdir()
        for probe in (other / "cache" / "bisector").glob("probe-*"):
            shutil.copy(probe, self.root / "cache" / "bisector")

    def environment(self) -> dict[str, str]:
        """Return the whole environment of bisector."""
        path = ":".join([*map(str, self.path), os.environ["PATH"]])
        places = {key: str(self.root / name) for key, name in DIRECTORIES.items()}
        return places | {"PATH": path, "LC_ALL": "C.UTF-8"}

    def start_words(self) -> list[str]:
        """Return the words of `bisector start`."""
        ends = ["--old", self.story.old, "--new", self.story.new]
        return ["start", "--json", "--state", str(self.state), "--repo", str(self.repo), *ends, *self.story.words]

    def resume_words(self, session: str | None = None) -> list[str]:
        """Return the words of `bisector resume`."""
        return ["resume", "--json", "--state", str(self.state), *([session] if session else [])]

    def argv(self, words: Sequence[str]) -> list[str]:
        """Return the argv of bisector, which ends with us, however we end."""
        return ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "bisector", *words]

    def run(self, words: Sequence[str]) -> Run:
        """Begin one run of bisector."""
        return self.begin(self.argv(words))

    def begin(self, argv: Sequence[str]) -> Run:
        """Begin one program here; its output goes to files."""
        self.runs += 1
        out, err = self.root / f"run-{self.runs}.out", self.root / f"run-{self.runs}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            running = subprocess.Popen(
                argv, env=self.environment(), cwd=self.root, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        return Run(running, out, err)

    def sessions(self) -> list[Path]:
        """Return all sessions' directories, but for one that a kill left half-begun under a hidden name."""
        return sorted((self.state / "sessions").glob("[!.]*"))

    def names(self) -> set[str]:
        """Return the names of all that bisector left here, without what differs by chance."""
        roots = {self.root / name for name in DIRECTORIES.values()} | {self.state}
        found = set()
        for root in roots:
            for path in root.rglob("*"):
                name = f"{root.name}/{path.relative_to(root)}"
                for pattern, word in _SAME:
                    name = pattern.sub(word, name)
                found.add(name)
        return {name for name in found if not _NOT_LISTED.search(name)}


@dataclass
class Run:
    """One process of bisector, from its start to its end."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    _read: tuple[int, list[Json]] = field(default_factory=lambda: (0, []))

    @property
    def code(self) -> int | None:
        """Return the exit code (-N: died of signal N), None while it runs."""
        return self.process.poll()

    def events(self) -> list[Json]:
        """Return what it said so far: whole lines only, for a killed process tears its last one."""
        if self.out.stat().st_size != self._read[0]:
            text = self.out.read_bytes()
            self._read = (len(text), list(lines(text)))
        return self._read[1]

    def last_words(self) -> str:
        """Return the last line for a person."""
        said = self.err.read_text(errors="replace").strip().splitlines()
        return said[-1].strip() if said else ""

    def why(self) -> str:
        """Return the sentence with which it failed."""
        said = self.err.read_text(errors="replace").splitlines()
        return next((line for line in said if line.startswith("bisector: ")), "no word of bisector's")

    def phase(self) -> str:
        """Return what the session is at, by its last event."""
        return phase(self.events())


def lines(text: bytes) -> Iterator[Json]:
    """Yield each whole line that is a JSON object."""
    for line in text.split(b"\n")[:-1]:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


PHASES = ("start-up", "ends", "git bisect", "checkout", "build", "boot", "certification", "report")
_OF_A_STEP = {"checking out": "checkout", "building": "build", "booting": "boot"}


def phase(events: Sequence[Json]) -> str:
    """Name the phase that follows on these events."""
    if not events or events[-1].get("event") in (None, "started", "planned", "resumed"):
        return "start-up"
    last = events[-1]
    if last["event"] == "conclusion":
        return "report"
    purpose = last["purpose"] if last["event"] == "progress" else last.get("step", {}).get("purpose", "search")
    if purpose in ("culprit", "parent"):
        return "certification"
    if purpose != "search":
        return "ends"
    return _OF_A_STEP.get(last.get("phase", ""), "git bisect")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file or of a link's target."""
    return hashlib.sha256(os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()).hexdigest()


def contents(root: Path, *without: str) -> dict[str, str]:
    """Return the SHA-256 of every file below `root`, but for those below the named directories."""
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if (path.is_symlink() or path.is_file()) and not name.startswith(without):
            found[name] = digest(path)
    return found
