/* How is a breakpoint armed as a perf event, counting or raising a signal? */
#ifndef PERF_H
#define PERF_H

#include <stdint.h>

#define PERF_SIG_DATA	0x1234

/* The file descriptor, or minus the errno of the first call that failed. */
int perf_counting(unsigned int how, const volatile void *address);
int perf_signalling(unsigned int how, const volatile void *address, uint64_t period);

int perf_signo(unsigned int how);
uint64_t perf_count(int fd);

#endif
