/* Which instructions are trapped, and at which exact address? */
#include "targets.h"

/*
 * Assembly, each target on a page of its own: the compiler must neither move
 * nor merge them, and no library code may share the page.  No exclusive load
 * stands near one, as every debug exception clears the exclusive monitor and
 * would make a livelock that is not the one looked for.
 */
asm(
"	.pushsection .text\n"
"	.balign 4096\n"
"	.global target_exec, site_exec\n"
"target_exec:\n"
"site_exec:\n"
"	nop\n"
"	ret\n"

"	.balign 4096\n"
"	.global target_store, site_store\n"
"target_store:\n"
"site_store:\n"
"	str	x0, [x1]\n"
"	ret\n"

"	.balign 4096\n"
"	.global target_getppid, site_getppid\n"
"target_getppid:\n"
"	mov	x8, #173\n"
"site_getppid:\n"
"	svc	#0\n"
"	ret\n"

/* The signal is delivered on the way out of kill(), so it interrupts exactly at site_walk. */
"	.balign 4096\n"
"	.global target_walk, site_walk\n"
"target_walk:\n"
"	mov	x8, #129\n"
"	svc	#0\n"
"site_walk:\n"
"	nop\n"
"	nop\n"
"	nop\n"
"	nop\n"
"	ret\n"

"	.balign 4096\n"
"	.global target_svc, site_svc\n"
"target_svc:\n"
"	mov	x8, #129\n"
"	svc	#0\n"
"	mov	x8, #173\n"
"site_svc:\n"
"	svc	#0\n"
"	nop\n"
"	nop\n"
"	nop\n"
"	ret\n"

"	.balign 4096\n"
"	.global stub_tail_calls\n"
"stub_tail_calls:\n"
"	nop\n"
"	nop\n"
"	b	stub_tail\n"

/* With a restorer of our own the whole way back has known places; the vDSO's moves about. */
"	.balign 4096\n"
"	.global stub_returns, stub_restorer\n"
"stub_returns:\n"
"	nop\n"
"	nop\n"
"	ret\n"
"stub_restorer:\n"
"	mov	x8, #139\n"
"	svc	#0\n"
"	.balign 4096\n"
"	.popsection\n"
);

/* Aligned and padded to a page, so that no other variable shares it. */
volatile uint64_t watched_page[4096 / sizeof(uint64_t)] __attribute__((aligned(4096)));
