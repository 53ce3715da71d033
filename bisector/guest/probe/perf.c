/* How is a breakpoint armed as a perf event, counting or raising a signal? */
#define _GNU_SOURCE
#include "perf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scenario.h"

static void set_breakpoint(struct perf_event_attr *attr, unsigned int how,
			   const volatile void *address)
{
	memset(attr, 0, sizeof(*attr));
	attr->type = PERF_TYPE_BREAKPOINT;
	attr->size = PERF_ATTR_SIZE_VER6;	/* zeros beyond its own size no kernel minds */
	attr->bp_type = how & HOW_WATCH ? HW_BREAKPOINT_W : HW_BREAKPOINT_X;
	attr->bp_addr = (uintptr_t)address;
	attr->bp_len = sizeof(long);
	attr->disabled = 1;
	attr->exclude_kernel = 1;
	attr->exclude_hv = 1;
}

static int open_event(struct perf_event_attr *attr)
{
	long fd = syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int perf_counting(unsigned int how, const volatile void *address)
{
	struct perf_event_attr attr;

	set_breakpoint(&attr, how, address);
	return open_event(&attr);
}

/* A standard signal, not a real-time one: merged signals are not counted as entries. */
static int ask_for_signal(int fd)
{
	struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = (pid_t)syscall(SYS_gettid) };

	if (fcntl(fd, F_SETSIG, SIGUSR1) < 0 || fcntl(fd, F_SETOWN_EX, &owner) < 0 ||
	    fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int perf_signalling(unsigned int how, const volatile void *address, uint64_t period)
{
	struct perf_event_attr attr;
	int fd;

	set_breakpoint(&attr, how, address);
	attr.sample_period = period;
	attr.sample_type = PERF_SAMPLE_IP;
	if (!(how & HOW_OASYNC)) {
		/*
		 * Linux commit 97ba62b27867 ("perf: Add support for SIGTRAP on perf
		 * events"), v5.13.  Non-zero sig_data beyond an older kernel's attr
		 * makes it answer E2BIG, whatever it thinks of the unknown bits.
		 */
		attr.size = PERF_ATTR_SIZE_VER7;
		attr.sigtrap = 1;
		attr.remove_on_exec = 1;
		attr.sig_data = PERF_SIG_DATA;
	}
	fd = open_event(&attr);
	return fd >= 0 && how & HOW_OASYNC ? ask_for_signal(fd) : fd;
}

int perf_signo(unsigned int how)
{
	return how & HOW_OASYNC ? SIGUSR1 : SIGTRAP;
}

uint64_t perf_count(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : UINT64_MAX;
}
