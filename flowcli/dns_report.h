/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What DNS records add up to: by name, server, client and outcome, with latencies; and what search
 * domains cost: names that failed only because a longer or shorter one was tried first.
 */
#ifndef FLOWCLI_DNS_REPORT_H
#define FLOWCLI_DNS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "flowcli/latency.h"
#include "flowcli/output.h"
#include "flowcli/tally.h"
#include "proto/flow_record.h"

/* section, X(NAME, word, title) */
#define DNS_SECTIONS(X)                \
	X(NAME, "name", "NAME")        \
	X(SERVER, "server", "SERVER")  \
	X(CLIENT, "client", "CLIENT")  \
	X(OUTCOME, "rcode", "OUTCOME") \
	X(SEARCH, "search", "SEARCH DOMAINS")
#define DNS_SECTION_ENUM(name, word, title) DNS_SECTION_##name,
enum dns_section { DNS_SECTIONS(DNS_SECTION_ENUM) DNS_SECTION_COUNT };

struct dns_row {
	uint64_t queries, responses, timeouts, retries;
	uint64_t no_name, failures; /* NXDOMAIN; any other error */
	uint64_t truncated, odd;    /* odd: late, unsolicited, duplicate, from another server */
	struct latency latency;
};

#define DNS_SEARCH_NAME 256

/* A name that a client got in the end; the key is "client\tname". */
struct dns_search {
	uint64_t found, wasted;	      /* answers, and the queries that failed on the way to them */
	char domain[DNS_SEARCH_NAME]; /* what was tried in vain, the latest */
};

struct dns_report {
	struct tally *rows[DNS_SECTION_SEARCH]; /* struct dns_row */
	struct tally *search, *recent;
	struct dns_row total;
	bool no_memory;
};

/* 0 or -ENOMEM. */
int dns_report_open(struct dns_report *report);
void dns_report_close(struct dns_report *report);
/* Any record; those that are not DNS do not count. */
void dns_report_take(struct dns_report *report, const struct flow_record *record);

/* How it is shown. `section` DNS_SECTION_COUNT: all, with totals; only in text. */
struct dns_view {
	enum dns_section section;
	uint64_t limit;
	const char *format; /* "text", "json", "csv" */
};
void dns_report_show(struct dns_report *report, const struct dns_view *view, struct output *output);

#endif
