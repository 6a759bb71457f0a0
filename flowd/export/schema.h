/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A schema of others: a table, one row a field of theirs, that names ours (proto/field.h) or a
 * function, and how the value looks. A new fact of records is a new row in each table that has a
 * place for it (schema_NAME.c).
 */
#ifndef EXPORT_SCHEMA_H
#define EXPORT_SCHEMA_H

#include "flowd/export/format.h"
#include "proto/field.h"

enum schema_as {
	SCHEMA_TEXT,	  /* as people read it */
	SCHEMA_LOWER,	  /* the same in small letters */
	SCHEMA_NUMBER,	  /* a bare number */
	SCHEMA_TIME,	  /* RFC 3339 */
	SCHEMA_MS,	  /* milliseconds, since 1970 or of a duration */
	SCHEMA_SECONDS,	  /* the same in whole seconds */
	SCHEMA_LITERAL,	  /* `from` itself: a text */
	SCHEMA_PLAIN,	  /* `from` itself: a bare number or JSON */
	SCHEMA_CALL,	  /* `text` writes it */
	SCHEMA_CALL_PLAIN /* `text` writes a bare number or JSON */
};

#define SCHEMA_TEXT_MAX 1024

/* What a row is made of besides the record. */
struct schema_source {
	const struct flow_record *record;
	const char *id;
	const char *node_name;
};
/* Writes text and NUL to `out` (SCHEMA_TEXT_MAX); false: this record has no such fact. */
typedef bool (*schema_text_fn)(const struct schema_source *source, char *out);

struct schema_row {
	const char *path; /* "source.ip": where it stands; rows below one object stand together */
	const char *from; /* name of our field */
	enum schema_as as;
	schema_text_fn text;
	bool always; /* whatever the mask says */
};

enum schema_style { SCHEMA_JSON, SCHEMA_KV, SCHEMA_CEF };

struct schema {
	const struct schema_row *rows;
	size_t count;
	enum schema_style style;
};
extern const struct schema schema_ecs, schema_ocsf, schema_cef, schema_kv, schema_flat;

struct schema_plan; /* a schema with a mask, made ready */
int schema_plan_open(struct schema_plan **out, const struct schema *schema,
		     const struct format_mask *mask);
void schema_plan_close(struct schema_plan *plan);
int schema_write(const struct schema_plan *plan, const struct schema_source *source,
		 struct buffer *body);

/* For several tables. */
bool schema_text_id(const struct schema_source *source, char *out);
bool schema_text_node(const struct schema_source *source, char *out);
/* Why packets were dropped, of such an event; else why the flow ended. */
bool schema_text_reason(const struct schema_source *source, char *out);
bool schema_text_summary(const struct schema_source *source, char *out);

/* CEF's prefix, up to the extension; returns its length. */
size_t schema_cef_head(const struct schema_source *source, char *out, size_t size);

#endif
