/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fields of what went wrong: their getters; the rows are in field.c. */
#include "proto/field_trouble.h"

#include <string.h>

#include "proto/errno_name.h"
#include "proto/json.h"
#include "proto/protocol.h"
#include "proto/tcp_state.h"

const struct field_name field_type_names[] = {
	{ "trace", FIELD_TYPE_TRACE }, { "drop", FIELD_TYPE_DROP }, { "tcp", FIELD_TYPE_TCP },
	{ "l7", FIELD_TYPE_L7 },       { "l7-dns", FIELD_TYPE_L7 }, { NULL, 0 }
};

static void get_text(const char *text, struct field_value *value)
{
	value->present = text != NULL;
	value->text = text;
}

static void get_number(uint64_t number, struct field_value *value)
{
	value->present = number != 0;
	value->number = number;
}

void field_get_type(const struct flow_record *record, struct field_value *value)
{
	value->present = true;
	if (record->dns)
		value->number = FIELD_TYPE_L7;
	else if (record->verdict == FLOW_VERDICT_DROPPED || record->kind == FLOW_KIND_DROP)
		value->number = FIELD_TYPE_DROP;
	else
		value->number =
			flow_kind_is_event(record->kind) ? FIELD_TYPE_TCP : FIELD_TYPE_TRACE;
}

void field_get_drop_reason(const struct flow_record *record, struct field_value *value)
{
	get_text(record->drops[value->index].reason, value);
}

void field_get_drop_site(const struct flow_record *record, struct field_value *value)
{
	get_text(record->drops[value->index].site, value);
}

void field_get_drop_hook(const struct flow_record *record, struct field_value *value)
{
	get_text(record->incident.hook, value);
}

void field_get_dropped(const struct flow_record *record, struct field_value *value)
{
	value->present = true;
	value->number = record->dropped;
}

void field_get_retransmits(const struct flow_record *record, struct field_value *value)
{
	value->present = record->key.protocol == PROTOCOL_TCP;
	value->number = record->tcp.total_retransmits;
}

void field_get_resets(const struct flow_record *record, struct field_value *value)
{
	value->present = record->key.protocol == PROTOCOL_TCP;
	value->number = record->tcp.resets_sent + record->tcp.resets_received;
}

/* The largest of what is known of the round trip. */
void field_get_rtt(const struct flow_record *record, struct field_value *value)
{
	uint64_t rtt_ns = record->tcp.srtt_max_us * UINT64_C(1000);

	get_number(rtt_ns > record->tcp.handshake_ns ? rtt_ns : record->tcp.handshake_ns, value);
}

void field_get_handshake(const struct flow_record *record, struct field_value *value)
{
	get_number(record->tcp.handshake_ns, value);
}

void field_get_zero_windows(const struct flow_record *record, struct field_value *value)
{
	value->present = record->key.protocol == PROTOCOL_TCP;
	value->number = record->tcp.zero_windows;
}

void field_get_error(const struct flow_record *record, struct field_value *value)
{
	if (record->incident.error)
		get_text(errno_name(record->incident.error), value);
}

void field_get_netns(const struct flow_record *record, struct field_value *value)
{
	get_number(record->incident.netns, value);
}
