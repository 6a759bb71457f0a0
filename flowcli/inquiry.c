/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/inquiry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flowcli/clock.h"
#include "flowcli/connection.h"
#include "flowcli/observation.h"
#include "proto/selection.h"
#include "proto/time.h"

static struct {
	const char *since, *until, *pcap;
	bool quiet;
} given;

static const struct option_row range_rows[] = {
	{ .name = "since",
	  .kind = OPTION_TEXT,
	  .argument = "TIME",
	  .variable = &given.since,
	  .help = "records made at TIME or later (10m, 2006-01-02T15:04:05Z); all that is held" },
	{ .name = "until",
	  .kind = OPTION_TEXT,
	  .argument = "TIME",
	  .variable = &given.until,
	  .help = "records made at TIME or earlier" },
	{ .name = "pcap",
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.pcap,
	  .help = "read a capture instead of asking a daemon" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_SWITCH,
	  .variable = &given.quiet,
	  .help = "no closing line about completeness; losses are told all the same" },
	{ 0 }
};
const struct option_group inquiry_range_options = { "Which records", range_rows };

static const struct option_row filter_rows[] = {
	{ .name = "not",
	  .kind = OPTION_NOT,
	  .help = "exclude what the next filter matches; each --not stands alone" },
	{ .name = "ip",
	  .kind = OPTION_FILTER,
	  .argument = "ADDRESS",
	  .fields = { "source.ip", "destination.ip" },
	  .help = "source or destination: address or CIDR" },
	{ .name = "port",
	  .kind = OPTION_FILTER,
	  .argument = "PORT",
	  .fields = { "source.port", "destination.port" },
	  .help = "source or destination: number, range or list" },
	{ .name = "where",
	  .kind = OPTION_WHERE,
	  .argument = "FIELD=VALUE",
	  .help = "any field of 'flowcli list fields'" },
	{ 0 }
};
const struct option_group inquiry_filter_options = { "Filters", filter_rows };

bool inquiry_is_offline(void)
{
	return given.pcap != NULL;
}

int inquiry_no_memory(void)
{
	fprintf(stderr, "flowcli: not enough memory\n");
	return 1;
}

/* One run. */
struct asking {
	struct inquiry *inquiry;
	const struct sink *sink;
	bool answered; /* there is something to show, and be it nothing */
};

static void asking_record(struct writer *writer, const struct flow_record *record)
{
	struct asking *asking = writer->state;

	asking->answered = true;
	if (asking->inquiry->record(asking->inquiry->state, record))
		asking->inquiry->no_memory = true;
}

/* After each answer, and at the end, which may be that none came. */
static void asking_flush(struct writer *writer)
{
	struct asking *asking = writer->state;

	if (!*asking->sink->missing)
		asking->answered = true;
	if (asking->inquiry->follow && asking->answered)
		asking->inquiry->show(asking->inquiry->state, writer->output);
}

static void asking_close(struct writer *writer)
{
	const struct asking *asking = writer->state;

	if (!asking->inquiry->follow && asking->answered)
		asking->inquiry->show(asking->inquiry->state, writer->output);
	output_flush(writer->output);
}

static const struct writer_kind inquiry_writer = {
	.name = "inquiry",
	.layout = TIME_RFC3339_MILLI,
	.record = asking_record,
	.flush = asking_flush,
	.close = asking_close,
};

static int inquiry_time(const struct inquiry *inquiry, const char *option, const char *text,
			uint64_t *ns)
{
	char why[384];

	if (!text)
		return 0;
	if (!time_parse(text, clock_wall_ns(), NULL, ns, why, sizeof(why)))
		return 0;
	return command_misuse(inquiry->path, "%s: %s", option, why);
}

int inquiry_run(struct inquiry *inquiry)
{
	struct observation observation = { .filter = inquiry->filter,
					   .follow = inquiry->follow,
					   .all = true };
	struct writer *writer = &observation.sink.writer;
	struct asking asking = { .inquiry = inquiry, .sink = &observation.sink };
	int status = inquiry_time(inquiry, "--since", given.since, &observation.since_ns);

	if (!status)
		status = inquiry_time(inquiry, "--until", given.until, &observation.until_ns);
	if (!status && given.pcap && (inquiry->follow || connection_given()))
		status = command_misuse(inquiry->path, "--pcap asks no daemon, and has an end");
	if (status)
		return status;
	writer->kind = &inquiry_writer;
	writer->state = &asking;
	observation.sink.quiet = given.quiet || inquiry->is_first;
	if (output_open(&writer->output, STDOUT_FILENO))
		return inquiry_no_memory();
	status =
		given.pcap ? offline_observe(&observation, given.pcap) : live_observe(&observation);
	output_close(writer->output);
	if (!inquiry->no_memory)
		return status;
	fprintf(stderr, "flowcli: not enough memory for all records: the sums are too small\n");
	return status ? status : 1;
}

int inquiry_run_selected(struct inquiry *inquiry, struct selection *selection, const char *always)
{
	char why[256];
	int status;

	if (selection_where(selection, always, false, why, sizeof(why)) ||
	    selection_take(selection, &inquiry->filter))
		return inquiry_no_memory();
	status = inquiry_run(inquiry);
	filter_free(inquiry->filter);
	inquiry->filter = NULL;
	return status;
}
