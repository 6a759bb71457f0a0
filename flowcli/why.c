/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/connection.h"
#include "flowcli/inquiry.h"
#include "flowcli/terminal.h"
#include "flowcli/why_case.h"
#include "flowcli/why_json.h"
#include "flowcli/why_question.h"
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
	struct why_side source, destination;
	struct why_question question;
	struct evidence evidence;
	struct why_verdict verdict;
};

/* ---- records -------------------------------------------------------------------------------- */

static void take_way(struct why *why, const struct flow_record *record, bool back)
{
	why_side_note(&why->source, record, back ? FLOW_DESTINATION : FLOW_SOURCE);
	why_side_note(&why->destination, record, back ? FLOW_SOURCE : FLOW_DESTINATION);
	if (record->dns)
		why_dns_take_served(&why->evidence.dns, record);
	else
		evidence_take(&why->evidence, record, back);
}

/* Of which socket is a guess without a port: only where its port was seen. */
static void take_overflow(struct why *why, const struct flow_record *record)
{
	if (*why->destination.port || evidence_has_port(&why->evidence, record->key.src_port))
		evidence_take(&why->evidence, record, true);
}

static int why_take(void *state, const struct flow_record *record)
{
	struct why *why = state;
	const struct why_question *question = &why->question;

	if (record->dns && filter_match(question->lookups, record)) {
		why_side_note(&why->source, record,
			      record->dns->event == FLOW_DNS_EVENT_RESPONSE ? FLOW_DESTINATION
									    : FLOW_SOURCE);
		why_dns_take(&why->evidence.dns, record, question->name);
	}
	if (record->kind == FLOW_KIND_TCP_OVERFLOW)
		take_overflow(why, record);
	else if (filter_match(question->there, record))
		take_way(why, record, false);
	else if (filter_match(question->back, record))
		take_way(why, record, true);
	return 0;
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

/* "web is pod default/web-1 (10.0.0.2) and pod default/web-2 (10.0.0.3)" */
static void show_matches(const struct why_side *side, const char *word, struct output *output)
{
	for (unsigned i = 0; i < side->match_count; i++)
		output_print(output, "%s%s", i ? i + 1 < side->match_count ? ", " : " and " : word,
			     side->matches[i]);
	if (!side->match_count)
		return;
	output_text(output, side->more_matches ? " and others" : "");
	output_text(output, side->match_count > 1 ? "; the evidence is of all of them\n" : "\n");
}

static void show_evidence(const struct why *why, struct output *output)
{
	const struct evidence *evidence = &why->evidence;
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	show_matches(&why->source, "Source: ", output);
	show_matches(&why->destination, "Destination: ", output);
	if (!evidence->records)
		return;
	time_format(evidence->first_ns, TIME_STAMP_MILLI, NULL, first, sizeof(first));
	time_format(evidence->last_ns, TIME_STAMP_MILLI, NULL, last, sizeof(last));
	output_print(output,
		     "Evidence: %" PRIu64 " %s there, %" PRIu64 " back, in %" PRIu64
		     " %s from %s to %s\n",
		     evidence->there.packets,
		     why_plural(evidence->there.packets, "packet", "packets"),
		     evidence->back.packets, evidence->records,
		     why_plural(evidence->records, "record", "records"), first, last);
}

static void show_text(const struct why *why, struct output *output)
{
	const struct why_verdict *verdict = &why->verdict;

	output_print(output, "%s -> %s: %s\n", why->source.text, why->destination.text,
		     verdict->sentences[0]);
	for (unsigned i = 1; i < verdict->count; i++)
		output_print(output, "  also: %s\n", verdict->sentences[i]);
	show_evidence(why, output);
	show_time_line(why, output);
}

static void why_show(void *state, struct output *output)
{
	struct why *why = state;
	/* A key and its value are as they were written, but for the port. */
	const char *text = why->destination.text, *port = why->destination.port;
	char host[300];

	snprintf(host, sizeof(host), "%.*s", (int)(strlen(text) - (*port ? strlen(port) + 1 : 0)),
		 text);
	evidence_finish(&why->evidence);
	why_judge(&why->evidence, why->source.text, why->destination.text, host, &why->verdict);
	if (!strcmp(given.output, "json"))
		why_write_json(&why->source, &why->destination, &why->evidence, &why->verdict,
			       output);
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
	struct inquiry inquiry = {
		.path = "flowcli why", .state = why, .record = why_take, .show = why_show
	};
	char complaint[512];
	int status;

	if (why_question_open(&why->question, &why->source, &why->destination, complaint,
			      sizeof(complaint)))
		return command_misuse(inquiry.path, "%s", complaint);
	inquiry.filter = why_question_filter(&why->question);
	status = inquiry.filter ? inquiry_run(&inquiry) : inquiry_no_memory();
	filter_free(inquiry.filter);
	why_question_close(&why->question);
	return status ? status : why_exit(why->verdict.outcome);
}

static int run(int operand_count, const char *const *operands)
{
	char complaint[512] = "not enough memory";
	struct why *why;
	int status;

	if (operand_count != 2)
		return command_misuse("flowcli why", "two operands are needed: SRC DST[:PORT]");
	why = calloc(1, sizeof(*why));
	if (!why)
		return inquiry_no_memory();
	if (why_side_open(&why->source, operands[0], false, complaint, sizeof(complaint)) ||
	    why_side_open(&why->destination, operands[1], true, complaint, sizeof(complaint)))
		status = command_misuse("flowcli why", "%s", complaint);
	else
		status = ask(why);
	why_side_close(&why->source);
	why_side_close(&why->destination);
	free(why);
	return status;
}

const struct command why_command = {
	.token = "why",
	.summary = "Say in words what is wrong between two sides.",
	.operands = "SRC DST[:PORT]",
	.details =
		"A side is an address, a network, or a name: of a pod, service, workload, container,\n"
		"systemd unit, process or host, or one that was looked up in DNS. KEY=NAME means only one\n"
		"of these: pod=default/web, process=nginx, label=app=web. The verdict comes first, then\n"
		"what supports it, then a time line. Exit status: 0 when something was found, 3 when\n"
		"nothing wrong was seen, 4 when there is no record.",
	.examples = "  flowcli why 10.0.0.3 10.0.0.2:80\n"
		    "  flowcli why default/client web:80\n"
		    "  flowcli why --since 5m process=curl www.example.org\n"
		    "  flowcli why fd00::3 '[fd00::2]:443'",
	.groups = groups,
	.run = run,
};
