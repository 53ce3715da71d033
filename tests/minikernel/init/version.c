/* The kernel's first words. */
#include "kernel.h"

#define TITLE "mini"

const char linux_banner[] =
	"Linux-like " TITLE " kernel " UTS_RELEASE " (nobody@nowhere) #1 SMP";
