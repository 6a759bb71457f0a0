/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/golden/fake_trouble.h"

#include <errno.h>
#include <string.h>

#include "proto/address.h"
#include "proto/protocol.h"

#define SECOND 1000000000ull
#define NETNS  4026532251u

struct story {
	struct flow_record *records;
	size_t count;
	uint64_t start_ns;
};

/* A record at `second`, from the client, or from the server. */
static struct flow_record *tell(struct story *story, enum flow_kind kind, unsigned second,
				bool back)
{
	struct flow_record *record = &story->records[story->count++];
	int version;

	*record = (struct flow_record){ .position = story->count,
					.flow_id = back ? 2 : 1,
					.time_ns = story->start_ns + second * SECOND,
					.first_ns = story->start_ns + second * SECOND,
					.last_ns = story->start_ns + second * SECOND,
					.key = { .src_port = back ? 80 : 40001,
						 .dst_port = back ? 40001 : 80,
						 .protocol = PROTOCOL_TCP },
					.kind = (uint8_t)kind,
					.verdict = FLOW_VERDICT_FORWARDED,
					.sampling = 1,
					.node_name = "node1" };
	address_parse(back ? "10.0.0.2" : "10.0.0.1", record->key.src, &version);
	address_parse(back ? "10.0.0.1" : "10.0.0.2", record->key.dst, &version);
	return record;
}

static struct flow_record *tell_flow(struct story *story, unsigned second, bool back,
				     uint64_t packets, uint64_t bytes, uint16_t flags)
{
	struct flow_record *record = tell(story, FLOW_KIND_END, second, back);

	record->packets = record->total_packets = packets;
	record->bytes = record->total_bytes = bytes;
	record->flags = flags;
	record->end_reason = flags & FLOW_TCP_RST ? FLOW_END_RST : FLOW_END_FIN;
	record->reply = back ? FLOW_REPLY_YES : FLOW_REPLY_NO;
	return record;
}

static struct flow_record *tell_drop(struct story *story, unsigned second, uint64_t packets,
				     const char *reason, const char *site)
{
	struct flow_record *record = tell(story, FLOW_KIND_DROP, second, false);

	record->verdict = FLOW_VERDICT_DROPPED;
	record->flags = FLOW_TCP_SYN;
	record->dropped = packets;
	record->drops[0] = (struct flow_drop){ .reason = reason,
					       .site = site,
					       .packets = packets,
					       .first_ns = record->first_ns,
					       .last_ns = record->last_ns };
	record->incident.netns = NETNS;
	return record;
}

static void tell_connect(struct story *story, unsigned second, uint32_t error)
{
	struct flow_record *record = tell(story, FLOW_KIND_TCP_CONNECT, second, false);

	record->verdict = FLOW_VERDICT_TRACED;
	record->incident.error = error;
	record->incident.duration_ns = second * SECOND;
}

/* ---- stories -------------------------------------------------------------------------------- */

static void firewall(struct story *story)
{
	for (unsigned second = 1; second <= 4; second *= 2) {
		struct flow_incident *incident = &tell_drop(story, second, second == 4 ? 3 : 1,
							    "NETFILTER_DROP", "nft_do_chain")
							  ->incident;

		incident->hook = "input";
		incident->table = "filter";
		incident->chain = "pods";
	}
	tell_flow(story, 0, false, 5, 370, FLOW_TCP_SYN);
	tell_connect(story, 8, ETIMEDOUT);
}

static void refused(struct story *story)
{
	struct flow_record *reset;

	tell_drop(story, 1, 1, "NO_SOCKET", "tcp_v4_rcv");
	reset = tell(story, FLOW_KIND_TCP_RESET, 1, true);
	reset->verdict = FLOW_VERDICT_TRACED;
	reset->flags = FLOW_TCP_RST;
	reset->incident.sent = 1;
	reset->incident.message = "NO_SOCKET";
	tell_flow(story, 1, false, 1, 74, FLOW_TCP_SYN);
	tell_flow(story, 1, true, 1, 54, FLOW_TCP_RST | FLOW_TCP_ACK);
	tell_connect(story, 1, ECONNREFUSED);
}

static void silent(struct story *story)
{
	struct flow_record *flow = tell_flow(story, 0, false, 5, 370, FLOW_TCP_SYN);

	flow->end_reason = FLOW_END_IDLE;
	flow->tcp.retransmits = flow->tcp.total_retransmits =
		flow->tcp.retransmits_of[TRACE_RETRANSMIT_SYN] = 4;
}

static void path_mtu(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_PSH;
	struct flow_record *flow = tell_flow(story, 0, false, 6, 6200, flags);
	int version;

	flow->tcp.retransmits = flow->tcp.total_retransmits =
		flow->tcp.retransmits_of[TRACE_RETRANSMIT_RTO] = 3;
	flow->icmp_error = (struct flow_icmp_error){ .packets = 1, .type = 3, .code = 4 };
	address_parse("10.0.9.9", flow->icmp_error.reporter, &version);
	tell_flow(story, 0, true, 2, 128, flags);
}

static void lossy(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN;
	struct flow_tcp *there = &tell_flow(story, 0, false, 200, 150000, flags)->tcp;
	struct flow_tcp *back = &tell_flow(story, 0, true, 100, 6600, flags)->tcp;

	there->retransmits = there->total_retransmits = 12;
	there->retransmits_of[TRACE_RETRANSMIT_FAST] = 10;
	there->retransmits_of[TRACE_RETRANSMIT_RTO] = 2;
	there->handshake_ns = 1200 * (SECOND / 1000);
	there->srtt_min_us = 900;
	there->srtt_avg_us = 1500;
	there->srtt_max_us = 250000;
	back->zero_windows = 3;
}

static void well(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN;

	tell_flow(story, 0, false, 6, 504, flags)->tcp.handshake_ns = 1200000;
	tell_flow(story, 0, true, 4, 1272, flags);
}

static void nothing(struct story *story)
{
	(void)story;
}

static const struct {
	const char *name;
	void (*tell)(struct story *story);
} stories[] = { { "firewall", firewall }, { "refused", refused }, { "silent", silent },
		{ "path-mtu", path_mtu }, { "lossy", lossy },	  { "well", well },
		{ "nothing", nothing } };

size_t fake_trouble(const char *name, uint64_t start_ns, struct flow_record *records)
{
	struct story story = { .records = records, .start_ns = start_ns };

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		if (!strcmp(stories[i].name, name))
			stories[i].tell(&story);
	return story.count;
}
