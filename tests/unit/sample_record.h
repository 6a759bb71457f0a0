/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records for the tests of proto/: one of each kind that a reader meets. */
#ifndef TESTS_SAMPLE_RECORD_H
#define TESTS_SAMPLE_RECORD_H

#include <string.h>

#include "proto/address.h"
#include "proto/flow_record.h"

#define SAMPLE_TIME_NS 1714979289123456789ull /* 2024-05-06T07:08:09.123456789Z */

static inline void sample_addresses(struct flow_record *record, const char *source,
				    const char *destination)
{
	int version;

	address_parse(source, record->key.src, &version);
	address_parse(destination, record->key.dst, &version);
	record->key.scope = version == 6 ? FLOW_SCOPE_IPV6 : 0;
}

/* A TCP flow over IPv4, ended by FIN, seen at two points. */
static inline struct flow_record sample_record(void)
{
	struct flow_record record = {
		.position = 17,
		.flow_id = 4711,
		.time_ns = SAMPLE_TIME_NS,
		.first_ns = SAMPLE_TIME_NS - 2000000789ull,
		.last_ns = SAMPLE_TIME_NS - 456789,
		.key = { .protocol = 6, .src_port = 40000, .dst_port = 80 },
		.packets = 12,
		.bytes = 3456,
		.l3_bytes = 3288,
		.total_packets = 100,
		.total_bytes = 18446744073709551615ull,
		.sampling = 1,
		.flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN | FLOW_TCP_PSH,
		.kind = FLOW_KIND_END,
		.verdict = FLOW_VERDICT_FORWARDED,
		.end_reason = FLOW_END_FIN,
		.direction = FLOW_DIRECTION_INGRESS,
		.reply = FLOW_REPLY_NO,
		.point_count = 2,
		.eth_src = { 2, 0, 0, 0, 0, 1 },
		.eth_dst = { 2, 0, 0, 0, 0, 2 },
		.points = { { 2, FLOW_HOOK_TC_INGRESS, FLOW_DIRECTION_INGRESS, 0, "veth1" },
			    { 3, FLOW_HOOK_TC_EGRESS, FLOW_DIRECTION_EGRESS, 0, "br0" } },
		.node_name = "node1",
	};
	sample_addresses(&record, "10.0.0.1", "10.0.0.2");
	return record;
}

/* A flow of another protocol; without ports unless given. */
static inline struct flow_record sample_of(uint8_t protocol, uint16_t source, uint16_t destination)
{
	struct flow_record record = sample_record();

	record.key.protocol = protocol;
	record.key.src_port = source;
	record.key.dst_port = destination;
	record.flags = 0;
	if (protocol == 58)
		sample_addresses(&record, "fe80::1", "ff02::1:ff00:2");
	return record;
}

/* Wraps the flow's packets, over IPv6. */
static inline void sample_tunnel(struct flow_record *record, uint8_t type, uint32_t id)
{
	int version;

	record->flags |= FLOW_FLAG_TUNNEL;
	record->outer = (struct flow_outer){ .id = id, .type = type, .scope = FLOW_SCOPE_IPV6 };
	address_parse("2001:db8::1", record->outer.src, &version);
	address_parse("2001:db8::2", record->outer.dst, &version);
}

/* Port unreachable, from 10.0.0.1, about a packet of its own. */
static inline struct flow_record sample_quote(void)
{
	struct flow_record record = sample_of(1, 3, 3);

	record.key.icmp_id = 4242;
	record.flags |= FLOW_FLAG_QUOTE;
	record.quoted = record.key;
	record.quoted.protocol = 17;
	record.quoted.src_port = 5000;
	record.quoted.dst_port = 53;
	record.quoted.icmp_id = 0;
	return record;
}

/* Two times unreachable: says 10.0.0.9. */
static inline void sample_error(struct flow_record *record)
{
	int version;

	record->verdict = FLOW_VERDICT_ERROR;
	record->icmp_error = (struct flow_icmp_error){ .packets = 2, .type = 3, .code = 3 };
	address_parse("10.0.0.9", record->icmp_error.reporter, &version);
}

/* Every text that tells of trouble. */
static inline void sample_names(struct flow_record *record, const char *name)
{
	for (int i = 0; i < FLOW_DROP_REASONS; i++)
		record->drops[i].reason = record->drops[i].site = name;
	record->incident.hook = record->incident.table = record->incident.chain = name;
	record->incident.subsystem = record->incident.message = name;
}

/* A TCP packet that the firewall dropped three times. */
static inline struct flow_record sample_drop(void)
{
	struct flow_record record = sample_record();

	record.kind = FLOW_KIND_DROP;
	record.verdict = FLOW_VERDICT_DROPPED;
	record.packets = record.bytes = record.l3_bytes = 0;
	record.total_packets = record.total_bytes = 0;
	record.end_reason = FLOW_END_NONE;
	record.dropped = 3;
	record.drops[0] = (struct flow_drop){ .reason = "NETFILTER_DROP",
					      .site = "nft_do_chain",
					      .packets = 3,
					      .first_ns = record.first_ns,
					      .last_ns = record.last_ns };
	record.incident = (struct flow_incident){ .hook = "input",
						  .table = "filter",
						  .chain = "pods",
						  .subsystem = "CORE",
						  .netns_cookie = 77,
						  .cgroup = 4711,
						  .socket = 99,
						  .netns = 4026531840u,
						  .length = 60,
						  .new_state = 2,
						  .old_state = 2 };
	return record;
}

/* A flow with every kind of TCP trouble. */
static inline void sample_tcp(struct flow_record *record)
{
	record->tcp = (struct flow_tcp){
		.handshake_ns = 1200000,
		.srtt_min_us = 900,
		.srtt_avg_us = 1500,
		.srtt_max_us = 250000,
		.rtt_min_us = 800,
		.retransmits = 3,
		.retransmits_of = { [TRACE_RETRANSMIT_RTO] = 1, [TRACE_RETRANSMIT_FAST] = 2 },
		.total_retransmits = 7,
		.resets_sent = 1,
		.zero_windows = 2,
		.out_of_order = 4,
		.duplicate_acks = 5,
		.analysed = 1
	};
}

/* Both ends with every text as long as `name`, below 40,000 bytes. */
static inline void sample_longest_ends(struct flow_record *record, const char *name)
{
	static char labels[ENDPOINT_LABELS_MAX * 40000];
	static struct flow_endpoint endpoint;
	char *at = labels;

	memset(&endpoint, 0xff, sizeof(endpoint));
	for (int i = 0; i < ENDPOINT_TEXT_COUNT; i++)
		endpoint.text[i] = name;
	for (int i = 0; i < ENDPOINT_LABELS_MAX; i++)
		at = stpcpy(at, name) + 1;
	endpoint.labels = labels;
	endpoint.label_count = ENDPOINT_LABELS_MAX;
	memset(record->ends, 0xff, sizeof(record->ends));
	for (int side = 0; side < 2; side++) {
		record->ends[side].endpoint = &endpoint;
		record->ends[side].comm = name;
	}
}

#endif
