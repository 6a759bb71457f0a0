/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli observe`: its options, what they mean together, and the choice of the source. */
#include "flowcli/observe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flowcli/clock.h"
#include "flowcli/connection.h"
#include "flowcli/drop_reasons.h"
#include "flowcli/fleet.h"
#include "flowcli/observation.h"
#include "flowcli/who.h"
#include "flowcli/writer.h"
#include "proto/filter_line.h"
#include "proto/selection.h"

static struct {
	bool follow, all, print_filter, node, quiet, numeric;
	uint64_t last, first;
	const char *since, *until;
	const char *output, *columns, *time_format, *time_zone, *color;
	const char *pcap;
} given = { .output = "compact", .time_zone = "utc", .color = "auto" };

static struct selection selection;

static const char *const color_words[] = { "auto", "always", "never", NULL };
#define LAYOUT_WORD(name, text, example) text,
static const char *const layout_words[] = { TIME_LAYOUTS(LAYOUT_WORD) NULL };

static const struct option_row range_rows[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPTION_SWITCH,
	  .variable = &given.follow,
	  .help = "keep on as records come; from now on, unless --last, --all or --since is "
		  "given" },
	{ .name = "last",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.last,
	  .help = "the newest N that match (20 when no range is given)" },
	{ .name = "first",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.first,
	  .help = "the oldest N that match" },
	{ .name = "all", .kind = OPTION_SWITCH, .variable = &given.all, .help = "everything held" },
	{ .name = "since",
	  .kind = OPTION_TEXT,
	  .argument = "TIME",
	  .variable = &given.since,
	  .help = "records made at TIME or later: relative (10s, 1h43m) or 2006-01-02, "
		  "2006-01-02T15:04-07:00, RFC 3339, RFC 1123, @SECONDS" },
	{ .name = "until",
	  .kind = OPTION_TEXT,
	  .argument = "TIME",
	  .variable = &given.until,
	  .help = "records made at TIME or earlier" },
	{ .name = "pcap",
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.pcap,
	  .help = "read a capture (pcap, pcapng; - is standard input) instead of asking a daemon; "
		  "needs no privileges" },
	{ 0 }
};

#define FILTER(option, key, word, field, other, value, open, offers, text) \
	{ .name = option,                                                  \
	  .letter = key,                                                   \
	  .kind = OPTION_FILTER,                                           \
	  .argument = word,                                                \
	  .fields = { field, other },                                      \
	  .constant = value,                                               \
	  .at_least = open,                                                \
	  .offer = offers,                                                 \
	  .help = text },
static const struct option_row filter_rows[] = {
	{ .name = "not",
	  .kind = OPTION_NOT,
	  .help = "exclude what the next filter matches; each --not stands alone" },
	FILTER_OPTIONS(FILTER){ .name = "where",
				.kind = OPTION_WHERE,
				.argument = "FIELD=VALUE",
				.help = "any field of 'flowcli list fields'" },
	{ .name = "print-filter",
	  .kind = OPTION_SWITCH,
	  .variable = &given.print_filter,
	  .help = "print the filter that these options make, and end" },
	{ 0 }
};

static const struct option_row output_rows[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_CHOICE,
	  .argument = "FORMAT",
	  .variable = &given.output,
	  .choices = writer_names,
	  .help = "format" },
	{ .name = "columns",
	  .kind = OPTION_TEXT,
	  .argument = "NAME,...",
	  .variable = &given.columns,
	  .help = "columns of table, dict and csv: 'flowcli list columns'" },
	{ .name = "print-node-name",
	  .kind = OPTION_SWITCH,
	  .variable = &given.node,
	  .help = "show the node in compact, table and dict" },
	{ .name = "numeric",
	  .kind = OPTION_SWITCH,
	  .variable = &given.numeric,
	  .help = "addresses instead of names" },
	{ .name = "time-format",
	  .kind = OPTION_CHOICE,
	  .argument = "LAYOUT",
	  .variable = &given.time_format,
	  .choices = layout_words,
	  .help = "how times look, except in json" },
	{ .name = "time-zone",
	  .kind = OPTION_TEXT,
	  .argument = "ZONE",
	  .variable = &given.time_zone,
	  .help = "utc, local or an offset (+02:00), for times shown and times given (utc)" },
	{ .name = "color",
	  .kind = OPTION_CHOICE,
	  .argument = "WHEN",
	  .variable = &given.color,
	  .choices = color_words,
	  .help = "colours in compact and dict (auto: on a terminal, unless NO_COLOR is set)" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_SWITCH,
	  .variable = &given.quiet,
	  .help = "no closing line about completeness; losses are told all the same" },
	{ 0 }
};

static const struct option_row who_rows[] = { IDENTITY_OPTIONS(FILTER){ 0 } };

static const struct option_group range_options = { "Which records", range_rows };
static const struct option_group filter_options = {
	"Filters (the same one again: or; different ones: and)", filter_rows
};
static const struct option_group who_options = { "Filters by identity", who_rows };
static const struct option_group output_options = { "Output", output_rows };
static const struct option_group *const groups[] = { &range_options, &filter_options,
						     &who_options,   &output_options,
						     &fleet_options, &connection_options,
						     &help_options,  NULL };

static int misuse(const char *sentence)
{
	return command_misuse("flowcli observe", "%s", sentence);
}

static const char *find_conflict(void)
{
	if (given.first && given.last)
		return "--first and --last cannot be combined";
	if (given.first && given.all)
		return "--first and --all cannot be combined";
	if (given.last && given.all)
		return "--last and --all cannot be combined";
	if (given.first && given.follow)
		return "--first and --follow cannot be combined: the first are soon told";
	if (given.until && given.follow)
		return "--until and --follow cannot be combined: following has no end";
	if (given.pcap && given.follow)
		return "--pcap and --follow cannot be combined: a capture has an end";
	if (given.pcap && fleet_given())
		return "--pcap and --nats cannot be combined: records come from one source";
	if (fleet_stray_option())
		return "--cluster, --node, --nats-stream and --nats-credentials go with --nats";
	if (given.pcap && connection_given())
		return "--pcap asks no daemon: leave out --server, --timeout and --tls-*";
	return NULL;
}

static int parse_time(const char *option, const char *text, const struct time_zone *zone,
		      uint64_t *ns, char *why, size_t size)
{
	char detail[384];

	int error = time_parse(text, clock_wall_ns(), zone, ns, detail, sizeof(detail));

	if (error)
		snprintf(why, size, "%s: %s", option, detail);
	return error;
}

static int parse_times(struct observation *observation, const struct time_zone *zone, char *why,
		       size_t size)
{
	int error = 0;

	if (given.since)
		error = parse_time("--since", given.since, zone, &observation->since_ns, why, size);
	if (!error && given.until)
		error = parse_time("--until", given.until, zone, &observation->until_ns, why, size);
	if (!error && observation->until_ns && observation->since_ns > observation->until_ns) {
		snprintf(why, size, "--since is later than --until");
		error = -EINVAL;
	}
	return error;
}

/* The format's own columns, with the node where it was asked for. */
static int resolve_columns(struct writer *writer, char *why, size_t size)
{
	char list[512];
	const char *rest;

	if (!writer->kind->columns) {
		if (!given.columns)
			return 0;
		snprintf(why, size, "--columns is for table, dict and csv, not for %s",
			 writer->kind->name);
		return -EINVAL;
	}
	rest = strchr(writer->kind->columns, ',');
	snprintf(list, sizeof(list), "%.*s%s%s", (int)(rest - writer->kind->columns),
		 writer->kind->columns, given.node && writer->kind->node_extra ? ",node" : "",
		 rest);
	writer->column_count =
		column_resolve(given.columns ? given.columns : list, writer->columns, why, size);
	return writer->column_count < 0 ? writer->column_count : 0;
}

static int choose_view(struct writer *writer, char *why, size_t size)
{
	writer->kind = writer_find(given.output);
	writer->view.layout = writer->kind->layout;
	writer->node = given.node;
	writer->color = writer->kind->colors && terminal_wants_color(given.color, STDOUT_FILENO);
	if (given.time_format && writer->kind == &writer_json) {
		snprintf(why, size, "--time-format does not apply to json");
		return -EINVAL;
	}
	if (given.time_format)
		writer->view.layout = (enum time_layout)time_layout_find(given.time_format);
	if (time_zone_parse(given.time_zone, &writer->view.zone)) {
		snprintf(why, size, "--time-zone: '%s' is not utc, local or an offset like +02:00",
			 given.time_zone);
		return -EINVAL;
	}
	return 0;
}

static int prepare(struct observation *observation, char *why, size_t size)
{
	struct writer *writer = &observation->sink.writer;
	int error = choose_view(writer, why, size);

	if (!error)
		error = resolve_columns(writer, why, size);
	if (!error)
		error = parse_times(observation, &writer->view.zone, why, size);
	observation->first = given.first;
	observation->last = given.last;
	observation->all = given.all;
	observation->follow = given.follow;
	observation->sink.quiet = given.quiet;
	who_set_numeric(given.numeric);
	return error;
}

static int print_filter(const struct filter *filter)
{
	int length = filter_format(filter, NULL, 0);
	char *text = malloc((size_t)length + 1);

	if (!text)
		return 1;
	filter_format(filter, text, (size_t)length + 1);
	puts(text);
	free(text);
	return 0;
}

static int observe(struct observation *observation)
{
	struct sink *sink = &observation->sink;
	int status = 1;
	int error = output_open(&sink->writer.output, STDOUT_FILENO);

	if (!error)
		error = writer_open(&sink->writer);
	if (error) {
		fprintf(stderr, "flowcli: %s\n", strerror(-error));
		writer_close(&sink->writer);
	} else {
		status = given.pcap	 ? offline_observe(observation, given.pcap)
			 : fleet_given() ? fleet_observe(observation)
					 : live_observe(observation);
	}
	output_close(sink->writer.output);
	return status;
}

static int run(int operand_count, const char *const *operands)
{
	struct observation observation = { 0 };
	const char *conflict = find_conflict();
	char why[512];
	int status;

	(void)operand_count;
	(void)operands;
	tzset();
	if (conflict)
		return misuse(conflict);
	if (prepare(&observation, why, sizeof(why)))
		return misuse(why);
	if (selection_take(&selection, &observation.filter)) {
		fprintf(stderr, "flowcli: not enough memory\n");
		return 1;
	}
	status = given.print_filter ? print_filter(observation.filter) : observe(&observation);
	filter_free(observation.filter);
	return status;
}

static const struct command flows_command = {
	.token = "flows",
	.summary = "The same as 'flowcli observe'.",
	.groups = groups,
	.selection = &selection,
	.run = run,
};
static const struct command *const children[] = { &flows_command, NULL };

const struct command observe_command = {
	.token = "observe",
	.summary = "Show flows: recent, past or as they come, from the daemon or from a capture.",
	.details =
		"Filters are combined by 'and', the same filter given again by 'or', and each --not\n"
		"excludes on its own. The daemon filters; --pcap filters here. Standard error tells\n"
		"in a last line whether the answer is complete.",
	.examples =
		"  flowcli observe --last 50 --protocol tcp --to-port 443\n"
		"  flowcli observe -f --ip 10.0.0.0/8 --not --port 22 --not --port 53\n"
		"  flowcli observe --since 10m --tcp-flags any:RST -o json | jq .flow.Summary\n"
		"  flowcli observe --pcap trace.pcap -o table --columns time,source,destination,bytes\n"
		"  tcpdump -w - -i eth0 | flowcli observe --pcap - -o csv",
	.groups = groups,
	.selection = &selection,
	.children = children,
	.run = run,
};
