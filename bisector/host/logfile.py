"""What is kept of all that a command prints? Its beginning and its end, and a word where it was too much.

A line of 100 MB or a gigabyte of lines takes no more memory here than TAIL_BYTES.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

# A log keeps this much of one command's beginning and of its end: a build that prints more has gone wrong, and a disk
# is finite. The error stands at the end.
HEAD_BYTES, TAIL_BYTES = 16 << 20, 1 << 20
# And a command that prints this much is ended.
OUTPUT_BYTES = 1 << 30
# A line of a log that is neither a command nor its output begins so.
OURS = "$ # "


class Copy:
    """The log's writer: each block is in the file before its lines are looked at; of too much, the end is kept."""

    def __init__(self, sink: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        self._sink, self._on_line = sink, on_line
        self._seen, self._rest, self._tail = 0, b"", bytearray()
        self.excess = ""

    def block(self, block: bytes) -> bool:
        """Take one block; False for the empty one at the end."""
        head = block[: max(0, HEAD_BYTES - self._seen)]
        self._seen += len(block)
        if head:
            self._sink.write(head)
            self._sink.flush()
            self._look_at(head)
        self._tail += block[len(head) :]
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        if self._seen > OUTPUT_BYTES:
            self.excess = f"printed more than {OUTPUT_BYTES >> 20} MiB"
        return bool(block)

    def _look_at(self, block: bytes) -> None:
        *lines, rest = (self._rest + block).split(b"\n")
        self._rest = rest[-4096:]
        for line in lines if self._on_line else ():
            assert self._on_line is not None
            self._on_line(line.decode(errors="backslashreplace"))

    def close(self) -> None:
        """Write the end of what was too much, and say that the log was cut."""
        left_out = self._seen - HEAD_BYTES - len(self._tail)
        if left_out > 0:
            self._sink.write(f"\n{OURS}{left_out} bytes are left out here\n".encode())
        self._sink.write(self._tail)
        if left_out > 0:
            self._sink.write(f"\n{OURS}the log was cut: {left_out} of {self._seen} bytes are left out\n".encode())
