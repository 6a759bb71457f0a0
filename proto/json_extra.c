/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/address.h"
#include "proto/icmp.h"
#include "proto/json_members.h"
#include "proto/protocol.h"

#define TUNNEL_NAME(name, value, text) [value] = text,
static const char *const tunnel_names[] = { FLOW_TUNNELS(TUNNEL_NAME) };

/* "key":"10.0.0.1", */
#define put_address(out, key, address, ipv4) \
	json_literal(address_write(json_literal(out, "\"" key "\":\""), address, ipv4), "\",")

char *json_ip(char *out, const uint8_t src[16], const uint8_t dst[16], uint8_t scope)
{
	bool ipv6 = scope & FLOW_SCOPE_IPV6;

	out = json_literal(out, "\"IP\":{");
	out = put_address(out, "source", src, !ipv6);
	out = put_address(out, "destination", dst, !ipv6);
	return ipv6 ? json_literal(out, "\"ipVersion\":\"IPv6\"},")
		    : json_literal(out, "\"ipVersion\":\"IPv4\"},");
}

/* ---- tunnel --------------------------------------------------------------------------------- */

static bool has_tunnel(const struct flow_record *record)
{
	return (record->flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)) == FLOW_FLAG_TUNNEL;
}

/* Hubble has two kinds. */
char *json_hubble_tunnel(char *out, const struct flow_record *record)
{
	const struct flow_outer *outer = &record->outer;

	if (!has_tunnel(record) ||
	    (outer->type != FLOW_TUNNEL_VXLAN && outer->type != FLOW_TUNNEL_GENEVE))
		return out;
	out = json_literal(out, "\"tunnel\":{");
	out = put_word(out, "protocol", outer->type == FLOW_TUNNEL_VXLAN ? "VXLAN" : "GENEVE");
	out = json_ip(out, outer->src, outer->dst, outer->scope);
	if (outer->id)
		out = put_number(out, "vni", outer->id);
	return json_literal(close_object(out, '}'), ",");
}

char *json_tunnel(char *out, const struct flow_record *record)
{
	const struct flow_outer *outer = &record->outer;
	bool ipv4 = !(outer->scope & FLOW_SCOPE_IPV6);

	if (!has_tunnel(record))
		return out;
	out = json_literal(out, "\"tunnel\":{");
	if (outer->id)
		out = put_count(out, "id", outer->id);
	out = json_literal(out, "\"outer\":{");
	out = put_address(out, "destination", outer->dst, ipv4);
	out = put_address(out, "source", outer->src, ipv4);
	out = json_literal(close_object(out, '}'), ",");
	out = put_word(out, "type", NAME_OF(tunnel_names, outer->type));
	return json_literal(close_object(out, '}'), ",");
}

/* ---- ICMP ----------------------------------------------------------------------------------- */

static char *put_quoted(char *out, const struct flow_key *key)
{
	bool ipv4 = !(key->scope & FLOW_SCOPE_IPV6), icmp = protocol_is_icmp(key->protocol);
	bool ports = protocol_has_ports(key->protocol);

	out = json_literal(out, "\"quoted\":{");
	if (icmp)
		out = put_number(out, "code", key->dst_port);
	out = put_address(out, "destination", key->dst, ipv4);
	if (ports)
		out = put_number(out, "destination_port", key->dst_port);
	if (icmp && key->icmp_id)
		out = put_number(out, "id", key->icmp_id);
	out = put_number(out, "protocol", key->protocol);
	out = put_address(out, "source", key->src, ipv4);
	if (ports)
		out = put_number(out, "source_port", key->src_port);
	if (icmp)
		out = put_number(out, "type", key->src_port);
	return json_literal(close_object(out, '}'), ",");
}

/* The icmp_id of an error is no identifier: it keeps the flows of different quotes apart. */
char *json_icmp(char *out, const struct flow_record *record)
{
	const struct flow_key *key = &record->key;
	bool quote = record->flags & FLOW_FLAG_QUOTE;
	bool id = key->icmp_id && !icmp_is_error(key->protocol, key->src_port);

	if (!protocol_is_icmp(key->protocol) || (!quote && !id))
		return out;
	out = json_literal(out, "\"icmp\":{");
	out = put_number(out, "code", key->dst_port);
	if (id)
		out = put_number(out, "id", key->icmp_id);
	if (quote)
		out = put_quoted(out, &record->quoted);
	out = put_number(out, "type", key->src_port);
	return json_literal(close_object(out, '}'), ",");
}

char *json_icmp_error(char *out, const struct flow_record *record)
{
	const struct flow_icmp_error *error = &record->icmp_error;

	if (!error->packets)
		return out;
	out = json_literal(out, "\"icmp_error\":{");
	out = put_number(out, "code", error->code);
	out = put_count(out, "packets", error->packets);
	out = put_address(out, "reporter", error->reporter, !(record->key.scope & FLOW_SCOPE_IPV6));
	out = put_number(out, "type", error->type);
	return json_literal(close_object(out, '}'), ",");
}

/* ---- sampling ------------------------------------------------------------------------------- */

char *json_certain(char *out, const struct flow_record *record)
{
	if (record->sampling <= 1)
		return out;
	out = put_count(out, "certain_bytes", record->certain_bytes);
	return put_count(out, "certain_packets", record->certain_packets);
}

char *json_estimated(char *out, const struct flow_record *record)
{
	if (record->sampling <= 1)
		return out;
	out = put_count(
		out, "estimated_bytes",
		flow_record_estimate(record->bytes, record->certain_bytes, record->sampling));
	return put_count(
		out, "estimated_packets",
		flow_record_estimate(record->packets, record->certain_packets, record->sampling));
}
