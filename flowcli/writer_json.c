/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hubble's jsonpb, one object a line; proto/json.h knows its shape. */
#include "flowcli/writer.h"
#include "proto/json.h"

static void commit_line(struct output *output, char *line, int length)
{
	line[length] = '\n';
	output_commit(output, (size_t)length + 1);
}

static void write_record(struct writer *writer, const struct flow_record *record)
{
	char *line = output_reserve(writer->output, JSON_LINE_MAX + 1);
	int length = json_format_flow(record, line, JSON_LINE_MAX);

	if (length > 0 && length < JSON_LINE_MAX)
		commit_line(writer->output, line, length);
}

static void write_loss(struct writer *writer, const struct flow_loss *loss)
{
	char *line = output_reserve(writer->output, JSON_LINE_MAX + 1);
	int length = json_format_loss(loss, line, JSON_LINE_MAX);

	if (length > 0 && length < JSON_LINE_MAX)
		commit_line(writer->output, line, length);
}

const struct writer_kind writer_json = {
	.name = "json",
	.alias = "jsonpb",
	.help = "Hubble's JSON, one object a line, with our facts in flow.extensions",
	.layout = TIME_RFC3339_NANO,
	.record = write_record,
	.loss = write_loss,
};
