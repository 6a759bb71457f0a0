/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/schema.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/record_turn.h"
#include "proto/json_text.h"
#include "proto/time.h"

#define ESCAPED_MAX (6 * SCHEMA_TEXT_MAX + 8)
#define DEPTH_MAX   8
#define HEAD_MAX    1024 /* of CEF */

/* A row that the mask leaves in, and what JSON needs around it. */
struct planned {
	const struct schema_row *row;
	const struct field *field;   /* NULL for literals and calls */
	uint8_t depth;		     /* objects that `path` lies in */
	uint8_t shared;		     /* of these, those of the row before */
	const char *part[DEPTH_MAX]; /* where each part of the path begins */
	uint8_t length[DEPTH_MAX];
};

struct schema_plan {
	const struct schema *schema;
	struct planned *rows;
	size_t count;
};

/* ---- plan ------------------------------------------------------------------------------------ */

static void plan_path(struct planned *planned)
{
	const char *at = planned->row->path;

	planned->depth = 0;
	for (;;) {
		size_t length = strcspn(at, ".");

		planned->part[planned->depth] = at;
		planned->length[planned->depth] = (uint8_t)length;
		if (!at[length] || planned->depth + 1 == DEPTH_MAX)
			return;
		planned->depth++;
		at += length + 1;
	}
}

static bool plan_wants(const struct schema_row *row, const struct format_mask *mask)
{
	return row->always || format_mask_has(mask, row->path, strlen(row->path)) ||
	       (row->from && format_mask_has(mask, row->from, strlen(row->from)));
}

static bool plan_needs_field(const struct schema_row *row)
{
	return row->as != SCHEMA_LITERAL && row->as != SCHEMA_PLAIN && row->as != SCHEMA_CALL &&
	       row->as != SCHEMA_CALL_PLAIN;
}

int schema_plan_open(struct schema_plan **out, const struct schema *schema,
		     const struct format_mask *mask)
{
	struct schema_plan *plan = calloc(1, sizeof(*plan));

	if (plan)
		plan->rows = calloc(schema->count, sizeof(*plan->rows));
	if (!plan || !plan->rows) {
		free(plan);
		return -ENOMEM;
	}
	plan->schema = schema;
	for (size_t i = 0; i < schema->count; i++) {
		struct planned *planned = &plan->rows[plan->count];

		if (!plan_wants(&schema->rows[i], mask))
			continue;
		planned->row = &schema->rows[i];
		planned->field = NULL;
		if (plan_needs_field(planned->row)) {
			planned->field = field_find(planned->row->from);
			if (!planned->field)
				continue;
		}
		plan_path(planned);
		plan->count++;
	}
	*out = plan;
	return 0;
}

void schema_plan_close(struct schema_plan *plan)
{
	if (!plan)
		return;
	free(plan->rows);
	free(plan);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void value_number(uint64_t number, char *out)
{
	*json_u64(out, number) = 0;
}

static bool value_of_field(const struct planned *planned, const struct flow_record *record,
			   char *out)
{
	struct field_value value;

	field_get(planned->field, record, 0, &value);
	if (!value.present)
		return false;
	switch (planned->row->as) {
	case SCHEMA_NUMBER:
		value_number(value.number, out);
		return true;
	case SCHEMA_MS:
		value_number(value.number / 1000000, out);
		return true;
	case SCHEMA_SECONDS:
		value_number(value.number / 1000000000, out);
		return true;
	case SCHEMA_TIME:
		*time_write_json(out, value.number) = 0;
		return true;
	default:
		field_format(planned->field, &value, out, SCHEMA_TEXT_MAX);
		break;
	}
	if (planned->row->as == SCHEMA_LOWER)
		for (char *at = out; *at; at++)
			*at = (char)tolower((unsigned char)*at);
	return true;
}

/* The value as text; false: there is none. */
static bool value_text(const struct planned *planned, const struct schema_source *source, char *out)
{
	const struct schema_row *row = planned->row;

	if (row->text)
		return row->text(source, out);
	if (planned->field)
		return value_of_field(planned, source->record, out);
	snprintf(out, SCHEMA_TEXT_MAX, "%s", row->from ? row->from : "");
	return row->from != NULL;
}

static bool value_is_bare(enum schema_as as)
{
	return as == SCHEMA_NUMBER || as == SCHEMA_MS || as == SCHEMA_SECONDS ||
	       as == SCHEMA_PLAIN || as == SCHEMA_CALL_PLAIN;
}

/* ---- styles ---------------------------------------------------------------------------------- */

/* Closes the objects of `before` that `planned` is not in, and opens its own. */
static char *json_path(char *out, const struct planned *before, const struct planned *planned)
{
	unsigned shared = 0, depth = before ? before->depth : 0;

	while (shared < depth && shared < planned->depth &&
	       before->length[shared] == planned->length[shared] &&
	       !memcmp(before->part[shared], planned->part[shared], planned->length[shared]))
		shared++;
	for (unsigned i = shared; i < depth; i++)
		*out++ = '}';
	if (before)
		*out++ = ',';
	for (unsigned i = shared; i < planned->depth; i++) {
		*out++ = '"';
		out = json_bytes(out, planned->part[i], planned->length[i]);
		out = json_literal(out, "\":{");
	}
	*out++ = '"';
	out = json_bytes(out, planned->part[planned->depth], planned->length[planned->depth]);
	return json_literal(out, "\":");
}

static char *kv_escape(char *out, const char *text)
{
	if (*text && !text[strcspn(text, " \"\\=\n\r\t")])
		return json_word(out, text);
	*out++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = (unsigned char)*text < 0x20 ? ' ' : *text;
	}
	*out++ = '"';
	return out;
}

/* Extension values: backslash, equal sign and line ends (CEF 0, "Character Encoding"). */
static char *cef_escape(char *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '=')
			*out++ = '\\';
		if (*text == '\n' || *text == '\r')
			out = json_literal(out, "\\n");
		else
			*out++ = *text;
	}
	return out;
}

static char *write_value(char *out, const struct schema *schema, const struct planned *planned,
			 const char *text)
{
	switch (schema->style) {
	case SCHEMA_KV:
		return kv_escape(out, text);
	case SCHEMA_CEF:
		return cef_escape(out, text);
	case SCHEMA_JSON:
		break;
	}
	return value_is_bare(planned->row->as) ? json_word(out, text)
					       : json_string(out, text, 6 * SCHEMA_TEXT_MAX);
}

static char *write_key(char *out, const struct schema *schema, const struct planned *before,
		       const struct planned *planned)
{
	if (schema->style == SCHEMA_JSON)
		return json_path(out, before, planned);
	if (before)
		*out++ = ' ';
	out = json_word(out, planned->row->path);
	*out++ = '=';
	return out;
}

/* " cs1Label=..." */
static char *write_label(char *out, const struct schema_row *row)
{
	if (!row->label)
		return out;
	*out++ = ' ';
	out = json_word(out, row->path);
	out = json_literal(out, "Label=");
	return json_word(out, row->label);
}

static int write_rows(const struct schema_plan *plan, const struct schema_source *source,
		      struct buffer *body, const struct planned **last)
{
	char text[SCHEMA_TEXT_MAX];

	for (size_t i = 0; i < plan->count; i++) {
		const struct planned *planned = &plan->rows[i];
		char *out;

		if (!value_text(planned, source, text))
			continue;
		if (buffer_reserve(body, ESCAPED_MAX + 256))
			return -ENOMEM;
		out = (char *)body->data + body->size;
		out = write_key(out, plan->schema, *last, planned);
		out = write_value(out, plan->schema, planned, text);
		out = write_label(out, planned->row);
		body->size = (size_t)(out - (char *)body->data);
		*last = planned;
	}
	return 0;
}

static int write_body(const struct schema_plan *plan, const struct schema_source *source,
		      struct buffer *body)
{
	const struct planned *last = NULL;
	bool json = plan->schema->style == SCHEMA_JSON;
	int error = buffer_reserve(body, HEAD_MAX);

	if (error)
		return error;
	if (json)
		body->data[body->size++] = '{';
	if (plan->schema->style == SCHEMA_CEF)
		body->size += schema_cef_head(source, (char *)body->data + body->size, HEAD_MAX);
	error = write_rows(plan, source, body, &last);
	if (!error)
		error = buffer_reserve(body, DEPTH_MAX + 2);
	for (unsigned i = 0; !error && json && i < (last ? last->depth + 1u : 1u); i++)
		body->data[body->size++] = '}';
	return error;
}

int schema_write(const struct schema_plan *plan, const struct schema_source *source,
		 struct buffer *body)
{
	struct schema_source turned = *source;
	struct flow_record room;

	if (!plan->schema->as_opened)
		return write_body(plan, source, body);
	turned.record = record_turn(source->record, &room);
	turned.reply = turned.record != source->record;
	return write_body(plan, &turned, body);
}
