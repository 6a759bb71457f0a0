/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One exporter at work: the intake thread makes items of the records that the pipeline hands over,
 * the sender thread takes them to the target. Between them lies the backlog, in memory or on disk.
 * A slow or dead target stops its own sender, then its own intake, and at last its own cursor in
 * history: never the pipeline, never another exporter. What leaves history unread is counted lost.
 */
#ifndef EXPORT_EXPORTER_H
#define EXPORT_EXPORTER_H

#include "flowd/export/export_kind.h"
#include "flowd/store/history.h"

struct exporter;

struct exporter_options {
	const struct export_kind *kind;
	const struct export_settings *settings; /* of the kind; outlives the exporter */
	const char *node_name;
	uint64_t epoch;
	uint64_t position; /* in history: records after it */
};
/* Starts the threads. 0, or negative errno with a sentence in `why`. */
int exporter_open(struct exporter **out, const struct exporter_options *options, char *why,
		  size_t why_size);
/* Accepts NULL. Lets the target take what there is, for `patience_ns` at most; what is neither sent
 * nor spooled then is logged as lost. */
void exporter_close(struct exporter *exporter, uint64_t patience_ns);

/* The pipeline's thread: takes over what is new in history; true while there is more. */
bool exporter_pump(struct exporter *exporter, struct history *history);
/* Of the records it still has in memory as they were made; record_queue_oldest(). */
uint64_t exporter_oldest(struct exporter *exporter);
void exporter_loss(struct exporter *exporter, const struct flow_loss *loss);
/* Log files were moved away, certificates changed. */
void exporter_reopen(struct exporter *exporter);

#define EXPORTER_WHY_MAX 256

/* All counts are records (or summaries), since the start. */
struct exporter_stats {
	const char *name, *kind;
	uint64_t received;     /* that the filter let in */
	uint64_t sent;	       /* handed to the target */
	uint64_t acknowledged; /* of these, known to have arrived */
	uint64_t retried;      /* sent again */
	uint64_t spooled;      /* on disk now */
	uint64_t spooled_bytes;
	uint64_t lost;	  /* left history, refused by the target, or given up by the spool */
	uint64_t waiting; /* in memory now */
	uint64_t failures;
	bool failing;
	char why[EXPORTER_WHY_MAX]; /* the last failure; empty while all is well */
};
void exporter_stats(struct exporter *exporter, struct exporter_stats *stats);

#endif
