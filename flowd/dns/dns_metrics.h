/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters and histograms of DNS, with Hubble's names where Hubble has them. Label sets are
 * bounded; what comes beyond counts under "other" in each label. Whoever exposes them calls
 * dns_metrics_each().
 */
#ifndef DNS_DNS_METRICS_H
#define DNS_DNS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/flow_dns.h"

#define DNS_METRIC_LABELS  3
#define DNS_METRIC_BUCKETS 14

enum dns_metric_type { DNS_METRIC_COUNTER, DNS_METRIC_GAUGE, DNS_METRIC_HISTOGRAM };

/* Cumulative, as Prometheus wants them; bounds in seconds, the last bucket is +Inf's. */
struct dns_metric_histogram {
	const double *bounds; /* DNS_METRIC_BUCKETS - 1 */
	uint64_t counts[DNS_METRIC_BUCKETS];
	double sum_s;
};

/* One sample. Samples of one name follow each other. */
struct dns_metric {
	const char *name, *help;
	enum dns_metric_type type;
	struct {
		const char *key, *value;
	} labels[DNS_METRIC_LABELS];
	unsigned label_count;
	uint64_t value;				      /* of counters and gauges */
	const struct dns_metric_histogram *histogram; /* of histograms */
};
typedef void (*dns_metric_fn)(void *context, const struct dns_metric *metric);

struct dns_metrics;
/* 0 or -ENOMEM. */
int dns_metrics_open(struct dns_metrics **out);
void dns_metrics_close(struct dns_metrics *metrics);
/* A message, or a timeout; `protocol` is that of the packet. */
void dns_metrics_count(struct dns_metrics *metrics, const struct flow_dns *dns, uint8_t protocol);
void dns_metrics_each(const struct dns_metrics *metrics, dns_metric_fn visit, void *context);

#endif
