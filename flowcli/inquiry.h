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

struct selection;

/* The shared options: which records by time and source, and filters that are no command's own. */
extern const struct option_group inquiry_range_options, inquiry_filter_options;

struct inquiry {
	const char *path;      /* the command's: "flowcli drops" */
	struct filter *filter; /* owned by the caller; NULL = everything */
	void *state;	       /* for the functions below */
	bool follow;
	bool is_first; /* another one tells of completeness, and shows */
	/* 0 or -ENOMEM: the sums lack this record, which is told once. */
	int (*record)(void *state, const struct flow_record *record);
	/* Once at the end; when following, also after each answer. */
	void (*show)(void *state, struct output *output);
	bool no_memory; /* result */
};

/* Runs the question; the exit status: 0, 1, 2 (misuse, told) or 130. */
int inquiry_run(struct inquiry *inquiry);
/* The same with the filter that the options made, and `always` ("FIELD=VALUE") on top of it. */
int inquiry_run_selected(struct inquiry *inquiry, struct selection *selection, const char *always);
/* True when a capture is read: nothing but packets is known, and it may be read only once. */
bool inquiry_is_offline(void);
/* Tells that there is not enough memory; returns the exit status. */
int inquiry_no_memory(void);

#endif
