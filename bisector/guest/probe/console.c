/* Where do the probe's lines go, and when have they left? */
#define _GNU_SOURCE
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define NODE		"/ttyAMA0"
#define NODE_MAJOR	204	/* drivers/tty/serial/amba-pl011.c: SERIAL_AMBA_MAJOR */
#define NODE_MINOR	64
#define WRITE_TRIES	1000
#define DRAIN_SECONDS	5

static int console = -1;

/*
 * O_NONBLOCK only for the open: without CLOCAL a serial port would wait for a
 * carrier that never comes.
 */
static int open_tty(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

static void make_raw(int fd)
{
	struct termios tty;

	if (tcgetattr(fd, &tty) < 0)
		return;
	cfmakeraw(&tty);
	tty.c_cflag |= CLOCAL | CREAD;
	tcsetattr(fd, TCSANOW, &tty);
}

/*
 * A kernel that registers its console under another name starts PID 1 without
 * stdio.  Numbers 0 to 2 are then taken here, so that no pipe gets them.
 */
static void occupy_stdio(void)
{
	int fd = 0;

	for (int i = 0; i < 3 && fd >= 0 && fd <= 2; i++)
		fd = open("/", O_PATH);
	if (fd > 2)
		close(fd);
}

/*
 * The device number, not the console's name, is what all kernels share: a node
 * of our own speaks even where /dev/console is missing or is another device.
 */
void console_open(void)
{
	occupy_stdio();
	mknod(NODE, S_IFCHR | 0600, makedev(NODE_MAJOR, NODE_MINOR));
	console = open_tty(NODE);
	if (console < 0)
		console = open_tty("/dev/console");
	if (console >= 0)
		make_raw(console);
}

/* One write(2) for a frame: only the kernel itself can then get in between. */
void console_write(const char *text, size_t length)
{
	for (int i = 0; i < WRITE_TRIES && console >= 0 && length; i++) {
		ssize_t done = write(console, text, length);

		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (done > 0) {
			text += done;
			length -= (size_t)done;
		}
	}
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* Powering off throws away what the port has not sent.  The alarm ends a wait on a dead port. */
void console_drain(void)
{
	struct sigaction act = { .sa_handler = on_alarm };

	if (console < 0)
		return;
	sigaction(SIGALRM, &act, NULL);
	alarm(DRAIN_SECONDS);
	tcdrain(console);
	alarm(0);
}
