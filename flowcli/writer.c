/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/writer.h"

#include <string.h>

const struct writer_kind *const writer_kinds[] = { &writer_compact, &writer_table, &writer_dict,
						   &writer_json,    &writer_csv,   NULL };

const char *const writer_names[] = { "compact", "table",  "tab", "dict",
				     "json",	"jsonpb", "csv", NULL };

const struct writer_kind *writer_find(const char *name)
{
	for (const struct writer_kind *const *kind = writer_kinds; *kind; kind++)
		if (!strcmp((*kind)->name, name) ||
		    ((*kind)->alias && !strcmp((*kind)->alias, name)))
			return *kind;
	return NULL;
}

int writer_open(struct writer *writer)
{
	return writer->kind->open ? writer->kind->open(writer) : 0;
}

int writer_flush(struct writer *writer)
{
	if (writer->kind->flush)
		writer->kind->flush(writer);
	return output_flush(writer->output);
}

void writer_close(struct writer *writer)
{
	if (writer->kind->close)
		writer->kind->close(writer);
}
