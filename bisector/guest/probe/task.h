/* What does /proc say of a task that SIGKILL did not reap, and how do we live beside it? */
#ifndef TASK_H
#define TASK_H

#include <sys/types.h>

/* Report each task of the process group, and take its priority away. */
void task_leave_behind(const char *scenario, pid_t group);

#endif
