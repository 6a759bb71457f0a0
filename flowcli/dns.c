/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/dns.h"

#include <errno.h>
#include <string.h>

#include "flowcli/connection.h"
#include "flowcli/dns_report.h"
#include "flowcli/inquiry.h"
#include "proto/selection.h"

static struct {
	const char *by, *output;
	uint64_t limit;
	bool follow;
} given = { .output = "text" };
static struct selection selection;

static const char *const output_words[] = { "text", "json", "csv", NULL };
#define WORD(name, word, title) word,
static const char *const by_words[] = { DNS_SECTIONS(WORD) NULL };

static const struct option_row rows[] = {
	{ .name = "by",
	  .kind = OPTION_CHOICE,
	  .argument = "WHAT",
	  .variable = &given.by,
	  .choices = by_words,
	  .help = "one table instead of all; csv and json show names unless told otherwise" },
	{ .name = "limit",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.limit,
	  .help = "the first N rows of a table (20; 5 where all are shown)" },
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPTION_SWITCH,
	  .variable = &given.follow,
	  .help = "show the sums again whenever they grew" },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_CHOICE,
	  .argument = "FORMAT",
	  .variable = &given.output,
	  .choices = output_words,
	  .help = "format" },
	{ 0 }
};

static const struct option_row message_rows[] = {
	{ .name = "dns-query",
	  .kind = OPTION_FILTER,
	  .argument = "REGEX",
	  .fields = { "dns.query" },
	  .help = "the name that was asked for: Perl's regular expression, found anywhere in it" },
	{ .name = "rcode",
	  .kind = OPTION_FILTER,
	  .argument = "NAME",
	  .fields = { "dns.rcode" },
	  .help = "outcome of a DNS answer: NXDOMAIN, SERVFAIL, ..." },
	{ .name = "min-latency",
	  .kind = OPTION_FILTER,
	  .argument = "DURATION",
	  .fields = { "dns.latency" },
	  .at_least = true,
	  .help = "answers, and timeouts, that took so long or longer" },
	{ 0 }
};
static const struct option_group dns_options = { "What to show", rows };
static const struct option_group message_options = { "Filters of DNS", message_rows };
static const struct option_group *const groups[] = { &dns_options,
						     &inquiry_range_options,
						     &message_options,
						     &inquiry_filter_options,
						     &connection_options,
						     &help_options,
						     NULL };

struct question {
	struct dns_report report;
	struct dns_view view;
	uint64_t taken, shown; /* records */
};

static int question_take(void *state, const struct flow_record *record)
{
	struct question *question = state;

	dns_report_take(&question->report, record);
	question->taken++;
	return question->report.no_memory ? -ENOMEM : 0;
}

static void question_show(void *state, struct output *output)
{
	struct question *question = state;

	if (given.follow && question->taken == question->shown)
		return;
	if (question->shown && !strcmp(question->view.format, "text"))
		output_text(output, "------------\n");
	dns_report_show(&question->report, &question->view, output);
	question->shown = question->taken;
}

static enum dns_section section_given(void)
{
	int section = 0;

	if (!given.by)
		return strcmp(given.output, "text") ? DNS_SECTION_NAME : DNS_SECTION_COUNT;
	while (strcmp(by_words[section], given.by))
		section++;
	return (enum dns_section)section;
}

static int run(int operand_count, const char *const *operands)
{
	struct question question = { .view = { section_given(), given.limit, given.output } };
	struct inquiry inquiry = { .path = "flowcli dns",
				   .state = &question,
				   .follow = given.follow,
				   .record = question_take,
				   .show = question_show };
	int status;

	(void)operand_count;
	(void)operands;
	if (dns_report_open(&question.report))
		status = inquiry_no_memory();
	else
		status = inquiry_run_selected(&inquiry, &selection, "type=l7-dns");
	dns_report_close(&question.report);
	return status;
}

const struct command dns_command = {
	.token = "dns",
	.summary = "Show what DNS adds up to: names, servers, clients, outcomes, latencies.",
	.details =
		"Rows with failures and timeouts come first. NXDOMAIN is an answer, FAILED any other error;\n"
		"latencies are from a query to its answer. OUTCOME has NODATA for answers without records.\n"
		"Search domains: queries that failed only because a resolver tried its list (ndots).",
	.examples = "  flowcli dns --since 10m\n"
		    "  flowcli dns --by server --min-latency 100ms\n"
		    "  flowcli dns --by client --where dns.message=timeout\n"
		    "  flowcli dns --pcap trace.pcap -o csv",
	.groups = groups,
	.selection = &selection,
	.run = run,
};
