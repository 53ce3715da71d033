/* What is left of a breakpoint, and of the next step, once a tracer has seen its signal? */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "perf.h"
#include "scenario.h"
#include "targets.h"
#include "trace.h"

#define TRIGGERS	5
#define STOPS_MAX	12

static unsigned int triggers;

/* O_ASYNC, because kernels before v5.13 have it too. */
static void hit_breakpoint(void)
{
	int fd = perf_signalling(HOW_EXEC | HOW_OASYNC, site_exec, 1);

	fact("open=%d", fd < 0 ? -fd : 0);
	if (fd < 0)
		_exit(EXIT_NO_EVENT);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	for (unsigned int i = 0; i < triggers; i++)
		target_exec();
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	_exit(0);
}

static bool no_event(const struct tracee *tracee)
{
	return tracee->over && WIFEXITED(tracee->status) &&
	       WEXITSTATUS(tracee->status) == EXIT_NO_EVENT;
}

/* The kernel takes the tracer's step for the end of its own, and says nothing. */
void scen_stop_then_step(unsigned int how)
{
	struct tracee tracee;

	(void)how;
	triggers = 1;
	if (trace_start(&tracee, site_exec, hit_breakpoint))
		trace_resume(&tracee, PTRACE_CONT, 0);
	if (no_event(&tracee))
		return;
	trace_note(&tracee);
	for (int i = 0; i < 2 && !tracee.over; i++) {
		trace_resume(&tracee, PTRACE_SINGLESTEP, 0);
		trace_note(&tracee);
	}
	fact("stops=%s", tracee.stops);
	trace_end(&tracee);
}

/* A resume that is no step switches stepping off, so nothing puts the breakpoint back on. */
void scen_stop_then_cont(unsigned int how)
{
	struct tracee tracee;
	unsigned int hits = 0;

	(void)how;
	triggers = TRIGGERS;
	trace_start(&tracee, site_exec, hit_breakpoint);
	for (int i = 0; i < STOPS_MAX && !tracee.over; i++) {
		trace_resume(&tracee, PTRACE_CONT, 0);
		if (no_event(&tracee))
			return;
		hits += trace_in_signal(&tracee, SIGUSR1);
		trace_note(&tracee);
	}
	fact("stops=%s triggers=%d hits=%u", tracee.stops, TRIGGERS, hits);
	trace_end(&tracee);
}
