/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/flow_metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/metrics/flow_handlers.h"

#define HANDLERS_MAX 16
#define ENABLE_MAX   4096

struct flow_metrics {
	pthread_mutex_t lock;
	struct handler handler[HANDLERS_MAX];
	size_t count;
	struct series_family *losses;
};

static const struct {
	const char *name, *handler;
	unsigned int bit;
	const char *label;
} switches[] = {
	{ "query", "dns", HANDLER_QUERY, "query" },
	{ "ignoreAAAA", "dns", HANDLER_IGNORE_AAAA, NULL },
	{ "any-drop", "flows-to-world", HANDLER_ANY_DROP, NULL },
	{ "port", "flows-to-world", HANDLER_PORT, "port" },
	{ "syn-only", "flows-to-world", HANDLER_SYN_ONLY, NULL },
};
#define SWITCHES (sizeof(switches) / sizeof(switches[0]))

/* ---- the text -------------------------------------------------------------------------------- */

static int take_option(struct handler *handler, const char *option, char *why, size_t why_size)
{
	int error = 0;
	char what[256];

	for (size_t i = 0; i < SWITCHES; i++) {
		if (!strcmp(option, switches[i].name) &&
		    !strcmp(handler->row->name, switches[i].handler)) {
			handler->switches |= switches[i].bit;
			return 0;
		}
	}
	if (metric_context_option(&handler->context, option, &error, what, sizeof(what))) {
		if (error)
			snprintf(why, why_size, "%s:%s: %s", handler->row->name, option, what);
		return error;
	}
	snprintf(why, why_size,
		 "%s:%s: there is no such option; write sourceContext=, destinationContext= or "
		 "labelsContext=",
		 handler->row->name, option);
	return -EINVAL;
}

static const struct handler_row *find_row(const char *name)
{
	size_t count;
	const struct handler_row *rows = handler_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	return NULL;
}

/* "dns:query;ignoreAAAA": changed while it is read. */
static int take_handler(struct handler *handler, char *text, char *why, size_t why_size)
{
	char *options = strchr(text, ':'), *place = NULL;
	int error = 0;

	if (options)
		*options++ = 0;
	handler->row = find_row(text);
	if (!handler->row) {
		snprintf(why, why_size, "\"%s\" is not known; write some of " FLOW_METRICS_ENABLE,
			 text);
		return -EINVAL;
	}
	for (char *one = options ? strtok_r(options, ";", &place) : NULL; one && !error;
	     one = strtok_r(NULL, ";", &place))
		error = take_option(handler, one, why, why_size);
	return error;
}

static int take_enable(const char *enable, struct handler *handlers, size_t *count, char *why,
		       size_t why_size)
{
	char text[ENABLE_MAX], *place = NULL;
	int error = 0;

	*count = 0;
	snprintf(text, sizeof(text), "%s", enable ? enable : "");
	for (char *one = strtok_r(text, " \n", &place); one && !error;
	     one = strtok_r(NULL, " \n", &place)) {
		if (*count == HANDLERS_MAX) {
			snprintf(why, why_size, "too many; 16 are the most");
			return -EINVAL;
		}
		error = take_handler(&handlers[(*count)++], one, why, why_size);
	}
	return error;
}

int flow_metrics_check(const char *enable, char *why, size_t why_size)
{
	struct handler handlers[HANDLERS_MAX] = { 0 };
	size_t count;

	return take_enable(enable, handlers, &count, why, why_size);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_family(struct handler *handler, size_t index, size_t limit, uint64_t ttl_ns)
{
	const struct handler_family *row = &handler->row->families[index];
	struct series_about about = {
		.name = row->name, .help = row->help, .type = row->type, .limit = limit
	};
	size_t count = 0, added;

	for (; row->labels[count]; count++)
		about.labels[count] = row->labels[count];
	for (size_t i = 0; i < SWITCHES; i++) {
		if (handler->switches & switches[i].bit && switches[i].label)
			about.labels[count++] = switches[i].label;
	}
	added = metric_context_labels(&handler->context, &about.labels[count]);
	/* who has gone is forgotten; what has no such labels goes on for ever */
	about.ttl_ns = added ? ttl_ns : 0;
	return series_open(&handler->family[index], &about);
}

static int open_families(struct flow_metrics *metrics, size_t limit, uint64_t ttl_ns)
{
	static const struct series_about losses = {
		.name = "hubble_lost_events_total",
		.help = "Records that were lost, where their number is known, else losses",
		.labels = { "source" },
		.limit = 32,
	};
	int error = series_open(&metrics->losses, &losses);

	for (size_t i = 0; i < metrics->count; i++) {
		struct handler *handler = &metrics->handler[i];

		for (size_t j = 0; j < HANDLER_FAMILIES && handler->row->families[j].name && !error;
		     j++)
			error = open_family(handler, j, limit, ttl_ns);
	}
	return error;
}

int flow_metrics_open(struct flow_metrics **out, const char *enable, size_t limit, uint64_t ttl_ns,
		      char *why, size_t why_size)
{
	struct flow_metrics *metrics = calloc(1, sizeof(*metrics));
	int error;

	if (!metrics)
		return -ENOMEM;
	pthread_mutex_init(&metrics->lock, NULL);
	error = take_enable(enable, metrics->handler, &metrics->count, why, why_size);
	if (!error)
		error = open_families(metrics, limit, ttl_ns);
	if (error) {
		flow_metrics_close(metrics);
		return error;
	}
	*out = metrics;
	return 0;
}

void flow_metrics_close(struct flow_metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < metrics->count; i++)
		for (size_t j = 0; j < HANDLER_FAMILIES; j++)
			series_close(metrics->handler[i].family[j]);
	series_close(metrics->losses);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* ---- counting, writing ------------------------------------------------------------------------
 */

void flow_metrics_record(struct flow_metrics *metrics, const struct flow_record *record)
{
	uint64_t now_ns = clock_monotonic_ns();

	pthread_mutex_lock(&metrics->lock);
	for (size_t i = 0; i < metrics->count; i++) {
		metrics->handler[i].now_ns = now_ns;
		metrics->handler[i].row->record(&metrics->handler[i], record);
	}
	pthread_mutex_unlock(&metrics->lock);
}

void flow_metrics_loss(struct flow_metrics *metrics, const struct flow_loss *loss)
{
	const char *values[] = { loss->source };

	pthread_mutex_lock(&metrics->lock);
	series_add(metrics->losses, values, loss->records ? loss->records : 1,
		   clock_monotonic_ns());
	pthread_mutex_unlock(&metrics->lock);
}

/* How much each family holds, and what the bound on it cost. */
static int write_guard(struct flow_metrics *metrics, bool openmetrics, struct buffer *page)
{
	static const char *const name[] = { "flowd_metric_series", "flowd_metric_folded_total" };
	static const char *const help[] = { "Series of a metric", "Additions to a metric that went "
								  "to the series other" };
	int error = 0;

	for (int what = 0; what < 2 && !error; what++) {
		error = series_write_head(page, name[what], help[what], what ? "counter" : "gauge",
					  openmetrics);
		for (size_t i = 0; i < metrics->count * HANDLER_FAMILIES && !error; i++) {
			const struct series_family *family =
				metrics->handler[i / HANDLER_FAMILIES].family[i % HANDLER_FAMILIES];

			if (!family)
				continue;
			error = buffer_reserve(page, 512);
			if (!error)
				page->size += (size_t)snprintf(
					(char *)page->data + page->size, 512,
					"%s{metric=\"%s\"} %llu\n", name[what],
					series_about(family)->name,
					(unsigned long long)(what ? series_folded(family)
								  : series_count(family)));
		}
	}
	return error;
}

int flow_metrics_write(struct flow_metrics *metrics, bool openmetrics, struct buffer *page)
{
	uint64_t now_ns = clock_monotonic_ns();
	int error;

	pthread_mutex_lock(&metrics->lock);
	error = series_write(metrics->losses, openmetrics, now_ns, page);
	for (size_t i = 0; i < metrics->count; i++)
		for (size_t j = 0; j < HANDLER_FAMILIES && !error; j++) {
			if (metrics->handler[i].family[j])
				error = series_write(metrics->handler[i].family[j], openmetrics,
						     now_ns, page);
		}
	if (!error)
		error = write_guard(metrics, openmetrics, page);
	pthread_mutex_unlock(&metrics->lock);
	return error;
}
