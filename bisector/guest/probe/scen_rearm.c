/* How does an event count that signals only now and then, or only once? */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <sys/ioctl.h>

#include "hits.h"
#include "perf.h"
#include "scenario.h"

#define CALLS	10
#define PERIOD	2

static void call(unsigned int calls)
{
	hits.now = 0;
	for (unsigned int i = 0; i < calls; i++)
		hits_fire(HOW_EXEC);
}

/*
 * With a signal for every second hit no kernel can hang: the repeated hit of a
 * stuck one is not signalled.  It is counted, though: 19 for 10 calls.
 */
void scen_period2(unsigned int how)
{
	int error = hits_open(how, PERIOD);

	fact("open=%d", error);
	if (error)
		return;
	ioctl(hits.fd, PERF_EVENT_IOC_ENABLE, 0);
	call(CALLS);
	ioctl(hits.fd, PERF_EVENT_IOC_DISABLE, 0);
	fact("calls=%d period=%d count=%llu entries=%u", CALLS, PERIOD,
	     (unsigned long long)perf_count(hits.fd), hits.now);
}

/* The event disables itself at the first hit; can it be armed again, and how? */
void scen_refresh1(unsigned int how)
{
	int error = hits_open(how, 1);

	fact("open=%d", error);
	if (error)
		return;
	ioctl(hits.fd, PERF_EVENT_IOC_REFRESH, 1);
	call(CALLS);
	fact("calls=%d limit=%d entries=%u count=%llu", CALLS, HITS_LIMIT, hits.now,
	     (unsigned long long)perf_count(hits.fd));
	if (hits.all)
		fact("ss=%u", hits_ss());
	ioctl(hits.fd, PERF_EVENT_IOC_REFRESH, 1);
	call(1);
	fact("again_refresh=%u", hits.now);
	ioctl(hits.fd, PERF_EVENT_IOC_DISABLE, 0);
	ioctl(hits.fd, PERF_EVENT_IOC_ENABLE, 0);
	call(1);
	fact("again_toggle=%u", hits.now);
}
