/* Where does PTRACE_SINGLESTEP stop around handlers and system calls, and with what si_code? */
#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenario.h"
#include "targets.h"
#include "trace.h"

#define PSTATE_SS	(1ull << 21)
#define SIGNAL_BIT(n)	(1ull << ((n) - 1))

#ifndef PTRACE_GETSIGMASK
#define PTRACE_GETSIGMASK	0x420a
#endif

static void signal_myself(void)
{
	trace_set_stub(SIGUSR1);
	target_walk(getpid(), SIGUSR1);
}

static void call_kernel(void)
{
	target_svc(getpid(), SIGUSR1);
}

static void on_trap(int signo)
{
	(void)signo;
}

/* The exit code says whether SIGTRAP's handler is still there. */
static void signal_myself_blocked(void)
{
	struct sigaction act = { .sa_handler = on_trap };
	sigset_t set;

	sigaction(SIGTRAP, &act, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_myself();
	sigaction(SIGTRAP, NULL, &act);
	_exit(act.sa_handler != on_trap);
}

/* Leave the tracee stopped by the signal that its body sends to itself. */
static bool start(struct tracee *tracee, const char *site, void (*body)(void))
{
	return trace_start(tracee, site, body) && trace_resume(tracee, PTRACE_CONT, 0);
}

/* The first step delivers signo; note each stop. */
static void step(struct tracee *tracee, int steps, int signo)
{
	for (int i = 0; i < steps && !tracee->over; i++) {
		trace_resume(tracee, PTRACE_SINGLESTEP, i ? 0 : signo);
		trace_note(tracee);
	}
}

static void steps_from_signal(int steps)
{
	struct tracee tracee;

	if (start(&tracee, site_walk, signal_myself))
		step(&tracee, steps, SIGUSR1);
	fact("stops=%s", tracee.stops);
	trace_end(&tracee);
}

/* Linux commit ac2081cdc4d9, v5.8-rc6: the stop comes from ptrace_notify(), not from the CPU. */
void scen_step_into_handler(unsigned int how)
{
	(void)how;
	steps_from_signal(1);
}

/* Through the handler, over rt_sigreturn, and two instructions on. */
void scen_step_on_handler(unsigned int how)
{
	(void)how;
	steps_from_signal(8);
}

/* A forced SIGTRAP resets a blocked signal's handler and mask; a notification does not. */
void scen_step_blocked(unsigned int how)
{
	struct tracee tracee;
	uint64_t mask = 0;

	(void)how;
	if (start(&tracee, site_walk, signal_myself_blocked))
		step(&tracee, 1, SIGUSR1);
	/* Read here: rt_sigreturn puts the old mask back. */
	ptrace(PTRACE_GETSIGMASK, tracee.pid, (void *)sizeof(mask), &mask);
	fact("stops=%s mask=%s", tracee.stops, mask & SIGNAL_BIT(SIGTRAP) ? "kept" : "reset");
	for (int i = 0; i < 16 && !tracee.over; i++)
		trace_resume(&tracee, PTRACE_CONT, 0);
	fact("handler=%s", tracee.over && WIFEXITED(tracee.status) &&
	     !WEXITSTATUS(tracee.status) ? "kept" : "reset");
	trace_end(&tracee);
}

/* The first step is only the way to the svc; three are noted from there. */
void scen_step_svc(unsigned int how)
{
	struct tracee tracee;

	(void)how;
	if (start(&tracee, site_svc, call_kernel)) {
		if (trace_resume(&tracee, PTRACE_SINGLESTEP, 0))
			step(&tracee, 3, 0);
		else
			trace_note(&tracee);
	}
	fact("stops=%s", tracee.stops);
	trace_end(&tracee);
}

static void clear_ss(const struct tracee *tracee)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, tracee->pid, NT_PRSTATUS, &iov) < 0)
		return;
	regs.pstate &= ~PSTATE_SS;
	ptrace(PTRACE_SETREGSET, tracee->pid, NT_PRSTATUS, &iov);
}

/*
 * Linux commit 3a5a4366cecc ("arm64: ptrace: Override SPSR.SS when
 * single-stepping is enabled"), v5.8-rc6.  One plain step first: only once
 * stepping is on does an old kernel leave SS to the register set.
 */
void scen_step_regset(unsigned int how)
{
	struct tracee tracee;

	(void)how;
	if (start(&tracee, site_walk, signal_myself))
		step(&tracee, 1, 0);
	for (int i = 0; i < 2 && !tracee.over; i++) {
		clear_ss(&tracee);
		step(&tracee, 1, 0);
	}
	fact("stops=%s", tracee.stops);
	trace_end(&tracee);
}
