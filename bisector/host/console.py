"""What did one child on a pty say, byte by byte, and how did it end? (the home of pexpect)"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pexpect
import ptyprocess

from bisector.errors import HostError
from bisector.host import process

# Seconds for a process to go that was sent SIGKILL.
DYING = 60.0


class _Child(pexpect.spawn):  # type: ignore[type-arg]
    """pexpect's child, which may inherit some of our descriptors; pexpect alone would close them all."""

    def __init__(self, argv: Sequence[str], descriptors: Sequence[int]) -> None:
        self._argv, self._descriptors = argv, tuple(descriptors)
        # Echo off: we never type, and the log holds what the guest said and nothing else.
        super().__init__(argv[0], encoding="utf-8", codec_errors="backslashreplace", echo=False, timeout=None)
        # pexpect's defaults sleep 0.1 s in each of several places, for terminals with a person in front. What is
        # closed here has ended before.
        for sleeper in (self, self.ptyproc):  # type: ignore[attr-defined]
            sleeper.delayafterclose, sleeper.delayafterterminate = 0.0, 0.01

    def _spawnpty(self, _: list[str], **options: Any) -> Any:
        for descriptor in self._descriptors:
            os.set_inheritable(descriptor, True)
        # Our own words, in the file system's encoding: a path need not be UTF-8.
        argv = [os.fsencode(word) for word in self._argv]
        return ptyprocess.PtyProcess.spawn(argv, pass_fds=self._descriptors, **options)


class Console:
    """A running child and all that it said so far. Each block is in the log before it is looked at."""

    def __init__(self, child: _Child, sink: TextIO) -> None:
        self._child, self._sink = child, sink
        # Where in the log, in bytes, its first word will stand.
        self.begins = os.fstat(sink.fileno()).st_size
        self._blocks: list[str] = []
        # What `drain` took and `read` did not give yet; whether the child has closed its end.
        self._taken: list[str] = []
        self._closed = False
        # What kept a block from the log: from there on the text is not whole.
        self._failed: BaseException | None = None

    @property
    def text(self) -> str:
        """Everything that was said; bytes that are no UTF-8 as \\xNN."""
        return "".join(self._blocks)

    @property
    def descriptor(self) -> int:
        """Our end of the pty: it is readable when something waits to be read."""
        return int(self._child.child_fd)

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._child.pid is not None  # it was spawned, or pexpect would have raised
        return self._child.pid

    def read(self, seconds: float) -> str | None:
        """Return what waits to be read, "" if nothing came in that many seconds, None at the end."""
        if not self._taken:
            self._take(seconds)
        if not self._taken and self._closed:
            return None
        block = "".join(self._taken)
        self._taken.clear()
        return block

    def drain(self) -> bool:
        """Take what waits to be read, for the next `read`; False at the end.

        For whoever waits for an answer of the child's on another line: a child that cannot write does not answer.
        """
        self._take(0)
        return not self._closed

    def require_whole(self) -> None:
        """Raise once more what kept a block from the log: whoever heard of it first may have swallowed it."""
        if self._failed is not None:
            raise self._failed

    def _take(self, seconds: float) -> None:
        self.require_whole()
        if self._closed:
            return
        try:
            block: str = self._child.read_nonblocking(size=1 << 16, timeout=seconds)
            self._write(block)
            self._blocks.append(block)
            self._taken.append(block)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            self._closed = True
        except BaseException as error:
            self._failed = error
            raise

    def note(self, words: str) -> None:
        """Write a line of ours into the log; it is no part of the text."""
        self._write(f"\n[bisector: {words}]\n")

    def _write(self, words: str) -> None:
        with process.logging(Path(self._sink.name)):
            self._sink.write(words)
            self._sink.flush()

    def asleep(self) -> bool:
        """Tell whether every thread of the child waits for something other than a processor."""
        try:
            states = [path.read_text().rpartition(")")[2].split()[0] for path in _threads(self.pid)]
        except (OSError, IndexError):
            return False  # it is just ending
        return set(states) == {"S"}

    def worked(self) -> float:
        """Return the processor seconds that the child has used, all its threads together."""
        try:
            words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0  # it is just ending
        # proc(5): utime and stime are its fields 14 and 15; the 3rd is the first behind the name.
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def ended(self) -> int | None:
        """Collect the exit code of a child that closed its pty: 128+N for signal N, None if it has to be ended."""
        # The pty closes a moment before the child is gone; pexpect's own wait() has no deadline.
        _collected(self._child, process.GRACE)
        if self._child.signalstatus is not None:
            return 128 + int(self._child.signalstatus)
        return self._child.exitstatus


def _threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/stat"))


def _closed(child: _Child) -> None:
    """Collect a child that was killed, and close its pty: a busy host needs more than pexpect's moment to end one."""
    if not _collected(child, DYING):
        raise HostError(f"{child.name} was killed and does not end", "see what holds it", transient=True)
    child.close()


def _collected(child: _Child, seconds: float) -> bool:
    """Wait so long for a child to be gone, and tell whether it is."""
    deadline = time.monotonic() + seconds
    while child.isalive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


@contextmanager
def opened(argv: Sequence[str], *, log: Path, descriptors: Sequence[int] = ()) -> Iterator[Console]:
    """Run argv on a pty of its own while the context lasts; the whole group is ended with it.

    `descriptors` are inherited. Raises HostError if the program is missing or the log cannot be written.
    """
    process.require(argv[0])
    with process.logging(log):
        sink = log.open("a", encoding="utf-8", errors="backslashreplace")
    with sink:
        with process.logging(log):
            sink.write(f"$ {process.printable(argv)}\n")
            sink.flush()
            try:
                child = _Child(process.bound_to_us(argv), descriptors)
            except pexpect.ExceptionPexpect as error:
                raise HostError(f"cannot start {argv[0]}: {error}", "bisector doctor says what is missing") from error
        console = Console(child, sink)
        try:
            yield console
            console.require_whole()
        finally:
            process.end_group(console.pid, child.isalive)
            _closed(child)
