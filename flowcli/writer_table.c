/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Aligned columns without waiting for the end: rows are held until a batch ends or TABLE_HELD of
 * them wait, then the widths grow to what is held (they never shrink) and all go out.
 */
#include "flowcli/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_HELD 256
#define TABLE_GAP  3

struct table {
	size_t width[COLUMNS_MAX];
	bool header_written;
	int row_count;
	char *cells; /* NUL-terminated, row after row; room for TABLE_HELD rows */
	size_t used;
};

static int table_open(struct writer *writer)
{
	struct table *table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	writer->state = table;
	table->cells = malloc((size_t)TABLE_HELD * COLUMN_TEXT_MAX * (size_t)writer->column_count);
	if (!table->cells)
		return -ENOMEM;
	for (int i = 0; i < writer->column_count; i++)
		table->width[i] = (size_t)writer->columns[i].width;
	return 0;
}

static void write_padded(struct output *output, const char *text, size_t width, bool last)
{
	static const char spaces[] = "                                ";
	size_t taken = terminal_width(text);
	size_t missing = taken < width ? width - taken + TABLE_GAP : TABLE_GAP;

	output_text(output, text);
	while (!last && missing) {
		size_t part = missing < sizeof(spaces) - 1 ? missing : sizeof(spaces) - 1;
		output_bytes(output, spaces, part);
		missing -= part;
	}
}

static void grow(struct table *table, int column, const char *text)
{
	size_t width = terminal_width(text);
	if (table->width[column] < width)
		table->width[column] = width;
}

static void write_header(struct writer *writer, struct table *table)
{
	for (int i = 0; i < writer->column_count; i++)
		grow(table, i, writer->columns[i].header);
	for (int i = 0; i < writer->column_count; i++)
		write_padded(writer->output, writer->columns[i].header, table->width[i],
			     i == writer->column_count - 1);
	output_text(writer->output, "\n");
	table->header_written = true;
}

static void table_flush(struct writer *writer)
{
	struct table *table = writer->state;
	const char *cell = table->cells;

	for (int row = 0; row < table->row_count; row++)
		for (int i = 0; i < writer->column_count; i++, cell += strlen(cell) + 1)
			grow(table, i, cell);
	if (!table->header_written)
		write_header(writer, table);
	cell = table->cells;
	for (int row = 0; row < table->row_count; row++) {
		for (int i = 0; i < writer->column_count; i++, cell += strlen(cell) + 1)
			write_padded(writer->output, cell, table->width[i],
				     i == writer->column_count - 1);
		output_text(writer->output, "\n");
	}
	table->row_count = 0;
	table->used = 0;
}

static void table_record(struct writer *writer, const struct flow_record *record)
{
	struct table *table = writer->state;
	char text[COLUMN_TEXT_MAX];

	for (int i = 0; i < writer->column_count; i++) {
		char *cell = table->cells + table->used;
		column_format(&writer->columns[i], &writer->view, record, text, sizeof(text));
		table->used += terminal_escape(text, cell, COLUMN_TEXT_MAX) + 1;
	}
	if (++table->row_count == TABLE_HELD)
		table_flush(writer);
}

static void table_close(struct writer *writer)
{
	struct table *table = writer->state;

	if (table)
		free(table->cells);
	free(table);
	writer->state = NULL;
}

const struct writer_kind writer_table = {
	.name = "table",
	.alias = "tab",
	.help = "aligned columns; see --columns",
	.layout = TIME_STAMP_MILLI,
	.node_extra = true,
	.columns = "time,source,destination,type,verdict,summary",
	.open = table_open,
	.record = table_record,
	.flush = table_flush,
	.close = table_close,
};
