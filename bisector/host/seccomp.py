"""Which system calls does a build do without? A filter for bubblewrap, as classic BPF.

Namespaces hide networks and processes, but not all that a kernel has: a vsock leads out of a virtual machine past any
network namespace, and the kernel's keys belong to the user, wherever the process. So sockets are of the four usual
families, and keys are not there. io_uring neither: it opens sockets without a system call of that name.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: all of a network namespace's, or of the file system.
FAMILIES = (1, 2, 10, 16)
# seccomp_data: the call's number, its architecture, and the lower half of its first argument (little-endian).
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_IO_URING_SETUP = 425


@dataclass(frozen=True, slots=True)
class _Table:
    """One architecture's calls. `sockets`: socket and socketpair; `none`: add_key, request_key, keyctl, and others.

    `foreign`: the number from which on calls are another architecture's (x32's), which is not there at all.
    """

    architecture: int
    sockets: tuple[int, ...]
    none: tuple[int, ...]
    foreign: int = 0x40000000


# The machine's own programs, and its 32-bit ones, in which socketcall hides the family behind a pointer.
_TABLES = {
    "x86_64": (
        _Table(0xC000003E, (41, 53), (248, 249, 250, _IO_URING_SETUP)),
        _Table(0x40000003, (359, 360), (102, 286, 287, 288, _IO_URING_SETUP)),
    ),
    "aarch64": (
        _Table(0xC00000B7, (198, 199), (217, 218, 219, _IO_URING_SETUP)),
        _Table(0x40000028, (281, 288), (102, 309, 310, 311, _IO_URING_SETUP)),
    ),
}


# keyctl(2)'s number where there is no table too: no build shall have its caller's keys.
KEYCTL = {
    "x86_64": 250, "aarch64": 219, "riscv64": 219, "loongarch64": 219, "ppc64le": 271, "ppc64": 271, "s390x": 280,
    "i686": 288, "armv7l": 311,
}  # fmt: skip


def known(machine: str) -> bool:
    """Tell whether there is a filter for this machine."""
    return machine in _TABLES


def program(machine: str) -> bytes:
    """Return the filter for a machine, as the kernel reads it."""
    blocks = [_block(table) for table in _TABLES[machine]]
    words = [word for block in blocks for word in block] + [_no(errno.ENOSYS)]
    return b"".join(struct.pack("<HBBI", *word) for word in words)


@contextmanager
def filtering() -> Iterator[int | None]:
    """Hold a descriptor that bubblewrap can read this machine's filter from, once; None if there is no filter."""
    machine = os.uname().machine
    if not known(machine):
        yield None
        return
    descriptor = os.memfd_create("seccomp")
    try:
        os.write(descriptor, program(machine))
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


_Word = tuple[int, int, int, int]


def _block(table: _Table) -> list[_Word]:
    """Return what is done with calls of this architecture; with others, whatever comes behind."""
    body: list[_Word] = [(_LOAD, 0, 0, _NUMBER), *_unless(_AT_LEAST, table.foreign, [_no(errno.ENOSYS)])]
    for number in table.none:
        body += _unless(_EQUAL, number, [_no(errno.ENOSYS)])
    for number in table.sockets:
        body += _unless(_EQUAL, number, _family())
    body.append((_RETURN, 0, 0, _ALLOW))
    return [(_LOAD, 0, 0, _ARCHITECTURE), *_unless(_EQUAL, table.architecture, body)]


def _family() -> list[_Word]:
    allowed: Iterable[_Word] = ((_EQUAL, len(FAMILIES) - at, 0, family) for at, family in enumerate(FAMILIES))
    return [(_LOAD, 0, 0, _FIRST), *allowed, _no(errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]


def _unless(test: int, value: int, then: list[_Word]) -> list[_Word]:
    """Return a test that jumps over `then` if it fails."""
    return [(test, 0, len(then), value), *then]


def _no(number: int) -> _Word:
    return (_RETURN, 0, 0, _ERRNO | number)
