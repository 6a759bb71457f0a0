/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Commands that make sums of records instead of showing them (drops, tcp, why): the options they
 * share, and the way to the records of a daemon or of a capture.
 */
#ifndef FLOWCLI_INQUIRY_H
#define FLOWCLI_INQUIRY_H

#include <stdbool.h>

#include "flowcli/command.h"
#include "flowcli/writer.h"
#include "proto/filter.h"

/* What the shared options say. */
extern const struct option_group inquiry_range_options;

struct inquiry {
	struct filter *filter; /* owned by the caller; NULL = everything */
	void *state;	       /* for the functions below */
	bool follow;
	void (*record)(void *state, const struct flow_record *record);
	/* Once at the end; when following, also after each answer. */
	void (*show)(void *state, struct output *output);
};

/* Runs the question; the exit status: 0, 1, 2 (misuse, told) or 130. `path` is the command's. */
int inquiry_run(struct inquiry *inquiry, const char *path);
/* For conflicts. */
bool inquiry_is_offline(void);

#endif
