"""Is a program counter named as the kernel's map has it?"""

from __future__ import annotations

import resource
from pathlib import Path

from bisector.place import Symbols, loaded_at, read, told

MAP = """\
0000000000000000 A _kernel_flags_le_hi32
ffff800080000000 T _text
ffff800080000040 t primary_entry
ffff800080010000 T handle_signal
ffff800080010100 T cpu_do_idle
ffff800080020000 D some_data
"""
SYMBOLS = Symbols(MAP.splitlines())
AT, IDLE = 0xFFFF800080010040, 0xFFFF800080010110


def test_a_cpu_that_stands_is_named_with_its_offset() -> None:
    assert told(1, [(AT, 1)] * 5, SYMBOLS) == "CPU1 in handle_signal+0x40, 5 of 5 samples"


def test_a_cpu_that_moves_is_named_by_its_functions() -> None:
    looks = [(AT, 1), (AT + 4, 1), (AT + 8, 1), (IDLE, 1), (0x400123, 0)]
    said = told(0, looks, SYMBOLS)
    assert said == "CPU0 in handle_signal, 3 of 5 samples; idle, 1 of 5 samples; in user space, 1 of 5 samples"


def test_an_idle_cpu_and_one_that_was_never_started_are_said_so() -> None:
    assert told(0, [(IDLE, 1)] * 5, SYMBOLS) == "CPU0 idle, 5 of 5 samples"
    assert told(1, [(0, 1)] * 5, SYMBOLS) == "CPU1 off, 5 of 5 samples"


def test_before_the_mmu_is_on_the_place_is_found_by_its_physical_address() -> None:
    assert told(0, [(0x40200044, 1)], SYMBOLS) == "CPU0 in primary_entry+0x4, 1 of 1 samples"


def test_a_kernel_from_before_v5_8_stands_where_its_header_says() -> None:
    code = bytes(8)
    assert loaded_at(code + bytes(8)) == 0x40200000
    old = loaded_at(code + (0x80000).to_bytes(8, "little"))
    assert told(0, [(0x40080044, 1)], Symbols(MAP.splitlines(), old)) == "CPU0 in primary_entry+0x4, 1 of 1 samples"


def test_a_place_in_no_function_is_told_as_it_is() -> None:
    assert told(0, [(0x1234, 1)], SYMBOLS) == "CPU0 in 0x1234, 1 of 1 samples"
    assert told(0, [(0xFFFF900000000000, 2)], SYMBOLS) == "CPU0 in 0xffff900000000000, 1 of 1 samples"
    assert told(0, [(AT, 1)], Symbols([])) == f"CPU0 in {AT:#x}, 1 of 1 samples"


def test_a_map_that_means_harm_is_read_as_far_as_it_is_one(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "System.map"
    long = b"ffff800080010000 T " + b"h" * 500
    with path.open("wb") as stream:
        stream.write(b"no address T at_all\n-1 t negative\n\xff\xff\n" + long + b"\n" + b"x" * (8 << 20) + b"\n")
        for _ in range(64):
            stream.write(b"0 t a\n" * 100_000)
    assert told(0, [(AT, 1)], read(path, loaded_at(b""))) == f"CPU0 in {'h' * 200}+0x40, 1 of 1 samples"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10
