/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of columns: what table, dict and csv can show. A row names a field of proto/field.h, or
 * a function where several fields make one cell; every field without a row here is a column too,
 * under its own name.
 */
#ifndef FLOWCLI_COLUMN_H
#define FLOWCLI_COLUMN_H

#include <stddef.h>

#include "flowcli/terminal.h"
#include "proto/field.h"
#include "proto/time.h"

/* How times are shown. */
struct view {
	enum time_layout layout;
	struct time_zone zone;
};

#define COLUMN_TEXT_MAX 512

/* Text of a cell, not escaped, cut to `size`. */
typedef void (*column_format_fn)(const struct flow_record *record, char *text, size_t size);

struct column_row {
	const char *name;
	const char *header;
	int width;	   /* at least */
	const char *field; /* or `format` */
	column_format_fn format;
	const char *json_key;
	const char *help;
};

/* A column in use. */
struct column {
	const char *name;
	char header[32];
	int width;
	const struct column_row *row; /* NULL: a plain field */
	const struct field *field;    /* NULL: row->format */
};

#define COLUMNS_MAX 64

/* Resolves "a,b,c". Returns their number, or -EINVAL with a sentence in `why`. */
int column_resolve(const char *list, struct column columns[COLUMNS_MAX], char *why,
		   size_t why_size);
void column_format(const struct column *column, const struct view *view,
		   const struct flow_record *record, char *text, size_t size);

/* The rows in order, ending with name NULL. */
const struct column_row *column_rows(void);

/* One end of a record as host and port; *port is empty where the protocol has none. */
struct column_end {
	char host[ENDPOINT_TEXT_MAX +
		  1]; /* who it is, what it was looked up as, or its address; not escaped */
	char port[8];
	char identity[32];
};
void column_source(const struct flow_record *record, struct column_end *end);
void column_destination(const struct flow_record *record, struct column_end *end);
/* "host:port", "[v6]:port" or "host"; the parts may be painted. */
int column_join(const char *host, const char *port, char *text, size_t size);

const char *column_verdict(const struct flow_record *record);
enum paint column_verdict_paint(const struct flow_record *record);

#endif
