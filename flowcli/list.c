/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli list`: what the tables of this program and of proto/ hold, and what the daemon knows of
 * its machine and cluster. */
#include "flowcli/list.h"

#include <stdio.h>

#include "flowcli/column.h"
#include "flowcli/connection.h"
#include "flowcli/listing.h"
#include "flowcli/writer.h"

static int list_fields(int operand_count, const char *const *operands)
{
	size_t count;
	const struct field *fields = field_rows(&count);

	(void)operand_count;
	(void)operands;
	printf("%-18s %-64s %s\n", "FIELD", "MEANING", "IN JSON, UNDER flow");
	for (size_t i = 0; i < count; i++)
		printf("%-18s %-64s %s\n", fields[i].name, fields[i].help,
		       fields[i].json_key ? fields[i].json_key : "-");
	return 0;
}

static int list_columns(int operand_count, const char *const *operands)
{
	(void)operand_count;
	(void)operands;
	printf("%-12s %-12s %-64s %s\n", "COLUMN", "HEADER", "MEANING", "IN JSON, UNDER flow");
	for (const struct column_row *row = column_rows(); row->name; row++) {
		const struct field *field = row->field ? field_find(row->field) : NULL;
		printf("%-12s %-12s %-64s %s\n", row->name, row->header, row->help,
		       field ? field->json_key : row->json_key);
	}
	puts("Every field of 'flowcli list fields' is a column too.");
	return 0;
}

static int list_formats(int operand_count, const char *const *operands)
{
	(void)operand_count;
	(void)operands;
	for (const struct writer_kind *const *kind = writer_kinds; *kind; kind++)
		printf("%-10s %s\n", (*kind)->name, (*kind)->help);
	return 0;
}

static const struct option_group *const groups[] = { &help_options, NULL };
static const struct command fields_command = {
	.token = "fields",
	.summary = "Fields of a record: for --where, and as columns.",
	.groups = groups,
	.run = list_fields,
};
static const struct command columns_command = {
	.token = "columns",
	.summary = "Columns of table, dict and csv.",
	.groups = groups,
	.run = list_columns,
};
static const struct command formats_command = {
	.token = "formats",
	.summary = "Formats of 'observe --output'.",
	.groups = groups,
	.run = list_formats,
};

/* ---- asked of the daemon -------------------------------------------------------------------- */

static const struct option_group *const asked_groups[] = { &listing_options, &connection_options,
							   &help_options, NULL };

#define LIST_ASKED(word, help_text)                                                     \
	static int list_##word(int operand_count, const char *const *operands)          \
	{                                                                               \
		const struct request request = { .type = REQUEST_LIST, .what = #word }; \
                                                                                        \
		(void)operand_count;                                                    \
		(void)operands;                                                         \
		return listing_show(&request);                                          \
	}                                                                               \
	static const struct command word##_command = {                                  \
		.token = #word,                                                         \
		.summary = help_text,                                                   \
		.groups = asked_groups,                                                 \
		.run = list_##word,                                                     \
	};

LIST_ASKED(containers, "Containers of the daemon's machine, running or gone of late.")
LIST_ASKED(pods, "Pods: of the cluster as far as it is watched, else of the machine.")
LIST_ASKED(interfaces, "Network devices: how they are read, and where they lead.")
LIST_ASKED(namespaces, "Namespaces: Kubernetes' and the kernel's, for networks.")
LIST_ASKED(nodes, "The daemon's node, and those that Kubernetes tells of.")

static const struct command *const children[] = {
	&containers_command, &pods_command,    &interfaces_command,
	&namespaces_command, &nodes_command,   &fields_command,
	&columns_command,    &formats_command, NULL
};

const struct command list_command = {
	.token = "list",
	.summary = "List containers, pods, interfaces, namespaces or nodes; fields, columns or "
		   "formats.",
	.groups = groups,
	.children = children,
	.examples = "  flowcli list containers\n"
		    "  flowcli list pods -o json\n"
		    "  flowcli list fields",
};
