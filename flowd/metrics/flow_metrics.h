/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Metrics of flows: Hubble's handlers with their names, labels and context options, and our own. A
 * handler is a row (flow_metrics.c) and is switched on by its name. One lock: records come on one
 * thread, pages are written on another.
 */
#ifndef METRICS_FLOW_METRICS_H
#define METRICS_FLOW_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/flow_record.h"

#define FLOW_METRICS_ENABLE \
	"drop flow dns tcp icmp port-distribution flows-to-world traffic latency"

struct flow_metrics;

/*
 * `enable`: handlers with spaces, options after a colon as Hubble takes them:
 * "drop:sourceContext=pod|ip;labelsContext=source_ip,traffic_direction flow". 0, -ENOMEM, or
 * -EINVAL with the sentence.
 */
int flow_metrics_check(const char *enable, char *why, size_t why_size);
int flow_metrics_open(struct flow_metrics **out, const char *enable, size_t limit, uint64_t ttl_ns,
		      char *why, size_t why_size);
/* Accepts NULL. */
void flow_metrics_close(struct flow_metrics *metrics);

void flow_metrics_record(struct flow_metrics *metrics, const struct flow_record *record);
void flow_metrics_loss(struct flow_metrics *metrics, const struct flow_loss *loss);
int flow_metrics_write(struct flow_metrics *metrics, bool openmetrics, struct buffer *page);

#endif
