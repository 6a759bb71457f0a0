/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/quantile.h"
#include "flowd/export/record_turn.h"
#include "proto/field.h"
#include "proto/json.h"
#include "proto/json_text.h"
#include "proto/time.h"

#define KEY_TEXT_MAX  256
#define SUMMARY_SLOTS (2 * SUMMARY_GROUPS)
#define DROP_REASONS  8

struct group {
	char *keys; /* JSON members of "by"; NULL = free */
	uint64_t hash;
	uint64_t records, flows, packets, bytes, reply_packets, reply_bytes;
	uint64_t retransmits, resets, zero_windows;
	struct quantile *rtt; /* NULL: no value yet */
	struct {
		char name[64];
		uint64_t packets;
	} drop[DROP_REASONS];
};

struct summary {
	const struct field *by[SUMMARY_KEYS][SUMMARY_CHOICES];
	size_t by_count;
	const char *node_name;
	uint64_t interval_ns, start_ns, end_ns;
	struct group *groups; /* open addressing, SUMMARY_SLOTS */
	size_t group_count, next;
	struct group other;
	uint64_t *flows; /* ids seen in the interval; open addressing, 0 = free */
	size_t flow_room, flow_count;
};

/* ---- opening --------------------------------------------------------------------------------- */

static int summary_refuse(const char *name, size_t length, const char *what, char *why,
			  size_t why_size)
{
	snprintf(why, why_size, "by: %.*s: %s", (int)length, name, what);
	return -EINVAL;
}

/* "source.workload|source.ip" */
static int summary_key(const char *item, size_t size, const struct field **choices, char *why,
		       size_t why_size)
{
	size_t count = 0, length;

	for (; size; item += length, size -= length) {
		char name[64];

		length = strcspn(item, "|,\n");
		length = length < size ? length : size;
		snprintf(name, sizeof(name), "%.*s", (int)length, item);
		if (count == SUMMARY_CHOICES || !(choices[count++] = field_find(name)))
			return summary_refuse(item, length,
					      "no field is named so; 'flowcli list fields' shows "
					      "them",
					      why, why_size);
		length += length < size;
	}
	return 0;
}

static int summary_keys(const char *by, const struct field *out[][SUMMARY_CHOICES], size_t *count,
			char *why, size_t why_size)
{
	const char *item, *list = by ? by : SUMMARY_BY;
	size_t length;
	int error = 0;

	*count = 0;
	while (!error && (length = export_list_next(&list, &item))) {
		if (*count == SUMMARY_KEYS)
			return summary_refuse(item, length, "too many keys; 16 are the most", why,
					      why_size);
		error = summary_key(item, length, out[(*count)++], why, why_size);
	}
	return error;
}

int summary_check(const char *by, char *why, size_t why_size)
{
	const struct field *fields[SUMMARY_KEYS][SUMMARY_CHOICES] = { 0 };
	size_t count;

	return summary_keys(by, fields, &count, why, why_size);
}

int summary_open(struct summary **out, const char *by, uint64_t interval_ns,
		 enum export_format_id format, const char *node_name)
{
	struct summary *summary = calloc(1, sizeof(*summary));
	char why[128];

	(void)format;
	if (!summary)
		return -ENOMEM;
	summary->groups = calloc(SUMMARY_SLOTS, sizeof(*summary->groups));
	if (!summary->groups) {
		free(summary);
		return -ENOMEM;
	}
	summary_keys(by, summary->by, &summary->by_count, why, sizeof(why));
	summary->node_name = node_name;
	summary->interval_ns = interval_ns;
	*out = summary;
	return 0;
}

static void group_fini(struct group *group)
{
	free(group->keys);
	quantile_free(group->rtt);
	*group = (struct group){ 0 };
}

void summary_close(struct summary *summary)
{
	if (!summary)
		return;
	for (size_t i = 0; i < SUMMARY_SLOTS; i++)
		group_fini(&summary->groups[i]);
	group_fini(&summary->other);
	free(summary->groups);
	free(summary->flows);
	free(summary);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static uint64_t hash_text(const char *text, size_t length)
{
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 1099511628211ull;
	return hash ^ hash >> 29;
}

static bool flow_is_there(const struct summary *summary, uint64_t id, size_t *slot)
{
	*slot = (id * 0x9e3779b97f4a7c15ull >> 20) & (summary->flow_room - 1);
	while (summary->flows[*slot] && summary->flows[*slot] != id)
		*slot = (*slot + 1) & (summary->flow_room - 1);
	return summary->flows[*slot] == id;
}

static bool flows_grow(struct summary *summary)
{
	uint64_t *old = summary->flows;
	size_t old_room = summary->flow_room, slot;

	summary->flows = calloc(old_room ? old_room * 2 : 1024, sizeof(*summary->flows));
	if (!summary->flows) {
		summary->flows = old;
		return false;
	}
	summary->flow_room = old_room ? old_room * 2 : 1024;
	for (size_t i = 0; i < old_room; i++) {
		if (old[i] && !flow_is_there(summary, old[i], &slot))
			summary->flows[slot] = old[i];
	}
	free(old);
	return true;
}

/* True the first time in the interval. */
static bool flow_is_new(struct summary *summary, uint64_t id)
{
	size_t slot;

	if (summary->flow_count * 2 >= summary->flow_room && !flows_grow(summary))
		return false;
	if (!id || flow_is_there(summary, id, &slot))
		return false;
	summary->flows[slot] = id;
	summary->flow_count++;
	return true;
}

/* The first of the choices that the record has. */
static const struct field *choose(const struct field *const choices[SUMMARY_CHOICES],
				  const struct flow_record *record, struct field_value *value)
{
	for (size_t i = 0; i < SUMMARY_CHOICES && choices[i]; i++) {
		field_get(choices[i], record, 0, value);
		if (value->present)
			return choices[i];
	}
	return NULL;
}

static size_t write_keys(const struct summary *summary, const struct flow_record *record,
			 char *keys, size_t size)
{
	char *out = keys;

	for (size_t i = 0; i < summary->by_count; i++) {
		struct field_value value;
		const struct field *field = choose(summary->by[i], record, &value);
		char text[KEY_TEXT_MAX];

		if (!field || (size_t)(out - keys) + 7 * KEY_TEXT_MAX > size)
			continue;
		field_format(field, &value, text, sizeof(text));
		if (out != keys)
			*out++ = ',';
		*out++ = '"';
		out = json_word(out, field->name);
		out = json_literal(out, "\":");
		out = json_string(out, text, 6 * KEY_TEXT_MAX);
	}
	*out = 0;
	return (size_t)(out - keys);
}

static struct group *summary_group(struct summary *summary, const char *keys, size_t length)
{
	uint64_t hash = hash_text(keys, length);
	size_t slot = hash & (SUMMARY_SLOTS - 1);

	for (; summary->groups[slot].keys; slot = (slot + 1) & (SUMMARY_SLOTS - 1)) {
		struct group *group = &summary->groups[slot];

		if (group->hash == hash && !strcmp(group->keys, keys))
			return group;
	}
	if (summary->group_count == SUMMARY_GROUPS)
		return &summary->other;
	summary->groups[slot].keys = strdup(keys);
	if (!summary->groups[slot].keys)
		return &summary->other;
	summary->groups[slot].hash = hash;
	summary->group_count++;
	return &summary->groups[slot];
}

static void group_add_drop(struct group *group, const char *reason, uint64_t packets)
{
	size_t i = 0;

	while (i < DROP_REASONS - 1 && group->drop[i].name[0] &&
	       strncmp(group->drop[i].name, reason, sizeof(group->drop[i].name) - 1))
		i++;
	if (!group->drop[i].name[0])
		snprintf(group->drop[i].name, sizeof(group->drop[i].name), "%s",
			 i == DROP_REASONS - 1 ? "other" : reason);
	group->drop[i].packets += packets;
}

/* Records of flows tell what has come since the one before; drops are told by their events. */
static void group_add_facts(struct group *group, const struct flow_record *record)
{
	if (record->kind == FLOW_KIND_DROP)
		group_add_drop(group, record->drops[0].reason ? record->drops[0].reason : "unknown",
			       record->dropped ? record->dropped : 1);
	if (flow_kind_is_event(record->kind))
		return;
	group->retransmits += record->tcp.retransmits;
	group->resets += record->tcp.resets_sent + record->tcp.resets_received;
	group->zero_windows += record->tcp.zero_windows;
	if (record->tcp.srtt_avg_us && (group->rtt || (group->rtt = quantile_alloc())))
		quantile_add(group->rtt, record->tcp.srtt_avg_us * UINT64_C(1000));
}

void summary_add(struct summary *summary, const struct flow_record *record)
{
	struct flow_record room;
	const struct flow_record *as_opened = record_turn(record, &room);
	bool reply = record->reply == FLOW_REPLY_YES;
	char keys[8192];
	size_t length = write_keys(summary, as_opened, keys, sizeof(keys));
	struct group *group = summary_group(summary, keys, length);

	if (!summary->end_ns) {
		summary->start_ns = record->time_ns - record->time_ns % summary->interval_ns;
		summary->end_ns = summary->start_ns + summary->interval_ns;
	}
	group->records++;
	group->flows += flow_is_new(summary, record->flow_id);
	group_add_facts(group, record);
	if (flow_kind_is_event(record->kind))
		return;
	*(reply ? &group->reply_packets : &group->packets) += record->packets;
	*(reply ? &group->reply_bytes : &group->bytes) += record->bytes;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void summary_restart(struct summary *summary)
{
	summary->start_ns = summary->end_ns = 0;
	summary->next = summary->flow_count = summary->group_count = 0;
	free(summary->flows);
	summary->flows = NULL;
	summary->flow_room = 0;
}

bool summary_due(struct summary *summary, uint64_t now_ns)
{
	if (!summary->end_ns || now_ns < summary->end_ns)
		return false;
	while (summary->next < SUMMARY_SLOTS && !summary->groups[summary->next].keys)
		summary->next++;
	if (summary->next < SUMMARY_SLOTS || summary->other.records)
		return true;
	summary_restart(summary);
	return false;
}

#define put_count(out, key, number) \
	json_literal(json_u64(json_literal(out, "\"" key "\":"), number), ",")
#define put_time(out, key, ns) \
	json_literal(time_write_json(json_literal(out, "\"" key "\":\""), ns), "\",")

static char *write_rtt(char *out, const struct quantile *rtt)
{
	if (!rtt)
		return out;
	out = json_literal(out, "\"rtt_ns\":{");
	out = put_count(out, "p50", quantile_get(rtt, 500));
	out = put_count(out, "p90", quantile_get(rtt, 900));
	out = put_count(out, "p99", quantile_get(rtt, 990));
	out[-1] = '}';
	*out++ = ',';
	return out;
}

static char *write_drops(char *out, const struct group *group)
{
	if (!group->drop[0].name[0])
		return out;
	out = json_literal(out, "\"drops\":{");
	for (size_t i = 0; i < DROP_REASONS && group->drop[i].name[0]; i++) {
		out = json_string(out, group->drop[i].name, 6 * sizeof(group->drop[i].name));
		*out++ = ':';
		*(out = json_u64(out, group->drop[i].packets)) = ',';
		out++;
	}
	out[-1] = '}';
	*out++ = ',';
	return out;
}

static char *write_group(char *out, const struct summary *summary, const struct group *group,
			 const char *id)
{
	out = json_literal(out, "{\"summary\":{\"by\":{");
	out = json_word(out, group->keys ? group->keys : "\"other\":\"true\"");
	out = json_literal(out, "},");
	out = put_count(out, "bytes", group->bytes);
	out = write_drops(out, group);
	out = put_time(out, "end", summary->end_ns);
	out = put_count(out, "flows", group->flows);
	out = json_literal(json_word(json_literal(out, "\"id\":\""), id), "\",");
	out = put_count(out, "packets", group->packets);
	out = put_count(out, "records", group->records);
	out = put_count(out, "reply_bytes", group->reply_bytes);
	out = put_count(out, "reply_packets", group->reply_packets);
	out = put_count(out, "resets", group->resets);
	out = put_count(out, "retransmits", group->retransmits);
	out = write_rtt(out, group->rtt);
	out = put_time(out, "start", summary->start_ns);
	out = put_count(out, "zero_windows", group->zero_windows);
	out[-1] = '}';
	out = json_literal(out, ",\"node_name\":");
	out = json_string(out, summary->node_name ? summary->node_name : "", 1536);
	*out++ = ',';
	out = put_time(out, "time", summary->end_ns);
	out[-1] = '}';
	return out;
}

bool summary_next(struct summary *summary, const char *id, struct buffer *body, uint64_t *time_ns,
		  uint64_t *conversation)
{
	struct group *group =
		summary->next < SUMMARY_SLOTS ? &summary->groups[summary->next] : &summary->other;
	bool fits = !buffer_reserve(body, (group->keys ? strlen(group->keys) : 0) + 8192);

	if (fits) {
		char *end = write_group((char *)body->data + body->size, summary, group, id);

		body->size = (size_t)(end - (char *)body->data);
		*time_ns = summary->end_ns;
		*conversation = group->hash;
	}
	group_fini(group);
	return fits;
}
