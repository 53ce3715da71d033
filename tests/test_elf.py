"""Is the build id of an honest vmlinux found, and does no other file cost more than a look?"""

from __future__ import annotations

import resource
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisector.host import elf
from tests.test_properties import tried

ID = "0123456789abcdef0123456789abcdef01234567"
NOTE = struct.pack("<III4s20s", 4, 20, 3, b"GNU\0", bytes.fromhex(ID))


def image(notes: bytes = NOTE, order: str = "<", count: int = 1, entry: int = 64, length: int | None = None) -> bytes:
    """Return an ELF file with one section of notes."""
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    header = struct.pack(order + "HHIQQQIHHHHHH", 2, 183, 1, 0, 0, 64, 0, 64, 0, 0, entry, count, 0)
    length = len(notes) if length is None else length
    return ident + header + struct.pack(order + "IIQQQQIIQQ", 0, 7, 0, 0, 128, length, 0, 0, 4, 0) + notes


def read(tmp_path: Path, content: bytes) -> str | None:
    path = tmp_path / "vmlinux"
    path.write_bytes(content)
    return elf.build_id(path)


@pytest.mark.parametrize("compiler", ["gcc", "aarch64-linux-gnu-gcc"])
def test_the_linker_s_build_id_is_found_among_other_notes(compiler: str, tmp_path: Path) -> None:
    assert shutil.which(compiler)
    source, made = tmp_path / "a.c", tmp_path / "a"
    other = '\\t.section .note.a,\\"a\\",%note\\n\\t.long 2,5,1\\n\\t.asciz \\"L\\"\\n\\t.balign 4\\n\\t.skip 8\\n'
    source.write_text(f'__asm__("{other}\\t.text\\n");\nint main(void) {{ return 0; }}\n')
    subprocess.run([compiler, f"-Wl,--build-id=0x{ID}", "-o", made, source], check=True)
    assert elf.build_id(made) == ID


def test_both_byte_orders_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, image()) == ID
    big = struct.pack(">III4s20s", 4, 20, 3, b"GNU\0", bytes.fromhex(ID))
    assert read(tmp_path, image(big, ">")) == ID


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF",
        image()[:-1],
        image(length=1 << 63),
        image(entry=0),
        image(count=2),
        image(count=0),
        image(b"\xff" * 60),
        image(struct.pack("<III4s", 4, 0, 3, b"GNU\0")),
        image(struct.pack("<III4s65s", 4, 65, 3, b"GNU\0", b"x" * 65)),
        image(struct.pack("<III4s20s", 4, 20, 3, b"gnu\0", bytes(20))),
        image(NOTE.ljust((64 << 10) + 4, b"\0")),
        image()[:4] + b"\x01" + image()[5:],
        image()[:5] + b"\x07" + image()[6:],
    ],
)
def test_what_is_odd_has_no_build_id(content: bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content) is None


@tried
@given(st.integers(0, 200), st.binary(max_size=12))
def test_a_damaged_file_is_read_without_failing(
    tmp_path_factory: pytest.TempPathFactory, at: int, put: bytes
) -> None:
    sound = image()
    found = read(tmp_path_factory.getbasetemp(), sound[:at] + put + sound[at + len(put) :])
    assert found is None or len(found) <= 2 * elf.ID


def test_a_file_that_promises_without_end_costs_neither_time_nor_memory(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    header, section = image(count=4096)[:64], image(b"", length=elf.NOTES)[64:128]
    # Every section is the same 64 KiB of empty notes.
    path.write_bytes(header + section * 4096 + b"\0" * elf.NOTES)
    huge = tmp_path / "huge"
    huge.write_bytes(image(length=100 << 20, count=0xFFFF))
    with huge.open("r+b") as stream:
        stream.truncate(200 << 20)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert elf.build_id(path) is None
    assert elf.build_id(huge) is None
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10
