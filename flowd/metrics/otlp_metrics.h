/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page as bodies of OTLP/HTTP, JSON encoding (opentelemetry-proto,
 * ExportMetricsServiceRequest): counters become cumulative sums, histograms histograms, all others
 * gauges. It is our own page, so it is known to be well-formed.
 */
#ifndef METRICS_OTLP_METRICS_H
#define METRICS_OTLP_METRICS_H

#include <stdint.h>

#include "proto/buffer.h"

#define OTLP_BODY_MAX (1 << 20) /* about; a larger page is several bodies */

struct otlp_options {
	const char *node_name;
	uint64_t start_ns, now_ns; /* CLOCK_REALTIME: counting began, and the page was made */
	/* Takes a body; an error ends it all. */
	int (*emit)(void *context, const struct buffer *body);
	void *context;
};

/* `page`: text format 0.0.4, ended by NUL. 0, -ENOMEM, or what `emit` returned. */
int otlp_metrics(const char *page, const struct otlp_options *options);

#endif
