"""Which edits change no behaviour that is looked at?"""

from __future__ import annotations

from kernel_history.edits import Change, Edit, Where, above, after, append, before, rename
from kernel_history.names import ADEYEMI, BRANDT, HOLM, HW, OKADA, PL011, VARGA


def neutral(author: str, subject: str, edit: Edit) -> Change:
    """Make a commit of one edit, whose subject says all."""
    body = "No functional change." if edit.where is Where.RENAME else ""
    return Change(subject, body, author, (edit,))


UPTIME = neutral(
    VARGA,
    "fs/proc: uptime: shorten the name of the idle sum",
    rename("fs/proc/uptime.c", "uptime_proc_show", "idle_nsec", "idle_ns"),
)
LOADAVG = neutral(
    VARGA,
    "fs/proc: loadavg: fix the spelling of a local array",
    rename("fs/proc/loadavg.c", "loadavg_proc_show", "avnrun", "averages"),
)
CONSOLES = neutral(
    BRANDT,
    "fs/proc: consoles: say what the flag table holds",
    rename("fs/proc/consoles.c", "show_console_dev", "con_flags", "flag_letters"),
)
BCD = neutral(
    OKADA,
    "lib/bcd: name the tens digit",
    rename("lib/bcd.c", "_bin2bcd", "t", "tens"),
)
HEXDUMP = neutral(
    OKADA,
    "lib/hexdump: tell the line's length from its buffer",
    rename("lib/hexdump.c", "print_hex_dump", "linelen", "line_len"),
)
RANGE = neutral(
    ADEYEMI,
    "kernel/range: call the beginning of two ranges' common part an overlap",
    rename("kernel/range.c", "add_range_with_merge", "common_start", "overlap_start"),
)
TASK_WORK = neutral(
    HOLM,
    "task_work: rename the modifier flags in task_work_add()",
    rename("kernel/task_work.c", "task_work_add", "flags", "twaf"),
)
IRQ_WORK = neutral(
    HOLM,
    "irq_work: explain who wakes the per-CPU thread",
    above("kernel/irq_work.c", "wake_irq_workd", "/* Lazy work waits for the next tick, or for the thread. */\n"),
)
PSCI = neutral(
    ADEYEMI,
    "arm64: psci: use the usual name for a return value",
    rename("arch/arm64/kernel/psci.c", "cpu_psci_cpu_boot", "err", "ret"),
)
SLOT_CURSOR = neutral(
    HOLM,
    "arm64: hw_breakpoint: tell the slot from the array it is in",
    rename(HW, "hw_breakpoint_slot_setup", "slot", "candidate"),
)
OS_LOCK = neutral(
    ADEYEMI,
    "arm64: debug-monitors: log that the OS lock gets cleared",
    before(
        "arch/arm64/kernel/debug-monitors.c",
        r"return cpuhp_setup_state\(",
        '\tpr_info("debug monitors: clearing the OS lock on every CPU\\n");\n',
        "debug_monitors_init",
    ),
)
PL011_CLOCK = neutral(
    BRANDT,
    "serial: amba-pl011: note why the console only prepares its clock",
    before(PL011, r"= clk_prepare\(", "\t/* It is enabled for each write. */\n", "pl011_console_setup"),
)
SPIN = neutral(
    OKADA,
    "panic: spell out the loop variable's meaning in spin_msec()",
    rename("kernel/panic.c", "spin_msec", "i", "elapsed"),
)
STACK_VMA = neutral(
    VARGA,
    "mm/util: use the customary name for a task",
    rename("mm/util.c", "vma_is_stack_for_current", "t", "tsk"),
)
WEIGHT = neutral(
    HOLM,
    "perf/hw_breakpoint: document the weight of a breakpoint",
    after(
        "kernel/events/hw_breakpoint.c",
        r"^\{$",
        "\t/* Architectures with ranges made of two registers would say 2 here. */\n",
        "hw_breakpoint_weight",
    ),
)

# -- neutral commits in files that it does not build

DOC_PERF = neutral(
    ADEYEMI,
    "Documentation: arm64: perf: mention hardware breakpoints",
    append(
        "Documentation/arch/arm64/perf.rst",
        """
Hardware breakpoints
--------------------

Events of type PERF_TYPE_BREAKPOINT do not need a PMU driver.  They use the
debug registers, whose number the kernel logs while it boots.
""",
    ),
)
DOC_PTDUMP = neutral(
    VARGA,
    "Documentation: arm64: ptdump: say how to save a dump",
    append("Documentation/arch/arm64/ptdump.rst", "\nTo save a dump, read the file to its end with ``cat``.\n"),
)
X86_RESTORE = neutral(
    OKADA,
    "x86/hw_breakpoint: remark on the order in hw_breakpoint_restore()",
    above("arch/x86/kernel/hw_breakpoint.c", "hw_breakpoint_restore", "/* DR7 comes last: it arms them. */\n"),
)
ARM_MODE = neutral(
    ADEYEMI,
    "ARM: hw_breakpoint: say that monitor mode may be on already",
    above("arch/arm/kernel/hw_breakpoint.c", "enable_monitor_mode", "/* Cheap when the mode is on already. */\n"),
)
DUMMY = neutral(
    BRANDT,
    "net: dummy: note that packets are counted before they are dropped",
    above("drivers/net/dummy.c", "dummy_xmit", "/* Count the packet, then forget it. */\n"),
)
SOUND = neutral(
    VARGA,
    "ALSA: core: rename the cursor in get_slot_from_bitmask()",
    rename("sound/core/init.c", "get_slot_from_bitmask", "slot", "card"),
)
ICMP = neutral(
    BRANDT,
    "icmp: say what happens to a discarded message",
    above("net/ipv4/icmp.c", "icmp_discard", "/* For types that need no answer. */\n"),
)
SELFTEST = neutral(
    HOLM,
    "selftests/breakpoints: note why the variable is aligned",
    before(
        "tools/testing/selftests/breakpoints/breakpoint_test_arm64.c",
        r"^static volatile uint8_t var\[",
        "/* Aligned so that every access of up to 32 bytes stays in one granule. */\n",
    ),
)
PERF_TEST = neutral(
    HOLM,
    "perf test sigtrap: note that the handler counts for all threads",
    before(
        "tools/perf/tests/sigtrap.c",
        r"__atomic_fetch_add\(&ctx\.signal_count",
        "\t/* One count for all threads; only the first siginfo is kept. */\n",
        "sigtrap_handler",
    ),
)
SAMPLE = neutral(
    ADEYEMI,
    "samples/hw_breakpoint: point out the default symbol",
    before(
        "samples/hw_breakpoint/data_breakpoint.c",
        r"^static char ksym_name\[",
        "/* A symbol that is written often, so that something is seen at once. */\n",
    ),
)
