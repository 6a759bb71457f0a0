/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static volatile sig_atomic_t requested, stop;
static int wake_fds[2] = { -1, -1 };

static void on_signal(int signal_number)
{
	int saved = errno;

	requested = signal_number;
	stop = 1;
	if (write(wake_fds[1], "", 1) < 0)
		requested = signal_number;
	errno = saved;
}

void interrupt_ignore_pipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}

int interrupt_open(void)
{
	/* No SA_RESTART: a blocked write must return. Reset: the second signal kills. */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	if (wake_fds[0] >= 0)
		return 0;
	if (pipe2(wake_fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGINT, &action, NULL) || sigaction(SIGTERM, &action, NULL))
		return -errno;
	return 0;
}

bool interrupt_requested(void)
{
	return requested != 0;
}

const volatile sig_atomic_t *interrupt_stop_flag(void)
{
	return &stop;
}

void interrupt_stop(void)
{
	stop = 1;
}

int interrupt_fd(void)
{
	return wake_fds[0];
}
