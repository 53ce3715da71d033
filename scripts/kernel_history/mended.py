# ruff: noqa: E101  (the strings hold kernel C, which is indented with tabs and aligned with spaces)
"""Which edit lets the step over a reported instruction survive the handler, so that it traps once?"""

from __future__ import annotations

from kernel_history.edits import Change, after, create, replace
from kernel_history.names import HOLM, HW, PTRACE, SIGNAL

# Fixture (b) of ARM64.md in its better form.  That page's sketch remembers the reported PC in the thread and
# loses every second hit when a handler disables the event, skips the instruction or leaves with siglongjmp.  Here
# the suspended step travels in the signal frame and is taken up at rt_sigreturn, so it ends with the frame.  No
# member is added to struct debug_info (asm/processor.h): what must be remembered is in the frame, and the three
# old members say the rest.
SIGNAL_STEP_HEADER = "arch/arm64/include/asm/hw_breakpoint_signal.h"
MENDED = Change(
    "arm64: hw_breakpoint: step over the reported instruction after the handler",
    """
A hardware breakpoint traps before its instruction, so it is disabled while
that instruction is single-stepped.  A signal raised by the hit (perf sigtrap,
or O_ASYNC) gets in between: the step is taken in the signal handler, on its
first instruction, the breakpoint is enabled again, and when the handler
returns the same instruction traps again, for ever.

Let the suspended step travel with the signal frame.  On entry to the handler
enable the breakpoints and note in uc_flags which kind was being stepped, and
at which PC.  When rt_sigreturn comes back to that PC, suspend them and step.
The frame is the right place: a handler that returns elsewhere, leaves with
siglongjmp or is nested leaves nothing behind.  rt_sigreturn's exit path must
not take that step for a tracer's and report it.

AArch32 tasks keep the old behaviour.
""",
    HOLM,
    (
        create(
            SIGNAL_STEP_HEADER,
            """\
/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __ASM_HW_BREAKPOINT_SIGNAL_H
#define __ASM_HW_BREAKPOINT_SIGNAL_H

#include <linux/types.h>

struct pt_regs;

#ifdef CONFIG_HAVE_HW_BREAKPOINT
unsigned long hw_breakpoint_signal_entry(struct pt_regs *regs);
void hw_breakpoint_signal_return(struct pt_regs *regs, unsigned long mark);
bool hw_breakpoint_owns_step(struct pt_regs *regs);
#else
static inline unsigned long hw_breakpoint_signal_entry(struct pt_regs *regs)
{
	return 0;
}

static inline void hw_breakpoint_signal_return(struct pt_regs *regs,
					       unsigned long mark)
{
}

static inline bool hw_breakpoint_owns_step(struct pt_regs *regs)
{
	return false;
}
#endif

#endif /* __ASM_HW_BREAKPOINT_SIGNAL_H */
""",
        ),
        after(HW, r"^#include <asm/hw_breakpoint\.h>$", "#include <asm/hw_breakpoint_signal.h>\n"),
        after(
            HW,
            r"^NOKPROBE_SYMBOL\(try_step_suspended_breakpoints\);$",
            """\

/*
 * What a signal frame remembers of a step that the handler interrupted: the PC
 * of the instruction, which is 4-aligned, and in its low bits whether it was
 * breakpoints or watchpoints that were suspended to step it.
 */
#define SUSPENDED_BPS		1UL
#define SUSPENDED_WPS		2UL
#define SUSPENDED_MASK		(SUSPENDED_BPS | SUSPENDED_WPS)

/* A handler is about to run: it has its breakpoints, the step waits for it. */
unsigned long hw_breakpoint_signal_entry(struct pt_regs *regs)
{
	struct debug_info *debug_info = &current->thread.debug;
	unsigned long flags, mark = 0;

	if (is_compat_task())
		return 0;
	if (!debug_info->bps_disabled && !debug_info->wps_disabled)
		return 0;

	local_irq_save(flags);
	if (debug_info->bps_disabled) {
		mark |= SUSPENDED_BPS;
		debug_info->bps_disabled = 0;
		toggle_bp_registers(AARCH64_DBG_REG_BCR, DBG_ACTIVE_EL0, 1);
	}
	if (debug_info->wps_disabled) {
		mark |= SUSPENDED_WPS;
		debug_info->wps_disabled = 0;
		toggle_bp_registers(AARCH64_DBG_REG_WCR, DBG_ACTIVE_EL0, 1);
	}

	/* A tracer that was asked on the way here may want a step of its own. */
	if (debug_info->suspended_step)
		debug_info->suspended_step = 0;
	else if (!current->ptrace)
		user_disable_single_step(current);
	local_irq_restore(flags);

	user_regs_reset_single_step(&regs->user_regs, current);
	return (instruction_pointer(regs) & ~SUSPENDED_MASK) | mark;
}

/* Back from a handler: take the step now, unless it went elsewhere. */
void hw_breakpoint_signal_return(struct pt_regs *regs, unsigned long mark)
{
	struct debug_info *debug_info = &current->thread.debug;
	unsigned long flags;
	bool stepping;

	if (is_compat_task() || !(mark & SUSPENDED_MASK))
		return;
	if ((mark & ~SUSPENDED_MASK) != instruction_pointer(regs))
		return;

	local_irq_save(flags);
	stepping = debug_info->bps_disabled || debug_info->wps_disabled;
	if (mark & SUSPENDED_BPS) {
		debug_info->bps_disabled = 1;
		toggle_bp_registers(AARCH64_DBG_REG_BCR, DBG_ACTIVE_EL0, 0);
	}
	if (mark & SUSPENDED_WPS) {
		debug_info->wps_disabled = 1;
		toggle_bp_registers(AARCH64_DBG_REG_WCR, DBG_ACTIVE_EL0, 0);
	}
	if (!stepping && test_thread_flag(TIF_SINGLESTEP))
		debug_info->suspended_step = 1;
	else
		user_enable_single_step(current);
	local_irq_restore(flags);
}

/* On the way out of rt_sigreturn: is the step ours rather than a tracer's? */
bool hw_breakpoint_owns_step(struct pt_regs *regs)
{
	struct debug_info *debug_info = &current->thread.debug;

	return !in_syscall(regs) && !debug_info->suspended_step &&
	       (debug_info->bps_disabled || debug_info->wps_disabled);
}
""",
        ),
        after(SIGNAL, r"^#include <asm/fpsimd\.h>$", "#include <asm/hw_breakpoint_signal.h>\n"),
        after(
            SIGNAL,
            r"^\tint err = 0;$",
            "\tunsigned long mark = hw_breakpoint_signal_entry(regs);\n",
            "setup_rt_frame",
        ),
        replace(SIGNAL, r"\b0, &frame->uc\.uc_flags", "mark, &frame->uc.uc_flags", "setup_rt_frame"),
        after(
            SIGNAL,
            r"valid_user_regs\(",
            """\
	if (err == 0) {
		unsigned long mark = 0;

		__get_user_error(mark, &sf->uc.uc_flags, err);
		if (err == 0)
			hw_breakpoint_signal_return(regs, mark);
	}
""",
            "restore_sigframe",
        ),
        after(PTRACE, r"^#include <asm/fpsimd\.h>$", "#include <asm/hw_breakpoint_signal.h>\n"),
        replace(
            PTRACE,
            r"!test_thread_flag\(TIF_SINGLESTEP\)",
            "!test_thread_flag(TIF_SINGLESTEP) ||\n\t\t   hw_breakpoint_owns_step(regs)",
            "report_syscall",
        ),
        after(
            PTRACE,
            r"audit_syscall_exit\(",
            """\

	if (hw_breakpoint_owns_step(regs))
		flags &= ~_TIF_SINGLESTEP;
""",
            "syscall_trace_exit",
        ),
    ),
)
