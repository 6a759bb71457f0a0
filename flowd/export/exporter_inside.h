/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The inside of an exporter, for exporter.c and exporter_threads.c. */
#ifndef EXPORT_EXPORTER_INSIDE_H
#define EXPORT_EXPORTER_INSIDE_H

#include <pthread.h>

#include "flowd/export/backlog.h"
#include "flowd/export/exporter.h"
#include "flowd/export/format.h"
#include "flowd/export/life_sign.h"
#include "flowd/export/record_queue.h"
#include "flowd/export/summary.h"

struct exporter {
	const struct export_kind *kind;
	struct export_setup setup;
	struct export_target *target;
	pthread_t intake, sender;

	/* The pipeline's thread: */
	struct filter *filter;
	uint64_t position; /* in history */
	bool told_lost;
	struct flow_loss missed; /* not told yet: the queue has no room; records 0: nothing */
	struct record_queue *queue;

	/* The intake's: */
	struct life_sign *sign; /* NULL: no spool */
	struct format *format;
	struct summary *summary; /* NULL: records by themselves */
	struct item_origin origin;
	struct buffer items; /* the last one may be in the making */
	size_t item_start, item_count;
	uint64_t taken;	   /* records */
	uint64_t sequence; /* items */
	uint64_t last_position;

	/* Under the lock: */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything below */
	struct backlog *backlog;
	size_t in_flight;
	struct exporter_stats counts;
	char target_why[EXPORTER_WHY_MAX], spool_why[EXPORTER_WHY_MAX]; /* what fails; empty */
	bool reopen, intake_done, hurry;				/* hurry: no more waiting */
	bool full;	     /* the backlog has no room for what the intake has */
	uint64_t give_up_ns; /* 0: never */
};

/* 0 or negative errno. */
int exporter_threads_start(struct exporter *exporter);
void exporter_threads_stop(struct exporter *exporter, uint64_t patience_ns);
void exporter_count_lost(struct exporter *exporter, uint64_t records);

#endif
