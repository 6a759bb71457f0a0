/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/drops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/clock.h"
#include "flowcli/connection.h"
#include "flowcli/drop_reasons.h"
#include "flowcli/inquiry.h"
#include "flowcli/json_line.h"
#include "flowcli/tally.h"
#include "flowcli/terminal.h"
#include "proto/field.h"
#include "proto/time.h"
#include "proto/selection.h"

#define DROPS_FIELDS	8
#define DROPS_KEY_BYTES 512

static struct {
	bool follow;
	uint64_t limit;
	const char *by, *output;
} given = { .by = "reason,site", .output = "table" };
static struct selection selection;

static const char *const output_words[] = { "table", "json", NULL };
static const char *const by_words[] = { "reason",    "site", "flow",  "source", "destination",
					"interface", "hook", "netns", "pod",	NULL };

static const struct option_row rows[] = {
	{ .name = "by",
	  .kind = OPTION_TEXT,
	  .argument = "WHAT,...",
	  .variable = &given.by,
	  .choices = by_words,
	  .help = "reason, site, flow, pod, source, destination, interface, hook, netns, or any field "
		  "of 'flowcli list fields'" },
	{ .name = "limit",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.limit,
	  .help = "the N largest (20)" },
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPTION_SWITCH,
	  .variable = &given.follow,
	  .help = "keep on: the sums again each time that drops come" },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_CHOICE,
	  .argument = "FORMAT",
	  .variable = &given.output,
	  .choices = output_words,
	  .help = "format" },
	{ 0 }
};
static const struct option_row reason_rows[] = { { .name = "drop-reason",
						   .kind = OPTION_FILTER,
						   .argument = "NAME",
						   .fields = { "drop.reason" },
						   .offer = drop_reasons_offer,
						   .help = "only these reasons; * and ? match" },
						 { 0 } };
static const struct option_group drops_options = { "What to show", rows };
static const struct option_group reason_options = { "Filters of drops", reason_rows };
static const struct option_group *const groups[] = { &drops_options,
						     &inquiry_range_options,
						     &reason_options,
						     &inquiry_filter_options,
						     &connection_options,
						     &help_options,
						     NULL };

/* What each word of --by stands for. */
static const struct {
	const char *word;
	const char *fields[5];
} aliases[] = {
	{ "reason", { "drop.reason" } },
	{ "site", { "drop.site" } },
	{ "source", { "source.ip" } },
	{ "destination", { "destination.ip" } },
	{ "hook", { "drop.hook" } },
	{ "pod", { "source.pod", "destination.pod" } },
	{ "flow", { "protocol", "source.ip", "source.port", "destination.ip", "destination.port" } }
};

struct drops_row {
	uint64_t packets, records, first_ns, last_ns;
	uint64_t shown; /* packets at the last show */
};

struct drops {
	struct tally *tally;
	const struct field *fields[DROPS_FIELDS];
	size_t field_count;
	uint64_t shown, packets;    /* at the last show, and now */
	uint64_t shown_ns, show_ns; /* when that was: monotonic; 0: never */
};

/* ---- grouping ------------------------------------------------------------------------------- */

static int drops_add_field(struct drops *drops, const char *name)
{
	const struct field *field = field_find(name);

	if (!field)
		return command_misuse("flowcli drops",
				      "--by: no field is named '%s'; 'flowcli list fields' shows "
				      "all",
				      name);
	if (drops->field_count == DROPS_FIELDS)
		return command_misuse("flowcli drops", "--by: more than %d fields", DROPS_FIELDS);
	drops->fields[drops->field_count++] = field;
	return 0;
}

static int drops_add_word(struct drops *drops, const char *word)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(aliases[i].word, word))
			continue;
		for (int f = 0; f < 5 && aliases[i].fields[f] && !status; f++)
			status = drops_add_field(drops, aliases[i].fields[f]);
		return status;
	}
	return drops_add_field(drops, word);
}

static int drops_choose(struct drops *drops)
{
	char words[256], *rest = words, *word;
	int status = 0;

	snprintf(words, sizeof(words), "%s", given.by);
	while (!status && (word = strsep(&rest, ",")))
		status = drops_add_word(drops, word);
	return status;
}

/* The values of the fields, with tabs between. */
static void drops_key(const struct drops *drops, const struct flow_record *record, char *key,
		      size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < drops->field_count && used < size; i++) {
		struct field_value value;
		char text[128], escaped[256];

		field_get(drops->fields[i], record, 0, &value);
		field_format(drops->fields[i], &value, text, sizeof(text));
		terminal_escape(value.present && *text ? text : "-", escaped, sizeof(escaped));
		used += (size_t)snprintf(key + used, size - used, "%s%s", i ? "\t" : "", escaped);
	}
}

static int drops_take(void *state, const struct flow_record *record)
{
	struct drops *drops = state;
	const struct flow_drop *drop = &record->drops[0];
	char key[DROPS_KEY_BYTES];
	struct drops_row *row;

	if (!drop->packets)
		return 0;
	drops_key(drops, record, key, sizeof(key));
	row = tally_row(drops->tally, key);
	if (!row)
		return -ENOMEM;
	row->records++;
	row->packets += drop->packets;
	drops->packets += drop->packets;
	if (!row->first_ns || drop->first_ns < row->first_ns)
		row->first_ns = drop->first_ns;
	if (drop->last_ns > row->last_ns)
		row->last_ns = drop->last_ns;
	return 0;
}

static int drops_order(const void *left, const void *right)
{
	const struct drops_row *a = left, *b = right;

	return a->packets == b->packets ? 0 : a->packets > b->packets ? -1 : 1;
}

/* ---- showing -------------------------------------------------------------------------------- */

/* Packets a second between the first and the last; of one packet there is no rate. */
static double drops_rate(const struct drops_row *row)
{
	uint64_t ns = row->last_ns - row->first_ns;

	return row->packets < 2 || !ns ? -1 : (double)(row->packets - 1) * 1e9 / (double)ns;
}

/* The same since the sums were last shown. */
static double drops_rate_now(const struct drops *drops, const struct drops_row *row)
{
	uint64_t ns = drops->show_ns - drops->shown_ns;

	return !drops->shown_ns || !ns ? -1
				       : (double)(row->packets - row->shown) * 1e9 / (double)ns;
}

static void drops_rate_cell(double rate, struct output *output)
{
	if (rate < 0)
		output_print(output, " %10s", "-");
	else
		output_print(output, " %8.1f/s", rate);
}

/* The widest text of each field among the rows. */
static void drops_widths(const struct drops *drops, void *const *list, size_t count, int *widths)
{
	for (size_t i = 0; i < drops->field_count; i++)
		widths[i] = (int)strlen(drops->fields[i]->name);
	for (size_t row = 0; row < count; row++) {
		const char *at = tally_key(list[row]);

		for (size_t i = 0; i < drops->field_count; i++) {
			int length = (int)strcspn(at, "\t");

			if (length > widths[i])
				widths[i] = length;
			at += (size_t)length + (at[length] != '\0');
		}
	}
}

static void drops_cells(const struct drops *drops, const char *at, const int *widths,
			struct output *output)
{
	for (size_t i = 0; i < drops->field_count; i++) {
		int length = (int)strcspn(at, "\t");

		output_print(output, "  %-*.*s", widths[i], length, at);
		at += (size_t)length + (at[length] != '\0');
	}
	output_text(output, "\n");
}

static void drops_show_table(const struct drops *drops, void *const *list, size_t count,
			     struct output *output)
{
	int widths[DROPS_FIELDS];
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	drops_widths(drops, list, count, widths);
	output_print(output, "%10s %10s%s  %-19s  %-19s", "PACKETS", "RATE",
		     given.follow ? "        NOW" : "", "FIRST", "LAST");
	for (size_t i = 0; i < drops->field_count; i++)
		output_print(output, "  %-*s", widths[i], drops->fields[i]->name);
	output_text(output, "\n");
	for (size_t i = 0; i < count; i++) {
		const struct drops_row *row = list[i];

		time_format(row->first_ns, TIME_STAMP_MILLI, NULL, first, sizeof(first));
		time_format(row->last_ns, TIME_STAMP_MILLI, NULL, last, sizeof(last));
		output_print(output, "%10" PRIu64, row->packets);
		drops_rate_cell(drops_rate(row), output);
		if (given.follow)
			drops_rate_cell(drops_rate_now(drops, row), output);
		output_print(output, "  %-19s  %-19s", first, last);
		drops_cells(drops, tally_key(row), widths, output);
	}
}

static void drops_show_json(const struct drops *drops, void *const *list, size_t count,
			    struct output *output)
{
	for (size_t i = 0; i < count; i++) {
		const struct drops_row *row = list[i];
		const char *at = tally_key(row);
		char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

		time_format(row->first_ns, TIME_RFC3339_NANO, NULL, first, sizeof(first));
		time_format(row->last_ns, TIME_RFC3339_NANO, NULL, last, sizeof(last));
		output_print(output,
			     "{\"packets\":\"%" PRIu64 "\",\"first\":\"%s\",\"last\":\"%s\"",
			     row->packets, first, last);
		if (drops_rate(row) >= 0)
			output_print(output, ",\"rate\":%.1f", drops_rate(row));
		if (drops_rate_now(drops, row) >= 0)
			output_print(output, ",\"rate_now\":%.1f", drops_rate_now(drops, row));
		for (size_t f = 0; f < drops->field_count; f++) {
			size_t length = strcspn(at, "\t");

			json_line_member(output, drops->fields[f]->name, at, length);
			at += length + (at[length] != '\0');
		}
		output_text(output, "}\n");
	}
}

/* For the rates of the next time; of all rows, also those that found no room. */
static void drops_mark_shown(struct drops *drops, void *const *list)
{
	for (size_t i = 0; i < tally_count(drops->tally); i++) {
		struct drops_row *row = list[i];

		row->shown = row->packets;
	}
	drops->shown = drops->packets;
	drops->shown_ns = drops->show_ns;
}

static void drops_show(void *state, struct output *output)
{
	struct drops *drops = state;
	size_t count = tally_count(drops->tally), limit = given.limit ? given.limit : 20;
	void *const *list = tally_sorted(drops->tally, drops_order);

	if (!list || (given.follow && drops->shown == drops->packets))
		return;
	drops->show_ns = clock_steady_ns();
	if (count > limit)
		count = limit;
	if (!strcmp(given.output, "json"))
		drops_show_json(drops, list, count, output);
	else
		drops_show_table(drops, list, count, output);
	drops_mark_shown(drops, list);
	if (given.follow)
		output_text(output, "\n");
}

/* ---- command -------------------------------------------------------------------------------- */

static int run(int operand_count, const char *const *operands)
{
	struct drops drops = { 0 };
	struct inquiry inquiry = { .path = "flowcli drops",
				   .state = &drops,
				   .follow = given.follow,
				   .record = drops_take,
				   .show = drops_show };
	int status = drops_choose(&drops);

	(void)operand_count;
	(void)operands;
	if (status)
		return status;
	if (tally_open(&drops.tally, sizeof(struct drops_row)))
		return inquiry_no_memory();
	status = inquiry_run_selected(&inquiry, &selection, "kind=drop,xdp_error,tcp_overflow");
	tally_close(drops.tally);
	return status;
}

const struct command drops_command = {
	.token = "drops",
	.summary = "Sum up the packets that the kernel dropped: why, where, whose.",
	.details =
		"Rates are between the first and the last packet of a row; with --follow, NOW is the rate\n"
		"since the sums were last shown. Reasons and functions are those of the kernel that flowd\n"
		"runs on.",
	.examples = "  flowcli drops --since 10m\n"
		    "  flowcli drops --by flow --drop-reason NETFILTER_DROP\n"
		    "  flowcli drops -f --by reason,netns",
	.groups = groups,
	.selection = &selection,
	.run = run,
};
