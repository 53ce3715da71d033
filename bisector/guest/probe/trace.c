/* Where is a traced process seen stopped, and why? */
#define _GNU_SOURCE
#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "place.h"
#include "targets.h"

#define SA_RESTORER	0x04000000

/* What rt_sigaction(2) itself takes: the C library's wrapper has no restorer on arm64. */
struct kernel_sigaction {
	const void *handler;
	unsigned long flags;
	const void *restorer;
	uint64_t mask;
};

void trace_set_stub(int signo)
{
	struct kernel_sigaction act = {
		.handler = stub_returns,
		.flags = SA_RESTORER | SA_SIGINFO,
		.restorer = stub_restorer,
	};

	syscall(SYS_rt_sigaction, signo, &act, NULL, sizeof(act.mask));
}

/* No deadline here: the supervisor has one for the whole scenario. */
static bool wait_stop(struct tracee *tracee)
{
	pid_t pid;

	do
		pid = waitpid(tracee->pid, &tracee->status, __WALL);
	while (pid < 0 && errno == EINTR);
	tracee->over = pid < 0 || !WIFSTOPPED(tracee->status);
	return !tracee->over;
}

bool trace_start(struct tracee *tracee, const char *site, void (*body)(void))
{
	memset(tracee, 0, sizeof(*tracee));
	tracee->site = (uintptr_t)site;
	tracee->pid = fork();
	if (tracee->pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		body();
		_exit(0);
	}
	if (tracee->pid < 0 || !wait_stop(tracee))
		return false;
	ptrace(PTRACE_SETOPTIONS, tracee->pid, NULL, PTRACE_O_EXITKILL);
	return true;
}

bool trace_resume(struct tracee *tracee, int request, int signo)
{
	if (tracee->over || ptrace(request, tracee->pid, NULL, (long)signo) < 0)
		return false;
	return wait_stop(tracee);
}

uint64_t trace_pc(const struct tracee *tracee)
{
	struct user_regs_struct regs = { .pc = 0 };
	struct iovec iov = { &regs, sizeof(regs) };

	ptrace(PTRACE_GETREGSET, tracee->pid, NT_PRSTATUS, &iov);
	return regs.pc;
}

bool trace_in_signal(const struct tracee *tracee, int signo)
{
	return !tracee->over && WSTOPSIG(tracee->status) == signo;
}

static int stop_code(const struct tracee *tracee)
{
	siginfo_t info;

	if (ptrace(PTRACE_GETSIGINFO, tracee->pid, NULL, &info) < 0)
		return -errno;
	return info.si_code;
}

/* "exit" has the signal that killed it, or 0, and its exit code. */
static void describe(const struct tracee *tracee, char *text, size_t size)
{
	char place[PLACE_SIZE];
	int status = tracee->status;

	if (tracee->over && WIFSIGNALED(status)) {
		snprintf(text, size, "exit/%d/0", WTERMSIG(status));
	} else if (tracee->over) {
		snprintf(text, size, "exit/0/%d", WEXITSTATUS(status));
	} else {
		place_name(place, trace_pc(tracee), tracee->site);
		snprintf(text, size, "%s/%d/%d", place, WSTOPSIG(status), stop_code(tracee));
	}
}

void trace_note(struct tracee *tracee)
{
	size_t used = strlen(tracee->stops);
	char stop[PLACE_SIZE + 32];

	describe(tracee, stop, sizeof(stop));
	snprintf(tracee->stops + used, sizeof(tracee->stops) - used, "%s%s", used ? "," : "",
		 stop);
}

void trace_end(struct tracee *tracee)
{
	if (tracee->pid <= 0 || tracee->over)
		return;
	kill(tracee->pid, SIGKILL);
	for (int i = 0; i < 8 && !tracee->over; i++)
		wait_stop(tracee);
}
