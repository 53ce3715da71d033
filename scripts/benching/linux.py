"""On what is measured that needs a real kernel? Linux 6.12 with a story on top, and a directory for one run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernel_history import History, make

from bisector import opening
from bisector.arches import architecture
from bisector.host import sandbox
from bisector.settings import Settings

SOURCE = Path("/usr/src/linux-source-6.12.tar.xz")


def settings(repo: Path) -> Settings:
    """Return the settings that the command line would make."""
    row = architecture("arm64")
    sandboxed = sandbox.chosen("auto")
    return Settings(
        repo=str(repo),
        arch=row.name,
        cross_compile=row.cross_compile,
        llvm="",
        jobs=os.cpu_count() or 1,
        ccache=opening.ccache(True, sandboxed),
        accel="tcg",
        cpu="",
        limits={},
        on={},
        fragment=opening.fragment(),
        scenario="exec-sigtrap",
        old_outcome=None,
        new_outcome=None,
        end_boots=1,
        confirm_boots=1,
        sandbox=sandboxed,
        build_memory=opening.memory(),
        build_disk=8 << 30,
    )


@dataclass(frozen=True)
class Linux:
    """The repository, its demo's history, usual settings for it, and a directory that goes with the run."""

    repo: Path
    history: History
    chosen: Settings
    place: Path

    def worktree(self, tree: Path) -> None:
        """Check the old end out there."""
        words = ["worktree", "add", "--quiet", "--detach", "--force", str(tree), "demo-old"]
        subprocess.run(["git", "-C", str(self.repo), *words], check=True)


@contextmanager
def linux() -> Iterator[Linux]:
    """Yield it; worktrees below its directory are forgotten at the end."""
    home = opening.cache() / "demo"
    home.mkdir(parents=True, exist_ok=True)
    repo = home / "linux-6.12.git"
    history = make(SOURCE, repo, "demo")
    with tempfile.TemporaryDirectory(dir=home) as place:
        yield Linux(repo, history, settings(repo), Path(place))
    subprocess.run(["git", "-C", str(repo), "worktree", "prune"], check=True)
