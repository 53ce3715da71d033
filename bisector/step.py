"""ONE STEP: checkout, build, boot, probe, verdict, in this order."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bisector import boot, making, probe, retrying, verdict
from bisector.bench import ARCHIVE, Bench, Tell
from bisector.errors import HostError
from bisector.guest import initramfs
from bisector.host import abreast
from bisector.model import (
    BrokenBuild,
    Commit,
    Ending,
    Kernel,
    Observation,
    Purpose,
    Question,
    Seconds,
    Step,
    Transcript,
    Verdict,
)

# On these the answer rests, or a person wants to know it: they are built and not inferred.
_AS_IT_IS = {Purpose.TEST, Purpose.OLD_END, Purpose.NEW_END, Purpose.MERGE_BASE}
_AS_IT_IS |= {Purpose.RETEST, Purpose.REVERTED, Purpose.PAIR}

# Host seconds of a boot beside what its limits bound: packing, QEMU's start and end.
BESIDE = 60.0


def take(
    bench: Bench, commit: Commit, purpose: Purpose, question: Question | None, tell: Tell, *, clean: bool = False
) -> Step:
    """Test one commit once. Raises HostError if our machine failed, after the retries.

    `clean`: build it once more from nothing; what was built before must have been the very same kernel.
    """
    started = time.monotonic()
    made, checked_out, built = _made(bench, commit, purpose, tell, clean=clean)
    if isinstance(made, BrokenBuild):
        found, because = verdict.judge_build(made, bench.table)
        spent = Seconds(checked_out, built, 0.0, 0.0, time.monotonic() - started)
        logs = _build_logs(bench, commit)
        return Step(commit, purpose, found if question else None, because, spent, broken=made, logs=logs)
    [console] = bench.consoles(commit, 1)
    # One boot decides there; everywhere else each of them counts.
    if purpose is Purpose.SEARCH and (said := bench.said(made)) is not None:
        shared = _stepped(bench, commit, purpose, question, made, console, said.transcript(console))
        taken = replace(shared, boot_of=said.of)
    else:
        tell("booting", 0)
        transcript = _heard(bench, made, console)
        taken = _stepped(bench, commit, purpose, question, made, console, transcript)
        bench.hear(taken, transcript)
    spent = replace(taken.seconds, checkout=checked_out, build=built, total=time.monotonic() - started)
    return replace(taken, seconds=spent)


def together(
    bench: Bench, commit: Commit, purpose: Purpose, question: Question | None, tell: Tell, times: int, *,
    clean: bool = False,
) -> Iterator[Step]:  # fmt: skip
    """Boot a commit whose kernel is at hand so many times more, side by side; yield the steps in order.

    `clean`: as of `take`, should that kernel have been taken away. Raises HostError if our machine failed, after it
    was tried one by one as well.
    """
    made, _, _ = _made(bench, commit, purpose, tell, clean=clean)
    assert isinstance(made, Kernel)  # it was booted before
    tell("booting", 0)
    consoles = bench.consoles(commit, times)
    calls = [functools.partial(_booted, bench, made, console) for console in consoles]
    # Twice: a boot that says nothing is made once more with an early console.
    beside: Iterator[Transcript] | None = abreast.each(calls, 2 * (bench.limits.host + BESIDE))
    for console in consoles:
        try:
            transcript = next(beside) if beside is not None else _heard(bench, made, console)
        except HostError as error:
            # One try each: the others too may have been too much for this machine.
            bench.warn(f"boots side by side failed, going on one by one: {error.message}")
            beside, transcript = None, _heard(bench, made, console)
        taken = _stepped(bench, commit, purpose, question, made, console, transcript)
        bench.hear(taken, transcript)
        yield taken


def _made(
    bench: Bench, commit: Commit, purpose: Purpose, tell: Tell, *, clean: bool
) -> tuple[Kernel | BrokenBuild, float, float]:
    exact = clean or purpose in _AS_IT_IS or not bench.inferring
    return making.made(bench, commit, tell, clean=clean, exact=exact)


def _build_logs(bench: Bench, commit: Commit) -> tuple[str, ...]:
    log = bench.build_log(commit)
    return (str(log),) if log.exists() else ()


def _stepped(
    bench: Bench,
    commit: Commit,
    purpose: Purpose,
    question: Question | None,
    kernel: Kernel,
    console: Path,
    transcript: Transcript,
) -> Step:
    """Return the step of one boot."""
    observation = probe.read(transcript)
    _same_kernel(kernel, observation, console)
    judged, because = _judge(bench, observation, question)
    began = transcript.began if transcript.began is not None else transcript.seconds
    return Step(
        commit,
        purpose,
        judged,
        because,
        Seconds(boot=began, probe=transcript.seconds - began, total=transcript.seconds),
        kernel=kernel,
        observation=observation,
        logs=(*_build_logs(bench, commit), str(console)),
        spans=transcript.spans if transcript.ending is Ending.POWERED_OFF else None,
        heard=transcript.heard,
    )


def _heard(bench: Bench, kernel: Kernel, log: Path) -> Transcript:
    """Boot, and again where our machine fails. Of a QEMU that ends at each try a person may say what it means."""
    try:
        return retrying.calling(bench.warn, lambda: _booted(bench, kernel, log))
    except boot.Gone as gone:
        if verdict.QEMU_GONE not in bench.table:
            raise
        return gone.transcript


def _booted(bench: Bench, kernel: Kernel, log: Path) -> Transcript:
    """Boot once under a fresh nonce."""
    nonce = initramfs.nonce()
    archive = bench.directory / ARCHIVE.replace("*", nonce)

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
