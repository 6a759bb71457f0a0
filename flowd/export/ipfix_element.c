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

static const struct ipfix_element rows[] = {
	{ 8, 4, 0, IPFIX_IPV4, put_source4 },
	{ 12, 4, 0, IPFIX_IPV4, put_destination4 },
	{ 27, 16, 0, IPFIX_IPV6, put_source6 },
	{ 28, 16, 0, IPFIX_IPV6, put_destination6 },
	{ 7, 2, 0, IPFIX_BOTH, put_source_port },
	{ 11, 2, 0, IPFIX_BOTH, put_destination_port },
	{ 4, 1, 0, IPFIX_BOTH, put_protocol },
	{ 6, 1, 0, IPFIX_BOTH, put_tcp_flags },
	{ 1, 8, 0, IPFIX_BOTH, put_octets },
	{ 2, 8, 0, IPFIX_BOTH, put_packets },
	{ 86, 8, 0, IPFIX_BOTH, put_total_packets },
	{ 152, 8, 0, IPFIX_BOTH, put_start },
	{ 153, 8, 0, IPFIX_BOTH, put_end },
	{ 136, 1, 0, IPFIX_BOTH, put_end_reason },
	{ 10, 4, 0, IPFIX_BOTH, put_ingress },
	{ 14, 4, 0, IPFIX_BOTH, put_egress },
	{ 61, 1, 0, IPFIX_BOTH, put_direction },
	{ 58, 2, 0, IPFIX_BOTH, put_vlan },
	{ 56, 6, 0, IPFIX_BOTH, put_source_mac },
	{ 80, 6, 0, IPFIX_BOTH, put_destination_mac },
	{ 32, 2, 0, IPFIX_IPV4, put_icmp },
	{ 139, 2, 0, IPFIX_IPV6, put_icmp },
	{ 148, 8, 0, IPFIX_BOTH, put_flow_id },
	{ 352, 8, 0, IPFIX_BOTH, put_layer2_octets },
	{ 34, 4, 0, IPFIX_BOTH, put_sampling },
	{ 1, 1, IPFIX_ENTERPRISE, IPFIX_BOTH, put_verdict },
	{ 2, 1, IPFIX_ENTERPRISE, IPFIX_BOTH, put_kind },
	{ 3, 8, IPFIX_ENTERPRISE, IPFIX_BOTH, put_position },
	{ 4, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_BOTH, NULL, "drop.reason" },
	{ 5, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_BOTH, NULL, "dns.query" },
	{ 6, IPFIX_VARLEN, IPFIX_ENTERPRISE, IPFIX_BOTH, NULL, "dns.rcode" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct ipfix_element *ipfix_elements(size_t *count)
{
	*count = ROWS;
	return rows;
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

bool ipfix_element_used(const struct ipfix_element *element, enum ipfix_family family)
{
	return element->family & family && (element->write || field_of(element));
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
	enum ipfix_family family = record->key.scope & FLOW_SCOPE_IPV6 ? IPFIX_IPV6 : IPFIX_IPV4;

	if (buffer_reserve(out, ROWS * (TEXT_MAX + 1)))
		return -ENOMEM;
	for (size_t i = 0; i < ROWS; i++) {
		uint8_t *at = out->data + out->size;

		if (!(rows[i].family & family))
			continue;
		if (rows[i].write)
			out->size += rows[i].write(at, record);
		else if (field_of(&rows[i]))
			out->size += put_text(at, record, field_of(&rows[i]));
	}
	return 0;
}
