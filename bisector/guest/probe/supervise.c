/* How does one scenario end, whatever the kernel does to it? */
#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "report.h"
#include "task.h"

#define DEADLINE_MS	10000	/* guest time; the longest scenario needs 300 of them */
#define GRACE_MS	3000	/* from SIGKILL to the reaping */
/*
 * A kernel with one unkillable scenario has many: 18 deadlines of the full
 * length would cost the host minutes, and the first one has made the point.
 */
#define SHORT_DEADLINE_MS	3000
#define SHORT_GRACE_MS		1000
#define SLICE_MS	10
#define REAP_MAX	64

/* A child under supervision, with all processes of its group. */
struct ward {
	const struct scenario *scenario;
	pid_t pid;
	int facts;		/* our end of its pipe */
	bool closed;		/* all writers of the pipe are gone */
	bool dead;
	int status;
	char line[512];
	size_t filled;
};

static bool seen_unkillable;

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);	/* fails where there is no such CPU: then unpinned */
}

/* Two CPUs: a scenario that takes CPU1 with it leaves us ours, to tell of it. */
void supervise_from_cpu0(void)
{
	pin_to(0);
}

static void run_child(struct ward *ward, int out)
{
	setpgid(0, 0);
	pin_to(1);
	fact_to(out);
	ward->scenario->run(ward->scenario->how);
	_exit(0);
}

static bool begin(struct ward *ward)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	ward->pid = fork();
	if (ward->pid == 0) {
		close(ends[0]);
		run_child(ward, ends[1]);
	}
	close(ends[1]);
	ward->facts = ends[0];
	if (ward->pid < 0) {
		close(ends[0]);
		return false;
	}
	setpgid(ward->pid, ward->pid);	/* here too: the child may not have run yet */
	fcntl(ward->facts, F_SETFL, O_NONBLOCK);
	return true;
}

static void take(struct ward *ward, const char *bytes, ssize_t count)
{
	for (ssize_t i = 0; i < count; i++) {
		if (bytes[i] == '\n') {
			ward->line[ward->filled] = '\0';
			report("fact scenario=%s %s", ward->scenario->name, ward->line);
			ward->filled = 0;
		} else if (ward->filled < sizeof(ward->line) - 1) {
			ward->line[ward->filled++] = bytes[i];
		}
	}
}

/* Wait at most ms for the child to say something, and report it. */
static void listen_for(struct ward *ward, int ms)
{
	struct pollfd pipe = { .fd = ward->closed ? -1 : ward->facts, .events = POLLIN };
	char bytes[1024];
	ssize_t count;

	if (poll(&pipe, 1, ward->closed ? 1 : ms) <= 0)
		return;
	count = read(ward->facts, bytes, sizeof(bytes));
	if (count > 0)
		take(ward, bytes, count);
	else if (count == 0 || (errno != EAGAIN && errno != EINTR))
		ward->closed = true;
}

/* Reap whatever has died: as PID 1 we inherit the tracees of a dead tracer. */
static void reap(struct ward *ward)
{
	int status;

	for (int i = 0; i < REAP_MAX; i++) {
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

		if (pid <= 0)
			return;
		if (pid == ward->pid) {
			ward->dead = true;
			ward->status = status;
		}
	}
}

/* The scenario is over when its whole group is: a left tracee would disturb the next one. */
static bool gone(struct ward *ward)
{
	reap(ward);
	return ward->dead && kill(-ward->pid, SIGKILL) < 0 && errno == ESRCH;
}

static bool wait_gone(struct ward *ward, unsigned int ms)
{
	uint64_t deadline = clock_ms() + ms;
	bool over;

	for (over = gone(ward); !over && clock_ms() < deadline; over = gone(ward)) {
		report_beat();
		listen_for(ward, SLICE_MS);
	}
	return over;
}

static enum ending watch(struct ward *ward, char *how, size_t size)
{
	if (wait_gone(ward, seen_unkillable ? SHORT_DEADLINE_MS : DEADLINE_MS)) {
		if (WIFSIGNALED(ward->status))
			snprintf(how, size, "signal:%d", WTERMSIG(ward->status));
		else if (WEXITSTATUS(ward->status))
			snprintf(how, size, "code:%d", WEXITSTATUS(ward->status));
		else
			snprintf(how, size, "ok");
		return ENDED;
	}
	kill(-ward->pid, SIGKILL);
	if (wait_gone(ward, seen_unkillable ? SHORT_GRACE_MS : GRACE_MS)) {
		snprintf(how, size, "deadline");
		return KILLED;
	}
	seen_unkillable = true;
	task_leave_behind(ward->scenario->name, ward->pid);
	snprintf(how, size, "unkillable");
	return UNKILLABLE;
}

enum ending supervise(const struct scenario *scenario)
{
	struct ward ward = { .scenario = scenario };
	enum ending ending = ENDED;
	char how[32] = "code:255";	/* no child, so no facts: the guest has run out of something */

	report("start scenario=%s ms=%llu", scenario->name, (unsigned long long)clock_ms());
	if (begin(&ward)) {
		ending = watch(&ward, how, sizeof(how));
		for (int i = 0; i < REAP_MAX && !ward.closed && ward.dead; i++)
			listen_for(&ward, 0);
		close(ward.facts);
	}
	report("done scenario=%s exit=%s ms=%llu", scenario->name, how,
	       (unsigned long long)clock_ms());
	return ending;
}
