/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Facts that several schemas ask for and that are no single field of ours. */
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"
#include "proto/address.h"
#include "proto/dns_words.h"
#include "proto/json.h"
#include "proto/json_text.h"

#define ANSWER_MAX 128 /* of one answer without its data */

static bool put_text(const char *text, char *out)
{
	snprintf(out, SCHEMA_TEXT_MAX, "%s", text ? text : "");
	return text && *text;
}

bool schema_text_id(const struct schema_source *source, char *out)
{
	return put_text(source->id, out);
}

bool schema_text_node(const struct schema_source *source, char *out)
{
	const char *node = source->record->node_name;

	return put_text(node ? node : source->node_name, out);
}

bool schema_text_reason(const struct schema_source *source, char *out)
{
	const struct flow_record *record = source->record;
	const struct field *field =
		field_find(flow_kind_is_event(record->kind) ? "drop.reason" : "end.reason");
	struct field_value value;

	field_get(field, record, 0, &value);
	if (value.present)
		field_format(field, &value, out, SCHEMA_TEXT_MAX);
	return value.present;
}

bool schema_text_summary(const struct schema_source *source, char *out)
{
	return flow_record_summary(source->record, out, SCHEMA_TEXT_MAX) > 0;
}

bool schema_text_drop_table(const struct schema_source *source, char *out)
{
	return put_text(source->record->incident.table, out);
}

bool schema_text_drop_chain(const struct schema_source *source, char *out)
{
	return put_text(source->record->incident.chain, out);
}

bool schema_text_drop_rule(const struct schema_source *source, char *out)
{
	const struct flow_incident *incident = &source->record->incident;

	snprintf(out, SCHEMA_TEXT_MAX, "%s%s%s", incident->table ? incident->table : "",
		 incident->table && incident->chain ? " " : "",
		 incident->chain ? incident->chain : "");
	return *out;
}

bool schema_text_drop_count(const struct schema_source *source, char *out)
{
	*json_u64(out, source->record->dropped) = 0;
	return source->record->kind == FLOW_KIND_DROP && source->record->dropped;
}

bool schema_text_outcome(const struct schema_source *source, char *out)
{
	const struct flow_record *record = source->record;
	const struct flow_dns *dns = record->dns;
	bool failed =
		record->verdict == FLOW_VERDICT_DROPPED || record->verdict == FLOW_VERDICT_ERROR ||
		(dns && dns->event == FLOW_DNS_EVENT_RESPONSE && dns->rcode != DNS_RCODE_NOERROR);
	bool open = record->verdict != FLOW_VERDICT_FORWARDED ||
		    (dns && dns->event == FLOW_DNS_EVENT_REQUEST);

	return put_text(failed ? "failure" : open ? "unknown" : "success", out);
}

bool schema_text_duration(const struct schema_source *source, char *out)
{
	const struct flow_record *record = source->record;
	uint64_t ns = record->last_ns > record->first_ns ? record->last_ns - record->first_ns : 0;

	if (record->dns)
		ns = record->dns->latency_ns;
	*json_u64(out, ns) = 0;
	return !record->dns || ns;
}

/* ---- DNS ------------------------------------------------------------------------------------- */

bool schema_text_dns_name(const struct schema_source *source, char *out)
{
	size_t length;

	if (!source->record->dns || !put_text(flow_dns_query(source->record->dns), out))
		return false;
	length = strlen(out);
	if (length > 1 && out[length - 1] == '.')
		out[length - 1] = 0;
	return true;
}

bool schema_text_dns_id(const struct schema_source *source, char *out)
{
	if (source->record->dns)
		*json_u64(out, source->record->dns->id) = 0;
	return source->record->dns;
}

static char *put_ip(char *out, const struct flow_dns *dns, unsigned index)
{
	*out++ = '"';
	out = address_write(out, flow_dns_ip(dns, index), !flow_dns_ip_is_v6(dns, index));
	*out++ = '"';
	return out;
}

bool schema_json_dns_ips(const struct schema_source *source, char *out)
{
	const struct flow_dns *dns = source->record->dns;

	if (!dns || !dns->ip_count)
		return false;
	for (unsigned i = 0; i < dns->ip_count; i++) {
		*out++ = i ? ',' : '[';
		out = put_ip(out, dns, i);
	}
	*out++ = ']';
	*out = 0;
	return true;
}

bool schema_json_dns_flags(const struct schema_source *source, char *out)
{
	static const struct {
		uint16_t flag;
		const char *text;
	} words[] = {
		{ FLOW_DNS_AUTHORITATIVE, "\"AA\"" },	    { FLOW_DNS_TRUNCATED, "\"TC\"" },
		{ FLOW_DNS_RECURSION_DESIRED, "\"RD\"" },   { FLOW_DNS_AUTHENTIC, "\"AD\"" },
		{ FLOW_DNS_RECURSION_AVAILABLE, "\"RA\"" },
	};
	const struct flow_dns *dns = source->record->dns;
	char *begin = out;

	for (size_t i = 0; dns && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(dns->flags & words[i].flag))
			continue;
		*out = out == begin ? '[' : ',';
		out = json_word(out + 1, words[i].text);
	}
	if (out == begin)
		return false;
	*out++ = ']';
	*out = 0;
	return true;
}

/* [{"DATA":"1.2.3.4","type":"A"}, ...]: addresses, then canonical names; what has no room is not
 * told (the flag "cut" of our own fields tells when the message had more). */
bool schema_json_dns_answers(const struct schema_source *source, const char *data_key, char *out)
{
	const struct flow_dns *dns = source->record->dns;
	const char *cname = dns ? flow_dns_query(dns) : NULL;
	const char *end = out + SCHEMA_TEXT_MAX - ANSWER_MAX;
	unsigned count = dns ? dns->ip_count + dns->cname_count : 0;

	*out++ = '[';
	for (unsigned i = 0; i < count && out < end; i++) {
		bool is_ip = i < dns->ip_count;

		if (!is_ip)
			cname = flow_dns_next_text(cname);
		if (!is_ip && strlen(cname) * 6 > (size_t)(end - out))
			break;
		if (i)
			*out++ = ',';
		out = json_literal(json_word(json_literal(out, "{\""), data_key), "\":");
		out = is_ip ? put_ip(out, dns, i) : json_string(out, cname, 6 * strlen(cname) + 6);
		out = json_literal(out, ",\"type\":\"");
		out = json_word(out, !is_ip ? "CNAME" : flow_dns_ip_is_v6(dns, i) ? "AAAA" : "A");
		out = json_literal(out, "\"}");
	}
	out = json_literal(out, "]");
	*out = 0;
	return count;
}

/* ---- ends ------------------------------------------------------------------------------------ */

#define END_TEXT(name, text)                                                                      \
	bool schema_source_##name(const struct schema_source *source, char *out)                  \
	{                                                                                         \
		return put_text(                                                                  \
			flow_end_text(&source->record->ends[FLOW_SOURCE], ENDPOINT_##text), out); \
	}                                                                                         \
	bool schema_destination_##name(const struct schema_source *source, char *out)             \
	{                                                                                         \
		return put_text(                                                                  \
			flow_end_text(&source->record->ends[FLOW_DESTINATION], ENDPOINT_##text),  \
			out);                                                                     \
	}
SCHEMA_END_TEXTS(END_TEXT)

static bool put_nat_port(const struct flow_end *end, char *out)
{
	*json_u64(out, end->xlated_port) = 0;
	return end->is_xlated && end->xlated_port;
}

bool schema_source_nat_port(const struct schema_source *source, char *out)
{
	return put_nat_port(&source->record->ends[FLOW_SOURCE], out);
}

bool schema_destination_nat_port(const struct schema_source *source, char *out)
{
	return put_nat_port(&source->record->ends[FLOW_DESTINATION], out);
}
