/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hubble's compact line and its dict form. */
#include "flowcli/writer.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"

/* "host:port" with the host cyan and the port yellow. */
static void paint_end(const struct writer *writer, const struct column_end *end, char *text,
		      size_t size)
{
	char escaped[COLUMN_TEXT_MAX], host[COLUMN_TEXT_MAX + 16], port[32] = "";

	terminal_escape(end->host, escaped, sizeof(escaped));
	terminal_paint(escaped, PAINT_CYAN, writer->color, host, sizeof(host));
	if (*end->port)
		terminal_paint(end->port, PAINT_YELLOW, writer->color, port, sizeof(port));
	column_join(host, port, text, size);
}

static void paint_identity(const struct writer *writer, const struct column_end *end, char *text,
			   size_t size)
{
	char plain[40];

	snprintf(plain, sizeof(plain), "(%s)", end->identity);
	terminal_paint(plain, PAINT_MAGENTA, writer->color, text, size);
}

/* " [node]", or nothing. */
static void node_mark(const struct writer *writer, const struct flow_record *record, char *text,
		      size_t size)
{
	char name[256];

	*text = '\0';
	if (!writer->node)
		return;
	terminal_escape(record->node_name ? record->node_name : "", name, sizeof(name));
	snprintf(text, size, " [%s]", name);
}

/* Replies are shown from the side that opened the conversation, under a turned arrow. */
static const char *arrange(const struct flow_record *record, struct column_end *left,
			   struct column_end *right)
{
	switch ((enum flow_reply)record->reply) {
	case FLOW_REPLY_YES:
		column_destination(record, left);
		column_source(record, right);
		return "<-";
	case FLOW_REPLY_NO:
	case FLOW_REPLY_UNKNOWN:
		break;
	}
	column_source(record, left);
	column_destination(record, right);
	return record->reply == FLOW_REPLY_NO ? "->" : "<>";
}

static void compact_record(struct writer *writer, const struct flow_record *record)
{
	struct column_end ends[2];
	char time[TIME_TEXT_MAX], node[272], left[640], right[640], identity[2][64], verdict[64];
	char summary[COLUMN_TEXT_MAX], escaped[COLUMN_TEXT_MAX];
	int type, sub_type;
	const char *arrow = arrange(record, &ends[0], &ends[1]);

	time_format(record->time_ns, writer->view.layout, &writer->view.zone, time, sizeof(time));
	node_mark(writer, record, node, sizeof(node));
	paint_end(writer, &ends[0], left, sizeof(left));
	paint_end(writer, &ends[1], right, sizeof(right));
	for (int i = 0; i < 2; i++)
		paint_identity(writer, &ends[i], identity[i], sizeof(identity[i]));
	terminal_paint(column_verdict(record), column_verdict_paint(record), writer->color, verdict,
		       sizeof(verdict));
	flow_record_summary(record, summary, sizeof(summary));
	terminal_escape(summary, escaped, sizeof(escaped));
	output_print(writer->output, "%s%s: %s %s %s %s %s %s %s (%s)\n", time, node, left,
		     identity[0], arrow, right, identity[1],
		     flow_record_type(record, &type, &sub_type), verdict, escaped);
}

static void dict_record(struct writer *writer, const struct flow_record *record)
{
	char text[COLUMN_TEXT_MAX], escaped[COLUMN_TEXT_MAX], painted[COLUMN_TEXT_MAX];
	bool *separate = (bool *)&writer->state;

	if (*separate)
		output_text(writer->output, "------------\n");
	*separate = true;
	for (int i = 0; i < writer->column_count; i++) {
		const struct column *column = &writer->columns[i];
		enum paint paint = column->row && !strcmp(column->name, "verdict")
					   ? column_verdict_paint(record)
					   : PAINT_NONE;
		column_format(column, &writer->view, record, text, sizeof(text));
		terminal_escape(text, escaped, sizeof(escaped));
		terminal_paint(escaped, paint, writer->color, painted, sizeof(painted));
		output_print(writer->output, "%11s: %s\n", column->header, painted);
	}
}

const struct writer_kind writer_compact = {
	.name = "compact",
	.help = "Hubble's line (the default)",
	.layout = TIME_STAMP_MILLI,
	.colors = true,
	.record = compact_record,
};

const struct writer_kind writer_dict = {
	.name = "dict",
	.help = "one \"KEY: value\" a line; see --columns",
	.layout = TIME_STAMP_MILLI,
	.node_extra = true,
	.columns = "time,source,destination,type,verdict,summary",
	.colors = true,
	.record = dict_record,
};
