/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of DNS messages, for the tests of proto/; each in memory of its own until the next call.
 */
#ifndef TESTS_SAMPLE_DNS_H
#define TESTS_SAMPLE_DNS_H

#include "proto/address.h"
#include "tests/unit/sample_record.h"

#define SAMPLE_DNS_ROOMS 8

static inline void *sample_dns_room(void)
{
	static _Alignas(8) uint8_t rooms[SAMPLE_DNS_ROOMS][FLOW_DNS_SIZE];
	static unsigned next;

	return rooms[next++ % SAMPLE_DNS_ROOMS];
}

static inline struct flow_record sample_dns_event(uint8_t event)
{
	struct flow_record record = sample_of(17, 40001, 53);

	record.kind = FLOW_KIND_DNS;
	record.end_reason = FLOW_END_NONE;
	record.packets = record.bytes = record.l3_bytes = 0;
	record.total_packets = record.total_bytes = 0;
	record.point_count = 0;
	memset(record.points, 0, sizeof(record.points));
	memset(record.eth_src, 0, 12);
	record.direction = FLOW_DIRECTION_UNKNOWN;
	record.flow_id = 0;
	record.reply = event == FLOW_DNS_EVENT_RESPONSE ? FLOW_REPLY_YES : FLOW_REPLY_NO;
	if (event == FLOW_DNS_EVENT_TIMEOUT)
		record.verdict = FLOW_VERDICT_ERROR;
	sample_addresses(&record, "10.0.0.1", "10.0.0.53");
	if (event != FLOW_DNS_EVENT_RESPONSE)
		return record;
	sample_addresses(&record, "10.0.0.53", "10.0.0.1");
	record.key.src_port = 53;
	record.key.dst_port = 40001;
	return record;
}

static inline struct flow_dns_parts sample_dns_parts(uint8_t event)
{
	static const uint16_t types[] = { 1 };
	struct flow_dns_parts parts = { .head = { .event = event,
						  .id = 4711,
						  .client_port = 40001,
						  .qtype_count = 1,
						  .message_bytes = 29,
						  .flags = FLOW_DNS_RECURSION_DESIRED },
					.qtypes = types,
					.query = "example.com.",
					.cnames = "" };
	int version;

	address_parse("10.0.0.53", parts.head.server, &version);
	return parts;
}

/* A, example.com. */
static inline struct flow_record sample_dns_request(void)
{
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_REQUEST);
	struct flow_record record = sample_dns_event(FLOW_DNS_EVENT_REQUEST);

	record.dns = flow_dns_make(&parts, sample_dns_room());
	return record;
}

/* Its answer: a CNAME and two addresses, after 1.234567 ms. */
static inline struct flow_record sample_dns_response(void)
{
	static const uint16_t rrtypes[] = { 5, 1 };
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_RESPONSE);
	struct flow_record record = sample_dns_event(FLOW_DNS_EVENT_RESPONSE);
	uint8_t ips[2][16];
	int version;

	address_parse("1.2.3.4", ips[0], &version);
	address_parse("2001:db8::1", ips[1], &version);
	parts.head.latency_ns = 1234567;
	parts.head.ttl = 30;
	parts.head.answers = 3;
	parts.head.rrtype_count = 2;
	parts.head.ip_count = 2;
	parts.head.ipv6 = 2;
	parts.head.cname_count = 1;
	parts.head.flags |= FLOW_DNS_RECURSION_AVAILABLE | FLOW_DNS_EDNS;
	parts.head.edns_size = 1232;
	parts.rrtypes = rrtypes;
	parts.ips = (const uint8_t(*)[16])ips;
	parts.cnames = "www.example.net.";
	record.dns = flow_dns_make(&parts, sample_dns_room());
	return record;
}

/* No such name, after 900 us, from another server, with two retries. */
static inline struct flow_record sample_dns_failure(void)
{
	static const uint16_t qtypes[] = { 28 };
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_RESPONSE);
	struct flow_record record = sample_dns_event(FLOW_DNS_EVENT_RESPONSE);

	parts.qtypes = qtypes;
	parts.query = "nope.example.";
	parts.head.rcode = 3;
	parts.head.latency_ns = 900000;
	parts.head.waited_ns = 5000900000;
	parts.head.retries = 2;
	parts.head.flags |= FLOW_DNS_OTHER_SERVER | FLOW_DNS_LATE;
	record.dns = flow_dns_make(&parts, sample_dns_room());
	return record;
}

static inline struct flow_record sample_dns_timeout(void)
{
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_TIMEOUT);
	struct flow_record record = sample_dns_event(FLOW_DNS_EVENT_TIMEOUT);

	parts.head.latency_ns = 5000000000;
	parts.head.retries = 1;
	record.dns = flow_dns_make(&parts, sample_dns_room());
	return record;
}

/* A flow whose ends have names for each other. */
static inline struct flow_record sample_looked_up(void)
{
	struct flow_record record = sample_record();

	record.source_names = "client.example\0";
	record.destination_names = "www.example.com\0example.com\0";
	return record;
}

#endif
