/* What does /proc say of a task that SIGKILL did not reap, and how do we live beside it? */
#define _GNU_SOURCE
#include "task.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define GROUP_SPAN	64	/* PIDs are given in order: a scenario's tracees follow its child */

/* Read a file of /proc/PID as one word; "?" if there is none. */
static void read_word(pid_t pid, const char *name, char *word, size_t size)
{
	char path[64];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, word, size - 1);
		close(fd);
	}
	if (length <= 0)
		length = snprintf(word, size, "?");
	word[length] = '\0';
	word[strcspn(word, "\n")] = '\0';
	for (char *c = word; *c; c++)
		if (*c == ' ')
			*c = ',';
}

/* The state follows the program's name, which is in parentheses and may hold any byte. */
static char state_in(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] && end[2] ? end[2] : '?';
}

static void dump(const char *scenario, pid_t pid)
{
	char stat[256], wchan[64], syscall[192];

	read_word(pid, "stat", stat, sizeof(stat));
	read_word(pid, "wchan", wchan, sizeof(wchan));
	read_word(pid, "syscall", syscall, sizeof(syscall));
	report("task scenario=%s state=%c wchan=%s syscall=%s", scenario, state_in(stat), wchan,
	       syscall);
}

/* It may spin on the probed CPU to the end of the run: let it have only what no one else wants. */
static void demote(pid_t pid)
{
	struct sched_param none = { .sched_priority = 0 };

	sched_setscheduler(pid, SCHED_IDLE, &none);
}

void task_leave_behind(const char *scenario, pid_t group)
{
	for (pid_t pid = group; pid < group + GROUP_SPAN; pid++) {
		if (getpgid(pid) != group)
			continue;
		dump(scenario, pid);
		demote(pid);
	}
}
