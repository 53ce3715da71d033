"""How is git asked, and fed with commits, without any configuration having a say?"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kernel_history.messages import HistoryError


def environment() -> dict[str, str]:
    """Return an environment in which no configuration of the user's or the machine's has a say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}


def run(repository: Path, *words: str) -> bytes:
    """Run git in the repository and return its stdout; raise HistoryError with its words if it fails."""
    command = ["git", f"--git-dir={repository}", *words]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise HistoryError(f"{' '.join(command)} failed ({done.returncode}): {said}")
    return done.stdout


@contextlib.contextmanager
def fast_import(repository: Path, *options: str) -> Iterator[IO[bytes]]:
    """Feed `git fast-import`; nothing is kept of a stream that was not written to its end."""
    command = ["git", "-c", "core.compression=1", f"--git-dir={repository}", "fast-import", "--quiet", "--done"]
    child = subprocess.Popen([*command, *options], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert child.stdin is not None
    assert child.stderr is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # then fast-import's own words are the better error
            yield child.stdin
            child.stdin.write(b"done\n")
            child.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        said = child.stderr.read().decode(errors="replace").strip()
        if child.wait() != 0:
            raise HistoryError(f"git fast-import failed ({child.returncode}): {said}")
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def blob(path: str, mode: str, content: bytes) -> bytes:
    """Return fast-import's words for one file of the commit whose header came before."""
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), _quoted(path), len(content), content)


def header(ref: str, mark: int, author: str, when: int, message: str, parent: str = "") -> bytes:
    """Return fast-import's words that begin a commit; `when` is in seconds since 1970, `parent` a mark or a name."""
    said = message.encode()
    who = f"{author} {when} +0000"
    head = f"commit {ref}\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata {len(said)}\n".encode()
    return head + said + b"\n" + (f"from {parent}\n".encode() if parent else b"")


def _quoted(path: str) -> bytes:
    raw = path.encode(errors="surrogateescape")
    if not raw.startswith(b'"') and b"\n" not in raw:
        return raw
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
