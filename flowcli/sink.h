/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where records of any source end: the writer, and the account of what is missing. Losses go to
 * standard error as they are met; sink_finish tells in one line whether the answer is complete.
 */
#ifndef FLOWCLI_SINK_H
#define FLOWCLI_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "flowcli/writer.h"

/* Source of a loss between two lives of the daemon. */
#define SINK_RESTART "daemon_restart"

struct sink {
	struct writer writer;
	bool quiet;	/* no closing line; losses are still told */
	uint64_t limit; /* records; 0 = none */
	uint64_t records;
	uint64_t last_ns;      /* time of the newest record written */
	uint64_t gaps;	       /* losses met */
	uint64_t limited;      /* events above the operator's limit: counted, and not here */
	struct flow_loss lost; /* their sums */
	bool lost_unknown;     /* a loss of unknown size among them */
	char missing[512];     /* other reasons why the answer is not complete */
	char facts[2304];      /* what the closing line says beyond the number of records */
};

/* For flow_record_fn; the context is a struct sink. */
void sink_record(void *context, const struct flow_record *record);
/* True when the limit is reached or nobody reads any more. */
bool sink_is_full(const struct sink *sink);
void sink_loss(struct sink *sink, const struct flow_loss *loss);
/* A reason why the answer is not complete; told in the closing line. */
void sink_missing(struct sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sink_fact(struct sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Flushes, writes the closing line, closes the writer. The exit status: 0, or 1 when the output
 * could not be written. A reader that went away (| head) is no error and gets no closing line. */
int sink_finish(struct sink *sink);

/* RFC 3339 in the zone of the view. */
void sink_time(const struct sink *sink, uint64_t ns, char *text, size_t size);

#endif
