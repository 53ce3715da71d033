"""How does one host command run, and how does it end? Its log, its deadline, and all that it started."""

from __future__ import annotations

import errno
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bisector.errors import HostError
from bisector.host import keeper, logfile, sandbox, seccomp, stopping

# SIGTERM first: make then deletes the half-written target and stops its own children. SIGKILL after this.
GRACE = 1.5


@dataclass(frozen=True, slots=True)
class Finished:
    """`code` as the shell has it (128+N: died of signal N); `overdue`: we ended it at its deadline.

    `excess`: which bound it broke and was ended for, "" if none.
    """

    code: int
    seconds: float
    overdue: bool
    excess: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a command and all that it starts may use together: processes and threads, bytes of memory, bytes on
    disk: those below `directory`, those added below `further`, and those of open files without a name. 0 is no bound.
    """

    tasks: int = 0
    memory: int = 0
    disk: int = 0
    directory: Path = Path("/")
    further: Path | None = None


def bound_to_us(argv: Sequence[str]) -> list[str]:
    """Return argv so that the kernel sends its process SIGTERM when our process dies, however it dies.

    setpriv(1) and sh exec the command, so its pid is the command's; `preexec_fn` would do the same, unsafely. sh
    looks whether we died before setpriv's word to the kernel: such a death is never told.
    """
    alive = '[ "$PPID" = "$0" ] || exit 143; exec "$@"'
    return ["setpriv", "--pdeathsig", "TERM", "--", "/bin/sh", "-c", alive, str(os.getpid()), *argv]


def printable(argv: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Return the command as one line that a person can paste into a shell."""
    words = [f"{key}={shlex.quote(value)}" for key, value in sorted((env or {}).items())]
    words += [shlex.quote(word) for word in argv]
    return " ".join(words)


def end_group(leader: int, reap: Callable[[], object], *, grace: float = GRACE) -> None:
    """End every process of the group: SIGTERM, and after `grace` seconds SIGKILL. None left is fine.

    `reap` collects the leader's exit without waiting. Whoever is left of the group when the leader has gone is the
    init process's to collect; in a container that one does it late, or never: a zombie is nobody to wait for.
    """
    with stopping.deferred(), suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while not stopping.passed(deadline):
            reap()
            os.killpg(leader, 0)
            if not any(one.group == leader and not one.ended for one in keeper.everyone().values()):
                break  # and whoever was begun during this look is killed below
            time.sleep(0.01)
        os.killpg(leader, signal.SIGKILL)


def require(program: str, path: str | None = None) -> None:
    """Raise HostError if the program, or setpriv which starts it for us, is not on PATH."""
    for name in (program, "setpriv"):
        if shutil.which(name, path=path) is None:
            raise HostError(f"{name} is not installed", "bisector doctor says what is missing")


@contextmanager
def starting() -> Iterator[None]:
    """Make a passing HostError of what the system refuses only for now at starting a program."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
            raise
        raise HostError(f"cannot start a program: {error.strerror}", transient=True) from error


@contextmanager
def logging(log: Path) -> Iterator[None]:
    """Make a HostError of what goes wrong at starting a program and writing its log."""
    try:
        with starting():
            yield
    except OSError as error:
        raise HostError(f"cannot write {log}: {error.strerror}", "make room or mend the disk, then resume") from error


def output(argv: Sequence[str], *, env: Mapping[str, str] | None = None, seconds: float = 60) -> str:
    """Run a short command and return its standard output. Raises HostError if it is missing or fails."""
    try:
        with starting():
            done = subprocess.run(
                argv, capture_output=True, env=env, timeout=seconds, check=True, stdin=subprocess.DEVNULL
            )
    except FileNotFoundError as error:
        raise HostError(f"{argv[0]} is not installed", "bisector doctor says what is missing") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{printable(argv)} gave no answer in {seconds:.0f} s", transient=True) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="backslashreplace").strip()
        why = f"{printable(argv)} failed with exit code {error.returncode}: {said}"
        raise HostError(why, transient=error.returncode < 0) from error
    return done.stdout.decode(errors="backslashreplace")


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    seconds: float,
    on_line: Callable[[str], None] | None = None,
    walls: sandbox.Walls | None = None,
    bounds: Bounds | None = None,
) -> Finished:
    """Run a command to its end or deadline, standard output and error appended to `log`.

    The first line of the log is the command itself. `on_line` sees each line after it is in the log. `walls`: what
    it may see and touch, None for all. Raises HostError if the program is missing or the log cannot be written.
    """
    require(argv[0], env.get("PATH"))
    started = time.monotonic()
    with logging(log), log.open("ab") as sink, ExitStack() as held:
        filtered = held.enter_context(seccomp.filtering()) if walls is not None else None
        whole = sandbox.inside(walls, argv, filtered) if walls is not None else list(argv)
        sink.write(f"$ {printable(argv, env)}\n".encode())
        if walls is not None:
            sink.write(f"{logfile.OURS}inside {printable(whole[: -len(argv)])}\n".encode())
        sink.flush()
        heard, said = os.pipe()
        held.callback(os.close, heard)
        try:
            child = _kept(whole, env, said, bounds or Bounds(), walled=walls is not None, filtered=filtered)
        finally:
            os.close(said)
        copy = logfile.Copy(sink, on_line)
        try:
            overdue = not _copy(child, copy, started + seconds)
        finally:
            # Also when the command ended by itself: what it left in the background is not wanted.
            _end(child)
            _copy_rest(child, copy)
            copy.close()
        excess = os.read(heard, 4096).decode() or copy.excess
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Finished(code, time.monotonic() - started, overdue, excess)


def _kept(
    argv: Sequence[str], env: Mapping[str, str], said: int, bounds: Bounds, *, walled: bool, filtered: int | None
) -> subprocess.Popen[bytes]:
    """Start argv under its keeper: see there what it does after our death."""
    keyctl = seccomp.KEYCTL.get(os.uname().machine, -1) if walled else 0
    numbers = (os.getpid(), said, keyctl, bounds.tasks, bounds.memory, bounds.disk)
    places = (str(bounds.directory), str(bounds.further) if bounds.further is not None else "")
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, *map(str, numbers), *places, *argv],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(said,) if filtered is None else (said, filtered),
    )
    if os.sched_getscheduler(0) == os.SCHED_IDLE:
        leave_alone(child.pid)
    return child


def leave_alone(pid: int) -> None:
    """Let a session that is to be idle be so: where the scheduler groups by session, a class tells within it only."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("19")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let the keeper end all that it keeps; kill its group if it does not come to an end."""
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    if child.poll() is None or child.returncode < 0:
        # It hangs or was killed itself. bubblewrap dies with it; without that, the group is what we still know.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _copy(child: subprocess.Popen[bytes], copy: logfile.Copy, deadline: float) -> bool:
    """Copy the child's output until it closes (True), the deadline passes (False) or it is too much (True)."""
    assert child.stdout is not None
    gone = os.pidfd_open(child.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            selector.register(gone, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = {key.fileobj for key, _ in selector.select(left)}
                if child.stdout in ready:
                    if not copy.block(os.read(child.stdout.fileno(), 1 << 16)):
                        child.wait(max(0.01, deadline - time.monotonic()))
                        return True
                    if copy.excess:
                        return True
                elif gone in ready:
                    # It ended, and all it said is read. What holds the pipe is a child that it left behind.
                    return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        os.close(gone)
    return False


def _copy_rest(child: subprocess.Popen[bytes], copy: logfile.Copy) -> None:
    """Copy what the child said while it was ended, a pipe's content at most, and close the pipe.

    Not closed before: make says which half-written target it deletes, and must not die of saying so.
    """
    assert child.stdout is not None
    with child.stdout, suppress(BlockingIOError):
        os.set_blocking(child.stdout.fileno(), False)
        for _ in range(16):
            if not copy.block(os.read(child.stdout.fileno(), 1 << 16)):
                break
