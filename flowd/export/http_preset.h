/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the receivers that are spoken to by HTTP differ in: where to post, what a batch looks like,
 * and what the answer means. */
#ifndef EXPORT_HTTP_PRESET_H
#define EXPORT_HTTP_PRESET_H

#include "flowd/export/export_kind.h"
#include "flowd/export/http_verdicts.h"

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
	 * An answer with status 2xx may say something of each item: `said` for the first *count; an
	 * item that it is silent about is open. The status of one that failed goes to *status.
	 * NULL: all have arrived.
	 */
	void (*judge)(const char *answer, enum http_verdict *said, size_t count, int *status);
	/* The answer tells how many it did not want, behind this key; they are not sent again. */
	const char *rejected;
};
extern const struct http_preset http_presets[HTTP_PRESET_COUNT];

/* Where to post, from malloc. 0 or -ENOMEM. */
int http_preset_url(const struct http_preset *preset, const char *url, const char *table,
		    const char *index, char **out);
/* The body of a batch. `chosen`: indices of the items that go; NULL: all `count`. 0 or -ENOMEM. */
int http_preset_body(const struct http_preset *preset, const char *node_name,
		     const struct export_item *items, const uint32_t *chosen, size_t count,
		     struct buffer *body);

/* The status says that the content is to blame: the same again would fail again. */
bool http_is_refusal(int status);

#endif
