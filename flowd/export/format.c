/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/schema.h"
#include "proto/codec.h"
#include "proto/json.h"

struct format {
	enum export_format_id id;
	const char *node_name;
	char *paths; /* the mask's text */
	struct format_mask mask;
	struct schema_plan *plan; /* NULL: not a schema */
};

#define FORMAT_NAME(name, text) [EXPORT_FORMAT_##name] = text,
static const char *const names[] = { EXPORT_FORMATS(FORMAT_NAME) };

const char *format_name(enum export_format_id id)
{
	return names[id];
}

static const struct schema *format_schema(enum export_format_id id)
{
	switch (id) {
	case EXPORT_FORMAT_ECS:
		return &schema_ecs;
	case EXPORT_FORMAT_OCSF:
		return &schema_ocsf;
	case EXPORT_FORMAT_CEF:
		return &schema_cef;
	case EXPORT_FORMAT_KV:
		return &schema_kv;
	case EXPORT_FORMAT_FLAT:
		return &schema_flat;
	case EXPORT_FORMAT_AUTO:
	case EXPORT_FORMAT_NATIVE:
	case EXPORT_FORMAT_PROTOBUF:
	case EXPORT_FORMAT_COUNT:
		break;
	}
	return NULL;
}

static int format_open_mask(struct format *format, const char *fields, char *why, size_t why_size)
{
	struct format_mask *mask = &format->mask;
	char *place = NULL;

	if (!fields)
		return 0;
	format->paths = strdup(fields);
	if (!format->paths)
		return -ENOMEM;
	for (char *path = strtok_r(format->paths, ", \n", &place); path;
	     path = strtok_r(NULL, ", \n", &place)) {
		if (mask->count == sizeof(mask->path) / sizeof(mask->path[0])) {
			snprintf(why, why_size, "more than %zu fields; name the objects above them",
				 mask->count);
			return -EINVAL;
		}
		mask->path[mask->count++] = strncmp(path, "flow.", 5) ? path : path + 5;
	}
	return 0;
}

int format_open(struct format **out, enum export_format_id id, const char *fields,
		const char *node_name, char *why, size_t why_size)
{
	struct format *format = calloc(1, sizeof(*format));
	const struct schema *schema = format_schema(id);
	int error;

	if (!format)
		return -ENOMEM;
	format->id = id;
	format->node_name = node_name;
	error = format_open_mask(format, fields, why, why_size);
	if (!error && schema)
		error = schema_plan_open(&format->plan, schema, &format->mask);
	if (error) {
		format_close(format);
		return error;
	}
	*out = format;
	return 0;
}

void format_close(struct format *format)
{
	if (!format)
		return;
	schema_plan_close(format->plan);
	free(format->paths);
	free(format);
}

static int format_native(const struct format *format, const struct flow_record *record,
			 const char *id, struct buffer *body)
{
	char *line;
	int length;

	if (buffer_reserve(body, JSON_LINE_MAX))
		return -ENOMEM;
	line = (char *)body->data + body->size;
	length = json_format_flow_as(record, id, line, JSON_LINE_MAX);
	body->size += format_native_mask(line, (size_t)length, &format->mask);
	return 0;
}

static int format_protobuf(const struct format *format, const struct answer *content,
			   const struct format_id *id, struct buffer *body)
{
	struct answer batch = *content;

	batch.epoch = id->epoch;
	batch.node_name = format->node_name;
	return codec_pack_batch(id->sequence, &batch, body);
}

int format_record(struct format *format, const struct flow_record *record,
		  const struct format_id *id, struct buffer *body)
{
	const struct schema_source source = { record, id->text, format->node_name };

	if (format->plan)
		return schema_write(format->plan, &source, body);
	if (format->id == EXPORT_FORMAT_PROTOBUF)
		return format_protobuf(
			format, &(struct answer){ .records = record, .record_count = 1 }, id, body);
	return format_native(format, record, id->text, body);
}

int format_loss(struct format *format, const struct flow_loss *loss, const struct format_id *id,
		struct buffer *body)
{
	if (format->id == EXPORT_FORMAT_PROTOBUF)
		return format_protobuf(format, &(struct answer){ .losses = loss, .loss_count = 1 },
				       id, body);
	if (format->id != EXPORT_FORMAT_NATIVE)
		return -ENOTSUP;
	if (buffer_reserve(body, JSON_LINE_MAX))
		return -ENOMEM;
	body->size +=
		(size_t)json_format_loss(loss, (char *)body->data + body->size, JSON_LINE_MAX);
	return 0;
}
