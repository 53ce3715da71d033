/* How does the host know that a line came from this probe, whole?  (See ../PROTOCOL.md.) */
#define _GNU_SOURCE
#include "report.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "console.h"

#define NONCE_FILE	"/bisector.nonce"
#define NONCE_DIGITS	16
#define PAYLOAD_MAX	400
#define LINES_MAX	512
#define BEAT_MS		1000

struct line {
	unsigned int seq;
	char payload[PAYLOAD_MAX + 1];
};

static char nonce[NONCE_DIGITS + 1] = "0000000000000000";
static struct line lines[LINES_MAX];	/* to be said again before the end */
static unsigned int stored;
static unsigned int next_seq;
static unsigned int beats;
static uint64_t next_beat;

/* CRC-32 of IEEE 802.3, bit by bit: a few hundred short lines need no table. */
static uint32_t crc32(const char *text)
{
	uint32_t crc = ~0u;

	for (; *text; text++) {
		crc ^= (unsigned char)*text;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void say(const struct line *line)
{
	char sum[PAYLOAD_MAX + 64], frame[PAYLOAD_MAX + 96];
	int length;

	snprintf(sum, sizeof(sum), "%s %u %s", nonce, line->seq, line->payload);
	length = snprintf(frame, sizeof(frame), "@bsct %s %u %08x %s\n", nonce, line->seq,
			  crc32(sum), line->payload);
	console_write(frame, (size_t)length);
}

/* A value that the kernel gave us may hold anything; a frame may not. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void new_line(struct line *line, const char *format, va_list args)
{
	line->seq = next_seq++;
	vsnprintf(line->payload, sizeof(line->payload), format, args);
	make_printable(line->payload);
	say(line);
}

void report_begin(void)
{
	char read_in[NONCE_DIGITS];
	int fd = open(NONCE_FILE, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, read_in, NONCE_DIGITS) == NONCE_DIGITS)
		memcpy(nonce, read_in, NONCE_DIGITS);
	if (fd >= 0)
		close(fd);
	next_beat = clock_ms() + BEAT_MS;
}

/* Say a line now and keep it: kernel messages may spoil it, so it is said again before the end. */
void report(const char *format, ...)
{
	static struct line spare;
	struct line *line = stored < LINES_MAX ? &lines[stored++] : &spare;
	va_list args;

	va_start(args, format);
	new_line(line, format, args);
	va_end(args);
}

static void say_beat(const char *format, ...)
{
	static struct line line;
	va_list args;

	va_start(args, format);
	new_line(&line, format, args);
	va_end(args);
}

/* Say that the guest lives, once a second, however often this is called. */
void report_beat(void)
{
	uint64_t now = clock_ms();

	if (now < next_beat)
		return;
	next_beat = now - now % BEAT_MS + BEAT_MS;
	say_beat("beat n=%u ms=%llu", beats++, (unsigned long long)now);
}

void report_end(void)
{
	unsigned int before = stored;

	for (unsigned int i = 0; i < before; i++)
		say(&lines[i]);
	report("end lines=%u ms=%llu", next_seq, (unsigned long long)clock_ms());
	if (stored > before)
		say(&lines[before]);
}
