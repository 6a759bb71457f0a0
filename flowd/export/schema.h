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

#define SCHEMA_TEXT_MAX 8192 /* a list of all addresses in an answer */

/* What a row is made of. */
struct schema_source {
	const struct flow_record *record;
	const char *id;
	const char *node_name;
	bool reply; /* the record was turned (record_turn.h): its counts went to the source */
};
/* Writes text and NUL to `out` (SCHEMA_TEXT_MAX); false: this record has no such fact. */
typedef bool (*schema_text_fn)(const struct schema_source *source, char *out);

struct schema_row {
	const char *path; /* "source.ip": where it stands; rows below one object stand together */
	const char *from; /* name of our field */
	enum schema_as as;
	schema_text_fn text;
	bool always; /* whatever the mask says */
	const char
		*label; /* written beside the value as PATHLabel: what a custom field of CEF is */
};

enum schema_style { SCHEMA_JSON, SCHEMA_KV, SCHEMA_CEF };

struct schema {
	const struct schema_row *rows;
	size_t count;
	enum schema_style style;
	bool as_opened; /* source is who opened the conversation, not who sent these packets */
};
extern const struct schema schema_ecs, schema_ocsf, schema_cef, schema_kv, schema_flat;

struct schema_plan; /* a schema with a mask, made ready */
int schema_plan_open(struct schema_plan **out, const struct schema *schema,
		     const struct format_mask *mask);
void schema_plan_close(struct schema_plan *plan);
int schema_write(const struct schema_plan *plan, const struct schema_source *source,
		 struct buffer *body);

/* schema_facts.c, for several tables. */
bool schema_text_id(const struct schema_source *source, char *out);
bool schema_text_node(const struct schema_source *source, char *out);
/* Why packets were dropped, of such an event; else why the flow ended. */
bool schema_text_reason(const struct schema_source *source, char *out);
bool schema_text_summary(const struct schema_source *source, char *out);
/* What the firewall's rule that dropped them stands in: table, chain, "table chain". */
bool schema_text_drop_table(const struct schema_source *source, char *out);
bool schema_text_drop_chain(const struct schema_source *source, char *out);
bool schema_text_drop_rule(const struct schema_source *source, char *out);
/* Packets that an event tells of. */
bool schema_text_drop_count(const struct schema_source *source, char *out);
/* "success", "failure" or "unknown". */
bool schema_text_outcome(const struct schema_source *source, char *out);
bool schema_text_dns_name(const struct schema_source *source, char *out); /* without last dot */
bool schema_text_dns_id(const struct schema_source *source, char *out);
/* Of a DNS message how long its answer took; of a flow from its first to its last packet; ns. */
bool schema_text_duration(const struct schema_source *source, char *out);
/* JSON lists. */
bool schema_json_dns_ips(const struct schema_source *source, char *out);
bool schema_json_dns_flags(const struct schema_source *source, char *out); /* "AA" ... */
bool schema_json_dns_answers(const struct schema_source *source, const char *data_key, char *out);

/* What has no field of its own, of both ends: X(name, enum endpoint_text) */
#define SCHEMA_END_TEXTS(X)           \
	X(pod_uid, POD_UID)           \
	X(container_id, CONTAINER_ID) \
	X(runtime, RUNTIME)           \
	X(as_name, AS_NAME)
#define SCHEMA_END_DECLARE(name, text)                                            \
	bool schema_source_##name(const struct schema_source *source, char *out); \
	bool schema_destination_##name(const struct schema_source *source, char *out);
SCHEMA_END_TEXTS(SCHEMA_END_DECLARE)
bool schema_source_nat_port(const struct schema_source *source, char *out);
bool schema_destination_nat_port(const struct schema_source *source, char *out);

/* CEF's prefix, up to the extension; returns its length. */
size_t schema_cef_head(const struct schema_source *source, char *out, size_t size);

#endif
