/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* RFC 4180 with a header line; control characters are escaped, so that a record is a line. */
#include "flowcli/writer.h"

#include <string.h>

static void write_cell(struct output *output, const char *text)
{
	if (!text[strcspn(text, ",\"")]) {
		output_text(output, text);
		return;
	}
	output_text(output, "\"");
	for (const char *at = text; *at; at++)
		output_bytes(output, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
	output_text(output, "\"");
}

static int write_header(struct writer *writer)
{
	for (int i = 0; i < writer->column_count; i++) {
		output_text(writer->output, i ? "," : "");
		write_cell(writer->output, writer->columns[i].name);
	}
	output_text(writer->output, "\n");
	return 0;
}

static void write_record(struct writer *writer, const struct flow_record *record)
{
	char text[COLUMN_TEXT_MAX], escaped[COLUMN_TEXT_MAX];

	for (int i = 0; i < writer->column_count; i++) {
		column_format(&writer->columns[i], &writer->view, record, text, sizeof(text));
		terminal_escape(text, escaped, sizeof(escaped));
		output_text(writer->output, i ? "," : "");
		write_cell(writer->output, escaped);
	}
	output_text(writer->output, "\n");
}

const struct writer_kind writer_csv = {
	.name = "csv",
	.help = "comma separated values (RFC 4180) under a header line; see --columns",
	.layout = TIME_RFC3339_NANO,
	.columns = "time,node,kind,source.ip,source.port,destination.ip,destination.port,"
		   "protocol,verdict,direction,interface,reply,tcp.flags,packets,bytes,"
		   "total.packets,total.bytes,first.seen,last.seen,end.reason",
	.open = write_header,
	.record = write_record,
};
