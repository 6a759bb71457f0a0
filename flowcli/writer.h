/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A writer puts records on the output in one format. Formats differ only behind this table of
 * functions; the rows in writer.c are what -o offers. Not thread-safe.
 */
#ifndef FLOWCLI_WRITER_H
#define FLOWCLI_WRITER_H

#include <stdbool.h>

#include "flowcli/column.h"
#include "flowcli/output.h"
#include "proto/flow_record.h"

struct writer;

struct writer_kind {
	const char *name;
	const char *alias; /* NULL = none */
	const char *help;
	enum time_layout layout; /* unless --time-format says otherwise */
	const char *columns;	 /* unless --columns does; NULL: --columns is refused */
	bool node_extra;	 /* --print-node-name adds the node behind the first column */
	bool colors;
	/* Each may be NULL. `open` returns 0 or negative errno. */
	int (*open)(struct writer *writer);
	void (*record)(struct writer *writer, const struct flow_record *record);
	void (*loss)(struct writer *writer, const struct flow_loss *loss);
	void (*flush)(struct writer *writer); /* what is held back must go out now */
	void (*close)(struct writer *writer);
};

struct writer {
	const struct writer_kind *kind;
	struct output *output;
	struct view view;
	bool color;
	bool node; /* show the node's name */
	struct column columns[COLUMNS_MAX];
	int column_count;
	void *state; /* of the kind */
};

/* NULL when there is no such format. */
const struct writer_kind *writer_find(const char *name);
/* Names and aliases, for --output; ends with NULL. */
extern const char *const writer_names[];
/* The rows in order, ending with NULL. */
extern const struct writer_kind *const writer_kinds[];

int writer_open(struct writer *writer);
/* Hands everything to the output and flushes it: 0 or the output's first error. */
int writer_flush(struct writer *writer);
void writer_close(struct writer *writer);

extern const struct writer_kind writer_compact, writer_dict, writer_table, writer_json, writer_csv;

#endif
