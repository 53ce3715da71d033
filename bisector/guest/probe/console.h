/* Where do the probe's lines go, and when have they left? */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stddef.h>

void console_open(void);
void console_write(const char *text, size_t length);
void console_drain(void);

#endif
