/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/tcp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/column.h"
#include "flowcli/connection.h"
#include "flowcli/inquiry.h"
#include "flowcli/json_line.h"
#include "flowcli/tally.h"
#include "flowcli/terminal.h"
#include "proto/errno_name.h"
#include "proto/protocol.h"
#include "proto/time.h"
#include "proto/selection.h"

static struct {
	bool all;
	uint64_t limit;
	const char *sort, *output;
} given = { .sort = "retransmits", .output = "table" };
static struct selection selection;

static const char *const output_words[] = { "table", "json", NULL };
static const char *const sort_words[] = { "retransmits", "ratio",    "rtt",	"handshake",
					  "resets",	 "failures", "packets", NULL };

static const struct option_row rows[] = { { .name = "sort",
					    .kind = OPTION_CHOICE,
					    .argument = "WHAT",
					    .variable = &given.sort,
					    .choices = sort_words,
					    .help = "what makes a connection bad" },
					  { .name = "all",
					    .kind = OPTION_SWITCH,
					    .variable = &given.all,
					    .help = "connections without trouble too" },
					  { .name = "limit",
					    .kind = OPTION_COUNT,
					    .argument = "N",
					    .variable = &given.limit,
					    .help = "the N worst (20)" },
					  { .name = "output",
					    .letter = 'o',
					    .kind = OPTION_CHOICE,
					    .argument = "FORMAT",
					    .variable = &given.output,
					    .choices = output_words,
					    .help = "format" },
					  { 0 } };
static const struct option_group tcp_options = { "What to show", rows };
static const struct option_group *const groups[] = {
	&tcp_options,	     &inquiry_range_options, &inquiry_filter_options,
	&connection_options, &help_options,	     NULL
};

/* One direction of a connection: what its sender suffered. */
struct tcp_row {
	uint64_t packets, retransmits, resets, failures, zero_windows, dropped;
	uint64_t rtt_max_ns, handshake_ns;
	uint32_t error; /* errno of the latest failure */
};

struct tcp {
	struct tally *tally;
};

/* ---- sums ----------------------------------------------------------------------------------- */

static void tcp_key(const struct flow_record *record, char *key, size_t size)
{
	char left[80], right[80];
	struct column_end end;

	column_source(record, &end);
	column_join(end.host, end.port, left, sizeof(left));
	column_destination(record, &end);
	column_join(end.host, end.port, right, sizeof(right));
	snprintf(key, size, "%s\t%s", left, right);
}

static void tcp_add(struct tcp_row *row, const struct flow_record *record)
{
	const struct flow_tcp *tcp = &record->tcp;

	row->packets += record->packets;
	row->retransmits += tcp->retransmits;
	row->zero_windows += tcp->zero_windows;
	row->resets += (record->flags & FLOW_TCP_RST) && record->kind == FLOW_KIND_END;
	if (tcp->srtt_max_us * UINT64_C(1000) > row->rtt_max_ns)
		row->rtt_max_ns = tcp->srtt_max_us * UINT64_C(1000);
	if (tcp->handshake_ns > row->handshake_ns)
		row->handshake_ns = tcp->handshake_ns;
	if (record->dropped > row->dropped)
		row->dropped = record->dropped;
}

static int tcp_take(void *state, const struct flow_record *record)
{
	struct tcp *tcp = state;
	struct tcp_row *row;
	char key[180];

	if (flow_kind_is_event(record->kind) && record->kind != FLOW_KIND_TCP_CONNECT)
		return 0; /* its flow tells of it */
	tcp_key(record, key, sizeof(key));
	row = tally_row(tcp->tally, key);
	if (!row)
		return -ENOMEM;
	if (record->kind == FLOW_KIND_TCP_CONNECT) {
		row->failures++;
		row->error = record->incident.error;
	} else {
		tcp_add(row, record);
	}
	return 0;
}

static double tcp_ratio(const struct tcp_row *row)
{
	return row->packets ? (double)row->retransmits / (double)row->packets : 0;
}

/* What the rows are ordered by; of equal ones the one with more packets first. */
static double tcp_badness(const struct tcp_row *row)
{
	if (!strcmp(given.sort, "ratio"))
		return tcp_ratio(row);
	if (!strcmp(given.sort, "rtt"))
		return (double)row->rtt_max_ns;
	if (!strcmp(given.sort, "handshake"))
		return (double)row->handshake_ns;
	if (!strcmp(given.sort, "resets"))
		return (double)row->resets;
	if (!strcmp(given.sort, "failures"))
		return (double)row->failures;
	return (double)(strcmp(given.sort, "packets") ? row->retransmits : row->packets);
}

static int tcp_order(const void *left, const void *right)
{
	double a = tcp_badness(left), b = tcp_badness(right);
	const struct tcp_row *x = left, *y = right;

	if (a != b)
		return a > b ? -1 : 1;
	return x->packets == y->packets ? 0 : x->packets > y->packets ? -1 : 1;
}

static bool tcp_is_well(const struct tcp_row *row)
{
	return !row->retransmits && !row->resets && !row->failures && !row->zero_windows &&
	       !row->dropped;
}

/* ---- showing -------------------------------------------------------------------------------- */

static void tcp_time(uint64_t ns, char *text, size_t size)
{
	if (ns)
		time_format_duration(ns, text, size);
	else
		snprintf(text, size, "-");
}

static void tcp_show_row(const struct tcp_row *row, struct output *output)
{
	const char *key = tally_key(row), *tab = strchr(key, '\t');
	char rtt[TIME_TEXT_MAX], handshake[TIME_TEXT_MAX];

	tcp_time(row->rtt_max_ns, rtt, sizeof(rtt));
	tcp_time(row->handshake_ns, handshake, sizeof(handshake));
	output_print(output,
		     "%9" PRIu64 " %8" PRIu64 " %6.2f%% %10s %10s %6" PRIu64 " %6" PRIu64
		     " %7" PRIu64 "  %.*s -> %s%s%s\n",
		     row->packets, row->retransmits, 100 * tcp_ratio(row), rtt, handshake,
		     row->resets, row->zero_windows, row->dropped, (int)(tab - key), key, tab + 1,
		     row->failures ? "  " : "",
		     !row->failures ? ""
		     : row->error   ? errno_name(row->error)
				    : "given up");
}

static void tcp_show_json(const struct tcp_row *row, struct output *output)
{
	const char *key = tally_key(row), *tab = strchr(key, '\t');

	output_print(output,
		     "{\"packets\":\"%" PRIu64 "\",\"retransmits\":\"%" PRIu64
		     "\",\"rtt_max_ns\":\"%" PRIu64 "\",\"handshake_ns\":\"%" PRIu64
		     "\",\"resets\":\"%" PRIu64 "\",\"zero_windows\":\"%" PRIu64
		     "\",\"dropped\":\"%" PRIu64 "\",\"connect_failures\":\"%" PRIu64 "\"",
		     row->packets, row->retransmits, row->rtt_max_ns, row->handshake_ns,
		     row->resets, row->zero_windows, row->dropped, row->failures);
	if (row->error)
		json_line_member(output, "error", errno_name(row->error),
				 strlen(errno_name(row->error)));
	json_line_member(output, "source", key, (size_t)(tab - key));
	json_line_member(output, "destination", tab + 1, strlen(tab + 1));
	output_text(output, "}\n");
}

static void tcp_show(void *state, struct output *output)
{
	const struct tcp *tcp = state;
	uint64_t left = given.limit ? given.limit : 20;
	void *const *list = tally_sorted(tcp->tally, tcp_order);
	bool json = !strcmp(given.output, "json");

	if (!json)
		output_print(output, "%9s %8s %7s %10s %10s %6s %6s %7s  %s\n", "PACKETS",
			     "RETRANS", "RATIO", "RTT MAX", "HANDSHAKE", "RESETS", "ZEROW",
			     "DROPPED", "CONNECTION, FROM THE SENDER");
	for (size_t i = 0; list && i < tally_count(tcp->tally) && left; i++) {
		const struct tcp_row *row = list[i];

		if (!given.all && tcp_is_well(row))
			continue;
		left--;
		if (json)
			tcp_show_json(row, output);
		else
			tcp_show_row(row, output);
	}
}

/* ---- command -------------------------------------------------------------------------------- */

static int run(int operand_count, const char *const *operands)
{
	struct tcp tcp = { 0 };
	struct inquiry inquiry = {
		.path = "flowcli tcp", .state = &tcp, .record = tcp_take, .show = tcp_show
	};
	int status;

	(void)operand_count;
	(void)operands;
	if (tally_open(&tcp.tally, sizeof(struct tcp_row)))
		return inquiry_no_memory();
	status = inquiry_run_selected(&inquiry, &selection, "protocol=TCP");
	tally_close(tcp.tally);
	return status;
}

const struct command tcp_command = {
	.token = "tcp",
	.summary = "Show the TCP connections that fare worst.",
	.details =
		"A row is one direction: retransmissions of its sender, against the packets it sent;\n"
		"the largest smoothed round trip time; from SYN to its answer; resets it sent; closed\n"
		"receive windows; packets dropped on the way; how its connects failed.",
	.examples = "  flowcli tcp --since 10m\n"
		    "  flowcli tcp --sort rtt --all --limit 50\n"
		    "  flowcli tcp --pcap trace.pcap",
	.groups = groups,
	.selection = &selection,
	.run = run,
};
