"""ONE STEP: checkout, build, boot, probe, verdict, in this order; and the only retry (the home of tenacity)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import tenacity

from bisector import boot, build, checkout, keep, probe, trust, verdict
from bisector.errors import HostError
from bisector.guest import initramfs
from bisector.host import disk
from bisector.model import (
    BrokenBuild,
    Commit,
    Ending,
    Kernel,
    Limits,
    Observation,
    Purpose,
    Question,
    Seconds,
    Step,
    Transcript,
    Verdict,
)
from bisector.recipe import Recipe

# Our machine's passing failures only: three tries, 1 s and then 4 s apart.
ATTEMPTS, FIRST_WAIT, LAST_WAIT = 3, 1.0, 8.0

# The initramfs of one boot, in the session's directory while the boot lasts.
ARCHIVE = "initramfs.cpio"
# Told the phase by name, and the objects compiled so far.
Tell = Callable[[str, int], None]
T = TypeVar("T")


@dataclass(slots=True)
class Bench:
    """All that a step needs, the same for every step of a session.

    `directory`: the session's own; kernels and logs are kept there. `known`: what was made of each commit
    before; the kernel's files are looked for where they were kept.
    """

    directory: Path
    workspace: checkout.Workspace
    recipe: Recipe
    machine: boot.Machine
    limits: Limits
    probe: bytes
    warn: Callable[[str], None]
    table: verdict.Table
    known: dict[str, Kernel | BrokenBuild] = field(default_factory=dict)

    def kept(self, commit: Commit) -> Path:
        """Return the directory of the commit's kernel."""
        return self.directory / "kernels" / commit.short

    def sweep(self) -> None:
        """Remove what a killed session left half-written; only the session's holder may call."""
        keep.sweep(self.directory / "kernels")
        disk.remove(self.directory / ARCHIVE)

    def log(self, commit: Commit, what: str) -> Path:
        """Return a log file's path that is not in use yet, for builds the same path each time."""
        home = self.directory / "logs"
        home.mkdir(parents=True, exist_ok=True)
        if what == "build":
            return home / f"{commit.short}.build.log"
        numbers = [
            int(m[1]) for p in home.glob(f"{commit.short}.{what}-*.log") if (m := re.search(r"-(\d+)\.log$", p.name))
        ]
        return home / f"{commit.short}.{what}-{max(numbers, default=0) + 1}.log"


def take(
    bench: Bench, commit: Commit, purpose: Purpose, question: Question | None, tell: Tell, *, clean: bool = False
) -> Step:
    """Test one commit once. Raises HostError if our machine failed, after the retries.

    `clean`: build it once more from nothing; what was built before must have been the very same kernel.
    """
    started = time.monotonic()
    made, checked_out, built = _made(bench, commit, tell, clean=clean)
    logs = [str(path) for path in [bench.directory / "logs" / f"{commit.short}.build.log"] if path.exists()]
    if isinstance(made, BrokenBuild):
        found, because = verdict.judge_build(made, bench.table)
        spent = Seconds(checked_out, built, 0.0, 0.0, time.monotonic() - started)
        return Step(commit, purpose, found if question else None, because, spent, broken=made, logs=tuple(logs))
    tell("booting", 0)
    console = bench.log(commit, "console")
    transcript = _heard(bench, made, console)
    observation = probe.read(transcript)
    _same_kernel(made, observation, console)
    judged, because = _judge(bench, observation, question)
    began = transcript.began if transcript.began is not None else transcript.seconds
    return Step(
        commit,
        purpose,
        judged,
        because,
        Seconds(checked_out, built, began, transcript.seconds - began, time.monotonic() - started),
        kernel=made,
        observation=observation,
        logs=(*logs, str(console)),
        spans=transcript.spans if transcript.ending is Ending.POWERED_OFF else None,
        heard=transcript.heard,
    )


def _made(bench: Bench, commit: Commit, tell: Tell, *, clean: bool) -> tuple[Kernel | BrokenBuild, float, float]:
    """Return the commit's kernel, and the seconds for checkout and build: none if it was made before.

    `clean`: from nothing. An incremental build that went wrong ends there, not in a name: builds are the same
    bit for bit, so whatever spoiled the objects (a clock that was set back, a power cut, another program in the
    directory) shows in the build id.
    """
    before = bench.known.get(commit.id)
    if isinstance(before, BrokenBuild) and not clean:
        return before, 0.0, 0.0
    made: Kernel | BrokenBuild | None = keep.kept(bench.kept(commit), commit.id, clean=clean)
    checked_out = built = 0.0
    if made is None:
        if before is not None and not clean:
            bench.warn(f"the kernel that was kept of {commit.short} is gone or spoiled: building it again")
        made, checked_out, built = _make(bench, commit, tell, clean)
    if before is not None and not _same(before, made):
        trust.emptied(bench.workspace.objects)
        disk.discard(bench.kept(commit))
        how = "built from nothing" if clean else "built again"
        raise HostError(
            f"{commit.short} {how} is not the kernel that was built before",
            "something spoiled the objects or the kept kernel; they were thrown away: bisector start --new-session",
        )
    bench.known[commit.id] = made
    return made, checked_out, built


def _same(before: Kernel | BrokenBuild, made: Kernel | BrokenBuild) -> bool:
    """Tell whether a commit made the same again. Which of several errors comes first may differ, and is no matter."""
    if isinstance(before, Kernel) and isinstance(made, Kernel):
        return before.build_id == made.build_id
    return isinstance(before, BrokenBuild) and isinstance(made, BrokenBuild)


def _make(bench: Bench, commit: Commit, tell: Tell, clean: bool) -> tuple[Kernel | BrokenBuild, float, float]:
    objects = bench.workspace.objects.with_name("clean") if clean else bench.workspace.objects
    checked_out = began = 0.0

    def attempt() -> Kernel | BrokenBuild:
        # Both together: where somebody took the sources away from make, a new checkout helps and make alone does not.
        nonlocal checked_out, began
        started = time.monotonic()
        tell("checking out", 0)
        if clean:
            trust.emptied(objects)
        if why := trust.prepare(objects, bench.workspace.tree, bench.recipe.made_by()):
            bench.warn(f"the objects were thrown away: {why}")
        refused = checkout.check_out(bench.workspace, commit)
        checked_out, began = time.monotonic() - started, time.monotonic()
        if refused is not None:
            return refused
        tell("building", 0)
        return _built(bench, commit, tell, objects, clean)

    try:
        made = retrying(bench.warn, attempt)
        return made, checked_out, time.monotonic() - began
    finally:
        if clean:
            disk.discard(objects)


def _built(bench: Bench, commit: Commit, tell: Tell, objects: Path, clean: bool) -> Kernel | BrokenBuild:
    made = build.kernel(
        bench.recipe,
        commit,
        tree=bench.workspace.tree,
        objects=objects,
        into=bench.kept(commit),
        log=bench.log(commit, "build"),
        on_object=lambda count: tell("building", count),
        clean=clean,
    )
    if isinstance(made, BrokenBuild):
        checkout.require_whole(bench.workspace, commit)
    return made


def _heard(bench: Bench, kernel: Kernel, log: Path) -> Transcript:
    """Boot, and again where our machine fails. Of a QEMU that ends at each try a person may say what it means."""
    try:
        return retrying(bench.warn, lambda: _booted(bench, kernel, log))
    except boot.Gone as gone:
        if verdict.QEMU_GONE not in bench.table:
            raise
        return gone.transcript


def _booted(bench: Bench, kernel: Kernel, log: Path) -> Transcript:
    """Boot once under a fresh nonce."""
    nonce = initramfs.nonce()
    archive = bench.directory / ARCHIVE

    def booted(words: tuple[str, ...] = ()) -> Transcript:
        place = log.with_suffix(".early.log") if words else log
        return boot.boot(
            bench.machine, kernel, initramfs=archive, nonce=nonce, limits=bench.limits, log=place, words=words
        )

    try:
        archive.write_bytes(initramfs.archive(bench.probe, nonce))
    except OSError as error:
        raise HostError(f"cannot write {archive}: {error.strerror}", "make room, then resume") from error
    try:
        return boot.explained(booted(), booted)
    finally:
        archive.unlink(missing_ok=True)


def _same_kernel(kernel: Kernel, observation: Observation, log: Path) -> None:
    """A kernel that runs under another build id is not the one whose commit we would judge."""
    if observation.build_id is not None and observation.build_id != kernel.build_id:
        raise HostError(
            f"the running kernel's build id is {observation.build_id[:12]}, the built one's {kernel.build_id[:12]}",
            f"something replaced the image, see {log}",
        )


def _judge(bench: Bench, observation: Observation, question: Question | None) -> tuple[Verdict | None, str]:
    if question is not None:
        return verdict.judge(observation, question, bench.table)
    outcome = observation.reading("boot").outcome
    return None, "boot and probe complete" if outcome.word == "OK" else f"boot: {outcome}"


def retrying(warn: Callable[[str], None], call: Callable[[], T]) -> T:
    """Call, and again after a wait if our machine failed in a way that may pass.

    What still fails then is raised as lasting: whoever called us must not try it as many times again.
    """
    trying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=FIRST_WAIT, exp_base=4, max=LAST_WAIT),
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, HostError) and error.transient),
        before_sleep=lambda state: warn(f"our machine failed, trying again: {_failure(state)}"),
        reraise=True,
    )
    try:
        return trying(call)
    except HostError as error:
        error.transient = False
        raise


def _failure(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    return error.message if isinstance(error, HostError) else str(error)
