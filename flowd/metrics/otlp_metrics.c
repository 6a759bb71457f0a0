/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/otlp_metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/metrics/series.h"
#include "proto/json_text.h"

#define NAME_MAX_BYTES 128
#define LABELS_BYTES   (SERIES_LABELS_MAX * (2 * SERIES_TEXT_MAX + 64))
#define POINT_BYTES    (8 * LABELS_BYTES)
#define HEAD_BYTES     8192
#define BOUNDS_MAX     64

struct span {
	const char *text;
	size_t length;
};

struct otlp {
	const struct otlp_options *options;
	struct buffer body;
	struct span name, help, type;
	bool opened, written; /* the metric stands in the body; with a point */
	bool first;	      /* metric of the body */
	/* A histogram's series, while its buckets come: */
	struct span labels;
	double bounds[BOUNDS_MAX];
	uint64_t counts[BOUNDS_MAX + 1]; /* cumulative */
	size_t buckets;
	double sum;
	int error;
};

static bool span_is(struct span span, const char *text)
{
	return span.length == strlen(text) && !memcmp(span.text, text, span.length);
}

static bool span_ends(struct span span, const char *end)
{
	size_t length = strlen(end);

	return span.length >= length && !memcmp(span.text + span.length - length, end, length);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void put(struct otlp *otlp, const char *text, size_t length)
{
	if (!otlp->error)
		otlp->error = buffer_append(&otlp->body, text, length);
}
#define put_literal(otlp, text) put(otlp, text, sizeof(text) - 1)

/* As a JSON string; what lies between the quotes of a label's value is unescaped first. */
static void put_string(struct otlp *otlp, struct span span)
{
	char text[2 * SERIES_TEXT_MAX + 1], *out = text, *end;

	for (size_t i = 0; i < span.length && out < text + sizeof(text) - 1; i++) {
		bool escape = span.text[i] == '\\' && i + 1 < span.length;

		i += escape;
		*out++ = escape && span.text[i] == 'n' ? '\n' : span.text[i];
	}
	*out = 0;
	if (!otlp->error)
		otlp->error = buffer_reserve(&otlp->body, 6 * sizeof(text) + 2);
	if (otlp->error)
		return;
	end = json_string((char *)otlp->body.data + otlp->body.size, text, 6 * sizeof(text));
	otlp->body.size = (size_t)(end - (char *)otlp->body.data);
}

static void body_begin(struct otlp *otlp)
{
	const char *node = otlp->options->node_name ? otlp->options->node_name : "";

	otlp->body.size = 0;
	put_literal(otlp, "{\"resourceMetrics\":[{\"resource\":{\"attributes\":["
			  "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"flowd\"}},"
			  "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"" FLOWD_VERSION
			  "\"}},{\"key\":\"host.name\",\"value\":{\"stringValue\":");
	put_string(otlp, (struct span){ node, strlen(node) });
	put_literal(otlp, "}}]},\"scopeMetrics\":[{\"scope\":{\"name\":\"flowd\",\"version\":"
			  "\"" FLOWD_VERSION "\"},\"metrics\":[");
	otlp->first = true;
}

static void metric_close(struct otlp *otlp)
{
	bool gauge = !span_is(otlp->type, "counter") && !span_is(otlp->type, "histogram");

	if (!otlp->opened)
		return;
	put_literal(otlp, "]");
	if (!gauge) /* 2: cumulative */
		put_literal(otlp, ",\"aggregationTemporality\":2");
	if (span_is(otlp->type, "counter"))
		put_literal(otlp, ",\"isMonotonic\":true");
	put_literal(otlp, "}}");
	otlp->opened = false;
}

static void body_end(struct otlp *otlp)
{
	metric_close(otlp);
	put_literal(otlp, "]}]}]}");
	if (!otlp->error && !otlp->first)
		otlp->error = otlp->options->emit(otlp->options->context, &otlp->body);
}

static void metric_open(struct otlp *otlp)
{
	const char *unit =
		span_ends(otlp->name, "_seconds")					   ? "s"
		: span_ends(otlp->name, "_bytes") || span_ends(otlp->name, "_bytes_total") ? "By"
											   : "1";

	if (!otlp->first)
		put_literal(otlp, ",");
	otlp->first = false;
	put_literal(otlp, "{\"name\":");
	put_string(otlp, otlp->name);
	put_literal(otlp, ",\"description\":");
	put_string(otlp, otlp->help);
	put_literal(otlp, ",\"unit\":\"");
	put(otlp, unit, strlen(unit));
	put_literal(otlp, "\",\"");
	if (span_is(otlp->type, "counter"))
		put_literal(otlp, "sum");
	else if (span_is(otlp->type, "histogram"))
		put_literal(otlp, "histogram");
	else
		put_literal(otlp, "gauge");
	put_literal(otlp, "\":{\"dataPoints\":[");
	otlp->opened = true;
	otlp->written = false;
}

/* ---- points ---------------------------------------------------------------------------------- */

/* The end of a label's value: the quote that no backslash stands before. */
static const char *value_end(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < end ? at : end;
}

/* name="value",...; what `le` says goes to *bound. */
static void put_attributes(struct otlp *otlp, struct span labels)
{
	const char *at = labels.text, *end = at + labels.length;
	bool first = true;

	put_literal(otlp, "\"attributes\":[");
	while (at < end) {
		struct span key = { at, strcspn(at, "=") }, value = { at + key.length + 2, 0 };

		value.length = (size_t)(value_end(value.text, end) - value.text);
		at = value.text + value.length + 2;
		if (span_is(key, "le"))
			continue;
		if (!first)
			put_literal(otlp, ",");
		first = false;
		put_literal(otlp, "{\"key\":");
		put_string(otlp, key);
		put_literal(otlp, ",\"value\":{\"stringValue\":");
		put_string(otlp, value);
		put_literal(otlp, "}}");
	}
	put_literal(otlp, "]");
}

static void point_begin(struct otlp *otlp, struct span labels, bool counts)
{
	char times[128];
	int length;

	if (otlp->body.size > OTLP_BODY_MAX) {
		body_end(otlp);
		body_begin(otlp);
	}
	if (!otlp->opened)
		metric_open(otlp);
	if (otlp->written)
		put_literal(otlp, ",");
	otlp->written = true;
	put_literal(otlp, "{");
	put_attributes(otlp, labels);
	length = snprintf(times, sizeof(times), ",\"timeUnixNano\":\"%llu\"",
			  (unsigned long long)otlp->options->now_ns);
	if (counts)
		length += snprintf(times + length, sizeof(times) - (size_t)length,
				   ",\"startTimeUnixNano\":\"%llu\"",
				   (unsigned long long)otlp->options->start_ns);
	put(otlp, times, (size_t)length);
}

static void put_number(struct otlp *otlp, struct span labels, struct span value)
{
	bool whole = strspn(value.text, "0123456789") >= value.length;

	point_begin(otlp, labels, span_is(otlp->type, "counter"));
	if (whole)
		put_literal(otlp, ",\"asInt\":\"");
	else
		put_literal(otlp, ",\"asDouble\":");
	put(otlp, value.text, value.length);
	if (whole)
		put_literal(otlp, "\"");
	put_literal(otlp, "}");
}

static void put_histogram(struct otlp *otlp)
{
	char text[64];
	uint64_t before = 0;

	point_begin(otlp, otlp->labels, true);
	put(otlp, text,
	    (size_t)snprintf(text, sizeof(text), ",\"count\":\"%llu\",\"sum\":%.9f,",
			     (unsigned long long)otlp->counts[otlp->buckets - 1], otlp->sum));
	put_literal(otlp, "\"bucketCounts\":[");
	for (size_t i = 0; i < otlp->buckets; i++) {
		put(otlp, text,
		    (size_t)snprintf(text, sizeof(text), "%s\"%llu\"", i ? "," : "",
				     (unsigned long long)(otlp->counts[i] - before)));
		before = otlp->counts[i];
	}
	put_literal(otlp, "],\"explicitBounds\":[");
	for (size_t i = 0; i + 1 < otlp->buckets; i++)
		put(otlp, text,
		    (size_t)snprintf(text, sizeof(text), "%s%g", i ? "," : "", otlp->bounds[i]));
	put_literal(otlp, "]}");
	otlp->buckets = 0;
}

/* NAME_bucket with `le` as its last label, NAME_sum, NAME_count: in this order. */
static void take_histogram(struct otlp *otlp, struct span name, struct span labels,
			   const char *value)
{
	if (span_ends(name, "_bucket") && otlp->buckets < BOUNDS_MAX) {
		const char *le = labels.text + labels.length;

		while (le > labels.text && strncmp(le, "le=\"", 4))
			le--;
		otlp->labels = labels;
		otlp->bounds[otlp->buckets] = strtod(le + 4, NULL);
		otlp->counts[otlp->buckets++] = strtoull(value, NULL, 10);
	} else if (span_ends(name, "_sum")) {
		otlp->sum = strtod(value, NULL);
	} else if (span_ends(name, "_count") && otlp->buckets) {
		put_histogram(otlp);
	}
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void take_comment(struct otlp *otlp, const char *line, size_t length)
{
	const char *name = line + strlen("# HELP ");
	size_t name_length = strcspn(name, " \n");
	struct span rest = { name + name_length + 1, length - strlen("# HELP ") - name_length - 1 };

	if (!strncmp(line, "# HELP ", 7)) {
		metric_close(otlp);
		otlp->name = (struct span){ name, name_length };
		otlp->help = rest;
	} else if (!strncmp(line, "# TYPE ", 7)) {
		otlp->type = rest;
	}
}

static void take_sample(struct otlp *otlp, const char *line, size_t length)
{
	struct span name = { line, strcspn(line, "{ ") }, labels = { line, 0 }, value;

	value.text = line + length;
	while (value.text[-1] != ' ')
		value.text--;
	value.length = (size_t)(line + length - value.text);
	if (line[name.length] == '{') {
		labels.text = line + name.length + 1;
		labels.length = (size_t)(value.text - labels.text) - 2;
	}
	if (span_is(otlp->type, "histogram"))
		take_histogram(otlp, name, labels, value.text);
	else
		put_number(otlp, labels, value);
}

int otlp_metrics(const char *page, const struct otlp_options *options)
{
	struct otlp otlp = { .options = options };

	body_begin(&otlp);
	while (*page && !otlp.error) {
		size_t length = strcspn(page, "\n");

		if (*page == '#')
			take_comment(&otlp, page, length);
		else if (length)
			take_sample(&otlp, page, length);
		page += length + (page[length] == '\n');
	}
	if (!otlp.error)
		body_end(&otlp);
	buffer_fini(&otlp.body);
	return otlp.error;
}
