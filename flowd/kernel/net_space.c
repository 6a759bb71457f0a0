/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/net_space.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int net_space_enter(pid_t process)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there, error = 0;
	char path[64];

	if (home < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)process);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET))
		error = -errno;
	if (there >= 0)
		close(there);
	if (!error)
		return home;
	close(home);
	return error;
}

void net_space_leave(int home)
{
	if (setns(home, CLONE_NEWNET))
		abort();
	close(home);
}
