/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page, pushed every interval to a receiver of OTLP/HTTP. What counts is cumulative, so a push
 * that fails is made good by the next one. On a thread of its own.
 */
#ifndef METRICS_METRICS_PUSH_H
#define METRICS_METRICS_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"

struct metrics_push;

struct metrics_push_options {
	const char
		*url; /* http://HOST:PORT or https://...; /v1/metrics is added where no path is */
	uint64_t interval_ns;
	const char *token_file;	     /* NULL: no Authorization */
	const char *ca, *cert, *key; /* PEM files; NULL: the system's, none */
	const char *node_name;
	int (*make)(void *context, bool openmetrics, struct buffer *page);
	void *context;
};

/* 0, or -EINVAL with the sentence. */
int metrics_push_check(const struct metrics_push_options *options, char *why, size_t why_size);
int metrics_push_open(struct metrics_push **out, const struct metrics_push_options *options,
		      char *why, size_t why_size);
/* Accepts NULL. */
void metrics_push_close(struct metrics_push *push);
/* Appends what it tells of itself to a page; nothing for NULL. */
int metrics_push_write(struct metrics_push *push, bool openmetrics, struct buffer *page);

#endif
