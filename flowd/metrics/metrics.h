/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page /metrics for Prometheus: flows, what the daemon knows of itself, and the node's
 * counters. Records are counted on a thread of its own, from a queue that the pipeline fills and
 * never waits for; a page is made when it is asked for, its part of the daemon's state on the
 * pipeline's thread.
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "flowd/base/loop.h"
#include "flowd/metrics/metrics_push.h"
#include "flowd/store/history.h"
#include "proto/codec.h"

struct metrics;

struct metrics_options {
	const char *listen; /* "127.0.0.1:9965", "[::1]:9965"; NULL: no page, only pushes */
	const char *enable; /* flow_metrics.h */
	size_t limit;	    /* series of a metric */
	uint64_t ttl_ns;
	const char *cert, *key;		  /* PEM files; NULL: plain HTTP */
	const char *token_file;		  /* NULL: no token is asked for */
	struct metrics_push_options push; /* url NULL: none; `make` is ours */
	/* On the loop's thread: what `status` points to is valid until the next call. */
	void (*status)(void *context, struct status *status);
	void *context;
	struct history *history;
};

/* 0, or negative errno with a sentence in `why`. */
int metrics_check(const struct metrics_options *options, char *why, size_t why_size);
int metrics_open(struct metrics **out, struct loop *loop, const struct metrics_options *options,
		 char *why, size_t why_size);
/* Accepts NULL. */
void metrics_close(struct metrics *metrics);

/* The loop's thread, as exporters_pump() and exporters_loss(). */
bool metrics_pump(struct metrics *metrics);
/* record_queue_oldest() */
uint64_t metrics_oldest(struct metrics *metrics);
void metrics_loss(struct metrics *metrics, const struct flow_loss *loss);

#endif
