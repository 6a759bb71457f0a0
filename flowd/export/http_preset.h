/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the receivers that are spoken to by HTTP differ in: where to post, what a batch looks like,
 * and what the answer means. */
#ifndef EXPORT_HTTP_PRESET_H
#define EXPORT_HTTP_PRESET_H

#include "flowd/export/export_kind.h"

/* preset, X(NAME, name) */
#define HTTP_PRESETS(X)             \
	X(LINES, "lines")           \
	X(CLICKHOUSE, "clickhouse") \
	X(SPLUNK, "splunk")         \
	X(ELASTIC, "elasticsearch") \
	X(LOKI, "loki")             \
	X(OTLP, "otlp")
#define HTTP_PRESET_ENUM(name, text) HTTP_PRESET_##name,
enum http_preset_id { HTTP_PRESETS(HTTP_PRESET_ENUM) HTTP_PRESET_COUNT };

struct http_preset {
	enum export_format_id format; /* when the operator names none */
	const char *content_type;
	const char *path;	   /* after the operator's URL; NULL = nothing */
	const char *authorization; /* scheme in front of the token */
	/* Around and between the items. */
	int (*begin)(struct buffer *body, const char *node_name);
	int (*item)(struct buffer *body, const struct export_item *item, const char *node_name,
		    size_t index);
	int (*end)(struct buffer *body);
	/*
	 * An answer with status 2xx: how many items, from the first, have arrived; *status is what
	 * became of the next. NULL: all.
	 */
	size_t (*accepted)(const char *answer, size_t count, int *status);
};
extern const struct http_preset http_presets[HTTP_PRESET_COUNT];

#endif
