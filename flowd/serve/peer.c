/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/peer.h"

#include <errno.h>
#include <nng/transport/ipc/ipc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/serve/listen.h"

#define PEER_REMEMBERED 16
#define PEER_QUIET_NS	(60 * CLOCK_S)

struct peer_guard {
	gid_t group;
	peer_gone_fn gone;
	void *context;
	atomic_uint count;
	pthread_mutex_t lock;
	struct {
		uint64_t uid, logged_ns;
	} refused[PEER_REMEMBERED];
};

static bool peer_group_listed(char *list, gid_t group)
{
	char *place = NULL;

	for (char *word = strtok_r(list, " \t\n", &place); word;
	     word = strtok_r(NULL, " \t\n", &place)) {
		if (strtoul(word, NULL, 10) == group)
			return true;
	}
	return false;
}

/* Supplementary groups are not among the credentials that nng hands out. */
static bool peer_process_in_group(uint64_t pid, gid_t group)
{
	char path[40], *line = NULL;
	size_t room = 0;
	bool member = false;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%lu/status", (unsigned long)pid);
	status = fopen(path, "re");
	if (!status)
		return false;
	while (!member && getline(&line, &room, status) > 0) {
		if (!strncmp(line, "Groups:", 7))
			member = peer_group_listed(line + 7, group);
	}
	free(line);
	fclose(status);
	return member;
}

static bool peer_allowed(const struct peer_guard *guard, nng_pipe pipe, uint64_t uid)
{
	uint64_t gid = 0, pid = 0;

	if (uid == 0 || uid == geteuid())
		return true;
	if (guard->group == LISTEN_NO_GROUP)
		return false;
	if (!nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_GID, &gid) && gid == guard->group)
		return true;
	return !nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) &&
	       peer_process_in_group(pid, guard->group);
}

/* True when this user's refusal has not been logged for a while. */
static bool peer_worth_logging(struct peer_guard *guard, uint64_t uid, uint64_t now_ns)
{
	size_t slot = 0;
	bool worth;

	pthread_mutex_lock(&guard->lock);
	for (size_t i = 0; i < PEER_REMEMBERED; i++) {
		if (guard->refused[i].logged_ns && guard->refused[i].uid == uid) {
			slot = i;
			break;
		}
		if (guard->refused[i].logged_ns < guard->refused[slot].logged_ns)
			slot = i;
	}
	worth = guard->refused[slot].uid != uid || !guard->refused[slot].logged_ns ||
		now_ns - guard->refused[slot].logged_ns > PEER_QUIET_NS;
	if (worth) {
		guard->refused[slot].uid = uid;
		guard->refused[slot].logged_ns = now_ns;
	}
	pthread_mutex_unlock(&guard->lock);
	return worth;
}

/* Runs on a thread of nng. */
static void peer_check(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct peer_guard *guard = argument;
	uint64_t uid = 0;
	int error = nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid);

	(void)event;
	atomic_fetch_add(&guard->count, 1); /* nng reports the end of refused ones too */
	if (error == NNG_ENOTSUP)	    /* not a local socket */
		return;
	if (!error && peer_allowed(guard, pipe, uid))
		return;
	nng_pipe_close(pipe);
	if (peer_worth_logging(guard, uid, clock_monotonic_ns()))
		log_warning("refused a connection of user %lu; let the user in by adding it to the "
			    "group of the socket (bus.socket_group)",
			    (unsigned long)uid);
}

/* Runs on a thread of nng. */
static void peer_left(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct peer_guard *guard = argument;

	(void)event;
	atomic_fetch_sub(&guard->count, 1);
	if (guard->gone)
		guard->gone(guard->context, nng_pipe_id(pipe));
}

int peer_guard_open(struct peer_guard **out, nng_socket socket, gid_t group, peer_gone_fn gone,
		    void *context)
{
	struct peer_guard *guard = calloc(1, sizeof(*guard));

	if (!guard)
		return -ENOMEM;
	guard->group = group;
	guard->gone = gone;
	guard->context = context;
	pthread_mutex_init(&guard->lock, NULL);
	if (nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, peer_check, guard) ||
	    nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, peer_left, guard)) {
		peer_guard_close(guard);
		return -EIO;
	}
	*out = guard;
	return 0;
}

unsigned int peer_guard_count(const struct peer_guard *guard)
{
	return guard ? atomic_load(&guard->count) : 0;
}

void peer_guard_close(struct peer_guard *guard)
{
	if (!guard)
		return;
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}
