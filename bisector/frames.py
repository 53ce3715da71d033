"""Which lines of the console did the probe say? Text and nonce -> frames, by guest/PROTOCOL.md. (pure)"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the probe whose nonce and checksum are right. `at`: where in the text it was first said."""

    sequence: int
    verb: str
    words: dict[str, str]
    line: str
    at: int


class TwoStoriesError(ValueError):
    """Two different lines have the same number, and both checksums are right."""


def frames(text: str, nonce: str) -> Iterator[Frame]:
    """Yield the probe's lines, each sequence number once, in order of number.

    A line that was torn by a kernel message fails its checksum; its second copy stands in for it. Raises
    TwoStoriesError if two copies differ and both are signed: then somebody else knows the nonce.
    """
    pattern = re.compile(rf"@bsct {re.escape(nonce)} ([0-9]{{1,9}}) ([0-9a-f]{{8}}) ((?:(?!@bsct )[ -~]){{1,400}})")
    found: dict[int, Frame] = {}
    for match in pattern.finditer(text):
        sequence, check, payload = int(match[1]), match[2], match[3]
        said = f"{nonce} {match[1]} {payload}"
        if f"{zlib.crc32(said.encode()):08x}" != check:
            continue
        if sequence in found and found[sequence].line != match[0]:
            raise TwoStoriesError(sequence)
        verb, *pairs = payload.split(" ")
        words = dict(pair.partition("=")[::2] for pair in pairs)
        found.setdefault(sequence, Frame(sequence, verb, words, match[0], match.start()))
    yield from (found[sequence] for sequence in sorted(found))


def printed(text: str) -> list[str]:
    """Return the lines that the guest printed, without empty ones: QEMU's own warnings share the terminal with it."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("qemu-system-")]
