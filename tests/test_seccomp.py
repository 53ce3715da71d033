"""Is the filter of system calls one that the kernel takes, and does it refuse by family and by number?"""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bisector.host import sandbox, seccomp

ALLOWED, NATIVE = 0, {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COMPAT = {"x86_64": 0x40000003, "aarch64": 0x40000028}
SOCKET = {"x86_64": (41, 359), "aarch64": (198, 281)}
KEYCTL = {"x86_64": (250, 288), "aarch64": (219, 311)}
MACHINES = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def judged(machine: str, architecture: int, number: int, first: int = 0) -> int:
    """Run the filter as the kernel would; return the error's number, 0 for a call that is let through."""
    made = seccomp.program(machine)
    words = list(struct.iter_unpack("<HBBI", made))
    call = struct.pack("<iIQQ", number, architecture, 0, first)
    at = held = 0
    while True:
        code, then, otherwise, value = words[at]
        at += 1
        match code:
            case 0x20:
                [held] = struct.unpack_from("<I", call, value)
            case 0x15:
                at += then if held == value else otherwise
            case 0x35:
                at += then if held >= value else otherwise
            case 0x06:
                return 0 if value == 0x7FFF0000 else value & 0xFFFF
            case _:
                raise AssertionError(f"no such word: {code:#x}")


@MACHINES
def test_a_socket_is_judged_by_its_family(machine: str) -> None:
    for architecture, number in zip((NATIVE[machine], COMPAT[machine]), SOCKET[machine], strict=True):
        for family in range(60):
            usual = family in (1, 2, 10, 16)
            assert judged(machine, architecture, number, family) == (0 if usual else errno.EAFNOSUPPORT)
        # The kernel looks at the lower half only.
        assert judged(machine, architecture, number, 1 << 32 | 40) == errno.EAFNOSUPPORT


@MACHINES
def test_keys_and_what_goes_around_the_filter_are_not_there(machine: str) -> None:
    for architecture, keyctl in zip((NATIVE[machine], COMPAT[machine]), KEYCTL[machine], strict=True):
        for number in (keyctl, keyctl - 1, keyctl - 2, 425):
            assert judged(machine, architecture, number) == errno.ENOSYS
        assert judged(machine, architecture, 4) == ALLOWED
    assert judged(machine, COMPAT[machine], 102) == errno.ENOSYS
    assert judged(machine, NATIVE[machine], 102) == ALLOWED
    # x32's numbers, and an architecture that is none of this machine's.
    assert judged(machine, NATIVE[machine], 0x40000000 + 41) == errno.ENOSYS
    assert judged(machine, 0x1234, 4) == errno.ENOSYS


def test_a_command_in_the_sandbox_has_the_usual_families_only(tmp_path: Path) -> None:
    assert seccomp.known(os.uname().machine)
    script = tmp_path / "families.pl"
    script.write_text("socket(S, $_, 2, 0) and print qq($_ ) for 1, 2, 10, 16, 17, 40;")
    with seccomp.filtering() as filtered:
        assert filtered is not None
        argv = sandbox.inside(sandbox.Walls((tmp_path,)), ["perl", str(script)], filtered)
        ran = subprocess.run(argv, pass_fds=(filtered,), capture_output=True, text=True, check=True)
    # Without netlink's protocol 0 a datagram socket of it is there too.
    assert ran.stdout.split() == ["1", "2", "10", "16"]
    assert sys.byteorder == "little"
