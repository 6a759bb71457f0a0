/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/capture_link.h"
#include "flowcli/pcapng.h"
#include "flowd/flow/fragments.h"
#include "flowd/flow/packet_rules.h"
#include "flowd/flow/tcp_track.h"

#define CAPTURE_BATCH	     64
#define CAPTURE_BUFFER_BYTES (256 * 1024)

/* One frame as the file holds it. */
struct stored_frame {
	const uint8_t *data;
	uint32_t captured, original;
	uint64_t time_ns;
};

struct capture {
	const char *name;
	FILE *stream;
	pcap_t *pcap; /* one of both; libpcap owns the stream then */
	struct pcapng *pcapng;
	struct flow_table *table;
	struct packet_rules rules;
	struct fragments *fragments;
	capture_link_fn parse; /* of the link type at hand; NULL: not read */
	int link_type;
	struct capture_summary *summary;
	uint64_t clock_ns; /* the latest stamp */
	uint64_t age_ns;   /* the flow table is aged when the clock passes it */
	size_t batched;
	struct tcp_track *tcp;
	struct flow_delta batch[CAPTURE_BATCH];
	struct flow_tcp tcp_facts[CAPTURE_BATCH]; /* of the deltas that point to theirs */
};

/* ---- frames --------------------------------------------------------------------------------- */

static const char *link_name(int type)
{
	const char *name = pcap_datalink_val_to_name(type);

	return name ? name : "unnamed";
}

/* Of the frames that follow. */
static void link_set(struct capture *capture, int type)
{
	struct capture_summary *summary = capture->summary;

	capture->link_type = type;
	capture->parse = capture_link_find(type);
	summary->link = summary->link ? "mixed" : link_name(type);
}

static void count(struct capture_count *counted, uint32_t bytes)
{
	counted->packets++;
	counted->bytes += bytes;
}

/*
 * A pcap file holds 32 bits of seconds since 1970, without sign: libpcap's turns negative in 2038.
 * A fraction beyond its second stands in broken files and is taken as it is.
 */
static uint64_t stamp_ns(const struct pcap_pkthdr *header)
{
	return (uint32_t)header->ts.tv_sec * 1000000000ull + (uint32_t)header->ts.tv_usec;
}

static void batch_apply(struct capture *capture)
{
	flow_table_update_batch(capture->table, capture->batch, capture->batched);
	capture->batched = 0;
}

/* The clock is the latest stamp: a file whose time steps back ages nothing until it has caught up.
 */
static void clock_advance(struct capture *capture, uint64_t time_ns)
{
	struct capture_summary *summary = capture->summary;

	if (summary->frames.packets == 0 || time_ns < summary->first_ns)
		summary->first_ns = time_ns;
	if (time_ns < capture->clock_ns) {
		summary->backwards++;
		return;
	}
	summary->last_ns = capture->clock_ns = time_ns;
	if (time_ns < capture->age_ns)
		return;
	batch_apply(capture);
	flow_table_age(capture->table, time_ns);
	capture->age_ns = (time_ns / FLOW_AGE_STEP_NS + 1) * FLOW_AGE_STEP_NS;
}

/* What the segment says of its connection, into `facts`; NULL when it cannot be read. */
static const struct flow_tcp *tcp_judge(struct capture *capture, const struct capture_frame *frame,
					uint64_t time_ns, struct flow_tcp *facts)
{
	const struct packet *packet = &frame->packet;
	const uint8_t *tcp = frame->data + frame->link_bytes + packet->l4_offset;
	uint32_t before = (uint32_t)packet->l4_offset - packet->l3_offset;
	struct tcp_segment segment;

	if (packet->key.protocol != IPPROTO_TCP || packet->l3_bytes <= before ||
	    packet->fragment == PACKET_FRAGMENT_LATER || tcp >= frame->end ||
	    tcp_segment_read(tcp, (uint32_t)(frame->end - tcp), packet->l3_bytes - before,
			     &segment))
		return NULL;
	*facts = (struct flow_tcp){ 0 };
	tcp_track_segment(capture->tcp, &packet->key, &segment, time_ns, facts);
	return facts;
}

static void batch_add(struct capture *capture, const struct capture_frame *frame, uint32_t bytes,
		      uint64_t time_ns)
{
	struct flow_tcp *facts = &capture->tcp_facts[capture->batched];
	struct flow_delta *delta = &capture->batch[capture->batched++];
	const struct packet *packet = &frame->packet;
	uint32_t outside = frame->link_bytes + packet->l3_offset;

	*delta = (struct flow_delta){
		.key = packet->key,
		.packets = 1,
		.bytes = bytes,
		.first_ns = time_ns,
		.last_ns = time_ns,
		.flags = packet->flags,
		.vlan = { packet->vlan[0], packet->vlan[1] },
		.points = { FLOW_POINT(frame->ifindex, FLOW_HOOK_CAPTURE) },
		.sampling = 1,
		.tcp = tcp_judge(capture, frame, time_ns, facts),
		.starts = FLOW_STARTS_ASK,
	};
	delta->l3_bytes = packet->l3_bytes  ? packet->l3_bytes
			  : bytes > outside ? bytes - outside
					    : 0;
	if (packet->flags & FLOW_FLAG_TUNNEL)
		delta->outer = frame->extra.outer;
	if (packet->flags & FLOW_FLAG_QUOTE)
		delta->quoted = frame->extra.quoted;
	memcpy(delta->eth_src, frame->eth_src, sizeof(delta->eth_src));
	memcpy(delta->eth_dst, frame->eth_dst, sizeof(delta->eth_dst));
	if (capture->batched == CAPTURE_BATCH)
		batch_apply(capture);
}

/* Without the packet, of which the parser clears what it does not fill. */
static void frame_begin(struct capture_frame *frame, const struct stored_frame *stored)
{
	frame->data = stored->data;
	frame->end = stored->data + stored->captured;
	frame->link_bytes = 0;
	frame->ifindex = 0;
	memset(frame->eth_src, 0, sizeof(frame->eth_src));
	memset(frame->eth_dst, 0, sizeof(frame->eth_dst));
}

static void frame_take(struct capture *capture, const struct stored_frame *stored)
{
	struct capture_summary *summary = capture->summary;
	enum packet_status status;
	struct capture_frame frame;

	clock_advance(capture, stored->time_ns);
	count(&summary->frames, stored->original);
	summary->snapped += stored->captured < stored->original;
	if (!capture->parse) {
		count(&summary->other_links, stored->original);
		return;
	}
	frame_begin(&frame, stored);
	status = capture->parse(&frame, &capture->rules);
	if (status == PACKET_OK)
		fragments_join(capture->fragments, &frame.packet, stored->time_ns);
	count(&summary->status[status], stored->original);
	if (status != PACKET_OK)
		return;
	summary->notes[frame.packet.note]++; /* [PACKET_NOTE_NONE] too: told by nobody */
	batch_add(capture, &frame, stored->original, stored->time_ns);
}

/* ---- reading -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int capture_fail(struct capture_summary *summary,
							      int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(summary->why, sizeof(summary->why), format, arguments);
	va_end(arguments);
	return error;
}

static int link_refuse(struct capture *capture)
{
	return capture_fail(capture->summary, -EPROTONOSUPPORT,
			    "%s: link type %s (%d) is not supported: only Ethernet, Linux cooked "
			    "(SLL, SLL2), raw IP, BSD loopback and PPP are",
			    capture->name, link_name(capture->link_type), capture->link_type);
}

/* The reader cannot go on: no capture at all, or one that is cut short or damaged. */
static int capture_broken(struct capture *capture, int error, const char *text)
{
	struct capture_summary *summary = capture->summary;

	if (summary->frames.packets == 0 || error != -EBADMSG)
		return capture_fail(summary, error, "%s is not a capture that can be read: %s",
				    capture->name, text);
	summary->truncated = true;
	return capture_fail(summary, 0, "%s ends or is damaged after packet %llu: %s",
			    capture->name, (unsigned long long)summary->frames.packets, text);
}

static int pcap_run(struct capture *capture, const volatile sig_atomic_t *stop)
{
	struct stored_frame stored;
	struct pcap_pkthdr *header;
	int outcome = 0;

	while (!*stop && (outcome = pcap_next_ex(capture->pcap, &header, &stored.data)) == 1) {
		stored.captured = header->caplen;
		stored.original = header->len;
		stored.time_ns = stamp_ns(header);
		frame_take(capture, &stored);
	}
	if (outcome == PCAP_ERROR)
		return capture_broken(capture, -EBADMSG, pcap_geterr(capture->pcap));
	return 0;
}

/* LINKTYPE_ of files and DLT_ of libpcap are the same numbers, but for one we read. */
static int link_of_file(uint16_t link)
{
	return link == 101 ? DLT_RAW : link;
}

static int pcapng_run(struct capture *capture, const volatile sig_atomic_t *stop)
{
	struct capture_summary *summary = capture->summary;
	struct pcapng_packet packet;
	int outcome = 0;

	while (!*stop && (outcome = pcapng_next(capture->pcapng, &packet)) == 1) {
		struct stored_frame stored = { packet.data, packet.captured, packet.original,
					       packet.stamped ? packet.time_ns
							      : capture->clock_ns };

		if (!summary->link || capture->link_type != link_of_file(packet.link))
			link_set(capture, link_of_file(packet.link));
		frame_take(capture, &stored);
	}
	if (outcome < 0)
		return capture_broken(capture, outcome, pcapng_why(capture->pcapng));
	if (summary->frames.packets && summary->frames.packets == summary->other_links.packets)
		return link_refuse(capture);
	return 0;
}

static int capture_run(struct capture *capture, const volatile sig_atomic_t *stop)
{
	static const volatile sig_atomic_t never;
	int error;

	if (!stop)
		stop = &never;
	if (capture->pcap)
		error = pcap_run(capture, stop);
	else
		error = pcapng_run(capture, stop);
	capture->summary->stopped = *stop != 0;
	batch_apply(capture);
	flow_table_flush(capture->table, FLOW_END_SHUTDOWN);
	flow_table_stats(capture->table, &capture->summary->flows);
	return error;
}

static int table_open(struct capture *capture, const struct capture_options *options,
		      flow_record_fn emit, void *context)
{
	struct flow_table_options table = {
		.max_flows = options->max_flows,
		.max_troubles = options->max_flows,
		.timeouts = options->timeouts,
		/* Fixed: the same file gives the same records in the same order. */
		.hash_seed = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
			       0xd6e8feb86659fd93, 0xa0761d6478bd642f, 0xe7037ed1a0b428db },
		.publish_start = options->publish_start,
		.emit = emit,
		.context = context,
	};
	int error = flow_table_open(&capture->table, &table);

	packet_rules_default(&capture->rules);
	capture->fragments = fragments_open();
	if (error || !capture->fragments || tcp_track_open(&capture->tcp))
		return capture_fail(capture->summary, -ENOMEM, "no memory for the flow table");
	flow_table_set_names(capture->table, NULL, NULL, options->node_name);
	return 0;
}

static int pcap_start(struct capture *capture)
{
	char text[PCAP_ERRBUF_SIZE] = "";

	capture->pcap = pcap_fopen_offline_with_tstamp_precision(capture->stream,
								 PCAP_TSTAMP_PRECISION_NANO, text);
	if (!capture->pcap)
		return capture_broken(capture, -EBADMSG, text);
	capture->stream = NULL;
	link_set(capture, pcap_datalink(capture->pcap));
	return capture->parse ? 0 : link_refuse(capture);
}

/* One byte tells the formats apart, and one byte can be put back on any stream. */
static int reader_start(struct capture *capture)
{
	int first;

	setvbuf(capture->stream, NULL, _IOFBF, CAPTURE_BUFFER_BYTES);
	__fsetlocking(capture->stream, FSETLOCKING_BYCALLER); /* nobody else reads it */
	first = getc(capture->stream);
	if (first == EOF)
		return capture_broken(capture, -EBADMSG,
				      ferror(capture->stream) ? strerror(errno) : "it is empty");
	ungetc(first, capture->stream);
	if (first == PCAPNG_FIRST_BYTE)
		return pcapng_open(&capture->pcapng, capture->stream);
	return pcap_start(capture);
}

static void capture_close(struct capture *capture)
{
	flow_table_close(capture->table);
	fragments_close(capture->fragments);
	tcp_track_close(capture->tcp);
	pcapng_close(capture->pcapng);
	if (capture->pcap)
		pcap_close(capture->pcap);
	if (capture->stream && capture->stream != stdin)
		fclose(capture->stream);
	free(capture);
}

int capture_read_stream(FILE *stream, const char *name, const struct capture_options *options,
			flow_record_fn emit, void *context, struct capture_summary *summary)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int error;

	memset(summary, 0, sizeof(*summary));
	if (!capture) {
		if (stream != stdin)
			fclose(stream);
		return capture_fail(summary, -ENOMEM, "no memory to read %s", name);
	}
	capture->summary = summary;
	capture->stream = stream;
	capture->name = name;
	error = table_open(capture, options, emit, context);
	if (!error)
		error = reader_start(capture);
	if (!error)
		error = capture_run(capture, options->stop);
	capture_close(capture);
	return error;
}

int capture_read(const char *path, const struct capture_options *options, flow_record_fn emit,
		 void *context, struct capture_summary *summary)
{
	FILE *stream;

	if (strcmp(path, "-") == 0)
		return capture_read_stream(stdin, "standard input", options, emit, context,
					   summary);
	stream = fopen(path, "rb");
	if (stream)
		return capture_read_stream(stream, path, options, emit, context, summary);
	memset(summary, 0, sizeof(*summary));
	return capture_fail(summary, -errno, "cannot open %s: %s", path, strerror(errno));
}
