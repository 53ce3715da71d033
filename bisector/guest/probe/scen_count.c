/* Does a breakpoint that only counts work, and does it leave the program alone? */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "perf.h"
#include "scenario.h"
#include "targets.h"

#define CALLS		10
#define TRAPS_MAX	100
#define EXIT_RUNAWAY	3

static volatile sig_atomic_t traps, first_code;

/* The gate: the emulator's, or the machine's, debug registers do what they should. */
void scen_count(unsigned int how)
{
	int fd = perf_counting(how, how & HOW_WATCH ? (const void *)&watched : site_exec);

	fact("open=%d", fd < 0 ? -fd : 0);
	if (fd < 0)
		return;
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	for (unsigned int i = 0; i < CALLS; i++) {
		if (how & HOW_WATCH)
			target_store(i, &watched);
		else
			target_exec();
	}
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	fact("calls=%d count=%llu", CALLS, (unsigned long long)perf_count(fd));
}

static void on_trap(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	if (traps++ == 0)
		first_code = info->si_code;
	if (traps >= TRAPS_MAX)
		_exit(EXIT_RUNAWAY);
}

/*
 * The kernel steps over the breakpoint, and its system call exit path takes
 * that step for a tracer's: Linux commit ac2081cdc4d9 ("arm64: ptrace:
 * Consistently use pseudo-singlestep exceptions"), v5.8-rc6.  The handler is
 * there to survive the SIGTRAP that nobody asked for, and to count it.
 */
void scen_count_svc(unsigned int how)
{
	struct sigaction act = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	int fd = perf_counting(HOW_EXEC, site_getppid);

	(void)how;
	fact("open=%d", fd < 0 ? -fd : 0);
	if (fd < 0)
		return;
	sigaction(SIGTRAP, &act, NULL);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	for (int i = 0; i < CALLS; i++)
		target_getppid();
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	fact("calls=%d count=%llu traps=%d", CALLS, (unsigned long long)perf_count(fd), (int)traps);
	if (traps)
		fact("code=%d", (int)first_code);
}
