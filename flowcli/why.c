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
#include "flowcli/why_known.h"
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
	struct why_known known; /* of sides that are names */
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
	bool back;

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
	else if (flow_kind_is_event(record->kind) &&
		 why_known_has(&why->known, &record->key, &back))
		evidence_take(&why->evidence, record, back);
	return 0;
}

/* Of the question that comes first where a side is a name. */
static int why_learn(void *state, const struct flow_record *record)
{
	struct why *why = state;

	if (!record->dns && filter_match(why->question.there, record))
		why_known_add(&why->known, &record->key, false);
	else if (!record->dns && filter_match(why->question.back, record))
		why_known_add(&why->known, &record->key, true);
	return 0;
}

static void why_show_nothing(void *state, struct output *output)
{
	(void)state;
	(void)output;
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

/* What is known of a side by its name alone: its conversations. A capture has no events. */
static int learn(struct why *why, const char *path)
{
	struct inquiry inquiry = { .path = path,
				   .state = why,
				   .record = why_learn,
				   .show = why_show_nothing,
				   .is_first = true };
	int status;

	if ((why->source.is_address && why->destination.is_address) || inquiry_is_offline())
		return 0;
	inquiry.filter = why_question_ways(&why->question);
	status = inquiry.filter ? inquiry_run(&inquiry) : inquiry_no_memory();
	filter_free(inquiry.filter);
	return status;
}

static int ask(struct why *why, const char *path)
{
	struct inquiry inquiry = {
		.path = path, .state = why, .record = why_take, .show = why_show
	};
	struct filter *events = NULL;
	int status = learn(why, path);

	if (status)
		return status;
	inquiry.filter = why_question_filter(&why->question);
	if (!inquiry.filter || why_known_filter(&why->known, &events)) {
		filter_free(inquiry.filter);
		return inquiry_no_memory();
	}
	if (events)
		inquiry.filter = filter_or(inquiry.filter, events);
	status = inquiry.filter ? inquiry_run(&inquiry) : inquiry_no_memory();
	filter_free(inquiry.filter);
	return status ? status : why_exit(why->verdict.outcome);
}

static int ask_why(struct why *why, const char *const *operands, const char *path)
{
	char complaint[512] = "not enough memory";
	int status;

	if (why_side_open(&why->source, operands[0], false, complaint, sizeof(complaint)) ||
	    why_side_open(&why->destination, operands[1], true, complaint, sizeof(complaint)) ||
	    why_question_open(&why->question, &why->source, &why->destination, complaint,
			      sizeof(complaint)))
		status = command_misuse(path, "%s", complaint);
	else
		status = ask(why, path);
	why_question_close(&why->question);
	why_side_close(&why->source);
	why_side_close(&why->destination);
	return status;
}

static int run(int operand_count, const char *const *operands)
{
	struct why *why;
	int status;

	if (operand_count != 2)
		return command_misuse("flowcli why", "two operands are needed: SRC DST[:PORT]");
	why = calloc(1, sizeof(*why));
	if (!why)
		return inquiry_no_memory();
	status = ask_why(why, operands, "flowcli why");
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
