/* Are breakpoints on a handler's first instructions hit, when a breakpoint's signal runs it? */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hits.h"
#include "perf.h"
#include "scenario.h"
#include "targets.h"

#define ENTRIES_MAX	200
#define EXIT_RUNAWAY	3

static volatile int trigger = -1;
static volatile sig_atomic_t entries;

/* One shot: the trigger goes at the first entry, so each instruction can be hit once. */
void stub_tail(int signo, void *info, void *context)
{
	(void)signo;
	(void)info;
	(void)context;
	ioctl(trigger, PERF_EVENT_IOC_DISABLE, 0);
	if (++entries >= ENTRIES_MAX)
		_exit(EXIT_RUNAWAY);
}

static bool opened(int fd)
{
	if (fd < 0)
		fact("open=%d", -fd);
	return fd >= 0;
}

void scen_bp_in_handler(unsigned int how)
{
	struct sigaction act = { .sa_flags = SA_SIGINFO };
	int first = perf_counting(HOW_EXEC, stub_tail_calls);
	int second = perf_counting(HOW_EXEC, stub_tail_calls + 4);
	int fd = perf_signalling(how, how & HOW_WATCH ? (const void *)&watched : site_exec, 1);

	if (!opened(first) || !opened(second) || !opened(fd))
		return;
	fact("open=0");
	act.sa_sigaction = (void (*)(int, siginfo_t *, void *))(uintptr_t)stub_tail_calls;
	sigaction(perf_signo(how), &act, NULL);
	trigger = fd;
	ioctl(first, PERF_EVENT_IOC_ENABLE, 0);
	ioctl(second, PERF_EVENT_IOC_ENABLE, 0);
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	hits_fire(how);
	ioctl(first, PERF_EVENT_IOC_DISABLE, 0);
	ioctl(second, PERF_EVENT_IOC_DISABLE, 0);
	fact("entries=%d first=%llu second=%llu", (int)entries,
	     (unsigned long long)perf_count(first), (unsigned long long)perf_count(second));
}
