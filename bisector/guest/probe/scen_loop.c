/* How often is the handler entered for one hit: once, or for ever? */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hits.h"
#include "perf.h"
#include "place.h"
#include "scenario.h"
#include "targets.h"

/* Many triggers: where a self-IPI races with the step, as on hardware, one would be luck. */
#define TRIGGERS	5
#define REPEATS		10

struct tally {
	unsigned int triggers, min, max, stuck, once;
	unsigned int undone;	/* triggers after which the store had not been done */
};

static void count_in(struct tally *tally, unsigned int entries)
{
	if (entries < tally->min || !tally->triggers)
		tally->min = entries;
	if (entries > tally->max)
		tally->max = entries;
	tally->triggers++;
	tally->stuck += entries >= HITS_LIMIT;
	tally->once += entries == 1;
}

/* Enabled afresh for each trigger, as the handler disables the event at the limit. */
static void trigger(struct tally *tally, unsigned int how)
{
	hits.now = 0;
	ioctl(hits.fd, PERF_EVENT_IOC_ENABLE, 0);
	if (!sigsetjmp(*(sigjmp_buf *)&hits.out, 1)) {
		hits_fire(how);
		tally->undone += how & HOW_WATCH && watched != hits.before + 1;
	}
	count_in(tally, hits.now);
}

static void say_tally(const struct tally *tally)
{
	fact("triggers=%u limit=%d hits_min=%u hits_max=%u stuck=%u once=%u wrong_pc=%u moved=%u undone=%u",
	     tally->triggers, HITS_LIMIT, tally->min, tally->max, tally->stuck, tally->once,
	     hits.wrong_pc, hits.moved, tally->undone);
}

static void say_first(unsigned int how)
{
	struct first_hit first = hits.first;
	uint64_t armed = how & HOW_WATCH ? (uintptr_t)&watched : hits.site;
	char place[PLACE_SIZE];

	place_name(place, first.pc, hits.site);
	fact("signo=%d code=%d pc=%s ss=%u", first.signo, first.code, place, hits_ss());
	if (!(how & HOW_OASYNC))
		fact("addr=%d type=%u data=%" PRIx64 " flags=%u", first.address == armed,
		     first.type, first.data, first.flags);
	if (how & HOW_WATCH)
		fact("value=%s", first.stored ? "new" : "old");
}

void scen_loop(unsigned int how)
{
	struct tally tally = { 0 };
	int error = 0;

	for (int i = 0; i < REPEATS; i++) {
		error = hits_open(how, 1);
		if (error)
			break;
		for (int j = 0; j < TRIGGERS; j++)
			trigger(&tally, how);
		close(hits.fd);
	}
	/* Refused once it was granted: that is no kernel without the feature. */
	fact("open=%d", tally.triggers ? 0 : error);
	if (!tally.triggers)
		return;
	if (error)
		fact("reopen=%d", error);
	say_tally(&tally);
	if (hits.all)
		say_first(how);
}
