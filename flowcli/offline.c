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

#define COUNTED_TEXT_BYTES 1024 /* all names with their numbers */

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

/* Names as in `flowcli status`. */
#define COUNTED_NAME(name, json_name, text) json_name,
static const char *const status_names[] = { PACKET_STATUSES(COUNTED_NAME) };
static const char *const note_names[] = { PACKET_NOTES(COUNTED_NAME) };
#undef COUNTED_NAME

struct counted_text {
	char text[COUNTED_TEXT_BYTES];
	size_t used;
};

/* A counter that is not zero, behind those before it. */
static void tell_counter(struct counted_text *told, const char *name, uint64_t packets)
{
	if (packets && told->used < sizeof(told->text))
		told->used +=
			(size_t)snprintf(told->text + told->used, sizeof(told->text) - told->used,
					 ", %s %" PRIu64, name, packets);
}

/* Where the packets are, and of those in flows what could not be read of them. */
static void tell_packets(struct sink *sink, const struct capture_summary *summary)
{
	struct counted_text others = { "", 0 }, notes = { "", 0 };

	for (int i = PACKET_OK + 1; i < PACKET_STATUS_COUNT; i++)
		tell_counter(&others, status_names[i], summary->status[i].packets);
	tell_counter(&others, "other_links", summary->other_links.packets);
	sink_fact(sink, "%" PRIu64 " packets: %" PRIu64 " in flows%s", summary->frames.packets,
		  summary->status[PACKET_OK].packets, others.text);
	for (int i = PACKET_NOTE_NONE + 1; i < PACKET_NOTE_COUNT; i++)
		tell_counter(&notes, note_names[i], summary->notes[i]);
	if (*notes.text)
		sink_fact(sink, "not read whole:%s", notes.text + 1);
}

/* Of packets of DNS ports, what is in no message. */
static void tell_dns(struct sink *sink, const struct dns_stats *dns)
{
	struct counted_text told = { "", 0 };

	tell_counter(&told, "dns_malformed", dns->dns_malformed);
	tell_counter(&told, "dns_stream_gaps", dns->dns_stream_gaps);
	tell_counter(&told, "dns_stream_skipped_bytes", dns->dns_stream_skipped_bytes);
	tell_counter(&told, "dns_fragments_incomplete", dns->dns_fragments_incomplete);
	tell_counter(&told, "dns_pending_evicted", dns->dns_pending_evicted);
	if (*told.text)
		sink_fact(sink, "not in DNS messages:%s", told.text + 1);
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
	tell_dns(sink, &summary.dns);
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
