/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli scope`: what the daemon looks at, asked and changed while it runs. */
#include "flowcli/scope.h"

#include <stdio.h>
#include <string.h>

#include "flowcli/connection.h"
#include "flowcli/listing.h"

static const struct option_group *const groups[] = { &listing_options, &connection_options,
						     &help_options, NULL };
static const char *const kinds[] = { "container", "pod", "cgroup", "netns", NULL };

static int ask(enum scope_operation operation)
{
	const struct request request = { .type = REQUEST_SCOPE,
					 .scope = { .operation = operation } };

	return listing_show(&request);
}

static int list(int operand_count, const char *const *operands)
{
	(void)operand_count;
	(void)operands;
	return ask(SCOPE_LIST);
}

static int clear(int operand_count, const char *const *operands)
{
	(void)operand_count;
	(void)operands;
	return ask(SCOPE_CLEAR);
}

static bool is_kind(const char *word)
{
	for (const char *const *kind = kinds; *kind; kind++)
		if (!strcmp(*kind, word))
			return true;
	return false;
}

static int change(enum scope_operation operation, const char *path, int operand_count,
		  const char *const *operands)
{
	struct request request = { .type = REQUEST_SCOPE, .scope = { .operation = operation } };

	if (operand_count != 2)
		return command_misuse(path,
				      "a kind and a name are needed, such as: %s pod "
				      "default/web-0",
				      path);
	if (!is_kind(operands[0]))
		return command_misuse(
			path,
			"'%s' is no kind of scope; there are container, pod, cgroup and netns",
			operands[0]);
	if (strlen(operands[1]) >= sizeof(request.scope.name))
		return command_misuse(path, "the name is longer than %zu bytes",
				      sizeof(request.scope.name) - 1);
	snprintf(request.scope.kind, sizeof(request.scope.kind), "%s", operands[0]);
	snprintf(request.scope.name, sizeof(request.scope.name), "%s", operands[1]);
	return listing_show(&request);
}

static int add(int operand_count, const char *const *operands)
{
	return change(SCOPE_ADD, "flowcli scope add", operand_count, operands);
}

static int take_out(int operand_count, const char *const *operands)
{
	return change(SCOPE_REMOVE, "flowcli scope remove", operand_count, operands);
}

static const struct command list_scope = {
	.token = "list",
	.summary = "Show the scope, and how much each entry stands for now.",
	.groups = groups,
	.run = list,
};
static const struct command add_scope = {
	.token = "add",
	.summary = "Look at this too; with the first entry, at nothing else any more.",
	.operands = "container|pod|cgroup|netns NAME",
	.details = "container  its name, a glob, or the beginning of its id (12 digits)\n"
		   "pod        [NAMESPACE/]NAME, or a glob\n"
		   "cgroup     its path from the root of the hierarchy; all below is meant too\n"
		   "netns      its inode, its name in /run/netns, or the path of its file",
	.words = kinds,
	.groups = groups,
	.run = add,
};
static const struct command remove_scope = {
	.token = "remove",
	.summary = "Take an entry out, as it was written; with the last one, the scope ends.",
	.operands = "container|pod|cgroup|netns NAME",
	.words = kinds,
	.groups = groups,
	.run = take_out,
};
static const struct command clear_scope = {
	.token = "clear",
	.summary = "Look at everything again.",
	.groups = groups,
	.run = clear,
};
static const struct command *const children[] = { &list_scope, &add_scope, &remove_scope,
						  &clear_scope, NULL };

const struct command scope_command = {
	.token = "scope",
	.summary = "Show or change what the daemon looks at: only some containers, or everything.",
	.details = "What is outside the scope is counted and left alone in the kernel, before a "
		   "byte is\nparsed. A change lasts until flowd starts again or reads its "
		   "settings again (scope.*);\nit is made on the machine itself, by who may use "
		   "flowd's local socket.",
	.examples = "  flowcli scope add pod default/web-0\n"
		    "  flowcli scope add cgroup /system.slice/nginx.service\n"
		    "  flowcli scope list\n"
		    "  flowcli scope clear",
	.groups = groups,
	.children = children,
	.run = list,
};
