/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/column.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/who.h"
#include "proto/address.h"
#include "proto/json.h"
#include "proto/protocol.h"

static void fill_end(const struct flow_record *record, enum flow_side side,
		     const uint8_t address[16], uint16_t port, const char *names,
		     struct column_end *end)
{
	who_name(&record->ends[side], end->host, sizeof(end->host));
	who_identity(&record->ends[side], end->identity, sizeof(end->identity));
	if (!*end->host && names && !who_is_numeric())
		snprintf(end->host, sizeof(end->host), "%s", flow_names_at(names, 0));
	if (!*end->host)
		address_write(end->host, address, !(record->key.scope & FLOW_SCOPE_IPV6));
	end->port[0] = '\0';
	if (port && protocol_has_ports(record->key.protocol))
		snprintf(end->port, sizeof(end->port), "%u", port);
}

void column_source(const struct flow_record *record, struct column_end *end)
{
	fill_end(record, FLOW_SOURCE, record->key.src, record->key.src_port, record->source_names,
		 end);
}

void column_destination(const struct flow_record *record, struct column_end *end)
{
	fill_end(record, FLOW_DESTINATION, record->key.dst, record->key.dst_port,
		 record->destination_names, end);
}

int column_join(const char *host, const char *port, char *text, size_t size)
{
	if (!*port)
		return snprintf(text, size, "%s", host);
	return snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static void format_source(const struct flow_record *record, char *text, size_t size)
{
	struct column_end end;
	column_source(record, &end);
	column_join(end.host, end.port, text, size);
}

static void format_destination(const struct flow_record *record, char *text, size_t size)
{
	struct column_end end;
	column_destination(record, &end);
	column_join(end.host, end.port, text, size);
}

static void format_source_process(const struct flow_record *record, char *text, size_t size)
{
	who_process(&record->ends[FLOW_SOURCE], text, size);
}

static void format_destination_process(const struct flow_record *record, char *text, size_t size)
{
	who_process(&record->ends[FLOW_DESTINATION], text, size);
}

static void format_type(const struct flow_record *record, char *text, size_t size)
{
	int type, sub_type;
	snprintf(text, size, "%s", flow_record_type(record, &type, &sub_type));
}

const char *column_verdict(const struct flow_record *record)
{
#define VERDICT_TEXT(name, value) [value] = #name,
	static const char *const names[] = { FLOW_VERDICTS(VERDICT_TEXT) };
#undef VERDICT_TEXT
	return record->verdict < sizeof(names) / sizeof(names[0]) ? names[record->verdict]
								  : "VERDICT_UNKNOWN";
}

enum paint column_verdict_paint(const struct flow_record *record)
{
	switch ((enum flow_verdict)record->verdict) {
	case FLOW_VERDICT_FORWARDED:
	case FLOW_VERDICT_REDIRECTED:
		return PAINT_GREEN;
	case FLOW_VERDICT_DROPPED:
	case FLOW_VERDICT_ERROR:
		return PAINT_RED;
	case FLOW_VERDICT_AUDIT:
	case FLOW_VERDICT_TRACED:
	case FLOW_VERDICT_TRANSLATED:
		return PAINT_YELLOW;
	case FLOW_VERDICT_VERDICT_UNKNOWN:
		return PAINT_NONE;
	}
	return PAINT_NONE;
}

static void format_verdict(const struct flow_record *record, char *text, size_t size)
{
	snprintf(text, size, "%s", column_verdict(record));
}

static void format_summary(const struct flow_record *record, char *text, size_t size)
{
	flow_record_summary(record, text, size);
}

/* "vxlan 100" */
static void format_tunnel(const struct flow_record *record, char *text, size_t size)
{
#define TUNNEL_TEXT(name, value, text) [value] = text,
	static const char *const names[FLOW_TUNNEL_COUNT] = { FLOW_TUNNELS(TUNNEL_TEXT) };
#undef TUNNEL_TEXT

	*text = '\0';
	if ((record->flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)) != FLOW_FLAG_TUNNEL ||
	    record->outer.type >= FLOW_TUNNEL_COUNT)
		return;
	if (record->outer.id)
		snprintf(text, size, "%s %u", names[record->outer.type], record->outer.id);
	else
		snprintf(text, size, "%s", names[record->outer.type]);
}

static const struct column_row rows[] = {
	{ "time", "TIMESTAMP", 19, .field = "time", .help = "when the record was made" },
	{ "node", "NODE", 8, .field = "node", .help = "the node that saw the flow" },
	{ "source", "SOURCE", 21, .format = format_source, .json_key = "source, IP.source, l4",
	  .help = "source: name or address, with the port where there is one" },
	{ "destination", "DESTINATION", 21, .format = format_destination,
	  .json_key = "destination, IP.destination, l4",
	  .help = "destination: name or address, with the port where there is one" },
	{ "from", "FROM", 16, .format = format_source_process,
	  .json_key = "extensions.value.source_process",
	  .help = "process at the source, and its number" },
	{ "to", "TO", 16, .format = format_destination_process,
	  .json_key = "extensions.value.destination_process",
	  .help = "process at the destination, and its number" },
	{ "type", "TYPE", 12, .format = format_type, .json_key = "event_type",
	  .help = "where the counting point lies, as Hubble says it (to-endpoint)" },
	{ "verdict", "VERDICT", 9, .format = format_verdict, .json_key = "verdict",
	  .help = "what became of the packets" },
	{ "tunnel", "TUNNEL", 16, .format = format_tunnel, .json_key = "extensions.value.tunnel",
	  .help = "what the packets were wrapped in, and its identifier" },
	{ "summary", "SUMMARY", 0, .format = format_summary, .json_key = "Summary",
	  .help = "protocol facts and the packets and bytes of this record" },
	{ 0 }
};

const struct column_row *column_rows(void)
{
	return rows;
}

static int field_width(const struct field *field)
{
	switch (field->type) {
	case FIELD_NUMBER:
	case FIELD_NAME:
	case FIELD_DURATION:
		return 8;
	case FIELD_PORT:
	case FIELD_BOOL:
		return 5;
	case FIELD_ADDRESS:
		return 15;
	case FIELD_TEXT:
	case FIELD_DOMAIN:
	case FIELD_PATTERN:
	case FIELD_TCP_FLAGS:
		return 10;
	case FIELD_TIME:
		return 19;
	case FIELD_MAC:
		return 17;
	}
	return 8;
}

static const struct column_row *find_row(const char *name)
{
	for (const struct column_row *row = rows; row->name; row++)
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

static int resolve_one(const char *name, struct column *column, char *why, size_t why_size)
{
	const struct column_row *row = find_row(name);
	const struct field *field = field_find(row && row->field ? row->field : name);

	if (!field && !(row && row->format)) {
		snprintf(why, why_size, "no column is named '%s'; 'flowcli list columns' shows all",
			 name);
		return -EINVAL;
	}
	*column = (struct column){ .row = row };
	column->field = row && row->format ? NULL : field;
	column->name = row ? row->name : field->name;
	column->width = row ? row->width : field_width(field);
	snprintf(column->header, sizeof(column->header), "%s", row ? row->header : field->name);
	for (char *letter = column->header; !row && *letter; letter++)
		*letter = *letter == '.' ? '_' : (char)toupper((unsigned char)*letter);
	return 0;
}

int column_resolve(const char *list, struct column columns[COLUMNS_MAX], char *why, size_t why_size)
{
	int count = 0;

	for (const char *at = list;; at++) {
		size_t length = strcspn(at, ",");
		char name[64];
		if (count == COLUMNS_MAX) {
			snprintf(why, why_size, "more than %d columns", COLUMNS_MAX);
			return -EINVAL;
		}
		snprintf(name, sizeof(name), "%.*s", (int)length, at);
		int error = resolve_one(name, &columns[count++], why, why_size);
		if (error)
			return error;
		at += length;
		if (!*at)
			return count;
	}
}

void column_format(const struct column *column, const struct view *view,
		   const struct flow_record *record, char *text, size_t size)
{
	struct field_value value;

	if (!column->field) {
		column->row->format(record, text, size);
		return;
	}
	*text = '\0';
	field_get(column->field, record, 0, &value);
	if (!value.present)
		return;
	if (column->field->type == FIELD_TIME)
		time_format(value.number, view->layout, &view->zone, text, size);
	else
		field_format(column->field, &value, text, size);
}
