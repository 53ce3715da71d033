"""Which build is this vmlinux?

A stranger's build wrote the file, and we read it outside of its walls. So this is a reader of our own, of nothing but
the build id and with a bound to everything: the library for ELF files took 300 MB for one note of 100 MiB, and 18
minutes for a header that promises 2^26 sections.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

# An honest vmlinux has some fifty sections and three of notes, of which the longest has some hundred bytes.
SECTIONS, NOTE_SECTIONS, NOTES, ID = 4096, 64, 1 << 16, 64
_HEADER, _SECTION = "HHIQQQIHHHHHH", "IIQQQQIIQQ"
_64_BITS, _ORDERS = 2, {1: "<", 2: ">"}
_SHT_NOTE, _NT_GNU_BUILD_ID = 7, 3


def build_id(vmlinux: Path) -> str | None:
    """Return the GNU build id in lower-case hex, None if the file has none or is odd. Raises OSError."""
    with vmlinux.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        begin = stream.read(64)
        order = _ORDERS.get(begin[5]) if len(begin) == 64 and begin[:5] == b"\x7fELF" + bytes([_64_BITS]) else None
        if order is None:
            return None
        for offset, length in islice(_note_sections(stream, begin, order, size), NOTE_SECTIONS):
            stream.seek(offset)
            if (found := _in_notes(stream.read(length), order)) is not None:
                return found
    return None


def _note_sections(stream: BinaryIO, begin: bytes, order: str, size: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of each section of notes that lies in the file."""
    header = struct.unpack(order + _HEADER, begin[16:])
    offset, entry, count = header[5], header[10], header[11]
    whole = struct.calcsize(order + _SECTION)
    if entry != whole or count > SECTIONS or offset + count * whole > size:
        return
    stream.seek(offset)
    for _, kind, _, _, at, length, *_ in struct.iter_unpack(order + _SECTION, stream.read(count * whole)):
        if kind == _SHT_NOTE and length <= NOTES and at + length <= size:
            yield at, length


def _in_notes(notes: bytes, order: str) -> str | None:
    """Return the build id among a section's notes: name and description each fill up to four bytes."""
    at = 0
    while at + 12 <= len(notes):
        name_length, length, kind = struct.unpack_from(order + "III", notes, at)
        name = at + 12
        content = name + (name_length + 3) // 4 * 4
        if content + length > len(notes):
            return None
        if kind == _NT_GNU_BUILD_ID and notes[name : name + name_length] == b"GNU\0":
            return notes[content : content + length].hex() if 0 < length <= ID else None
        at = content + (length + 3) // 4 * 4
    return None
