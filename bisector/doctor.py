"""What is missing on this machine, and which command mends it?"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bisector.arches import architecture
from bisector.host import sandbox


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked for. `required`: no kernel can be tested without it. `package`: Debian's."""

    name: str
    needed_for: str
    package: str
    required: bool
    found: bool


# What make takes of LLVM, and Debian's packages.
_LLVM = {"clang": "clang", "ld.lld": "lld", "llvm-nm": "llvm", "llvm-ar": "llvm", "llvm-objcopy": "llvm"}


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _links(compiler: str, *flags: str, source: str = "int main(void) { return 0; }\n") -> Callable[[], bool]:
    """Return a check that the compiler makes a program, not only that it is there."""

    def works() -> bool:
        if shutil.which(compiler) is None:
            return False
        with tempfile.TemporaryDirectory() as place:
            Path(place, "a.c").write_text(source)
            done = subprocess.run(
                [compiler, *flags, "-o", f"{place}/a", f"{place}/a.c"], capture_output=True, timeout=60, check=False
            )
        return done.returncode == 0

    return works


def checks(arch: str, cross_compile: str, llvm: str = "") -> tuple[Check, ...]:
    """Look for everything. The order is the order in which a step needs it. `llvm`: make's LLVM= value."""
    row = architecture(arch)
    cross = f"{cross_compile}gcc"
    walls = sandbox.why_not()
    table: tuple[tuple[str, str, str, bool, Callable[[], bool]], ...] = (
        ("git", "the search and the checkouts", "git", True, _program("git")),
        ("setpriv", "nothing outlives a killed bisector", "util-linux", True, _program("setpriv")),
        ("make", "building", "make", True, _program("make")),
        ("gcc", "the kernel's own build programs", "gcc libc6-dev", True, _links("gcc")),
        ("flex", "the kernel's configuration programs", "flex", True, _program("flex")),
        ("bison", "the kernel's configuration programs", "bison", True, _program("bison")),
        ("bc", "the kernel's time constants", "bc", True, _program("bc")),
        ("perl", "some of the kernel's generated files", "perl", True, _program("perl")),
        (cross, "compiling the kernel", "gcc-aarch64-linux-gnu", True, _program(cross)),
        (
            f"{cross} -static",
            "compiling the probe",
            "libc6-dev-arm64-cross",
            True,
            _links(cross, "-static", source='#include <stdio.h>\nint main(void) { return puts(""); }\n'),
        ),
        (row.qemu, "booting", "qemu-system-arm", True, _program(row.qemu)),
        ("ccache", "building the same file only once", "ccache", False, _program("ccache")),
        (
            "bwrap",
            "building what nobody has read" + (f": {walls}" if shutil.which("bwrap") and walls else ""),
            # Where it is there and does not work, to install it does not help.
            "bubblewrap" if shutil.which("bwrap") is None else "",
            False,
            lambda: not walls,
        ),
        (
            "openssl headers",
            "kernels whose fragments ask for signed modules",
            "libssl-dev",
            False,
            _links("gcc", source="#include <openssl/bio.h>\nint main(void) { return 0; }\n"),
        ),
    )
    version = llvm if llvm.startswith("-") else ""
    for name, package in _LLVM.items() if llvm else ():
        program = f"{name}{version}"
        found = (program, "compiling the kernel with LLVM", f"{package}{version}", True, _program(program))
        table = (*table, found)
    return tuple(Check(name, needed, package, required, look()) for name, needed, package, required, look in table)


def remedy(found: tuple[Check, ...]) -> str:
    """Return the one command that installs what is missing, "" if nothing is."""
    packages = sorted({package for check in found if not check.found for package in check.package.split()})
    if not packages:
        return ""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get install --no-install-recommends {' '.join(packages)}"
