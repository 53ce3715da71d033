/* What did the handler of a breakpoint's signal see, and how often was it entered? */
#define _GNU_SOURCE
#include "hits.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "perf.h"
#include "scenario.h"
#include "targets.h"

#define PSTATE_SS	(1u << 21)
#define EXIT_RUNAWAY	3	/* the event was disabled, and still it hits */

/* siginfo of a perf SIGTRAP on 64 bits; the C library of Debian 12 has no names for it. */
#define SI_PERF_DATA	24
#define SI_PERF_TYPE	32
#define SI_PERF_FLAGS	36

volatile struct hits hits;

static void keep_first(int signo, const siginfo_t *info, const ucontext_t *context)
{
	volatile struct first_hit *first = &hits.first;
	const char *raw = (const char *)info;
	uint64_t data;
	uint32_t word;

	first->signo = signo;
	first->code = info->si_code;
	first->address = (uintptr_t)info->si_addr;
	memcpy(&data, raw + SI_PERF_DATA, sizeof(data));
	first->data = data;
	memcpy(&word, raw + SI_PERF_TYPE, sizeof(word));
	first->type = word;
	memcpy(&word, raw + SI_PERF_FLAGS, sizeof(word));
	first->flags = word;
	first->pc = context->uc_mcontext.pc;
	first->pstate = context->uc_mcontext.pstate;
	first->stored = watched != hits.before;
}

/* Only async-signal-safe calls, and few: this is the body of the livelock. */
static void on_hit(int signo, siginfo_t *info, void *argument)
{
	ucontext_t *context = argument;
	int saved = errno;

	if (hits.all++ == 0)
		keep_first(signo, info, context);
	hits.moved += context->uc_mcontext.pc != hits.first.pc ||
		      (watched != hits.before) != hits.first.stored;
	if (context->uc_mcontext.pc != hits.site)
		hits.wrong_pc++;
	hits.now++;
	if (hits.how & HOW_DISABLE || hits.now >= HITS_LIMIT)
		ioctl(hits.fd, PERF_EVENT_IOC_DISABLE, 0);
	if (hits.now >= 2 * HITS_LIMIT)
		_exit(EXIT_RUNAWAY);
	/* A kernel that interrupts after the instruction has skipped it already. */
	if (hits.how & HOW_SKIP && context->uc_mcontext.pc == hits.site)
		context->uc_mcontext.pc += 4;
	errno = saved;
	if (hits.how & HOW_LEAVE)
		siglongjmp(*(sigjmp_buf *)&hits.out, 1);
}

int hits_open(unsigned int how, uint64_t period)
{
	struct sigaction act = { .sa_sigaction = on_hit, .sa_flags = SA_SIGINFO };
	const void *site = how & HOW_WATCH ? site_store : site_exec;
	int fd;

	sigaction(perf_signo(how), &act, NULL);
	hits.how = how;
	hits.site = (uintptr_t)site;
	fd = perf_signalling(how, how & HOW_WATCH ? &watched : site, period);
	hits.fd = fd;
	return fd < 0 ? -fd : 0;
}

void hits_fire(unsigned int how)
{
	hits.before = watched;
	if (how & HOW_WATCH)
		target_store(watched + 1, &watched);
	else
		target_exec();
}

unsigned int hits_ss(void)
{
	return !!(hits.first.pstate & PSTATE_SS);
}
