"""What differs between architectures? One frozen row each; add a row, and the rooms need no change."""

from __future__ import annotations

from dataclasses import dataclass

from bisector.errors import UserError


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one architecture's kernels are made and booted.

    `name`: kbuild's ARCH. `machine` and `cpu`: QEMU's. `image`: the make target; `image_path`: where make
    leaves it, below the object directory. `console`: the kernel command line's first words. `clock`: the physical
    address at which the machine's clock chip has its seconds. `suspects`: the files that a hit, its signal and a
    step go through, in all versions, and directories of such.
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
    suspects: tuple[str, ...]


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
        suspects=(
            "arch/arm64/include/asm/assembler.h",
            "arch/arm64/include/asm/daifflags.h",
            "arch/arm64/include/asm/debug-monitors.h",
            "arch/arm64/include/asm/entry-common.h",
            "arch/arm64/include/asm/exception.h",
            "arch/arm64/include/asm/hw_breakpoint.h",
            "arch/arm64/include/asm/processor.h",
            "arch/arm64/include/asm/ptrace.h",
            "arch/arm64/include/asm/signal.h",
            "arch/arm64/include/asm/signal32.h",
            "arch/arm64/include/asm/thread_info.h",
            "arch/arm64/include/asm/traps.h",
            "arch/arm64/kernel/debug-monitors.c",
            "arch/arm64/kernel/entry-common.c",
            "arch/arm64/kernel/entry.S",
            "arch/arm64/kernel/hw_breakpoint.c",
            "arch/arm64/kernel/kgdb.c",
            "arch/arm64/kernel/probes",
            "arch/arm64/kernel/process.c",
            "arch/arm64/kernel/ptrace.c",
            "arch/arm64/kernel/signal.c",
            "arch/arm64/kernel/signal32.c",
            "arch/arm64/kernel/syscall.c",
            # arm64_force_sig_fault() sends the SIGTRAP of a step.
            "arch/arm64/kernel/traps.c",
            # Debug exceptions were handed out here before v6.17, and before the stable releases that took that over.
            "arch/arm64/mm/fault.c",
            # The signals of O_ASYNC are sent by way of irq_work and send_sigio().
            "fs/fcntl.c",
            "include/linux/entry-common.h",
            "include/linux/hw_breakpoint.h",
            "include/linux/irq-entry-common.h",
            "include/linux/perf_event.h",
            "include/linux/ptrace.h",
            "include/linux/resume_user_mode.h",
            "include/linux/sched/signal.h",
            "include/linux/signal.h",
            "include/linux/tracehook.h",
            "include/uapi/asm-generic/siginfo.h",
            "include/uapi/linux/perf_event.h",
            "kernel/entry",
            "kernel/events/core.c",
            "kernel/events/hw_breakpoint.c",
            "kernel/events/uprobes.c",
            "kernel/irq_work.c",
            "kernel/ptrace.c",
            "kernel/signal.c",
            "kernel/task_work.c",
        ),
    ),
)


def architecture(name: str) -> Architecture:
    """Return the row of that name. Raises UserError."""
    for row in ARCHITECTURES:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in ARCHITECTURES)
    raise UserError(f"no architecture {name!r}", f"known: {known}")
