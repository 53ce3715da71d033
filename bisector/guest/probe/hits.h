/* What did the handler of a breakpoint's signal see, and how often was it entered? */
#ifndef HITS_H
#define HITS_H

#include <setjmp.h>
#include <stdint.h>

/*
 * Handler entries for one trigger at which it is called stuck, so that a
 * livelock is a number after milliseconds.  Seen so far: 1, or as many as are
 * allowed.  An entry costs 110 us of guest time: 200 instead of 50 made a run
 * take 5.3 s instead of 1.8 s.
 */
#define HITS_LIMIT	50

struct first_hit {
	int signo;
	int code;
	uint64_t address;
	uint64_t data;
	uint32_t type;
	uint32_t flags;
	uint64_t pc;
	uint64_t pstate;
	int stored;		/* the watched word had changed already */
};

struct hits {
	unsigned int how;
	int fd;			/* of the event that raises the signal */
	uint64_t site;		/* where it should have interrupted */
	uint64_t before;	/* the watched word, before the last trigger */
	unsigned int now;	/* entries since the last reset */
	unsigned int all;
	unsigned int wrong_pc;
	unsigned int moved;	/* entries that interrupted elsewhere than the first one */
	struct first_hit first;
	sigjmp_buf out;		/* for HOW_LEAVE */
};

extern volatile struct hits hits;

/* Arm the event of this kind with its handler; 0 or an errno. */
int hits_open(unsigned int how, uint64_t period);
void hits_fire(unsigned int how);	/* the trapped instruction, once */
unsigned int hits_ss(void);		/* of the first entry: PSTATE.SS in the signal frame */

#endif
