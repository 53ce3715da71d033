"""What does a session look like at one instant, and what must hold after each run and at its end?"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from torturing import checks, processes
from torturing.history import Story
from torturing.moments import Interval, watched
from torturing.place import Json, Place, Run, contents, lines

# Seconds after which a run is said to hang; the longest undisturbed one takes some 20 on two busy cores.
RUN_SECONDS = 180.0
DONE = (0, 10)


@dataclass(frozen=True)
class Calm:
    """What an undisturbed session of the story did: what the disturbed ones are compared with. `kib`: on the disk."""

    intervals: list[Interval]
    journal: list[Json]
    kernels: dict[str, dict[str, str]]
    names: set[str]
    kib: int


@dataclass(frozen=True)
class Hit:
    """One blow: what was hit, and what the session was at."""

    victim: str
    phase: str


@dataclass
class Record:
    """What happened to one session."""

    name: str
    place: Place
    hits: list[Hit] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def close(self) -> None:
        """Remove the session's directory, unless something went wrong there."""
        if not self.failures:
            shutil.rmtree(self.place.root)

    def __str__(self) -> str:
        hits = ", ".join(f"{hit.victim} in {hit.phase}" for hit in self.hits) or "undisturbed"
        codes = " ".join(map(str, self.codes))
        said = f"{self.name}: {hits}; exit codes {codes}; {self.seconds:.1f} s: "
        if not self.failures:
            return said + "right"
        return said + "WRONG, see " + str(self.place.root) + "".join(f"\n    {why}" for why in self.failures)


def journal_of(session: Path | None) -> bytes:
    """Return the journal's bytes, none if there is none yet."""
    path = session / "journal.jsonl" if session else None
    return path.read_bytes() if path and path.exists() else b""


def kernels_of(session: Path | None) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of the kept kernels' files, by commit and name; those that are not whole have dots.

    Without the manifest, which says where the kernel lies and whether it was built from nothing, and what took part,
    of which an incremental build has more.
    """
    homes = sorted((session / "kernels").iterdir()) if session and (session / "kernels").is_dir() else []
    return {home.name: contents(home, "manifest.json", "parts.json") for home in homes if "." not in home.name}


@dataclass(frozen=True)
class Seen:
    """A session's directory at one instant. `builds`: the identity of each build's log."""

    session: Path | None
    journal: bytes
    kernels: dict[str, dict[str, str]]
    builds: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, session: Path | None) -> Seen:
        """Look at it now."""
        logs = session.glob("logs/*.build.log") if session else ()
        builds = {log.name.partition(".")[0]: (log.stat().st_ino, log.stat().st_mtime_ns) for log in logs}
        return cls(session, journal_of(session), kernels_of(session), builds)

    def concluded(self) -> bool:
        """Tell whether the session has its answer, though perhaps not its report."""
        return any(event["event"] == "conclusion" for event in lines(self.journal))

    def confirmed(self) -> set[str]:
        """Return the commits that were certified so far: only before that may a kernel be built from nothing."""
        steps = [event["step"] for event in lines(self.journal) if event["event"] == "step"]
        return {step["commit"]["id"][:12] for step in steps if step["purpose"] in ("culprit", "parent")}


def only_session(place: Place) -> Path | None:
    """Return the session's directory, None before there is a journal."""
    return next((path for path in place.sessions() if (path / "journal.jsonl").exists()), None)


def built_again(before: Seen, after: Seen) -> list[str]:
    """No kernel that was kept whole is built again, but once from nothing, to certify it."""
    found = []
    for name, identity in after.builds.items():
        if name not in before.kernels or before.builds.get(name) == identity or after.session is None:
            continue
        log = (after.session / "logs" / f"{name}.build.log").read_text(errors="replace")
        from_nothing = "/clean " in log.partition("\n")[0]
        if not from_nothing or name in before.confirmed():
            found.append(f"built again: {name}, whose kernel was kept whole")
    return found


def wait(run: Run, seconds: float) -> bool:
    """Wait for the run's end; tell whether it came."""
    deadline = time.monotonic() + seconds
    while run.code is None and time.monotonic() < deadline:
        time.sleep(0.004)
    return run.code is not None


def after_run(run: Run, before: Seen, after: Seen, story: Story) -> list[str]:
    """Check all that must hold after every run, however it ended."""
    found = []
    remaining, _ = processes.left()
    if remaining:
        found += [f"still runs {processes.GRACE:.0f} s later ({one.kind}): {one}" for one in remaining]
        processes.cut_power()
    if "Traceback" in run.err.read_text(errors="replace"):
        found.append(f"a traceback, see {run.err}")
    journal = list(lines(after.journal))
    found += checks.lost(before.journal, after.journal) + checks.unrecorded(run.events(), journal)
    found += checks.counted_twice(journal, story) + checks.lost_kernels(before.kernels, after.kernels)
    return found + built_again(before, after)


def at_end(place: Place, session: Path, code: int, calm: Calm) -> list[str]:
    """Check all that must hold when the session has ended with an answer."""
    journal = list(lines(journal_of(session)))
    found = checks.answered_wrong(code, journal, place.story) + checks.judged_otherwise(journal, calm.journal)
    found += checks.spoiled_kernels(kernels_of(session), calm.kernels)
    return found + checks.left_behind(place.names(), calm.names) + git_left(place)


def git_left(place: Place) -> list[str]:
    """Check the user's repository, untouched to the byte, and ours: no lock and no bisection in them."""
    found = checks.touched(contents(place.story.repo), contents(place.repo))
    if _git(place.story.repo, "for-each-ref") != _git(place.repo, "for-each-ref"):
        found.append("the repository was touched: its refs")
    ours = list(place.state.glob("workspaces/*/*/tree/.git"))
    found += [f"a lock of git: {path}" for root in (place.repo, *ours) for path in root.rglob("*.lock")]
    found += [f"a bisection is left: {path}" for root in ours for path in root.rglob("BISECT_*")]
    found += [f"a mark is left: {path}" for root in ours for path in root.glob("refs/bisect/*")]
    return found


def _git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(repo), *words], capture_output=True, text=True, check=True).stdout


def undisturbed(root: Path, story: Story) -> tuple[Calm, Record]:
    """Run the story's session in peace: it too must be right."""
    place = Place.make(root, story)
    record = Record(root.name, place)
    run = place.run(place.start_words())
    intervals = watched(run, RUN_SECONDS)
    if run.code is None:
        record.failures.append(f"does not end undisturbed:\n{processes.tree()}")
        processes.cut_power()
    record.seconds = sum(one.seconds for one in intervals)
    record.codes.append(run.process.wait())
    session = only_session(place)
    journal = list(lines(journal_of(session)))
    kib = sum(path.lstat().st_blocks for path in place.state.rglob("*")) // 2
    calm = Calm(intervals, journal, kernels_of(session), place.names(), kib)
    record.failures += after_run(run, Seen.of(None), Seen.of(session), story)
    record.failures += checks.answered_wrong(record.codes[0], journal, story) + git_left(place)
    return calm, record
