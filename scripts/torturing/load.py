"""Does a loaded host change what a kernel is said to do? Each outcome, idle and with busy loops."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue

from bisector import opening, step
from bisector.bench import Bench
from bisector.claiming import claim
from bisector.errors import HostError
from bisector.evidence import limits
from bisector.given import settings
from bisector.host.repository import Repository
from bisector.model import Commit, Purpose, Step
from tests.minitree import Edits, MiniTree
from torturing.campaign import Campaign

NAME = "load"
LOOPS_FOR_EACH_CORE = 4
WORDS = ("OK", "STUCK", "DUP", "FLAKY", "LOST", "UNSUP", "KILLED", "HUNG", "UNKILLABLE", "DEAD", "MISSING")
MODES = (
    "PANIC_EARLY", "PANIC_BOOT", "PANIC_TALKING", "OOPS_BOOT", "FAULT_LOOP(0x7f000000000)", "IDLE_BOOT",
    "SILENT_BOOT", "SILENT_BEFORE", "ENDLESS_OUTPUT", "ENDLESS_AFTER",
    'SILENT_DURING("exec-sigtrap")', 'BEATS_FOREVER("exec-sigtrap")', 'PANIC_DURING("exec-sigtrap")',
    'OOPS_DURING("exec-sigtrap")', 'RESET_DURING("exec-sigtrap")', 'TALKS_FOREVER("exec-sigtrap", 2)',
    "NO_END", "NO_POWER_OFF", "PANIC_AT_THE_END", "RESET_AT_THE_END", "NOISE", "FORGED", "TWO_STORIES",
)  # fmt: skip
OUTCOMES: dict[str, Edits] = {
    **{word: Edits(hits={"exec-sigtrap": word}) for word in WORDS},
    **{mode.partition("(")[0]: Edits(mode=mode) for mode in MODES},
}
# Those that nobody has to wait for, and one of each family.
QUICK = ("STUCK", "KILLED", "UNKILLABLE", "PANIC_BOOT", "NO_END")
REAL_BOOTS = 10
# Boots at a time, each of which is a load for the others too.
LANES = 10

Reading = tuple[str, ...]


@contextmanager
def busy() -> Iterator[None]:
    """Hold four busy loops for each core; they end with us, however we end.

    Each is a session of its own: where the scheduler groups by session (sched_autogroup_enabled) all loops of one
    session together would weigh as much as one QEMU.
    """
    argv = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", "while :; do :; done"]
    loops = [
        subprocess.Popen(argv, start_new_session=True) for _ in range(LOOPS_FOR_EACH_CORE * (os.cpu_count() or 1))
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def reading(taken: Step) -> Reading:
    """Return all that a step says of the kernel, in words that can be compared."""
    if taken.observation is None:
        return (taken.because,)
    return tuple(f"{one.scenario}: {one.outcome}" for one in taken.observation.readings)


class Kernel:
    """One kernel, built once and then booted again and again. `idle`: what it read on an idle host."""

    def __init__(self, name: str, bench: Bench, commit: Commit) -> None:
        self.name, self._commit = name, commit
        self.idle, self.longest_idle = self.read(bench)
        self.longest = 0.0
        self.seen: Counter[Reading] = Counter()

    def read(self, bench: Bench) -> tuple[Reading, float]:
        """Boot it once; what our machine failed at is a reading as well, and one that must not be."""
        try:
            taken = step.take(bench, self._commit, Purpose.TEST, None, lambda *_: None)
        except HostError as error:
            return (f"our machine failed: {error.message}",), 0.0
        return reading(taken), taken.seconds.boot + taken.seconds.probe

    def count(self, said: Reading, seconds: float) -> None:
        """Take in a boot under load."""
        self.seen[said] += 1
        self.longest = max(self.longest, seconds)

    def differing(self) -> list[str]:
        """Return each reading that differs from the idle one, with what is new in it."""
        return [
            f"{self.name}: {count} of {self.seen.total()} boots under load read "
            f"{', '.join(set(said) - set(self.idle))} instead of {', '.join(set(self.idle) - set(said))}"
            for said, count in self.seen.items()
            if said != self.idle
        ]


def _measure(
    campaign: Campaign, kernels: Sequence[Kernel], benches: Sequence[Bench], repeats: int, what: str
) -> None:
    """Boot all kernels under load, one on each bench at a time; put the row into the table."""
    free: SimpleQueue[Bench] = SimpleQueue()
    for bench in benches:
        free.put(bench)

    def booted(kernel: Kernel) -> tuple[Reading, float]:
        bench = free.get()
        try:
            return kernel.read(bench)
        finally:
            free.put(bench)

    boots = [kernel for _ in range(repeats) for kernel in kernels]
    with busy(), ThreadPoolExecutor(len(benches)) as lanes:
        for number, (kernel, said) in enumerate(zip(boots, lanes.map(booted, boots), strict=True), 1):
            kernel.count(*said)
            if number % len(kernels) == 0:
                campaign.tell(f"{what}: round {number // len(kernels)} of {repeats}")
    differing = [line for kernel in kernels for line in kernel.differing()]
    campaign.failures += [f"{campaign.name}, {line}" for line in differing]
    wrong = sum(count for kernel in kernels for said, count in kernel.seen.items() if said != kernel.idle)
    how = f"{LOOPS_FOR_EACH_CORE} busy loops for each core, boots at a time: {len(benches)}"
    campaign.rows.append((f"{what} read otherwise under load ({how})", f"{wrong} of {len(boots)} boots"))
    idle = max(kernels, key=lambda kernel: kernel.longest_idle)
    loaded = max(kernels, key=lambda kernel: kernel.longest)
    longest = f"{idle.longest_idle:.1f} s ({idle.name}), {loaded.longest:.1f} s ({loaded.name})"
    campaign.rows.append(("the longest boot, idle and under load", longest))


def run(campaign: Campaign, repeats: int, *, quick: bool, names: Sequence[str] = ()) -> None:
    """Boot each outcome of the mini kernel so often under load as asked."""
    repo, state = campaign.home / "linux", campaign.home / "state"
    tree = MiniTree.create(repo)
    chosen = names or (QUICK if quick else tuple(OUTCOMES))
    ids = {name: tree.commit(f"mini: {name}", branch=name, parents=[tree.base], **OUTCOMES[name]) for name in chosen}
    repository = Repository(repo)
    kernels = []
    with ExitStack() as stack:
        commits = {name: repository.commit(found) for name, found in ids.items()}
        base = repository.commit(tree.base)
        lanes = range(min(LANES, len(chosen)))
        benches = [stack.enter_context(_bench(repo, state, base, campaign, lane)) for lane in lanes]
        for name, commit in commits.items():
            kernels.append(Kernel(name, benches[0], commit))
            campaign.tell(f"{name}: idle {', '.join(kernels[-1].idle)[:90]}")
        _measure(campaign, kernels, benches, repeats, f"{len(kernels)} outcomes of the mini kernel")
    if not campaign.failures:
        shutil.rmtree(campaign.home)


def real(campaign: Campaign, repo: Path, revision: str) -> None:
    """Boot a real kernel under load."""
    commit = Repository(repo).commit(revision)
    with _bench(repo, campaign.home / "real", commit, campaign, 0) as bench:
        kernel = Kernel(revision, bench, commit)
        campaign.tell(f"{revision}: idle {', '.join(kernel.idle)[:200]}")
        _measure(campaign, [kernel], [bench], REAL_BOOTS, f"a real kernel ({revision})")


@contextmanager
def _bench(repo: Path, state: Path, commit: Commit, campaign: Campaign, lane: int) -> Iterator[Bench]:
    """Hold a bench with the limits that a search would have: measured on a sound boot, and far narrower."""
    directory = state / "tests" / f"load-{lane}"
    claim(state)
    with opening.bench(settings(repo), directory, state, commit, campaign.tell) as bench:
        sound = step.take(bench, commit, Purpose.TEST, None, lambda *_: None)
        bench.limits = limits.measured([sound.spans] if sound.spans else [], {})
        yield bench
