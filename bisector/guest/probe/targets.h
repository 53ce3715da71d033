/* Which instructions are trapped, and at which exact address? */
#ifndef TARGETS_H
#define TARGETS_H

#include <stdint.h>

/* Labels: addresses of instructions. */
extern const char site_exec[];		/* nop; ret */
extern const char site_store[];		/* str x0, [x1]; ret */
extern const char site_getppid[];	/* svc #0; ret */
extern const char site_walk[];		/* nop; nop; nop; nop; ret */
extern const char site_svc[];		/* svc #0; nop; nop; nop; ret */
extern const char stub_tail_calls[];	/* nop; nop; b stub_tail */
extern const char stub_returns[];	/* nop; nop; ret */
extern const char stub_restorer[];	/* mov x8, #139; svc #0: at stub_returns + 12 */

/* The functions that the labels lie in. */
void target_exec(void);
void target_store(uint64_t value, volatile uint64_t *where);
void target_getppid(void);
void target_walk(int pid, int signo);	/* kill(pid, signo), then site_walk */
void target_svc(int pid, int signo);	/* kill(pid, signo), mov x8, then site_svc: getppid() */

/* stub_tail_calls goes on here, with a signal handler's arguments. */
void stub_tail(int signo, void *info, void *context);

/* The watched word, on a page of its own. */
extern volatile uint64_t watched_page[];
#define watched (watched_page[0])

#endif
