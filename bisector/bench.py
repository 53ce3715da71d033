"""What do steps need, all of them the same? The bench that a session works at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bisector import boot, checkout, keep, verdict
from bisector.ahead import Ahead, Order, sweep
from bisector.host import disk
from bisector.model import BrokenBuild, Commit, Kernel, Limits, Step, Transcript
from bisector.recipe import Recipe
from bisector.reuse.boots import Said
from bisector.reuse.store import Store

# The initramfs of one boot, in the session's directory while the boot lasts; "*": its nonce.
ARCHIVE = "initramfs-*.cpio"
# Told the phase by name, and the objects compiled so far.
Tell = Callable[[str, int], None]


@dataclass(slots=True)
class Bench:
    """All that a step needs, the same for every step of a session.

    `directory`: the session's own; kernels and logs are kept there. `known`: what was made of each commit
    before; the kernel's files are looked for where they were kept. `inferring`: a commit's kernel may be one that
    was built of another commit. `alone`: what certifies is compiled without ccache. `abreast`: boots that may
    run side by side. `named`: what tells this virtual machine and its probe from any other, "" for one that
    has the host's processor.
    `ahead`: builds what the next steps may need.
    """

    directory: Path
    workspace: checkout.Workspace
    recipe: Recipe
    machine: boot.Machine
    limits: Limits
    probe: bytes
    warn: Callable[[str], None]
    table: verdict.Table
    store: Store | None = None
    inferring: bool = True
    alone: bool = True
    abreast: int = 1
    named: str = ""
    ahead: Ahead | None = None
    known: dict[str, Kernel | BrokenBuild] = field(default_factory=dict)

    def kept(self, commit: Commit) -> Path:
        """Return the directory of the commit's kernel."""
        return self.directory / "kernels" / commit.short

    def sweep(self) -> None:
        """Remove what a killed session left half-written; only the session's holder may call."""
        keep.sweep(self.directory / "kernels")
        for left in self.directory.glob(ARCHIVE):
            disk.remove(left)
        sweep(self.directory)

    def build_log(self, commit: Commit) -> Path:
        """Return the path of the commit's build log, each time the same."""
        return self._logs() / f"{commit.short}.build.log"

    def said(self, kernel: Kernel) -> Said | None:
        """Return what a boot of this image said to another session, None if there was none that will do."""
        usable = self.store is not None and self.named and self.inferring
        said = self.store.said(kernel, self.named) if self.store is not None and usable else None
        return said if said is not None and said.fits(self.limits) else None

    def hear(self, step: Step, transcript: Transcript) -> None:
        """Keep what a boot said for other sessions."""
        if self.store is not None and self.named and step.kernel is not None and step.observation is not None:
            of = f"{self.directory.name}/{step.commit.short}"
            self.store.hear(step.kernel, self.named, of, transcript, step.observation)

    def foresee(self, *orders: Order, now: str = "") -> None:
        """Have these kernels built by others, if there are idle cores for that; what was wanted before is not.

        `now`: the commit that is built next here; who is at it shall come to its end.
        """
        if self.ahead is not None:
            self.ahead.want(orders, now)

    def consoles(self, commit: Commit, times: int) -> list[Path]:
        """Return the paths of so many logs of the commit's boots that are not in use yet."""
        home, stem = self._logs(), f"{commit.short}.console"
        numbers = [int(m[1]) for p in home.glob(f"{stem}-*.log") if (m := re.search(r"-(\d+)\.log$", p.name))]
        last = max(numbers, default=0)
        return [home / f"{stem}-{last + number}.log" for number in range(1, times + 1)]

    def _logs(self) -> Path:
        home = self.directory / "logs"
        home.mkdir(parents=True, exist_ok=True)
        return home
