"""How does one host command run, and how does it end? Its log, its deadline, its whole process group."""

from __future__ import annotations

import errno
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bisector.errors import HostError
from bisector.host import stopping

# SIGTERM first: make then deletes the half-written target and stops its own children. SIGKILL after this.
GRACE = 1.5
# A log larger than this is cut; a build that prints 64 MB has gone wrong, and a disk is finite.
LOG_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Finished:
    """`code` as the shell has it (128+N: died of signal N); `overdue`: we ended it at its deadline."""

    code: int
    seconds: float
    overdue: bool


def bound_to_us(argv: Sequence[str]) -> list[str]:
    """Return argv so that the kernel sends its process SIGTERM when our process dies, however it dies.

    setpriv(1) execs the command, so its pid is the command's; `preexec_fn` would do the same, unsafely.
    """
    return ["setpriv", "--pdeathsig", "TERM", "--", *argv]


# What stands between us and a build: a shell that is told of our death and ends the whole group. make alone would
# not do: it ends its recipes' shells, and their compilers run on. make is asked first, so that it deletes the
# target that it was writing; whoever is left is killed.
_KEEPER = """
trap 'trap "" TERM; kill -TERM 0; (sleep 1; kill -KILL 0) & wait "$child"; kill -KILL 0' TERM
"$@" &
child=$!
wait "$child"
"""


def kept(argv: Sequence[str]) -> list[str]:
    """Return argv under a keeper: when our process dies, so does every process of the command's group."""
    return bound_to_us(["sh", "-c", _KEEPER, "keeper", *argv])


def printable(argv: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Return the command as one line that a person can paste into a shell."""
    words = [f"{key}={shlex.quote(value)}" for key, value in sorted((env or {}).items())]
    words += [shlex.quote(word) for word in argv]
    return " ".join(words)


def end_group(leader: int, reap: Callable[[], object], *, grace: float = GRACE) -> None:
    """End every process of the group: SIGTERM, and after `grace` seconds SIGKILL. None left is fine.

    `reap` collects the leader's exit without waiting; a zombie would keep the group alive.
    """
    with stopping.deferred(), suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while not stopping.passed(deadline):
            reap()
            os.killpg(leader, 0)
            time.sleep(0.01)
        os.killpg(leader, signal.SIGKILL)


def require(program: str, path: str | None = None) -> None:
    """Raise HostError if the program, or setpriv which starts it for us, is not on PATH."""
    for name in (program, "setpriv"):
        if shutil.which(name, path=path) is None:
            raise HostError(f"{name} is not installed", "bisector doctor says what is missing")


@contextmanager
def logging(log: Path) -> Iterator[None]:
    """Make a HostError of what goes wrong at starting a program and writing its log."""
    try:
        yield
    except OSError as error:
        passing = error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
        what = "cannot start a program" if passing else f"cannot write {log}"
        hint = "" if passing else "make room or mend the disk, then resume"
        raise HostError(f"{what}: {error.strerror}", hint, transient=passing) from error


def output(argv: Sequence[str], *, env: Mapping[str, str] | None = None, seconds: float = 60) -> str:
    """Run a short command and return its standard output. Raises HostError if it is missing or fails."""
    try:
        done = subprocess.run(
            argv, capture_output=True, env=env, timeout=seconds, check=True, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise HostError(f"{argv[0]} is not installed", "bisector doctor says what is missing") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{printable(argv)} gave no answer in {seconds:.0f} s", transient=True) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="backslashreplace").strip()
        raise HostError(f"{printable(argv)} failed with exit code {error.returncode}: {said}") from error
    return done.stdout.decode(errors="backslashreplace")


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    seconds: float,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a command to its end or deadline, standard output and error appended to `log`.

    The first line of the log is the command itself. `on_line` sees each line after it is in the log.
    Raises HostError if the program is missing or the log cannot be written.
    """
    require(argv[0], env.get("PATH"))
    started = time.monotonic()
    with logging(log), log.open("ab") as sink:
        sink.write(f"$ {printable(argv, env)}\n".encode())
        sink.flush()
        child = subprocess.Popen(
            kept(argv),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            overdue = not _copy(child, sink, started + seconds, on_line)
        finally:
            # Also when the command ended by itself: what it left in the background is not wanted.
            end_group(child.pid, child.poll)
            child.wait()
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Finished(code, time.monotonic() - started, overdue)


def _copy(
    child: subprocess.Popen[bytes],
    sink: IO[bytes],
    deadline: float,
    on_line: Callable[[str], None] | None,
) -> bool:
    """Copy the child's output until it closes (True) or the deadline passes (False)."""
    assert child.stdout is not None
    copy = _Copy(sink, on_line)
    gone = os.pidfd_open(child.pid)
    try:
        with selectors.DefaultSelector() as selector, child.stdout:
            selector.register(child.stdout, selectors.EVENT_READ)
            selector.register(gone, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = {key.fileobj for key, _ in selector.select(left)}
                if child.stdout in ready:
                    if not copy.block(os.read(child.stdout.fileno(), 1 << 16)):
                        child.wait(max(0.01, deadline - time.monotonic()))
                        return True
                elif gone in ready:
                    # It ended, and all it said is read. What holds the pipe is a child that it left behind.
                    return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        os.close(gone)
    return False


class _Copy:
    """The log's writer: each block is in the file before its lines are looked at."""

    def __init__(self, sink: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        self._sink, self._on_line = sink, on_line
        self._written, self._rest = 0, b""

    def block(self, block: bytes) -> bool:
        """Take one block; False for the empty one at the end."""
        if self._written < LOG_BYTES:
            self._sink.write(block)
            self._sink.flush()
        self._written += len(block)
        *lines, rest = (self._rest + block).split(b"\n")
        self._rest = rest[-4096:]
        for line in lines if self._on_line else ():
            assert self._on_line is not None
            self._on_line(line.decode(errors="backslashreplace"))
        return bool(block)
