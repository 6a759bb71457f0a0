/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Summaries of an interval: records of equal keys added up. The two directions of a conversation go
 * together, told from the side that opened it. Groups beyond SUMMARY_GROUPS are added to one that
 * is called other. One thread's.
 */
#ifndef EXPORT_SUMMARY_H
#define EXPORT_SUMMARY_H

#include "flowd/export/export_kind.h"

#define SUMMARY_GROUPS	65536
#define SUMMARY_KEYS	16
#define SUMMARY_CHOICES 3
#define SUMMARY_BY                             \
	"source.workload|source.ip,"           \
	"destination.workload|destination.ip," \
	"destination.port,protocol,verdict"

struct summary;

/* `by`: names of fields with commas, A|B for the first that a record has; NULL: SUMMARY_BY. 0, or
 * -EINVAL with the sentence. */
int summary_check(const char *by, char *why, size_t why_size);
int summary_open(struct summary **out, const char *by, uint64_t interval_ns,
		 enum export_format_id format, const char *node_name);
/* Accepts NULL. */
void summary_close(struct summary *summary);

void summary_add(struct summary *summary, const struct flow_record *record);
/* The interval is over (CLOCK_REALTIME), and groups of it are left. */
bool summary_due(struct summary *summary, uint64_t now_ns);
/* Appends the body of one of them; false: no memory. */
bool summary_next(struct summary *summary, const char *id, struct buffer *body, uint64_t *time_ns,
		  uint64_t *conversation);

#endif
