/* What is a scenario, and how does it tell what it measured? */
#ifndef SCENARIO_H
#define SCENARIO_H

/* What the signal of a breakpoint is, where it stands, and what the handler does about it. */
#define HOW_EXEC	0x00
#define HOW_WATCH	0x01
#define HOW_SIGTRAP	0x00	/* perf_event_attr.sigtrap */
#define HOW_OASYNC	0x02	/* F_SETSIG and O_ASYNC */
#define HOW_DISABLE	0x04
#define HOW_SKIP	0x08
#define HOW_LEAVE	0x10	/* siglongjmp */

struct scenario {
	const char *name;
	void (*run)(unsigned int how);	/* in a child of its own; returning means exit code 0 */
	unsigned int how;
};

/* Called in a scenario's child (or its tracee): "key=value key=value", at most 340 bytes. */
void fact(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fact_to(int fd);

/* scen_count.c */
void scen_count(unsigned int how);
void scen_count_svc(unsigned int how);
/* scen_loop.c */
void scen_loop(unsigned int how);
/* scen_rearm.c */
void scen_period2(unsigned int how);
void scen_refresh1(unsigned int how);
/* scen_handler.c */
void scen_bp_in_handler(unsigned int how);
/* scen_step.c */
void scen_step_into_handler(unsigned int how);
void scen_step_blocked(unsigned int how);
void scen_step_on_handler(unsigned int how);
void scen_step_svc(unsigned int how);
void scen_step_regset(unsigned int how);
/* scen_stop.c */
void scen_stop_then_step(unsigned int how);
void scen_stop_then_cont(unsigned int how);
/* scen_native.c */
void scen_native_step(unsigned int how);

#endif
