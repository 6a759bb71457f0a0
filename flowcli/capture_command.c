/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_command.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowcli/black_box.h"
#include "flowcli/capture_events.h"
#include "flowcli/capture_file.h"
#include "flowcli/capture_link.h"
#include "flowcli/clock.h"
#include "flowcli/column.h"
#include "flowcli/connection.h"
#include "flowcli/conversation.h"
#include "flowcli/interrupt.h"
#include "flowcli/terminal.h"
#include "flowd/flow/packet_rules.h"
#include "proto/json.h"
#include "proto/time.h"

#define CAPTURE_WAIT_MS	    50
#define CAPTURE_POLL_NS	    200000000ull /* between two questions to the daemon */
#define CAPTURE_SETTLE_NS   300000000ull /* after an event: packets on their way here */
#define CAPTURE_RING	    4096	 /* packets of the black box: about 1.3 MB */
#define CAPTURE_COUNT	    100000
#define CAPTURE_BYTES	    (UINT64_C(100) << 20)
#define CAPTURE_PENDING_MAX 64 /* events whose packets are still awaited */
#define CAPTURE_COMMENT	    700

static struct {
	const char *interface, *write, *format, *on, *duration;
	uint64_t count, bytes, snaplen, rotate, files, ring;
} given = { .interface = "any", .format = "pcapng" };

static const char *const format_words[] = { "pcapng", "pcap", NULL };

static const struct option_row rows[] = {
	{ .name = "interface",
	  .letter = 'i',
	  .kind = OPTION_TEXT,
	  .argument = "NAME",
	  .variable = &given.interface,
	  .help = "the interface; any: all of them" },
	{ .name = "write",
	  .letter = 'w',
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.write,
	  .help = "where to; - is standard output" },
	{ .name = "format",
	  .kind = OPTION_CHOICE,
	  .argument = "FORMAT",
	  .variable = &given.format,
	  .choices = format_words,
	  .help = "pcapng has comments, pcap is read by everything" },
	{ .name = "on",
	  .kind = OPTION_CHOICE,
	  .argument = "WHAT",
	  .variable = &given.on,
	  .choices = capture_triggers,
	  .help = "keep the last packets in memory, and write those of a flow once this befell it" },
	{ .name = "count",
	  .letter = 'c',
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.count,
	  .help = "end after N packets written (100000); with --on: after N events (1)" },
	{ .name = "bytes",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.bytes,
	  .help = "end after N bytes written (104857600)" },
	{ .name = "duration",
	  .kind = OPTION_TEXT,
	  .argument = "TIME",
	  .variable = &given.duration,
	  .help = "end after TIME (1m; no limit)" },
	{ .name = "snaplen",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.snaplen,
	  .help = "bytes kept of a packet (65535; with --on: 256, which is the most)" },
	{ .name = "rotate",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.rotate,
	  .help = "begin another file, FILE.1 and so on, after N bytes" },
	{ .name = "files",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.files,
	  .help = "with --rotate: keep N files, and write over the oldest" },
	{ .name = "ring",
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.ring,
	  .help = "with --on: packets kept in memory (4096)" },
	{ 0 }
};
static const struct option_group capture_options = { "Capture", rows };
static const struct option_group *const groups[] = { &capture_options, &connection_options,
						     &help_options, NULL };

/* An event, until the packets around it have come. */
struct pending {
	uint64_t due_ns;
	struct flow_key key;
	char comment[CAPTURE_COMMENT];
};

struct session {
	pcap_t *pcap;
	capture_link_fn parse;
	struct packet_rules rules;
	struct capture_file *file;
	struct black_box *box;
	struct capture_events *events;
	struct pending pending[CAPTURE_PENDING_MAX];
	unsigned pending_count;
	struct flow_key told_keys[CAPTURE_PENDING_MAX]; /* of the latest events told */
	const char *comment;
	uint64_t written, told; /* packets; events */
	uint64_t beyond;	/* events without room */
	uint64_t unseen;	/* events of which no packet is kept */
	uint64_t end_ns, poll_ns;
	uint64_t count, bytes;
	int error;
};

/* ---- packets -------------------------------------------------------------------------------- */

static void session_write(struct session *session, uint64_t time_ns, const uint8_t *bytes,
			  uint32_t captured, uint32_t original)
{
	int error = capture_file_write(session->file, time_ns, bytes, captured, original,
				       session->comment);

	if (error)
		session->error = error;
	else
		session->written++;
}

static void take_packet(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct session *session = (struct session *)context;
	uint64_t time_ns =
		(uint64_t)header->ts.tv_sec * 1000000000ull + (uint64_t)header->ts.tv_usec;
	struct capture_frame frame = { .data = bytes, .end = bytes + header->caplen };

	if (!session->box) {
		if (session->written < session->count)
			session_write(session, time_ns, bytes, header->caplen, header->len);
		return;
	}
	if (session->parse(&frame, &session->rules) == PACKET_OK)
		black_box_add(session->box, &frame.packet.key, time_ns, bytes, header->caplen,
			      header->len);
}

static void take_kept(void *context, const struct black_box_packet *packet)
{
	session_write(context, packet->time_ns, packet->bytes, packet->captured, packet->original);
}

/* ---- events --------------------------------------------------------------------------------- */

/* "shop/web-0" of a pod, a name, or the address. */
static void end_name(void (*end_of)(const struct flow_record *, struct column_end *),
		     const struct flow_record *record, char *text, size_t size)
{
	struct column_end end;

	end_of(record, &end);
	column_join(end.host, end.port, text, size);
}

static void take_event(void *context, const struct flow_record *record)
{
	struct session *session = context;
	struct pending *pending = &session->pending[session->pending_count];
	char summary[600], time[TIME_TEXT_MAX], source[300], destination[300];

	if (session->pending_count == CAPTURE_PENDING_MAX) {
		session->beyond++;
		return;
	}
	session->pending_count++;
	flow_record_summary(record, summary, sizeof(summary));
	time_format(record->time_ns, TIME_RFC3339_NANO, NULL, time, sizeof(time));
	end_name(column_source, record, source, sizeof(source));
	end_name(column_destination, record, destination, sizeof(destination));
	pending->key = record->key;
	pending->due_ns = clock_steady_ns() + CAPTURE_SETTLE_NS;
	snprintf(pending->comment, sizeof(pending->comment),
		 "flowd: %s, %s at %.40s: %.120s -> %.120s: %.300s", column_verdict(record),
		 given.on, time, source, destination, summary);
}

/* The same trouble may be told twice: a reset by its event, and by the end of its flow. */
static bool was_told(const struct session *session, const struct flow_key *key)
{
	for (uint64_t i = 0; i < CAPTURE_PENDING_MAX && i < session->told; i++)
		if (conversation_is(&session->told_keys[i], key))
			return true;
	return false;
}

/* The packets of events that are old enough for all of them to have come. */
static void write_due(struct session *session, bool all)
{
	uint64_t now = clock_steady_ns();
	unsigned kept = 0;

	for (unsigned i = 0; i < session->pending_count; i++) {
		struct pending *pending = &session->pending[i];

		if (!all && pending->due_ns > now) {
			session->pending[kept++] = *pending;
			continue;
		}
		session->comment = pending->comment;
		if (session->told >= session->count)
			continue;
		if (black_box_take(session->box, &pending->key, take_kept, session))
			session->told_keys[session->told++ % CAPTURE_PENDING_MAX] = pending->key;
		else if (!was_told(session, &pending->key))
			session->unseen++;
	}
	session->pending_count = kept;
	capture_file_flush(session->file);
}

static void poll_events(struct session *session)
{
	uint64_t now = clock_steady_ns();

	if (!session->events || now < session->poll_ns)
		return;
	session->poll_ns = now + CAPTURE_POLL_NS;
	session->error = capture_events_poll(session->events, take_event, session);
	write_due(session, false);
}

/* ---- session -------------------------------------------------------------------------------- */

static int pcap_fail(struct session *session, const char *what)
{
	fprintf(stderr, "flowcli capture: %s: %s: %s\n", given.interface, what,
		pcap_geterr(session->pcap));
	return -EIO;
}

static int session_filter(struct session *session, const char *expression)
{
	struct bpf_program program;
	int failed;

	if (!*expression)
		return 0;
	if (pcap_compile(session->pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN))
		return pcap_fail(session, "the expression is not understood");
	failed = pcap_setfilter(session->pcap, &program);
	pcap_freecode(&program);
	return failed ? pcap_fail(session, "setting the filter") : 0;
}

static int session_snaplen(void)
{
	if (given.on)
		return given.snaplen && given.snaplen < BLACK_BOX_BYTES ? (int)given.snaplen
									: BLACK_BOX_BYTES;
	return given.snaplen && given.snaplen < 65535 ? (int)given.snaplen : 65535;
}

static int session_open_pcap(struct session *session, const char *expression)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	int status;

	session->pcap = pcap_create(given.interface, text);
	if (!session->pcap) {
		fprintf(stderr, "flowcli capture: %s\n", text);
		return -EIO;
	}
	pcap_set_snaplen(session->pcap, session_snaplen());
	pcap_set_timeout(session->pcap, CAPTURE_WAIT_MS);
	pcap_set_immediate_mode(session->pcap, 1);
	pcap_set_tstamp_precision(session->pcap, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(session->pcap);
	if (status < 0)
		return pcap_fail(session, pcap_statustostr(status));
	if (pcap_setnonblock(session->pcap, 1, text))
		return pcap_fail(session, text);
	session->parse = capture_link_find(pcap_datalink(session->pcap));
	if (given.on && !session->parse)
		return pcap_fail(session, "its link type is not read; choose another interface");
	return session_filter(session, expression);
}

static int session_open_file(struct session *session)
{
	int datalink = pcap_datalink(session->pcap);
	const struct capture_file_options options = {
		.path = given.write,
		.classic = !strcmp(given.format, "pcap"),
		.interface = { given.interface, (uint16_t)(datalink == DLT_RAW ? 101 : datalink),
			       (uint32_t)session_snaplen() },
		.datalink = datalink,
		.rotate_bytes = given.rotate,
		.files = given.files,
	};

	return capture_file_open(&session->file, &options);
}

static int session_open(struct session *session, const char *expression)
{
	uint64_t duration_ns = 0;
	int error;

	if (given.duration && time_parse_duration(given.duration, &duration_ns))
		return command_misuse("flowcli capture",
				      "--duration: '%s' is no duration (30s, 5m)", given.duration);
	session->count = given.count ? given.count : given.on ? 1 : CAPTURE_COUNT;
	session->bytes = given.bytes ? given.bytes : CAPTURE_BYTES;
	packet_rules_default(&session->rules);
	error = session_open_pcap(session, expression);
	if (!error)
		error = session_open_file(session);
	if (!error && given.on)
		error = black_box_open(&session->box,
				       given.ring ? (uint32_t)given.ring : CAPTURE_RING);
	if (!error && given.on)
		error = capture_events_open(&session->events, given.on);
	if (duration_ns)
		session->end_ns = clock_steady_ns() + duration_ns;
	return error;
}

static bool session_is_done(const struct session *session)
{
	if (interrupt_requested() || session->error ||
	    (session->end_ns && clock_steady_ns() >= session->end_ns))
		return true;
	return (given.on ? session->told : session->written) >= session->count ||
	       capture_file_bytes(session->file) >= session->bytes;
}

/* Told when everything is in place, so that a script knows from when on nothing is missed. */
static void session_run(struct session *session)
{
	poll_events(session);
	fprintf(stderr, "flowcli: capturing on %s\n", given.interface);
	while (!session_is_done(session)) {
		int count = pcap_dispatch(session->pcap, 1000, take_packet, (u_char *)session);

		if (count < 0) {
			session->error = pcap_fail(session, "reading");
			return;
		}
		poll_events(session);
		if (!count)
			usleep(CAPTURE_WAIT_MS * 1000 / 5);
	}
	if (session->box)
		write_due(session, true);
}

static void session_tell(const struct session *session)
{
	struct pcap_stat stats = { 0 };

	pcap_stats(session->pcap, &stats);
	fprintf(stderr, "%s: %" PRIu64 " packets, %" PRIu64 " bytes written",
		stats.ps_drop || session->beyond ? "INCOMPLETE" : "complete", session->written,
		capture_file_bytes(session->file));
	if (given.on)
		fprintf(stderr, ", of %" PRIu64 " %s", session->told,
			session->told == 1 ? "event" : "events");
	if (stats.ps_drop)
		fprintf(stderr, "; %u packets were too fast and are not looked at", stats.ps_drop);
	if (session->beyond)
		fprintf(stderr, "; %" PRIu64 " events had no room", session->beyond);
	if (session->unseen)
		fprintf(stderr,
			"; of %" PRIu64
			" more %s no packet is here: of another interface, or before "
			"the ring",
			session->unseen, session->unseen == 1 ? "event" : "events");
	fputc('\n', stderr);
}

static void session_close(struct session *session)
{
	capture_events_close(session->events);
	black_box_close(session->box);
	if (capture_file_close(session->file))
		session->error = -EIO;
	if (session->pcap)
		pcap_close(session->pcap);
}

static int run(int operand_count, const char *const *operands)
{
	static struct session session;
	char expression[2048] = "";
	size_t used = 0;
	int error;

	if (!given.write)
		return command_misuse("flowcli capture", "--write: name the file");
	for (int i = 0; i < operand_count && used < sizeof(expression); i++)
		used += (size_t)snprintf(expression + used, sizeof(expression) - used, "%s%s",
					 i ? " " : "", operands[i]);
	interrupt_open();
	error = session_open(&session, expression);
	if (!error) {
		session_run(&session);
		session_tell(&session);
	}
	session_close(&session);
	if (error == EXIT_USAGE)
		return EXIT_USAGE;
	return error || (session.error && session.error != -EINTR) ? 1 : 0;
}

const struct command capture_command = {
	.token = "capture",
	.summary =
		"Write packets of this machine into a file, perhaps only those of flows in trouble.",
	.operands = "[EXPRESSION]...",
	.details =
		"EXPRESSION is pcap-filter(7)'s. With --on, packets are only kept in memory until the daemon\n"
		"tells of a drop, a reset or a failed DNS query: then the last packets of that flow, both\n"
		"ways, are written, with what happened as their comment. Needs the right to capture.",
	.examples = "  flowcli capture -i eth0 -w trace.pcapng -c 1000 tcp port 80\n"
		    "  flowcli capture --on drop -w drops.pcapng -c 10 --duration 1h\n"
		    "  flowcli capture -w - --format pcap | tshark -r -",
	.groups = groups,
	.run = run,
};
