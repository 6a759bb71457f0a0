/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `observe` was asked for, and the sources that can answer it. */
#ifndef FLOWCLI_OBSERVATION_H
#define FLOWCLI_OBSERVATION_H

#include "flowcli/sink.h"
#include "proto/filter.h"

struct observation {
	struct filter *filter;	     /* NULL = everything */
	uint64_t since_ns, until_ns; /* 0 = open */
	uint64_t first, last;	     /* 0 = not asked for */
	bool all;
	bool follow;
	struct sink sink; /* its writer is open */
};

/* Each returns the exit status: 0, 1, or 130 when a signal cut a finite answer short. They close
 * the sink. */
int live_observe(struct observation *observation);
int offline_observe(struct observation *observation, const char *path);

#endif
