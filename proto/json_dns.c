/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hubble's l7.dns and names, and extensions.value.dns; keys of the latter sorted. */
#include "proto/address.h"
#include "proto/dns_words.h"
#include "proto/json_members.h"
#include "proto/protocol.h"

#define NAME_BYTES (2 * FLOW_DNS_TEXT) /* escaping at most doubles what names consist of */

static char *put_ip(char *out, const struct flow_dns *dns, unsigned index)
{
	*out++ = '"';
	out = address_write(out, flow_dns_ip(dns, index), !flow_dns_ip_is_v6(dns, index));
	return json_literal(out, "\",");
}

static char *put_ips(char *out, const struct flow_dns *dns)
{
	if (!dns->ip_count)
		return out;
	out = json_literal(out, "\"ips\":[");
	for (unsigned i = 0; i < dns->ip_count; i++)
		out = put_ip(out, dns, i);
	return json_literal(close_object(out, ']'), ",");
}

static char *put_types(char *out, const uint16_t *types, unsigned count)
{
	*out++ = '[';
	for (unsigned i = 0; i < count; i++) {
		*out++ = '"';
		out = dns_type_write(out, types[i]);
		out = json_literal(out, "\",");
	}
	return json_literal(close_object(out, ']'), ",");
}

static char *put_name(char *out, const char *name)
{
	return json_literal(json_string(out, name, NAME_BYTES), ",");
}

static char *put_cnames(char *out, const struct flow_dns *dns)
{
	const char *name = flow_dns_query(dns);

	if (!dns->cname_count)
		return out;
	out = json_literal(out, "\"cnames\":[");
	for (unsigned i = 0; i < dns->cname_count; i++)
		out = put_name(out, name = flow_dns_next_text(name));
	return json_literal(close_object(out, ']'), ",");
}

static char *put_query(char *out, const struct flow_dns *dns)
{
	if (!*flow_dns_query(dns))
		return out;
	return put_name(json_literal(out, "\"query\":"), flow_dns_query(dns));
}

/* In the order of Hubble's fields. A question that timed out is no message: extensions tell it. */
char *json_l7(char *out, const struct flow_record *record)
{
	const struct flow_dns *dns = record->dns;

	if (!dns || dns->event == FLOW_DNS_EVENT_TIMEOUT)
		return out;
	out = dns->event == FLOW_DNS_EVENT_RESPONSE
		      ? json_literal(out, "\"l7\":{\"type\":\"RESPONSE\",")
		      : json_literal(out, "\"l7\":{\"type\":\"REQUEST\",");
	if (dns->latency_ns)
		out = put_count(out, "latency_ns", dns->latency_ns);
	out = json_literal(out, "\"dns\":{");
	out = put_query(out, dns);
	out = put_ips(out, dns);
	if (dns->ttl)
		out = put_number(out, "ttl", dns->ttl);
	out = put_cnames(out, dns);
	out = json_literal(out, "\"observation_source\":\"flowd\",");
	if (dns->rcode)
		out = put_number(out, "rcode", dns->rcode);
	if (dns->qtype_count)
		out = put_types(json_literal(out, "\"qtypes\":"), flow_dns_qtypes(dns),
				dns->qtype_count);
	if (dns->rrtype_count)
		out = put_types(json_literal(out, "\"rrtypes\":"), flow_dns_rrtypes(dns),
				dns->rrtype_count);
	return json_literal(close_object(out, '}'), "},");
}

static char *put_name_list(char *out, const char *names)
{
	*out++ = '[';
	for (; *names; names = flow_dns_next_text(names))
		out = put_name(out, names);
	return json_literal(close_object(out, ']'), ",");
}

char *json_names(char *out, const struct flow_record *record)
{
	if (record->source_names)
		out = put_name_list(json_literal(out, "\"source_names\":"), record->source_names);
	if (record->destination_names)
		out = put_name_list(json_literal(out, "\"destination_names\":"),
				    record->destination_names);
	return out;
}

/* ---- extensions ----------------------------------------------------------------------------- */

#define put_flag(out, dns, name, key) \
	((dns)->flags & FLOW_DNS_##name ? json_literal(out, "\"" key "\":true,") : (out))

static char *put_flags_to_edns(char *out, const struct flow_dns *dns)
{
	out = put_flag(out, dns, AUTHENTIC, "authentic");
	out = put_flag(out, dns, AUTHORITATIVE, "authoritative");
	out = put_number(out, "bytes", dns->message_bytes);
	out = put_flag(out, dns, CUT, "cut");
	out = put_flag(out, dns, DAMAGED, "damaged");
	out = put_flag(out, dns, DUPLICATE, "duplicate");
	if (dns->flags & FLOW_DNS_EDNS)
		out = put_number(out, "edns_size", dns->edns_size);
	return out;
}

static char *put_server(char *out, const struct flow_dns *dns)
{
	out = json_literal(out, "\"server\":\"");
	out = address_write(out, dns->server, !dns->server_ipv6);
	return json_literal(out, "\",");
}

/* Of a timeout: what was asked. */
static char *put_question(char *out, const struct flow_dns *dns)
{
	if (dns->qtype_count)
		out = put_types(json_literal(out, "\"qtypes\":"), flow_dns_qtypes(dns),
				dns->qtype_count);
	return put_query(out, dns);
}

static char *put_rest(char *out, const struct flow_dns *dns, uint8_t protocol)
{
	bool timeout = dns->event == FLOW_DNS_EVENT_TIMEOUT;

	out = put_flag(out, dns, RECURSION_AVAILABLE, "recursion_available");
	out = put_flag(out, dns, RECURSION_DESIRED, "recursion_desired");
	out = put_number(out, "retries", dns->retries);
	out = put_server(out, dns);
	out = put_flag(out, dns, TCP_RETRY, "tcp_retry");
	out = timeout ? json_literal(out, "\"timeout\":true,")
		      : json_literal(out, "\"timeout\":false,");
	out = protocol == PROTOCOL_TCP ? json_literal(out, "\"transport\":\"TCP\",")
				       : json_literal(out, "\"transport\":\"UDP\",");
	out = put_flag(out, dns, TRUNCATED, "truncated");
	out = put_flag(out, dns, UNSOLICITED, "unsolicited");
	if (dns->waited_ns)
		out = put_count(out, "waited_ns", dns->waited_ns);
	return out;
}

char *json_dns(char *out, const struct flow_record *record)
{
	const struct flow_dns *dns = record->dns;

	if (!dns)
		return out;
	out = json_literal(out, "\"dns\":{");
	out = put_number(out, "answers", dns->answers);
	out = put_flags_to_edns(out, dns);
	out = put_number(out, "id", dns->id);
	out = put_flag(out, dns, LATE, "late");
	if (dns->event == FLOW_DNS_EVENT_TIMEOUT)
		out = put_count(out, "latency_ns", dns->latency_ns);
	if (dns->opcode)
		out = put_number(out, "opcode", dns->opcode);
	out = put_flag(out, dns, OTHER_SERVER, "other_server");
	if (dns->event == FLOW_DNS_EVENT_TIMEOUT)
		out = put_question(out, dns);
	out = put_rest(out, dns, record->key.protocol);
	return json_literal(close_object(out, '}'), ",");
}
