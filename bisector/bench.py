"""What do steps need, all of them the same? The bench that a session works at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bisector import boot, checkout, keep, verdict
from bisector.host import disk
from bisector.model import BrokenBuild, Commit, Kernel, Limits
from bisector.recipe import Recipe
from bisector.reuse.store import Store

# The initramfs of one boot, in the session's directory while the boot lasts.
ARCHIVE = "initramfs.cpio"
# Told the phase by name, and the objects compiled so far.
Tell = Callable[[str, int], None]


@dataclass(slots=True)
class Bench:
    """All that a step needs, the same for every step of a session.

    `directory`: the session's own; kernels and logs are kept there. `known`: what was made of each commit
    before; the kernel's files are looked for where they were kept. `inferring`: a commit's kernel may be one that
    was built of another commit. `alone`: what certifies is compiled without ccache.
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
