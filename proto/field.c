/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/field.h"

#include <string.h>

#include "proto/dns_words.h"
#include "proto/field_dns.h"
#include "proto/field_identity.h"
#include "proto/field_trouble.h"
#include "proto/icmp.h"
#include "proto/protocol.h"

/* A getter of a number that every record has. */
#define GET_NUMBER(name, expression)                                                        \
	static void get_##name(const struct flow_record *record, struct field_value *value) \
	{                                                                                   \
		value->present = true;                                                      \
		value->number = (expression);                                               \
	}
/* A getter of a number that only some records have. */
#define GET_NUMBER_IF(name, condition, expression)                                          \
	static void get_##name(const struct flow_record *record, struct field_value *value) \
	{                                                                                   \
		value->present = (condition);                                               \
		value->number = (expression);                                               \
	}

static uint64_t version_of(const struct flow_record *record)
{
	return record->key.scope & FLOW_SCOPE_IPV6 ? 6 : 4;
}

static void get_address(uint64_t version, const uint8_t *address, struct field_value *value)
{
	value->present = true;
	value->number = version;
	value->address = address;
}

static void get_source_ip(const struct flow_record *record, struct field_value *value)
{
	get_address(version_of(record), record->key.src, value);
}

static void get_destination_ip(const struct flow_record *record, struct field_value *value)
{
	get_address(version_of(record), record->key.dst, value);
}

static bool has_tunnel(const struct flow_record *record)
{
	return (record->flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)) == FLOW_FLAG_TUNNEL;
}

static uint64_t outer_version(const struct flow_record *record)
{
	return record->outer.scope & FLOW_SCOPE_IPV6 ? 6 : 4;
}

static void get_outer_source(const struct flow_record *record, struct field_value *value)
{
	if (has_tunnel(record))
		get_address(outer_version(record), record->outer.src, value);
}

static void get_outer_destination(const struct flow_record *record, struct field_value *value)
{
	if (has_tunnel(record))
		get_address(outer_version(record), record->outer.dst, value);
}

static uint64_t mac_number(const uint8_t mac[6])
{
	uint64_t number = 0;

	for (int i = 0; i < 6; i++)
		number = number << 8 | mac[i];
	return number;
}

static bool has_macs(const struct flow_record *record)
{
	return mac_number(record->eth_src) || mac_number(record->eth_dst);
}

static void get_text(const char *text, struct field_value *value)
{
	value->present = text != NULL;
	value->text = text;
}

static void get_node(const struct flow_record *record, struct field_value *value)
{
	get_text(record->node_name, value);
}

static void get_interface(const struct flow_record *record, struct field_value *value)
{
	if (value->index < record->point_count)
		get_text(record->points[value->index].interface, value);
}

static void get_ifindex(const struct flow_record *record, struct field_value *value)
{
	value->present = value->index < record->point_count;
	if (value->present)
		value->number = record->points[value->index].ifindex;
}

static void get_hook(const struct flow_record *record, struct field_value *value)
{
	value->present = value->index < record->point_count;
	if (value->present)
		value->number = record->points[value->index].hook;
}

static void get_vlan(const struct flow_record *record, struct field_value *value)
{
	uint16_t vlan = record->vlan[value->index];

	value->present = vlan & FLOW_VLAN_PRESENT;
	value->number = vlan & FLOW_VLAN_ID;
}

/* An error's is no identifier. */
static bool has_icmp_id(const struct flow_key *key)
{
	return protocol_is_icmp(key->protocol) && key->icmp_id &&
	       !icmp_is_error(key->protocol, key->src_port);
}

GET_NUMBER(time, record->time_ns)
GET_NUMBER(first_seen, record->first_ns)
GET_NUMBER(last_seen, record->last_ns)
GET_NUMBER(duration, record->last_ns > record->first_ns ? record->last_ns - record->first_ns : 0)
GET_NUMBER_IF(source_port, protocol_has_ports(record->key.protocol), record->key.src_port)
GET_NUMBER_IF(destination_port, protocol_has_ports(record->key.protocol), record->key.dst_port)
GET_NUMBER_IF(source_mac, has_macs(record), mac_number(record->eth_src))
GET_NUMBER_IF(destination_mac, has_macs(record), mac_number(record->eth_dst))
GET_NUMBER(protocol, record->key.protocol)
GET_NUMBER(verdict, record->verdict)
GET_NUMBER_IF(direction, record->direction != FLOW_DIRECTION_UNKNOWN, record->direction)
GET_NUMBER_IF(reply, record->reply != FLOW_REPLY_UNKNOWN, record->reply == FLOW_REPLY_YES)
GET_NUMBER(ip_version, version_of(record))
GET_NUMBER_IF(tcp_flags, record->key.protocol == PROTOCOL_TCP, record->flags &FLOW_TCP_MASK)
GET_NUMBER(packets, record->packets)
GET_NUMBER(bytes, record->bytes)
GET_NUMBER(l3_bytes, record->l3_bytes)
GET_NUMBER(total_packets, record->total_packets)
GET_NUMBER(total_bytes, record->total_bytes)
GET_NUMBER(sampling, record->sampling ? record->sampling : 1)
GET_NUMBER(kind, record->kind)
GET_NUMBER_IF(end_reason, record->end_reason != FLOW_END_NONE, record->end_reason)
GET_NUMBER_IF(icmp_type, protocol_is_icmp(record->key.protocol), record->key.src_port)
GET_NUMBER_IF(icmp_code, protocol_is_icmp(record->key.protocol), record->key.dst_port)
GET_NUMBER_IF(icmp_id, has_icmp_id(&record->key), record->key.icmp_id)
GET_NUMBER(icmp_error, record->icmp_error.packets || record->flags & FLOW_FLAG_QUOTE)
GET_NUMBER_IF(tunnel_type, has_tunnel(record), record->outer.type)
GET_NUMBER_IF(tunnel_id, has_tunnel(record) && record->outer.id, record->outer.id)
GET_NUMBER(carrier, (record->key.scope & FLOW_SCOPE_CARRIER) != 0)
GET_NUMBER(estimated_packets,
	   flow_record_estimate(record->packets, record->certain_packets, record->sampling))
GET_NUMBER(estimated_bytes,
	   flow_record_estimate(record->bytes, record->certain_bytes, record->sampling))
GET_NUMBER(flow_id, record->flow_id)
GET_NUMBER_IF(position, record->position != 0, record->position)
GET_NUMBER(fragment, (record->flags & FLOW_FLAG_FRAGMENT) != 0)

#define VERDICT_NAME(name, value)      { #name, value },
#define KIND_NAME(name, text)	       { text, FLOW_KIND_##name },
#define END_NAME(name, text)	       { text, FLOW_END_##name },
#define HOOK_NAME(name, value, text)   { text, value },
#define TUNNEL_NAME(name, value, text) { text, value },

static const struct field_name verdict_names[] = { FLOW_VERDICTS(VERDICT_NAME){ NULL, 0 } };
static const struct field_name kind_names[] = { FLOW_KINDS(KIND_NAME){ "start", FLOW_KIND_START },
						{ "update", FLOW_KIND_UPDATE },
						{ "end", FLOW_KIND_END },
						{ NULL, 0 } };
static const struct field_name end_names[] = { FLOW_END_REASONS(END_NAME){ NULL, 0 } };
static const struct field_name hook_names[] = { FLOW_HOOKS(HOOK_NAME){ NULL, 0 } };
static const struct field_name tunnel_names[] = { FLOW_TUNNELS(TUNNEL_NAME){ NULL, 0 } };
static const struct field_name direction_names[] = { { "INGRESS", FLOW_DIRECTION_INGRESS },
						     { "EGRESS", FLOW_DIRECTION_EGRESS },
						     { NULL, 0 } };
static const struct field_name version_names[] = {
	{ "IPv4", 4 }, { "IPv6", 6 }, { "v4", 4 }, { "v6", 6 }, { NULL, 0 }
};

#define L4_PORTS(port) "l4.TCP." port "|l4.UDP." port "|l4.SCTP." port "|" FACTS port
#define L4_ICMP(part)  "l4.ICMPv4." part "|l4.ICMPv6." part
#define FACTS	       "extensions.value."

#define ROW(title, kind, getter, key, text, ...)                                           \
	{                                                                                  \
		.name = title, .type = kind, .get = getter, .json_key = key, .help = text, \
		__VA_ARGS__                                                                \
	}

static const struct field rows[] = {
	ROW("time", FIELD_TIME, get_time, "time", "when the record was made"),
	ROW("node", FIELD_TEXT, get_node, "node_name", "the node that saw it"),
	ROW("source.ip", FIELD_ADDRESS, get_source_ip, "IP.source", "source address"),
	ROW("destination.ip", FIELD_ADDRESS, get_destination_ip, "IP.destination",
	    "destination address"),
	ROW("source.port", FIELD_PORT, get_source_port, L4_PORTS("source_port"), "source port",
	    .max = UINT16_MAX),
	ROW("destination.port", FIELD_PORT, get_destination_port, L4_PORTS("destination_port"),
	    "destination port", .max = UINT16_MAX),
	ROW("source.mac", FIELD_MAC, get_source_mac, "ethernet.source",
	    "source link-layer address of the first packet"),
	ROW("destination.mac", FIELD_MAC, get_destination_mac, "ethernet.destination",
	    "destination link-layer address of the first packet"),
	ROW("protocol", FIELD_NAME, get_protocol, FACTS "protocol",
	    "IP protocol, by name or number; icmp is both versions", .names = protocol_names,
	    .max = UINT8_MAX),
	ROW("verdict", FIELD_NAME, get_verdict, "verdict", "what became of the packets",
	    .names = verdict_names, .max = FLOW_VERDICT_TRANSLATED),
	ROW("direction", FIELD_NAME, get_direction, "traffic_direction",
	    "direction at the point that counted", .names = direction_names,
	    .max = FLOW_DIRECTION_EGRESS),
	ROW("reply", FIELD_BOOL, get_reply, "is_reply", "sent by the side that was called"),
	ROW("interface", FIELD_TEXT, get_interface, "interface.name|" FACTS "observed.interface",
	    "interface that counted; a filter takes any that saw it", .values = FLOW_POINTS),
	ROW("ifindex", FIELD_NUMBER, get_ifindex, "interface.index",
	    "index of the interface; a filter takes any that saw it", .max = UINT32_MAX,
	    .values = FLOW_POINTS),
	ROW("hook", FIELD_NAME, get_hook, FACTS "observed.hook",
	    "hook that counted; a filter takes any that saw it", .names = hook_names,
	    .max = FLOW_HOOK_DROP, .values = FLOW_POINTS),
	ROW("ip.version", FIELD_NAME, get_ip_version, "IP.ipVersion", "4 or 6",
	    .names = version_names, .max = 6),
	ROW("tcp.flags", FIELD_TCP_FLAGS, get_tcp_flags, "l4.TCP.flags|" FACTS "tcp.flags",
	    "TCP flags of the flow so far"),
	ROW("packets", FIELD_NUMBER, get_packets, FACTS "packets",
	    "packets since the flow's previous record"),
	ROW("bytes", FIELD_NUMBER, get_bytes, FACTS "bytes",
	    "bytes on the wire (layer 2) since the flow's previous record"),
	ROW("l3.bytes", FIELD_NUMBER, get_l3_bytes, FACTS "l3_bytes",
	    "bytes of IP packets since the flow's previous record"),
	ROW("total.packets", FIELD_NUMBER, get_total_packets, FACTS "total_packets",
	    "packets since the flow began"),
	ROW("total.bytes", FIELD_NUMBER, get_total_bytes, FACTS "total_bytes",
	    "bytes on the wire since the flow began"),
	ROW("sampling", FIELD_NUMBER, get_sampling, FACTS "sampling",
	    "one packet in so many is seen", .max = UINT32_MAX),
	ROW("first.seen", FIELD_TIME, get_first_seen, FACTS "first_seen",
	    "time of the first packet"),
	ROW("last.seen", FIELD_TIME, get_last_seen, FACTS "last_seen", "time of the last packet"),
	ROW("duration", FIELD_DURATION, get_duration, FACTS "first_seen|" FACTS "last_seen",
	    "from the first to the last packet"),
	ROW("kind", FIELD_NAME, get_kind, FACTS "kind", "what the record tells of the flow",
	    .names = kind_names, .max = FLOW_KIND_COUNT - 1),
	ROW("end.reason", FIELD_NAME, get_end_reason, FACTS "end_reason", "why the flow ended",
	    .names = end_names + 1, .max = FLOW_END_COUNT - 1),
	ROW("vlan", FIELD_NUMBER, get_vlan, FACTS "vlan", "VLAN tags, outermost first",
	    .max = FLOW_VLAN_ID, .values = 2),
	ROW("icmp.type", FIELD_NUMBER, get_icmp_type, L4_ICMP("type"), "ICMP type",
	    .max = UINT8_MAX),
	ROW("icmp.code", FIELD_NUMBER, get_icmp_code, L4_ICMP("code"), "ICMP code",
	    .max = UINT8_MAX),
	ROW("icmp.id", FIELD_NUMBER, get_icmp_id, FACTS "icmp.id",
	    "identifier of ICMP echo messages", .max = UINT16_MAX),
	ROW("icmp.error", FIELD_BOOL, get_icmp_error, FACTS "icmp_error|" FACTS "icmp.quoted",
	    "an ICMP error, or a flow that one was about"),
	ROW("tunnel.type", FIELD_NAME, get_tunnel_type, FACTS "tunnel.type",
	    "what the packets were wrapped in, outermost", .names = tunnel_names + 1,
	    .max = FLOW_TUNNEL_COUNT - 1),
	ROW("tunnel.id", FIELD_NUMBER, get_tunnel_id, FACTS "tunnel.id",
	    "VNI, VSID, GRE key, TEID or session of the tunnel", .max = UINT32_MAX),
	ROW("outer.source", FIELD_ADDRESS, get_outer_source, FACTS "tunnel.outer.source",
	    "source address of the tunnel"),
	ROW("outer.destination", FIELD_ADDRESS, get_outer_destination,
	    FACTS "tunnel.outer.destination", "destination address of the tunnel"),
	ROW("carrier", FIELD_BOOL, get_carrier, FACTS "carrier",
	    "outer flow of a tunnel; its packets are in the inner flows too"),
	ROW("estimated.packets", FIELD_NUMBER, get_estimated_packets, FACTS "estimated_packets",
	    "packets, and an estimate of those that sampling left out"),
	ROW("estimated.bytes", FIELD_NUMBER, get_estimated_bytes, FACTS "estimated_bytes",
	    "the same in bytes on the wire"),
	ROW("fragment", FIELD_BOOL, get_fragment, FACTS "fragment",
	    "some packets were IP fragments"),
	ROW("type", FIELD_NAME, field_get_type, "event_type",
	    "trace, drop, tcp, l7 or l7-dns: what the record is about", .names = field_type_names,
	    .max = FIELD_TYPE_L7),
	ROW("drop.reason", FIELD_TEXT, field_get_drop_reason,
	    FACTS "drop.reason|" FACTS "drops.reason",
	    "why the kernel dropped packets, by its name", .values = FLOW_DROP_REASONS),
	ROW("drop.site", FIELD_TEXT, field_get_drop_site, FACTS "drop.site|" FACTS "drops.site",
	    "kernel function that dropped them", .values = FLOW_DROP_REASONS),
	ROW("drop.hook", FIELD_TEXT, field_get_drop_hook, FACTS "drop.hook",
	    "hook of the firewall that dropped them"),
	ROW("dropped", FIELD_NUMBER, field_get_dropped, FACTS "dropped|" FACTS "drop.packets",
	    "packets dropped since the flow began; of an event: told by it"),
	ROW("retransmits", FIELD_NUMBER, field_get_retransmits, FACTS "tcp.total_retransmits",
	    "TCP retransmissions since the flow began"),
	ROW("resets", FIELD_NUMBER, field_get_resets,
	    FACTS "tcp.resets_sent|" FACTS "tcp.resets_received",
	    "TCP resets that sockets of this machine sent or got"),
	ROW("rtt", FIELD_DURATION, field_get_rtt,
	    FACTS "tcp.srtt_ns.max|" FACTS "tcp.handshake_rtt_ns",
	    "largest known round trip time of TCP"),
	ROW("handshake.rtt", FIELD_DURATION, field_get_handshake, FACTS "tcp.handshake_rtt_ns",
	    "from SYN to the SYN that answers"),
	ROW("zero.windows", FIELD_NUMBER, field_get_zero_windows, FACTS "tcp.zero_windows",
	    "TCP segments that close the receive window"),
	ROW("error", FIELD_TEXT, field_get_error, FACTS "tcp.error",
	    "how a connect failed: ECONNREFUSED ..."),
	ROW("netns", FIELD_NUMBER, field_get_netns, FACTS "netns.inode",
	    "network namespace of an event, by inode number", .max = UINT32_MAX),
	FIELD_IDENTITY_ROWS,
	ROW("source.name", FIELD_DOMAIN, field_get_dns_source_name, "source_names",
	    "name that the destination had looked up for the source", .values = FLOW_NAMES_MAX),
	ROW("destination.name", FIELD_DOMAIN, field_get_dns_destination_name, "destination_names",
	    "name that the source had looked up for the destination", .values = FLOW_NAMES_MAX),
	ROW("dns.message", FIELD_NAME, field_get_dns_message, "l7.type|" FACTS "dns.timeout",
	    "request, response, or timeout of a request", .names = field_dns_messages,
	    .max = FLOW_DNS_EVENT_COUNT - 1),
	ROW("dns.query", FIELD_PATTERN, field_get_dns_query, "l7.dns.query|" FACTS "dns.query",
	    "name that was asked for, with its last dot"),
	ROW("dns.qtype", FIELD_NAME, field_get_dns_qtype, "l7.dns.qtypes|" FACTS "dns.qtypes",
	    "record type that was asked for", .names = dns_type_names, .max = UINT16_MAX,
	    .values = FLOW_DNS_QTYPES),
	ROW("dns.rrtype", FIELD_NAME, field_get_dns_rrtype, "l7.dns.rrtypes",
	    "record types of the answer", .names = dns_type_names, .max = UINT16_MAX,
	    .values = FLOW_DNS_RRTYPES),
	ROW("dns.rcode", FIELD_NAME, field_get_dns_rcode, "l7.dns.rcode",
	    "outcome of a response: NOERROR, NXDOMAIN, SERVFAIL, ...", .names = dns_rcode_names,
	    .max = UINT16_MAX),
	ROW("dns.ip", FIELD_ADDRESS, field_get_dns_ip, "l7.dns.ips", "addresses in the answer",
	    .values = FLOW_DNS_IPS),
	ROW("dns.cname", FIELD_TEXT, field_get_dns_cname, "l7.dns.cnames",
	    "canonical names in the answer", .values = FLOW_DNS_CNAMES),
	ROW("dns.ttl", FIELD_NUMBER, field_get_dns_ttl, "l7.dns.ttl",
	    "seconds; the smallest of the answer", .max = UINT32_MAX),
	ROW("dns.latency", FIELD_DURATION, field_get_dns_latency,
	    "l7.latency_ns|" FACTS "dns.latency_ns",
	    "from the query to the answer, or to giving up"),
	ROW("dns.waited", FIELD_DURATION, field_get_dns_waited, FACTS "dns.waited_ns",
	    "since the first of several queries for the same"),
	ROW("dns.server", FIELD_ADDRESS, field_get_dns_server, FACTS "dns.server",
	    "the server that was asked"),
	ROW("dns.id", FIELD_NUMBER, field_get_dns_id, FACTS "dns.id", "identifier of the message",
	    .max = UINT16_MAX),
	ROW("dns.retries", FIELD_NUMBER, field_get_dns_retries, FACTS "dns.retries",
	    "how many times the same had been asked before", .max = UINT16_MAX),
	ROW("dns.answers", FIELD_NUMBER, field_get_dns_answers, FACTS "dns.answers",
	    "records in the answer", .max = UINT16_MAX),
	ROW("dns.edns.size", FIELD_NUMBER, field_get_dns_edns_size, FACTS "dns.edns_size",
	    "UDP size that EDNS offers", .max = UINT16_MAX),
	ROW("dns.flag", FIELD_NAME, field_get_dns_flag, FACTS "dns",
	    "truncated, late, unsolicited, duplicate, other_server, tcp_retry, ...",
	    .names = field_dns_flags, .max = UINT16_MAX, .values = FIELD_DNS_FLAGS),
	ROW("flow.id", FIELD_NUMBER, get_flow_id, FACTS "flow_id",
	    "the same in all records of one flow"),
	ROW("position", FIELD_NUMBER, get_position, NULL, "place in the daemon's history"),
};

#define ROW_COUNT (sizeof(rows) / sizeof(*rows))

const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const struct field *field_rows(size_t *count)
{
	*count = ROW_COUNT;
	return rows;
}

void field_get(const struct field *field, const struct flow_record *record, unsigned index,
	       struct field_value *value)
{
	*value = (struct field_value){ .index = (uint8_t)index };
	if (index < (field->values ? field->values : 1u))
		field->get(record, value);
}
