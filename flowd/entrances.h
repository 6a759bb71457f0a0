/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The addresses of the settings as what serve/ listens at. */
#ifndef FLOWD_ENTRANCES_H
#define FLOWD_ENTRANCES_H

#include <stdbool.h>
#include <stddef.h>

#include "flowd/config.h"
#include "flowd/serve/listen.h"

#define ENTRANCES_MAX (CONFIG_LISTEN_MAX + 1)

/* The group of the local sockets; LISTEN_NO_GROUP, with a warning, when there is none. */
gid_t entrances_group(const char *name);
/* Where to listen for queries, or for subscribers: the local socket, then bus.listen. `out` has
 * room for ENTRANCES_MAX; returns how many. */
size_t entrances_list(const struct config *config, gid_t group, bool queries,
		      struct listen_options *out);
/* Logs where we are reached. */
void entrances_tell(const struct config *config);

#endif
