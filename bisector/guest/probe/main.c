/* What does PID 1 do?  It mounts, lets the scenarios run one by one, and powers off. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "console.h"
#include "report.h"
#include "scenario.h"
#include "supervise.h"

#define NOTE_BUILD_ID	3	/* NT_GNU_BUILD_ID */

static void scen_canary(unsigned int how)
{
	(void)how;
}

/* Gates first: if a breakpoint does not even count, nothing after it means anything. */
static const struct scenario scenarios[] = {
	{ "count-exec", scen_count, HOW_EXEC },
	{ "count-watch", scen_count, HOW_WATCH },
	{ "exec-sigtrap", scen_loop, HOW_EXEC | HOW_SIGTRAP },
	{ "watch-sigtrap", scen_loop, HOW_WATCH | HOW_SIGTRAP },
	{ "exec-oasync", scen_loop, HOW_EXEC | HOW_OASYNC },
	{ "watch-oasync", scen_loop, HOW_WATCH | HOW_OASYNC },
	{ "period2-exec-sigtrap", scen_period2, HOW_SIGTRAP },
	{ "period2-exec-oasync", scen_period2, HOW_OASYNC },
	{ "refresh1-exec-sigtrap", scen_refresh1, HOW_SIGTRAP },
	{ "refresh1-exec-oasync", scen_refresh1, HOW_OASYNC },
	{ "disable-in-handler-sigtrap", scen_loop, HOW_SIGTRAP | HOW_DISABLE },
	{ "disable-in-handler-oasync", scen_loop, HOW_OASYNC | HOW_DISABLE },
	{ "skip-in-handler-sigtrap", scen_loop, HOW_SIGTRAP | HOW_SKIP },
	{ "skip-in-handler-oasync", scen_loop, HOW_OASYNC | HOW_SKIP },
	{ "longjmp-out-sigtrap", scen_loop, HOW_SIGTRAP | HOW_LEAVE },
	{ "longjmp-out-oasync", scen_loop, HOW_OASYNC | HOW_LEAVE },
	{ "bp-in-handler-exec-sigtrap", scen_bp_in_handler, HOW_EXEC | HOW_SIGTRAP },
	{ "bp-in-handler-watch-sigtrap", scen_bp_in_handler, HOW_WATCH | HOW_SIGTRAP },
	{ "bp-in-handler-exec-oasync", scen_bp_in_handler, HOW_EXEC | HOW_OASYNC },
	{ "bp-in-handler-watch-oasync", scen_bp_in_handler, HOW_WATCH | HOW_OASYNC },
	{ "step-into-handler", scen_step_into_handler, 0 },
	{ "step-into-handler-blocked", scen_step_blocked, 0 },
	{ "step-on-handler", scen_step_on_handler, 0 },
	{ "step-svc", scen_step_svc, 0 },
	{ "step-regset", scen_step_regset, 0 },
	{ "stop-then-step", scen_stop_then_step, 0 },
	{ "stop-then-cont", scen_stop_then_cont, 0 },
	{ "native-step", scen_native_step, 0 },
	{ "count-svc", scen_count_svc, 0 },
};

static const struct scenario canary = { "canary", scen_canary, 0 };

#define SCENARIOS	(sizeof(scenarios) / sizeof(scenarios[0]))

/* A missing /proc or /sys costs a line of the report, not the report. */
static void mount_all(void)
{
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
}

static size_t padded(uint32_t size)
{
	return ((size_t)size + 3) & ~(size_t)3;
}

/* Find the build id among the ELF notes: header, padded name, padded description, and so on. */
static void build_id_in(const char *notes, size_t size, char *hex, size_t hex_size)
{
	size_t at = 0;

	for (int i = 0; i < 64 && at + 12 <= size; i++) {
		uint32_t head[3];	/* size of the name, size of the description, type */
		size_t desc;

		memcpy(head, notes + at, sizeof(head));
		if (head[0] > size || head[1] > size)
			return;
		desc = at + sizeof(head) + padded(head[0]);
		at = desc + padded(head[1]);
		if (desc + head[1] > size)
			return;
		if (head[2] != NOTE_BUILD_ID || head[0] != 4 || memcmp(notes + desc - 4, "GNU", 4))
			continue;
		for (size_t j = 0; j < head[1] && 2 * j + 2 < hex_size; j++)
			snprintf(hex + 2 * j, 3, "%02x", (unsigned char)notes[desc + j]);
		return;
	}
}

static void say_begin(void)
{
	char notes[2048], build_id[65] = "none";
	struct utsname name = { .release = "?" };
	int fd = open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC);
	cpu_set_t cpus;

	if (fd >= 0) {
		ssize_t size = read(fd, notes, sizeof(notes));

		if (size > 0)
			build_id_in(notes, (size_t)size, build_id, sizeof(build_id));
		close(fd);
	}
	uname(&name);
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	report("begin version=1 release=%s build_id=%s cpus=%d scenarios=%zu", name.release,
	       build_id, CPU_COUNT(&cpus), SCENARIOS + 1);
}

/*
 * A canary that does not come back means that the probed CPU is lost, and each
 * further scenario would only wait for its deadline on it.
 */
static void run_all(void)
{
	for (size_t i = 0; i < SCENARIOS; i++)
		if (supervise(&scenarios[i]) == UNKILLABLE && supervise(&canary) != ENDED)
			return;
	supervise(&canary);
}

int main(void)
{
	mount_all();
	console_open();
	report_begin();
	say_begin();
	supervise_from_cpu0();
	run_all();
	report_end();
	console_drain();
	sync();
	reboot(RB_POWER_OFF);
	for (int i = 0; i < 1000; i++)	/* PID 1 must not return: that is a panic */
		sleep(3600);
	return 0;
}
