"""On what is measured that needs a real kernel? Linux 6.12 with a story on top, and a directory for one run."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernel_history import History, make

from benching.pairs import SOURCE, settings
from bisector import opening
from bisector.settings import Settings


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
