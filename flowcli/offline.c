/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records from a capture, under the same filters and ranges as the daemon's. */
#include "flowcli/observation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/capture.h"
#include "flowcli/interrupt.h"
#include "flowcli/tail.h"

struct offline {
	struct observation *observation;
	struct tail *tail; /* with --last */
	int error;
};

static bool in_range(const struct observation *observation, uint64_t time_ns)
{
	return time_ns >= observation->since_ns &&
	       (!observation->until_ns || time_ns <= observation->until_ns);
}

static void take_record(void *context, const struct flow_record *record)
{
	struct offline *offline = context;
	struct observation *observation = offline->observation;

	if (offline->error || !in_range(observation, record->time_ns) ||
	    !filter_match(observation->filter, record))
		return;
	if (offline->tail)
		offline->error = tail_add(offline->tail, record);
	else
		sink_record(&observation->sink, record);
	if (offline->error || sink_is_full(&observation->sink))
		interrupt_stop();
}

static void tell_packets(struct sink *sink, const struct capture_summary *summary)
{
#define STATUS_NAME(name, json_name, text) json_name,
	static const char *const names[] = { PACKET_STATUSES(STATUS_NAME) };
#undef STATUS_NAME
	char others[320] = "";
	size_t used = 0;

	for (int i = PACKET_OK + 1; i < PACKET_STATUS_COUNT && used < sizeof(others); i++)
		if (summary->status[i].packets)
			used += (size_t)snprintf(others + used, sizeof(others) - used,
						 ", %s %" PRIu64, names[i],
						 summary->status[i].packets);
	if (summary->other_links.packets && used < sizeof(others))
		snprintf(others + used, sizeof(others) - used, ", other_links %" PRIu64,
			 summary->other_links.packets);
	sink_fact(sink, "%" PRIu64 " packets: %" PRIu64 " in flows%s", summary->frames.packets,
		  summary->status[PACKET_OK].packets, others);
}

static void tell_missing(struct sink *sink, const struct capture_summary *summary, int error)
{
	if (interrupt_requested())
		sink_missing(sink, "interrupted");
	else if (error)
		sink_missing(sink, "the capture could not be read");
	else if (summary->truncated)
		sink_missing(sink, "%s", summary->why);
	else if (summary->other_links.packets)
		sink_missing(sink, "%" PRIu64 " packets of interfaces whose link type is not read",
			     summary->other_links.packets);
}

static int read_capture(struct offline *offline, const char *path)
{
	struct capture_options options = CAPTURE_OPTIONS_DEFAULT;
	struct capture_summary summary = { 0 };
	struct sink *sink = &offline->observation->sink;

	options.stop = interrupt_stop_flag();
	int error = capture_read(path, &options, take_record, offline, &summary);
	if (error)
		fprintf(stderr, "flowcli: %s\n", *summary.why ? summary.why : strerror(-error));
	if (!error)
		error = offline->error;
	if (offline->tail)
		tail_each(offline->tail, sink_record, sink);
	if (error && !summary.frames.packets)
		sink->quiet = true; /* the error has told all */
	tell_packets(sink, &summary);
	tell_missing(sink, &summary, error);
	return error;
}

int offline_observe(struct observation *observation, const char *path)
{
	struct offline offline = { .observation = observation };
	int error = 0;

	interrupt_open();
	observation->sink.limit = observation->first;
	if (observation->last)
		error = tail_open(&offline.tail, observation->last);
	if (!error)
		error = read_capture(&offline, path);
	tail_close(offline.tail);
	int status = sink_finish(&observation->sink);
	if (status || error)
		return 1;
	return interrupt_requested() ? 130 : 0;
}
