# ruff: noqa: E101  (the strings hold kernel C, which is indented with tabs and aligned with spaces)
"""Which edits change one behaviour each, apart from mending it?"""

from __future__ import annotations

from kernel_history.edits import Change, append, before, replace
from kernel_history.names import ADEYEMI, BRANDT, HW, OKADA, PL011, SIGNAL, VARGA

# Fixture (a): the first instruction of the handler runs before the tracer sees the step.
MOVED_PC = Change(
    "arm64: signal: do not report a step that entered a handler",
    "The single-step exception after the handler's first instruction tells the tracer soon enough.",
    ADEYEMI,
    (replace(SIGNAL, r"test_thread_flag\(TIF_SINGLESTEP\)(?=\);)", "0", "handle_signal"),),
)

# Fixture (a2): the step is fast-forwarded, as before v5.8: the stop is at the same PC, its si_code differs (and a
# breakpoint on the handler's first instruction is hit).
SI_CODE = Change(
    "arm64: signal: fast-forward the step into a handler",
    "Let the hardware report it: the step exception is then pending when the handler is entered.",
    ADEYEMI,
    (
        replace(SIGNAL, r"test_thread_flag\(TIF_SINGLESTEP\)(?=\);)", "0", "handle_signal"),
        before(SIGNAL, r"signal_setup_done\(", "\tuser_fastforward_single_step(current);\n", "handle_signal"),
    ),
)

# Fixture (c): only the task's own step exception clears the flags, and it never returns to user space to take one.
# It waits asleep, not spinning as in ARM64.md's sketch: ten tasks that spin make the guest's other scenarios slow,
# ten that sleep cost an instruction-counted guest nothing.
UNKILLABLE = Change(
    "arm64: signal: let a suspended breakpoint step finish before the frame is set up",
    "A handler must not be entered in the middle of a step.",
    OKADA,
    (
        before(
            SIGNAL,
            r"rseq_signal_deliver\(",
            """\
#ifdef CONFIG_HAVE_HW_BREAKPOINT
	while (READ_ONCE(current->thread.debug.bps_disabled) ||
	       READ_ONCE(current->thread.debug.wps_disabled))
		schedule_timeout_uninterruptible(HZ);
#endif

""",
            "handle_signal",
        ),
    ),
)

# Fixture (d), the visible form: a late_initcall, when the console is there.
BOOT_PANIC = Change(
    "arm64: hw_breakpoint: insist on a full set of debug registers",
    "Debuggers fail in odd ways where some are missing.",
    VARGA,
    (
        append(
            HW,
            """
/* No CPU model of QEMU's has all 32 of them. */
static int __init hw_breakpoint_check_slots(void)
{
	if (core_num_brps + core_num_wrps < ARM_MAX_BRP + ARM_MAX_WRP)
		panic("hw-breakpoint: debug registers are missing");
	return 0;
}
late_initcall(hw_breakpoint_check_slots);
""",
        ),
    ),
)

# A boot that stops where nobody hears of it: the kernel spins, and what it printed until then is all.
BOOT_HANGS = Change(
    "arm64: hw_breakpoint: wait until all debug registers are there",
    "A CPU that comes up late may not have them yet.",
    OKADA,
    (
        append(
            HW,
            """
/* No CPU model of QEMU's has all 32 of them. */
static int __init hw_breakpoint_wait_for_slots(void)
{
	while (READ_ONCE(core_num_brps) + READ_ONCE(core_num_wrps) < ARM_MAX_BRP + ARM_MAX_WRP)
		cpu_relax();
	return 0;
}
late_initcall(hw_breakpoint_wait_for_slots);
""",
        ),
    ),
)

# Fixture (e), the link error: the one definition goes under another name, its caller in entry-common.c stays.
NO_BUILD = Change(
    "arm64: hw_breakpoint: name the step exception's function after what it does",
    "It finishes the step of a suspended breakpoint.",
    BRANDT,
    (
        replace(HW, r"try_step_suspended_breakpoints(?=\(struct)", "finish_suspended_step"),
        replace(
            HW,
            r"^NOKPROBE_SYMBOL\(try_step_suspended_breakpoints\);$",
            "NOKPROBE_SYMBOL(finish_suspended_step);",
        ),
    ),
)

# Fixture (f): `console=ttyAMA0` then matches nothing, and no message of the kernel's is seen.  A probe that makes its
# own device node for the port is heard all the same.
OTHER_CONSOLE = Change(
    "serial: amba-pl011: give the ports a name of their own",
    "ttyAMA is shared with the SBSA driver, which confuses people.",
    BRANDT,
    (
        replace(PL011, r'(?<=\.dev_name\t\t= ")ttyAMA(?=")', "ttyXMA"),
        replace(PL011, r'(?<=^\t\.name\t\t= ")ttyAMA(?=")', "ttyXMA"),
    ),
)

# Fixture (f) in full: there is no serial port; the guest runs, and powers off without a word.
SILENT = Change(
    "serial: amba-pl011: do not register the driver without a DMA engine",
    "Without one every character is an interrupt.",
    BRANDT,
    (before(PL011, r"pr_info\(", "\tif (!IS_ENABLED(CONFIG_DMADEVICES))\n\t\treturn -ENODEV;\n\n", "pl011_init"),),
)

# Fixture (g): perf_event_open(2) with attr.sigtrap answers EINVAL for every breakpoint.
UNSUP = Change(
    "arm64: hw_breakpoint: refuse events that ask for SIGTRAP",
    "The handler would be entered for ever; say so when the event is opened.",
    OKADA,
    (
        before(
            HW,
            r"Build the arch_hw_breakpoint",
            "\tif (attr->sigtrap)\n\t\treturn -EINVAL;\n\n",
            "hw_breakpoint_arch_parse",
        ),
    ),
)
