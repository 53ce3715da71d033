"""What does bisector cost beyond make and QEMU themselves? Pairs, side by side, on Linux 6.12.

Every pair does the same work twice: once by bisector, once by the bare programs with the same arguments,
in worktrees and object directories that went through the same commits.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kernel_history import History, make

from benching.linux import SOURCE, linux
from bisector import api, boot, opening, probe, sessions, verdict
from bisector.events import Event, Searching, Tested
from bisector.evidence.limits import UNMEASURED
from bisector.guest import compile as guest
from bisector.guest import initramfs
from bisector.known import Session
from bisector.model import Kernel, Outcome, Purpose, Question, Step
from bisector.settings import Settings

PAIRS, HANGS = 15, 5


class ByHand:
    """The bare programs: what a careful script would call, with the same arguments as bisector."""

    def __init__(self, chosen: Settings, place: Path, session: Callable[[], Path]) -> None:
        self.recipe, self.machine = opening.recipe(chosen), opening.machine(chosen)
        self.tree, self.objects, self.session = place / "tree", place / "objects", session
        self.objects.mkdir(parents=True)
        git = ["git", "-C", chosen.repo, "worktree", "add", "--quiet", "--detach", "--force"]
        subprocess.run([*git, str(self.tree), "demo-old"], check=True)

    def step(self, step: Step) -> float:
        """Build and boot the step's commit; return the seconds of make and QEMU alone."""
        subprocess.run(["git", "-C", str(self.tree), "checkout", "--quiet", step.commit.id], check=True)
        spent = self._make("tinyconfig")
        with (self.objects / ".config").open("a") as config:
            config.writelines(f"{option}\n" for option in self.recipe.options)
        spent += self._make("olddefconfig")
        if step.broken is not None and "vanished" in step.broken.because:
            return spent
        spent += self._make(self.recipe.architecture.image)
        if step.broken is not None:
            return spent
        image = self.objects / self.recipe.architecture.image_path
        return spent + bare_boot(self.machine, str(image), str(self.session() / "probe.cpio"))

    def _make(self, target: str) -> float:
        return timed(
            lambda: subprocess.run(
                self.recipe.make(self.tree, self.objects, target),
                env=self.recipe.environment(self.tree),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        )


def bare_boot(machine: boot.Machine, image: str, archive: str) -> float:
    """Return the seconds of QEMU alone, with its console in a file."""
    with tempfile.TemporaryFile() as console:
        return timed(
            lambda: subprocess.run(machine.argv(image, archive), stdin=subprocess.DEVNULL, stdout=console, check=True)
        )


def timed(call: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    started = time.monotonic()
    call()
    return time.monotonic() - started


def boots(chosen: Settings, kernel: Kernel, session: Path, pairs: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each boot to its verdict, and of each bare QEMU, in turns."""
    machine = opening.machine(chosen)
    program = guest.probe(opening.probe_compiler(chosen), opening.cache())
    question = Question("exec-sigtrap", Outcome("STUCK"), Outcome("OK"))
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as place:

        def one() -> None:
            nonce = initramfs.nonce()
            archive = Path(place, "initramfs.cpio")
            archive.write_bytes(initramfs.archive(program, nonce))
            heard = boot.boot(
                machine, kernel, initramfs=archive, nonce=nonce, limits=UNMEASURED, log=Path(place, "log")
            )
            verdict.judge(probe.read(heard), question, chosen.on)

        for _ in range(pairs):
            ours.append(timed(one))
            bare.append(bare_boot(machine, kernel.image, str(session / "probe.cpio")))
    return ours, bare


@dataclass(frozen=True)
class Pair:
    """One step of the search: its seconds, and those of make and QEMU alone for the same commit."""

    ours: float
    bare: float
    bootable: bool


def steps(chosen: Settings, history: History, place: Path) -> tuple[list[Pair], Session]:
    """Return the pairs of a whole search."""
    pairs: list[Pair] = []
    mark = 0.0
    state = place / "state"

    def session() -> Path:
        return sessions.home(state) / sessions.names(state)[-1]

    hand = ByHand(chosen, place / "hand", session)

    def emit(event: Event) -> None:
        nonlocal mark
        if isinstance(event, Tested) and event.step.purpose in (Purpose.OLD_END, Purpose.NEW_END):
            hand.step(event.step)
        if isinstance(event, Tested) and event.step.purpose is Purpose.SEARCH:
            # The interval holds all of it: git's choice, the child, checkout, build, boot, verdict, journal.
            ours = time.monotonic() - mark
            pairs.append(Pair(ours, hand.step(event.step), event.step.kernel is not None))
        if isinstance(event, Tested | Searching):
            mark = time.monotonic()

    done, _ = api.start(chosen, history.old, history.new, state=state, emit=emit, warn=print)
    return pairs, done


def hangs(chosen: Settings, commit: str, session: Session, place: Path) -> list[float]:
    """Return the seconds of each boot of a kernel that hangs, its evidence included, with a search's limits."""
    assert session.measured is not None
    limited = replace(chosen, limits=asdict(session.measured.limits))
    taken = api.test(limited, [commit] * HANGS, state=place / "state", tell=lambda *_: None, warn=print)
    return [step.seconds.boot + step.seconds.probe for step in taken]


def row(what: str, pairs: list[Pair]) -> str:
    """Return a row of the table, with the differences pair by pair."""
    ours, bare = [pair.ours for pair in pairs], [pair.bare for pair in pairs]
    beyond = spread([pair.ours - pair.bare for pair in pairs])
    return f"| {what} ({len(pairs)} pairs) | {spread(ours)} s | {spread(bare)} s | {beyond} s |"


def spread(values: list[float], digits: int = 2) -> str:
    """Return the median and the range, with so many digits."""
    middle, least, most = (f"{one:.{digits}f}" for one in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def rows() -> list[str]:
    """Return the rows of steps, boots and hangs, on Linux 6.12."""
    with linux() as source:
        pairs, session = steps(source.chosen, source.history, source.place)
        kernel = next(step.kernel for step in session.steps if step.kernel is not None)
        verdicts, alone = boots(source.chosen, kernel, session.directory, PAIRS)
        hung = hangs(source.chosen, make(SOURCE, source.repo, "boot-hangs").culprit, session, source.place)
    ratios = [one / other for one, other in zip(verdicts, alone, strict=True)]
    return [
        row("a step that boots", [pair for pair in pairs if pair.bootable]),
        row("a step without a kernel (a failing make is run twice)", [pair for pair in pairs if not pair.bootable]),
        f"| boot to verdict ({PAIRS} pairs) | {spread(verdicts)} s | {spread(alone)} s | × {spread(ratios)} |",
        f"| a boot that hangs, with its evidence ({HANGS} boots) | {spread(hung)} s | for ever | |",
    ]
