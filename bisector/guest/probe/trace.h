/* Where is a traced process seen stopped, and why? */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STOPS_SIZE	256
#define EXIT_NO_EVENT	77	/* a tracee's exit code: no breakpoint, and it has said so */

struct tracee {
	pid_t pid;
	bool over;		/* it has exited or was killed */
	int status;		/* of the last wait */
	uint64_t site;		/* what places are named after */
	char stops[STOPS_SIZE];	/* "PLACE/SIGNO/CODE,..." as noted */
};

/* Fork a tracee that stops itself and then runs body; it is left at that first stop. */
bool trace_start(struct tracee *tracee, const char *site, void (*body)(void));
/* Let it go on with this ptrace request and signal, to its next stop; false once it is over. */
bool trace_resume(struct tracee *tracee, int request, int signo);
void trace_note(struct tracee *tracee);		/* add where it is to stops */
void trace_end(struct tracee *tracee);
uint64_t trace_pc(const struct tracee *tracee);
bool trace_in_signal(const struct tracee *tracee, int signo);

/* For a tracee: let stub_returns handle this signal, with a restorer at stub_returns + 12. */
void trace_set_stub(int signo);

#endif
