/* How does one scenario end, whatever the kernel does to it? */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include "scenario.h"

enum ending {
	ENDED,		/* by itself: exit code or signal */
	KILLED,		/* SIGKILL reaped it */
	UNKILLABLE,	/* SIGKILL did not */
};

void supervise_from_cpu0(void);
enum ending supervise(const struct scenario *scenario);

#endif
