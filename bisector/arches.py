"""What differs between architectures? One frozen row each; add a row, and the rooms need no change."""

from __future__ import annotations

from dataclasses import dataclass

from bisector.errors import UserError


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one architecture's kernels are made and booted.

    `name`: kbuild's ARCH. `machine` and `cpu`: QEMU's. `image`: the make target; `image_path`: where make
    leaves it, below the object directory. `console`: the kernel command line's first words. `clock`: the physical
    address at which the machine's clock chip has its seconds.
    """

    name: str
    cross_compile: str
    image: str
    image_path: str
    qemu: str
    machine: str
    cpu: str
    console: str
    clock: int
    host_machine: str


ARCHITECTURES = (
    Architecture(
        name="arm64",
        cross_compile="aarch64-linux-gnu-",
        image="Image",
        image_path="arch/arm64/boot/Image",
        qemu="qemu-system-aarch64",
        # gic-version is left at QEMU's default: the probe needs no particular interrupt controller.
        machine="virt",
        # Six breakpoint and four watchpoint registers; the emulation of debug registers does not depend on
        # the model (QEMU 7.2, target/arm/debug_helper.c), and this one boots the fastest of those tried.
        cpu="cortex-a57",
        console="console=ttyAMA0",
        # PL011's neighbour PL031, register RTCDR (QEMU, hw/arm/virt.c: VIRT_RTC).
        clock=0x09010000,
        host_machine="aarch64",
    ),
)


def architecture(name: str) -> Architecture:
    """Return the row of that name. Raises UserError."""
    for row in ARCHITECTURES:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in ARCHITECTURES)
    raise UserError(f"no architecture {name!r}", f"known: {known}")
