/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/connection.h"
#include "flowcli/inquiry.h"
#include "flowcli/json_line.h"
#include "flowcli/terminal.h"
#include "flowcli/why_verdict.h"
#include "proto/address.h"
#include "proto/field.h"
#include "proto/time.h"

static struct {
	const char *output;
	uint64_t lines;
} given = { .output = "text" };

static const char *const output_words[] = { "text", "json", NULL };
static const struct option_row rows[] = { { .name = "output",
					    .letter = 'o',
					    .kind = OPTION_CHOICE,
					    .argument = "FORMAT",
					    .variable = &given.output,
					    .choices = output_words,
					    .help = "format" },
					  { .name = "lines",
					    .kind = OPTION_COUNT,
					    .argument = "N",
					    .variable = &given.lines,
					    .help = "of the time line (12)" },
					  { 0 } };
static const struct option_group output_options = { "Output", rows };
static const struct option_group *const groups[] = { &inquiry_range_options, &output_options,
						     &connection_options, &help_options, NULL };

struct why {
	const char *source, *destination; /* as written */
	char host[128], port[16];	  /* of the destination */
	uint8_t source_address[16], host_address[16];
	struct evidence evidence;
	struct why_verdict verdict;
};

/* ---- question ------------------------------------------------------------------------------- */

/* "10.0.0.1", "10.0.0.1:80", "fd99::1", "[fd99::1]:80". */
static int split_port(struct why *why)
{
	const char *text = why->destination, *colon = strrchr(text, ':');
	const char *bracket = strchr(text, ']');

	if (*text == '[' && bracket) {
		snprintf(why->host, sizeof(why->host), "%.*s", (int)(bracket - text - 1), text + 1);
		snprintf(why->port, sizeof(why->port), "%s", bracket[1] ? bracket + 2 : "");
		return !bracket[1] || bracket[1] == ':' ? 0 : -EINVAL;
	}
	if (!colon || strchr(text, ':') != colon)
		colon = text + strlen(text);
	snprintf(why->host, sizeof(why->host), "%.*s", (int)(colon - text), text);
	snprintf(why->port, sizeof(why->port), "%s", *colon ? colon + 1 : "");
	return *colon && !colon[1] ? -EINVAL : 0;
}

/* One test and what stands before it; NULL when that failed. */
static struct filter *and_test(struct filter *before, const char *field, const char *text,
			       char *complaint, size_t size)
{
	struct filter *test = NULL;

	if (filter_test(field_find(field), text, &test, complaint, size)) {
		filter_free(before);
		return NULL;
	}
	return filter_and(before, test);
}

static struct filter *one_way(const struct why *why, bool back, char *complaint, size_t size)
{
	struct filter *filter =
		and_test(NULL, back ? "destination.ip" : "source.ip", why->source, complaint, size);

	if (filter)
		filter = and_test(filter, back ? "source.ip" : "destination.ip", why->host,
				  complaint, size);
	if (filter && *why->port)
		filter = and_test(filter, back ? "source.port" : "destination.port", why->port,
				  complaint, size);
	return filter;
}

/* Of the destination as a listener. */
static struct filter *overflow(const struct why *why, char *complaint, size_t size)
{
	struct filter *filter = and_test(NULL, "kind", "tcp_overflow", complaint, size);

	if (filter && *why->port)
		filter = and_test(filter, "source.port", why->port, complaint, size);
	return filter;
}

static struct filter *both_ways(const struct why *why, char *complaint, size_t size)
{
	struct filter *there = one_way(why, false, complaint, size), *back;

	if (!there)
		return NULL;
	back = one_way(why, true, complaint, size);
	if (!back) {
		filter_free(there);
		return NULL;
	}
	return filter_or(filter_or(there, back), overflow(why, complaint, size));
}

/* A socket of the destination, or of any address. */
static bool is_listener(const struct why *why, const struct flow_record *record)
{
	static const uint8_t any[2][16] = { { 0 }, { [10] = 0xff, 0xff } };
	const uint8_t *address = record->key.src;

	return !memcmp(address, why->host_address, 16) || !memcmp(address, any[0], 16) ||
	       !memcmp(address, any[1], 16);
}

static void why_take(void *state, const struct flow_record *record)
{
	struct why *why = state;
	bool back = memcmp(record->key.src, why->source_address, sizeof(why->source_address)) != 0;

	if (record->kind == FLOW_KIND_TCP_OVERFLOW && !is_listener(why, record))
		return;

	evidence_take(&why->evidence, record, back);
}

/* ---- answer --------------------------------------------------------------------------------- */

static void show_time_line(const struct why *why, struct output *output)
{
	const struct evidence *evidence = &why->evidence;
	uint64_t lines = given.lines ? given.lines : 12, total = evidence->moment_count;
	char time[TIME_TEXT_MAX], text[2 * EVIDENCE_TEXT];

	if (!total)
		return;
	output_text(output, "Time line:\n");
	for (uint32_t i = 0; i < total && i < lines; i++) {
		time_format(evidence->moments[i].time_ns, TIME_STAMP_MILLI, NULL, time,
			    sizeof(time));
		terminal_escape(evidence->moments[i].text, text, sizeof(text));
		output_print(output, "  %s  %s\n", time, text);
	}
	if (total + evidence->moments_beyond > lines)
		output_print(output, "  ... and %" PRIu64 " more (--lines)\n",
			     total + evidence->moments_beyond - lines);
}

static void show_text(const struct why *why, struct output *output)
{
	const struct why_verdict *verdict = &why->verdict;

	output_print(output, "%s -> %s: %s\n", why->source, why->destination,
		     verdict->sentences[0]);
	for (unsigned i = 1; i < verdict->count; i++)
		output_print(output, "  also: %s\n", verdict->sentences[i]);
	show_time_line(why, output);
}

static const char *outcome_word(enum why_outcome outcome)
{
	switch (outcome) {
	case WHY_FOUND:
		return "found";
	case WHY_NOTHING_WRONG:
		return "nothing wrong";
	case WHY_NO_DATA:
		break;
	}
	return "no data";
}

static void show_json(const struct why *why, struct output *output)
{
	const struct why_verdict *verdict = &why->verdict;

	output_print(output, "{\"outcome\":\"%s\"", outcome_word(verdict->outcome));
	json_line_member(output, "source", why->source, strlen(why->source));
	json_line_member(output, "destination", why->destination, strlen(why->destination));
	json_line_list(output, "sentences");
	for (unsigned i = 0; i < verdict->count; i++)
		json_line_item(output, i, verdict->sentences[i]);
	output_text(output, "]");
	json_line_list(output, "time_line");
	for (uint32_t i = 0; i < why->evidence.moment_count; i++)
		json_line_item(output, i, why->evidence.moments[i].text);
	output_text(output, "]}\n");
}

static void why_show(void *state, struct output *output)
{
	struct why *why = state;

	evidence_sort(&why->evidence);
	why_judge(&why->evidence, why->source, why->destination, &why->verdict);
	if (!strcmp(given.output, "json"))
		show_json(why, output);
	else
		show_text(why, output);
}

static int why_exit(enum why_outcome outcome)
{
	switch (outcome) {
	case WHY_FOUND:
		return 0;
	case WHY_NOTHING_WRONG:
		return EXIT_NOTHING_WRONG;
	case WHY_NO_DATA:
		break;
	}
	return EXIT_NO_DATA;
}

static int ask(struct why *why)
{
	struct inquiry inquiry = { .state = why, .record = why_take, .show = why_show };
	char complaint[512] = "not enough memory";
	int version, status;

	if (split_port(why) || address_parse(why->source, why->source_address, &version) ||
	    address_parse(why->host, why->host_address, &version))
		return command_misuse("flowcli why",
				      "'%s' and '%s' must be addresses, the second "
				      "perhaps with a port: 10.0.0.2:80, [fd00::2]:80",
				      why->source, why->destination);
	inquiry.filter = both_ways(why, complaint, sizeof(complaint));
	if (!inquiry.filter)
		return command_misuse("flowcli why", "%s", complaint);
	status = inquiry_run(&inquiry, "flowcli why");
	filter_free(inquiry.filter);
	return status ? status : why_exit(why->verdict.outcome);
}

static int run(int operand_count, const char *const *operands)
{
	struct why *why;
	int status;

	if (operand_count != 2)
		return command_misuse("flowcli why", "two operands are needed: SRC DST[:PORT]");
	why = calloc(1, sizeof(*why));
	if (!why) {
		fprintf(stderr, "flowcli: not enough memory\n");
		return 1;
	}
	why->source = operands[0];
	why->destination = operands[1];
	status = ask(why);
	free(why);
	return status;
}

const struct command why_command = {
	.token = "why",
	.summary = "Say in words what is wrong between two addresses.",
	.operands = "SRC DST[:PORT]",
	.details =
		"The verdict comes first, then what supports it, then a time line. Exit status: 0 when\n"
		"something was found, 3 when nothing wrong was seen, 4 when there is no record.",
	.examples = "  flowcli why 10.0.0.3 10.0.0.2:80\n"
		    "  flowcli why --since 5m fd00::3 '[fd00::2]:443'",
	.groups = groups,
	.run = run,
};
