/* Can a tracer step over the hardware breakpoint that it set itself, armed or disarmed? */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "scenario.h"
#include "targets.h"
#include "trace.h"

#define CTRL_ENABLE	1u
#define CTRL_EL0	(2u << 1)
#define CTRL_EXECUTE	(0u << 3)
#define CTRL_4_BYTES	(15u << 5)

/* The head of struct user_hwdebug_state: as many registers as are wanted may be given. */
struct one_breakpoint {
	uint32_t info;
	uint32_t pad;
	uint64_t address;
	uint32_t control;
	uint32_t pad2;
};

/* 0 or an errno. */
static int set_breakpoint(const struct tracee *tracee, unsigned int enable)
{
	struct one_breakpoint one = {
		.address = tracee->site,
		.control = enable | CTRL_EL0 | CTRL_EXECUTE | CTRL_4_BYTES,
	};
	struct iovec iov = { &one, sizeof(one) };

	return ptrace(PTRACE_SETREGSET, tracee->pid, NT_ARM_HW_BREAK, &iov) < 0 ? errno : 0;
}

static void hit(void)
{
	target_exec();
}

/* Stop at the breakpoint, step once; 0 or the errno of the set-up. */
static int step_over(struct tracee *tracee, bool disarm)
{
	int error = EIO;

	if (trace_start(tracee, site_exec, hit))
		error = set_breakpoint(tracee, CTRL_ENABLE);
	if (!error) {
		trace_resume(tracee, PTRACE_CONT, 0);
		trace_note(tracee);
		if (disarm)
			set_breakpoint(tracee, 0);
		trace_resume(tracee, PTRACE_SINGLESTEP, 0);
		trace_note(tracee);
	}
	trace_end(tracee);
	return error;
}

void scen_native_step(unsigned int how)
{
	struct tracee armed, disarmed;
	int error = step_over(&armed, false);

	(void)how;
	if (!error)
		error = step_over(&disarmed, true);
	fact("open=%d", error);
	if (!error)
		fact("armed=%s disarmed=%s", armed.stops, disarmed.stops);
}
