/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/field_dns.h"

#define MESSAGE_NAME(name, text) { text, FLOW_DNS_EVENT_##name },
const struct field_name field_dns_messages[] = { FLOW_DNS_EVENTS(MESSAGE_NAME){ NULL, 0 } };
#define FLAG_NAME(name, bit, text) { text, FLOW_DNS_##name },
const struct field_name field_dns_flags[] = { FLOW_DNS_FLAGS(FLAG_NAME){ NULL, 0 } };

/* A getter of a number that DNS messages have, some of them if `condition` says so. */
#define GET_NUMBER(name, condition, expression)                                                \
	void field_get_dns_##name(const struct flow_record *record, struct field_value *value) \
	{                                                                                      \
		const struct flow_dns *dns = record->dns;                                      \
                                                                                               \
		value->present = dns && (condition);                                           \
		value->number = value->present ? (expression) : 0;                             \
	}

GET_NUMBER(message, true, dns->event)
GET_NUMBER(qtype, value->index < dns->qtype_count, flow_dns_qtypes(dns)[value->index])
GET_NUMBER(rrtype, value->index < dns->rrtype_count, flow_dns_rrtypes(dns)[value->index])
GET_NUMBER(rcode, dns->event == FLOW_DNS_EVENT_RESPONSE, dns->rcode)
GET_NUMBER(ttl, dns->rrtype_count > 0, dns->ttl)
GET_NUMBER(latency, dns->latency_ns > 0, dns->latency_ns)
GET_NUMBER(waited, dns->waited_ns > 0, dns->waited_ns)
GET_NUMBER(id, true, dns->id)
GET_NUMBER(retries, true, dns->retries)
GET_NUMBER(answers, dns->event == FLOW_DNS_EVENT_RESPONSE, dns->answers)
GET_NUMBER(edns_size, dns->flags &FLOW_DNS_EDNS, dns->edns_size)

static void get_text(const char *text, struct field_value *value)
{
	value->present = text != NULL;
	value->text = text;
}

void field_get_dns_source_name(const struct flow_record *record, struct field_value *value)
{
	get_text(flow_names_at(record->source_names, value->index), value);
}

void field_get_dns_destination_name(const struct flow_record *record, struct field_value *value)
{
	get_text(flow_names_at(record->destination_names, value->index), value);
}

void field_get_dns_query(const struct flow_record *record, struct field_value *value)
{
	get_text(record->dns ? flow_dns_query(record->dns) : NULL, value);
}

void field_get_dns_cname(const struct flow_record *record, struct field_value *value)
{
	const char *name;

	if (!record->dns || value->index >= record->dns->cname_count)
		return;
	name = flow_dns_next_text(flow_dns_query(record->dns));
	for (unsigned i = 0; i < value->index; i++)
		name = flow_dns_next_text(name);
	get_text(name, value);
}

void field_get_dns_ip(const struct flow_record *record, struct field_value *value)
{
	const struct flow_dns *dns = record->dns;

	if (!dns || value->index >= dns->ip_count)
		return;
	value->present = true;
	value->number = flow_dns_ip_is_v6(dns, value->index) ? 6 : 4;
	value->address = flow_dns_ip(dns, value->index);
}

void field_get_dns_server(const struct flow_record *record, struct field_value *value)
{
	if (!record->dns)
		return;
	value->present = true;
	value->number = record->dns->server_ipv6 ? 6 : 4;
	value->address = record->dns->server;
}

/* The flags that are set, one a value. */
void field_get_dns_flag(const struct flow_record *record, struct field_value *value)
{
	unsigned left = value->index;

	for (unsigned bit = 0; record->dns && bit < 16; bit++) {
		if (!(record->dns->flags & 1u << bit) || left--)
			continue;
		value->present = true;
		value->number = 1u << bit;
		return;
	}
}
