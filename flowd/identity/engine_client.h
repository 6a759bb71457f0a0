/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asks one engine about containers, over HTTP on its unix socket (Docker's API; podman serves it
 * too), on a thread of its own that begins with the first question: a socket that activates its
 * engine is left alone on machines without containers of that engine. What is not answered is asked
 * again with growing pauses, then given up. Questions are bounded. What goes wrong is logged once,
 * and once when it is well again.
 */
#ifndef IDENTITY_ENGINE_CLIENT_H
#define IDENTITY_ENGINE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/identity/container_files.h"

#define ENGINE_ID_SIZE 65 /* 64 hexadecimal digits and a NUL */

struct engine_client_options {
	const char *name;    /* "docker": for the log and as the runtime of its containers */
	const char *socket;  /* path, host root included */
	const char *setting; /* key that names the socket, for the log */
	int wake_fd;	     /* eventfd, written when there is an answer */
};

struct engine_client;
/* Texts of the options but `socket` are borrowed. 0 or negative errno. */
int engine_client_open(struct engine_client **out, const struct engine_client_options *options);
/* Waits for the thread, which is not long. Accepts NULL. */
void engine_client_close(struct engine_client *client);
/* There is such a socket. */
bool engine_client_present(const struct engine_client *client);
/* False: too many questions wait. `id` is 64 hexadecimal digits. */
bool engine_client_ask(struct engine_client *client, const char *id);
/* Facts are valid during the call; NULL: the engine has no such container, or does not answer. */
typedef void (*engine_answer_fn)(void *context, const char *id,
				 const struct container_facts *facts);
void engine_client_take(struct engine_client *client, engine_answer_fn take, void *context);

struct engine_client_stats {
	uint64_t answers, failures, refused; /* refused: too many waited */
	char why[128];			     /* of the last failure, while it lasts; else empty */
};
void engine_client_stats(struct engine_client *client, struct engine_client_stats *stats);

#endif
