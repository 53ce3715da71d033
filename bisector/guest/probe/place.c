/* What is the name of an address, so that it is the same in every boot? */
#include "place.h"

#include <stdbool.h>
#include <stdio.h>

#include "targets.h"

#define NEAR	256	/* well below the page that each target has for itself */

static bool near(uint64_t pc, uint64_t base)
{
	return pc - base + NEAR < 2 * NEAR;
}

void place_name(char place[PLACE_SIZE], uint64_t pc, uint64_t site)
{
	uint64_t stub = (uintptr_t)stub_returns;

	if (near(pc, site))
		snprintf(place, PLACE_SIZE, "site%+d", (int)(pc - site));
	else if (near(pc, stub))
		snprintf(place, PLACE_SIZE, "handler%+d", (int)(pc - stub));
	else
		snprintf(place, PLACE_SIZE, "elsewhere");
}
