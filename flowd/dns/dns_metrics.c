/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_metrics.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/dns_words.h"

#define SETS_MAX  256 /* label sets of one name */
#define VALUE_MAX 48

static const double bounds[DNS_METRIC_BUCKETS - 1] = { .0005, .001, .0025, .005, .01, .025, .05,
						       .1,    .25,  .5,	   1,	 2.5, 5 };

enum family { QUERIES, RESPONSES, RESPONSE_TYPES, TIMEOUTS, FLAGGED, FAMILIES };

static const struct {
	const char *name, *help;
	const char *keys[DNS_METRIC_LABELS];
} families[FAMILIES] = {
	{ "hubble_dns_queries_total",
	  "DNS queries observed",
	  { "rcode", "qtypes", "ips_returned" } },
	{ "hubble_dns_responses_total",
	  "DNS responses observed",
	  { "rcode", "qtypes", "ips_returned" } },
	{ "hubble_dns_response_types_total",
	  "Types of the records answered",
	  { "type", "qtypes" } },
	{ "flowd_dns_timeouts_total",
	  "DNS queries that nobody answered in time",
	  { "qtypes", "transport" } },
	{ "flowd_dns_flagged_total",
	  "DNS messages out of the ordinary: late, unsolicited, duplicate, truncated, ...",
	  { "what", "transport" } },
};

struct label_set {
	char value[DNS_METRIC_LABELS][VALUE_MAX];
	uint64_t count;
};

struct metric_family {
	struct label_set *sets;
	size_t count;
	uint64_t others; /* beyond SETS_MAX */
};

struct dns_metrics {
	struct metric_family family[FAMILIES];
	struct dns_metric_histogram latency[2]; /* UDP, TCP */
};

int dns_metrics_open(struct dns_metrics **out)
{
	struct dns_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return -ENOMEM;
	metrics->latency[0].bounds = metrics->latency[1].bounds = bounds;
	for (int i = 0; i < FAMILIES; i++) {
		metrics->family[i].sets = calloc(SETS_MAX, sizeof(struct label_set));
		if (!metrics->family[i].sets) {
			dns_metrics_close(metrics);
			return -ENOMEM;
		}
	}
	*out = metrics;
	return 0;
}

void dns_metrics_close(struct dns_metrics *metrics)
{
	if (!metrics)
		return;
	for (int i = 0; i < FAMILIES; i++)
		free(metrics->family[i].sets);
	free(metrics);
}

/* ---- counting ---------------------------------------------------------------------------------
 */

/* What is frequent is found early. */
static void move_up(struct label_set *sets, size_t at)
{
	struct label_set moved = sets[at];

	sets[at] = sets[at / 2];
	sets[at / 2] = moved;
}

static void add(struct dns_metrics *metrics, enum family family, const struct label_set *labels)
{
	struct metric_family *to = &metrics->family[family];

	for (size_t i = 0; i < to->count; i++) {
		if (memcmp(to->sets[i].value, labels->value, sizeof(labels->value)) != 0)
			continue;
		to->sets[i].count++;
		move_up(to->sets, i);
		return;
	}
	if (to->count == SETS_MAX) {
		to->others++;
		return;
	}
	to->sets[to->count] = *labels;
	to->sets[to->count++].count = 1;
}

static void write_types(const uint16_t *types, unsigned count, char text[VALUE_MAX])
{
	char *out = text;

	for (unsigned i = 0; i < count; i++) {
		if (out + DNS_TYPE_TEXT_MAX + 1 >= text + VALUE_MAX)
			break;
		if (i)
			*out++ = ',';
		out = dns_type_write(out, types[i]);
	}
	*out = '\0';
}

static void write_rcode(uint16_t rcode, char text[VALUE_MAX])
{
	const char *words = dns_rcode_words(rcode);

	if (words)
		snprintf(text, VALUE_MAX, "%s", words);
	else
		snprintf(text, VALUE_MAX, "%u", rcode);
}

static const char *transport(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void count_message(struct dns_metrics *metrics, const struct flow_dns *dns)
{
	bool response = dns->event == FLOW_DNS_EVENT_RESPONSE;
	struct label_set labels = { 0 };

	if (response)
		write_rcode(dns->rcode, labels.value[0]);
	write_types(flow_dns_qtypes(dns), dns->qtype_count, labels.value[1]);
	snprintf(labels.value[2], VALUE_MAX, "%u", dns->ip_count);
	add(metrics, response ? RESPONSES : QUERIES, &labels);
}

static void count_types(struct dns_metrics *metrics, const struct flow_dns *dns)
{
	const uint16_t *types = flow_dns_rrtypes(dns);
	struct label_set labels = { 0 };

	write_types(flow_dns_qtypes(dns), dns->qtype_count, labels.value[1]);
	for (unsigned i = 0; i < dns->rrtype_count; i++) {
		memset(labels.value[0], 0, VALUE_MAX);
		write_types(&types[i], 1, labels.value[0]);
		add(metrics, RESPONSE_TYPES, &labels);
	}
}

static void count_flags(struct dns_metrics *metrics, const struct flow_dns *dns, uint8_t protocol)
{
	static const struct {
		uint16_t flag;
		const char *what;
	} rows[] = { { FLOW_DNS_TRUNCATED, "truncated" },      { FLOW_DNS_LATE, "late" },
		     { FLOW_DNS_UNSOLICITED, "unsolicited" },  { FLOW_DNS_DUPLICATE, "duplicate" },
		     { FLOW_DNS_DAMAGED, "damaged" },	       { FLOW_DNS_TCP_RETRY, "tcp_retry" },
		     { FLOW_DNS_OTHER_SERVER, "other_server" } };
	struct label_set labels = { 0 };

	snprintf(labels.value[1], VALUE_MAX, "%s", transport(protocol));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!(dns->flags & rows[i].flag))
			continue;
		memset(labels.value[0], 0, VALUE_MAX);
		snprintf(labels.value[0], VALUE_MAX, "%s", rows[i].what);
		add(metrics, FLAGGED, &labels);
	}
	if (dns->event == FLOW_DNS_EVENT_REQUEST && dns->retries) {
		memset(labels.value[0], 0, VALUE_MAX);
		snprintf(labels.value[0], VALUE_MAX, "retry");
		add(metrics, FLAGGED, &labels);
	}
}

static void count_latency(struct dns_metric_histogram *histogram, uint64_t latency_ns)
{
	double seconds = (double)latency_ns / 1e9;

	for (int i = 0; i < DNS_METRIC_BUCKETS; i++)
		histogram->counts[i] += i == DNS_METRIC_BUCKETS - 1 || seconds <= bounds[i];
	histogram->sum_s += seconds;
}

static void count_timeout(struct dns_metrics *metrics, const struct flow_dns *dns, uint8_t protocol)
{
	struct label_set labels = { 0 };

	write_types(flow_dns_qtypes(dns), dns->qtype_count, labels.value[0]);
	snprintf(labels.value[1], VALUE_MAX, "%s", transport(protocol));
	add(metrics, TIMEOUTS, &labels);
}

void dns_metrics_count(struct dns_metrics *metrics, const struct flow_dns *dns, uint8_t protocol)
{
	if (dns->event == FLOW_DNS_EVENT_TIMEOUT) {
		count_timeout(metrics, dns, protocol);
		return;
	}
	count_message(metrics, dns);
	count_flags(metrics, dns, protocol);
	if (dns->event != FLOW_DNS_EVENT_RESPONSE)
		return;
	count_types(metrics, dns);
	if (dns->latency_ns && !(dns->flags & FLOW_DNS_DUPLICATE))
		count_latency(&metrics->latency[protocol == IPPROTO_TCP], dns->latency_ns);
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static unsigned name_labels(enum family family, struct dns_metric *metric)
{
	unsigned count = 0;

	while (count < DNS_METRIC_LABELS && families[family].keys[count]) {
		metric->labels[count].key = families[family].keys[count];
		metric->labels[count].value = "other";
		count++;
	}
	return count;
}

static void tell_family(const struct dns_metrics *metrics, enum family family, dns_metric_fn visit,
			void *context)
{
	const struct metric_family *from = &metrics->family[family];
	struct dns_metric metric = { .name = families[family].name,
				     .help = families[family].help,
				     .type = DNS_METRIC_COUNTER };

	metric.label_count = name_labels(family, &metric);
	for (size_t i = 0; i < from->count; i++) {
		for (unsigned label = 0; label < metric.label_count; label++)
			metric.labels[label].value = from->sets[i].value[label];
		metric.value = from->sets[i].count;
		visit(context, &metric);
	}
	name_labels(family, &metric);
	metric.value = from->others;
	if (from->others)
		visit(context, &metric);
}

void dns_metrics_each(const struct dns_metrics *metrics, dns_metric_fn visit, void *context)
{
	struct dns_metric metric = { .name = "flowd_dns_latency_seconds",
				     .help = "From a DNS query to its answer",
				     .type = DNS_METRIC_HISTOGRAM,
				     .label_count = 1 };

	for (int family = 0; family < FAMILIES; family++)
		tell_family(metrics, (enum family)family, visit, context);
	metric.labels[0].key = "transport";
	for (int i = 0; i < 2; i++) {
		metric.labels[0].value = transport(i ? IPPROTO_TCP : IPPROTO_UDP);
		metric.histogram = &metrics->latency[i];
		visit(context, &metric);
	}
}
