/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A report of DNS as text, JSON and CSV. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/dns_report.h"
#include "flowcli/json_line.h"
#include "flowcli/terminal.h"
#include "proto/time.h"

#define ALL_LIMIT 5 /* rows of each section, where all are shown */

#define WORD(name, word, title) word,
static const char *const words[] = { DNS_SECTIONS(WORD) };
#define TITLE(name, word, title) title,
static const char *const titles[] = { DNS_SECTIONS(TITLE) };

static const unsigned percents[] = { 50, 95, 99 };
#define PERCENTS (sizeof(percents) / sizeof(*percents))

static uint64_t troubles(const struct dns_row *row)
{
	return row->timeouts + row->failures;
}

/* What goes wrong first, then what is busy. */
static int row_order(const void *left, const void *right)
{
	const struct dns_row *a = left, *b = right;
	uint64_t busy_a = a->queries + a->responses, busy_b = b->queries + b->responses;

	if (troubles(a) != troubles(b))
		return troubles(a) > troubles(b) ? -1 : 1;
	return busy_a == busy_b ? 0 : busy_a > busy_b ? -1 : 1;
}

static int search_order(const void *left, const void *right)
{
	const struct dns_search *a = left, *b = right;

	return a->wasted == b->wasted ? 0 : a->wasted > b->wasted ? -1 : 1;
}

static void duration(uint64_t ns, char text[TIME_TEXT_MAX])
{
	if (ns)
		time_format_duration(ns, text, TIME_TEXT_MAX);
	else
		snprintf(text, TIME_TEXT_MAX, "-");
}

/* ---- text -------------------------------------------------------------------------------------
 */

static void text_head(struct output *output, enum dns_section section)
{
	output_print(output, "%8s %8s %8s %8s %8s %8s %10s %10s %10s %10s  %s\n", "QUERIES",
		     "ANSWERS", "NXDOMAIN", "FAILED", "TIMEOUTS", "RETRIES", "P50", "P95", "P99",
		     "MAX", titles[section]);
}

static void text_row(struct output *output, struct dns_row *row, const char *key)
{
	char times[PERCENTS + 1][TIME_TEXT_MAX], escaped[FLOW_DNS_NAME];

	for (size_t i = 0; i < PERCENTS; i++)
		duration(latency_percentile(&row->latency, percents[i]), times[i]);
	duration(row->latency.max_ns, times[PERCENTS]);
	terminal_escape(key, escaped, sizeof(escaped));
	output_print(output,
		     "%8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
		     " %10s %10s %10s %10s  %s\n",
		     row->queries, row->responses, row->no_name, row->failures, row->timeouts,
		     row->retries, times[0], times[1], times[2], times[3], escaped);
}

/* "5 queries for 1 name" */
static void text_search(struct output *output, const struct dns_search *search)
{
	const char *key = tally_key(search), *tab = strchr(key, '\t');
	uint64_t queries = search->found + search->wasted;

	output_print(output, "%" PRIu64 " queries for %" PRIu64 " answer%s: %s asked by %.*s",
		     queries, search->found, search->found == 1 ? "" : "s", tab + 1,
		     (int)(tab - key), key);
	output_print(output, "; in vain with search domains such as %s\n", search->domain);
}

/* ---- JSON and CSV -----------------------------------------------------------------------------
 */

/* member, X(name, expression), of rows */
#define ROW_NUMBERS(X)                                   \
	X(queries, row->queries)                         \
	X(responses, row->responses)                     \
	X(nxdomain, row->no_name)                        \
	X(failures, row->failures)                       \
	X(timeouts, row->timeouts)                       \
	X(retries, row->retries)                         \
	X(truncated, row->truncated)                     \
	X(odd, row->odd)                                 \
	X(p50_ns, latency_percentile(&row->latency, 50)) \
	X(p95_ns, latency_percentile(&row->latency, 95)) \
	X(p99_ns, latency_percentile(&row->latency, 99)) \
	X(max_ns, row->latency.max_ns)

static void json_row(struct output *output, struct dns_row *row, enum dns_section section)
{
	const char *key = tally_key(row);

	output_print(output, "{\"by\":\"%s\"", words[section]);
	json_line_member(output, "key", key, strlen(key));
#define MEMBER(name, expression) output_print(output, ",\"" #name "\":\"%" PRIu64 "\"", expression);
	ROW_NUMBERS(MEMBER)
	output_text(output, "}\n");
}

static void json_search(struct output *output, const struct dns_search *search)
{
	const char *key = tally_key(search), *tab = strchr(key, '\t');

	output_print(output, "{\"by\":\"search\"");
	json_line_member(output, "key", tab + 1, strlen(tab + 1));
	json_line_member(output, "client", key, (size_t)(tab - key));
	json_line_member(output, "domain", search->domain, strlen(search->domain));
	output_print(output, ",\"found\":\"%" PRIu64 "\",\"wasted\":\"%" PRIu64 "\"}\n",
		     search->found, search->wasted);
}

static void csv_head(struct output *output, enum dns_section section)
{
	if (section == DNS_SECTION_SEARCH) {
		output_text(output, "name,client,domain,found,wasted\n");
		return;
	}
	output_text(output, words[section]);
#define HEAD(name, expression) output_text(output, "," #name);
	ROW_NUMBERS(HEAD)
	output_text(output, "\n");
}

/* Quoted, as names may hold commas and quotes (RFC 4180). */
static void csv_text(struct output *output, const char *text, size_t length)
{
	output_text(output, "\"");
	for (size_t i = 0; i < length; i++)
		output_print(output, text[i] == '"' ? "\"\"" : "%c", text[i]);
	output_text(output, "\"");
}

static void csv_row(struct output *output, struct dns_row *row)
{
	const char *key = tally_key(row);

	csv_text(output, key, strlen(key));
#define CELL(name, expression) output_print(output, ",%" PRIu64, expression);
	ROW_NUMBERS(CELL)
	output_text(output, "\n");
}

static void csv_search(struct output *output, const struct dns_search *search)
{
	const char *key = tally_key(search), *tab = strchr(key, '\t');

	csv_text(output, tab + 1, strlen(tab + 1));
	output_print(output, ",%.*s,", (int)(tab - key), key);
	csv_text(output, search->domain, strlen(search->domain));
	output_print(output, ",%" PRIu64 ",%" PRIu64 "\n", search->found, search->wasted);
}

/* ---- all --------------------------------------------------------------------------------------
 */

static void show_head(const struct dns_view *view, enum dns_section section, struct output *output)
{
	if (!strcmp(view->format, "csv"))
		csv_head(output, section);
	else if (!strcmp(view->format, "text") && section != DNS_SECTION_SEARCH)
		text_head(output, section);
}

static void show_row(const struct dns_view *view, enum dns_section section, void *row,
		     struct output *output)
{
	bool search = section == DNS_SECTION_SEARCH;

	if (!strcmp(view->format, "json"))
		search ? json_search(output, row) : json_row(output, row, section);
	else if (!strcmp(view->format, "csv"))
		search ? csv_search(output, row) : csv_row(output, row);
	else
		search ? text_search(output, row) : text_row(output, row, tally_key(row));
}

static void show_section(struct dns_report *report, const struct dns_view *view,
			 enum dns_section section, struct output *output)
{
	struct tally *tally =
		section == DNS_SECTION_SEARCH ? report->search : report->rows[section];
	size_t count = tally_count(tally);
	void *const *rows =
		tally_sorted(tally, section == DNS_SECTION_SEARCH ? search_order : row_order);

	report->no_memory |= !rows;
	show_head(view, section, output);
	for (size_t i = 0; rows && i < count && i < view->limit; i++)
		show_row(view, section, rows[i], output);
	if (count > view->limit && !strcmp(view->format, "text"))
		output_print(output, "(%zu more: --limit)\n", count - view->limit);
}

static void show_all(struct dns_report *report, const struct dns_view *view, struct output *output)
{
	struct dns_view few = *view;

	few.limit = view->limit ? view->limit : ALL_LIMIT;
	text_head(output, DNS_SECTION_NAME);
	text_row(output, &report->total, "(all)");
	for (int i = 0; i < DNS_SECTION_COUNT; i++) {
		if (i == DNS_SECTION_SEARCH && !tally_count(report->search))
			continue;
		output_text(output, "\n");
		show_section(report, &few, (enum dns_section)i, output);
	}
}

void dns_report_show(struct dns_report *report, const struct dns_view *view, struct output *output)
{
	struct dns_view one = *view;

	if (view->section == DNS_SECTION_COUNT) {
		show_all(report, view, output);
		return;
	}
	one.limit = view->limit ? view->limit : 20;
	show_section(report, &one, view->section, output);
}
