/* How does a measured fact get from a scenario's child to the supervisor? */
#include "scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define FACT_MAX	340	/* leaves room for "fact scenario=NAME " in a payload of 400 */

static int fact_fd = -1;

void fact_to(int fd)
{
	fact_fd = fd;
}

/* One write(2) below PIPE_BUF: a child that is killed leaves whole lines. */
void fact(const char *format, ...)
{
	char line[FACT_MAX + 2];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, FACT_MAX + 1, format, args);
	va_end(args);
	if (length > FACT_MAX)
		length = FACT_MAX;
	line[length++] = '\n';
	if (write(fact_fd, line, (size_t)length) != length)
		_exit(2);
}
