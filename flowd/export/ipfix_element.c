/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/ipfix_element.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "proto/protocol.h"

#define TEXT_MAX 254

/* A number of so many bytes. */
#define PUT(name, bytes, value)                                                  \
	static size_t put_##name(uint8_t *out, const struct flow_record *record) \
	{                                                                        \
		ipfix_put(out, (uint64_t)(value), bytes);                        \
		return bytes;                                                    \
	}
#define PUT_BYTES(name, bytes, from)                                             \
	static size_t put_##name(uint8_t *out, const struct flow_record *record) \
	{                                                                        \
		memcpy(out, from, bytes);                                        \
		return bytes;                                                    \
	}

static bool is_icmp(const struct flow_record *record)
{
	return protocol_is_icmp(record->key.protocol);
}

static uint16_t icmp_type_code(const struct flow_record *record)
{
	return is_icmp(record) ? (uint16_t)(record->key.src_port << 8 | record->key.dst_port) : 0;
}

/* ICMP: as collectors read type and code since NetFlow 5. */
static uint16_t destination_port(const struct flow_record *record)
{
	return is_icmp(record) ? icmp_type_code(record) : record->key.dst_port;
}

static uint32_t interface_of(const struct flow_record *record, uint8_t direction)
{
	for (size_t i = 0; i < record->point_count; i++) {
		if (record->points[i].direction == direction)
			return record->points[i].ifindex;
	}
	return 0;
}

/* flowEndReason: 1 idle, 2 active, 3 end, 4 forced end, 5 lack of resources. */
static uint8_t end_reason(const struct flow_record *record)
{
	switch (record->end_reason) {
	case FLOW_END_FIN:
	case FLOW_END_RST:
		return 3;
	case FLOW_END_IDLE:
		return 1;
	case FLOW_END_EVICTED:
		return 5;
	case FLOW_END_SHUTDOWN:
		return 4;
	default:
		return 2;
	}
}

/* flowDirection: 0 ingress, 1 egress. */
static uint8_t flow_direction(const struct flow_record *record)
{
	return record->direction == FLOW_DIRECTION_EGRESS;
}

static uint16_t vlan_of(const struct flow_record *record)
{
	return record->vlan[0] & FLOW_VLAN_PRESENT ? record->vlan[0] & FLOW_VLAN_ID : 0;
}

PUT_BYTES(source4, 4, record->key.src + 12)
PUT_BYTES(destination4, 4, record->key.dst + 12)
PUT_BYTES(source6, 16, record->key.src)
PUT_BYTES(destination6, 16, record->key.dst)
PUT(source_port, 2, is_icmp(record) ? 0 : record->key.src_port)
PUT(destination_port, 2, destination_port(record))
PUT(protocol, 1, record->key.protocol)
/* One byte: a collector that is out there reads two as nothing. */
PUT(tcp_flags, 1, record->flags & 0xff)
PUT(octets, 8, record->l3_bytes)
PUT(packets, 8, record->packets)
PUT(layer2_octets, 8, record->bytes)
PUT(total_packets, 8, record->total_packets)
PUT(start, 8, record->first_ns / 1000000)
PUT(end, 8, record->last_ns / 1000000)
PUT(end_reason, 1, end_reason(record))
PUT(ingress, 4, interface_of(record, FLOW_DIRECTION_INGRESS))
PUT(egress, 4, interface_of(record, FLOW_DIRECTION_EGRESS))
PUT(direction, 1, flow_direction(record))
PUT(vlan, 2, vlan_of(record))
PUT_BYTES(source_mac, 6, record->eth_src)
PUT_BYTES(destination_mac, 6, record->eth_dst)
PUT(icmp, 2, icmp_type_code(record))
PUT(flow_id, 8, record->flow_id)
PUT(verdict, 1, record->verdict)
PUT(kind, 1, record->kind)
PUT(sampling, 4, record->sampling ? record->sampling : 1)
PUT(position, 8, record->position)
PUT(dropped, 8, record->kind == FLOW_KIND_DROP ? record->dropped : 0)
PUT(total_dropped, 8, flow_kind_is_event(record->kind) ? 0 : record->dropped)
PUT(dns_latency, 8, record->dns ? record->dns->latency_ns : 0)
PUT(retransmits, 4, record->tcp.total_retransmits)
PUT(rtt, 8, record->tcp.srtt_avg_us *UINT64_C(1000))
PUT(handshake, 8, record->tcp.handshake_ns)

#define IPFIX_MORE (IPFIX_BOTH | IPFIX_FACTS)

/* Those of plain flows first, what has no fixed length last; ipfix_biflow.c knows the first five.
 */
static const struct ipfix_element rows[] = {
	{ 8, 4, 0, IPFIX_IPV4, put_source4 },
	{ 12, 4, 0, IPFIX_IPV4, put_destination4 },
	{ 27, 16, 0, IPFIX_IPV6, put_source6 },
	{ 28, 16, 0, IPFIX_IPV6, put_destination6 },
	{ 7, 2, 0, IPFIX_BOTH, put_source_port },
	{ 11, 2, 0, IPFIX_BOTH, put_destination_port },
	{ 4, 1, 0, IPFIX_BOTH, put_protocol },
	{ 6, 1, 0, IPFIX_BOTH, put_tcp_flags, .reverse = true },
	{ 1, 8, 0, IPFIX_BOTH, put_octets, .reverse = true },
	{ 2, 8, 0, IPFIX_BOTH, put_packets, .reverse = true },
	{ 152, 8, 0, IPFIX_BOTH, put_start, .reverse = true },
	{ 153, 8, 0, IPFIX_BOTH, put_end, .reverse = true },
	{ 136, 1, 0, IPFIX_BOTH, put_end_reason, .reverse = true },
	{ 10, 4, 0, IPFIX_BOTH, put_ingress },
	{ 14, 4, 0, IPFIX_BOTH, put_egress },
	{ 61, 1, 0, IPFIX_BOTH, put_direction },
	{ 58, 2, 0, IPFIX_BOTH, put_vlan },
	{ 56, 6, 0, IPFIX_BOTH, put_source_mac },
	{ 80, 6, 0, IPFIX_BOTH, put_destination_mac },
	{ 32, 2, 0, IPFIX_IPV4, put_icmp },
	{ 139, 2, 0, IPFIX_IPV6, put_icmp },
	{ 148, 8, 0, IPFIX_BOTH, put_flow_id, .reverse = true },
	{ 352, 8, 0, IPFIX_BOTH, put_layer2_octets, .reverse = true },
	{ 34, 4, 0, IPFIX_BOTH, put_sampling },
	{ 302, 4, 0, IPFIX_BOTH, put_sampling }, /* the selector's number is its N */
	{ 1, 1, IPFIX_ENTERPRISE, IPFIX_BOTH, put_verdict },
	{ 2, 1, IPFIX_ENTERPRISE, IPFIX_BOTH, put_kind },
	{ 3, 8, IPFIX_ENTERPRISE, IPFIX_BOTH, put_position },
	{ 14, 8, IPFIX_ENTERPRISE, IPFIX_BOTH, put_total_packets }, /* not IANA's: export.md */
	{ 133, 8, 0, IPFIX_MORE, put_dropped },
	{ 135, 8, 0, IPFIX_MORE, put_total_dropped },
	{ 7, 8, IPFIX_ENTERPRISE, IPFIX_MORE, put_dns_latency },
	{ 8, 4, IPFIX_ENTERPRISE, IPFIX_MORE, put_retransmits },
	{ 9, 8, IPFIX_ENTERPRISE, IPFIX_MORE, put_rtt },
	{ 10, 8, IPFIX_ENTERPRISE, IPFIX_MORE, put_handshake },
	{ 4, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_MORE, NULL, "drop.reason" },
	{ 5, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_MORE, NULL, "dns.query" },
	{ 6, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_MORE, NULL, "dns.rcode" },
	{ 11, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_MORE, NULL, "dns.qtype" },
	{ 12, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_MORE, NULL, "dns.message" },
	{ 13, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_MORE, NULL, "drop.site" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct ipfix_element *ipfix_elements(size_t *count)
{
	*count = ROWS;
	return rows;
}

bool ipfix_element_used(const struct ipfix_element *element, unsigned int family)
{
	return element->family & family & IPFIX_BOTH && !(element->family & ~family & IPFIX_FACTS);
}

unsigned int ipfix_family_of(const struct flow_record *record)
{
	unsigned int family = record->key.scope & FLOW_SCOPE_IPV6 ? IPFIX_IPV6 : IPFIX_IPV4;
	const struct flow_tcp *tcp = &record->tcp;

	if (flow_kind_is_event(record->kind) || record->dropped || tcp->total_retransmits ||
	    tcp->handshake_ns || tcp->srtt_avg_us)
		family |= IPFIX_FACTS;
	return family;
}

static const struct field *fields[ROWS]; /* of the rows that name one */

static void find_fields(void)
{
	for (size_t i = 0; i < ROWS; i++)
		fields[i] = rows[i].field ? field_find(rows[i].field) : NULL;
}

static const struct field *field_of(const struct ipfix_element *element)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_fields);
	return fields[element - rows];
}

static size_t put_text(uint8_t *out, const struct flow_record *record, const struct field *field)
{
	struct field_value value;
	char text[TEXT_MAX + 1];
	size_t length;

	field_get(field, record, 0, &value);
	out[0] = 0;
	if (!value.present)
		return 1;
	field_format(field, &value, text, sizeof(text));
	length = strlen(text);
	out[0] = (uint8_t)length;
	memcpy(out + 1, text, length);
	return 1 + length;
}

int ipfix_write_record(const struct flow_record *record, struct buffer *out)
{
	unsigned int family = ipfix_family_of(record);

	if (buffer_reserve(out, ROWS * (TEXT_MAX + 1)))
		return -ENOMEM;
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t *at = out->data + out->size;

		if (ipfix_element_used(&rows[i], family))
			out->size += rows[i].write ? rows[i].write(at, record)
						   : put_text(at, record, field_of(&rows[i]));
	}
	return 0;
}

size_t ipfix_element_offset(uint32_t enterprise, uint16_t id, unsigned int family)
{
	size_t offset = 0;

	for (size_t i = 0; i < ROWS && !(rows[i].family & IPFIX_FACTS); i++) {
		if (rows[i].id == id && rows[i].enterprise == enterprise)
			break;
		offset += rows[i].family & family ? rows[i].length : 0;
	}
	return offset;
}

size_t ipfix_write_reverse(uint8_t *out, const uint8_t *other, unsigned int family)
{
	static const uint8_t initiator = 1; /* biflowDirection: forward is who opened */
	size_t offset = 0, size = 0;

	for (size_t i = 0; i < ROWS && !(rows[i].family & IPFIX_FACTS); i++) {
		if (!(rows[i].family & family))
			continue;
		if (rows[i].reverse) {
			memcpy(out + size, other + offset, rows[i].length);
			size += rows[i].length;
		}
		offset += rows[i].length;
	}
	out[size++] = initiator;
	return size;
}
