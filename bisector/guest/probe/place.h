/* What is the name of an address, so that it is the same in every boot? */
#ifndef PLACE_H
#define PLACE_H

#include <stdint.h>

#define PLACE_SIZE	32

/* Write "site+N", "site-N" or, further away, "handler+N" or "elsewhere". */
void place_name(char place[PLACE_SIZE], uint64_t pc, uint64_t site);

#endif
