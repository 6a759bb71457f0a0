/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define PATH_MAX_BYTES 128

static const struct option_row help_rows[] = {
	{ .name = "help", .letter = 'h', .kind = OPTION_HELP, .help = "print this help" }, { 0 }
};
const struct option_group help_options = { "Help", help_rows };

const struct command *command_child(const struct command *command, const char *token)
{
	const struct command *const *child = command->children;

	for (; child && *child; child++)
		if (!strcmp((*child)->token, token))
			return *child;
	return NULL;
}

int command_misuse(const char *path, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", path);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\nTry '%s --help'.\n", path);
	return EXIT_USAGE;
}

/* Its options have been read; what is left are operands, the first of them perhaps a child. */
static int finish(const struct command *command, const char *path,
		  const struct option_parser *parser)
{
	if (!command->run) {
		command_help(command, path, stderr);
		return EXIT_USAGE;
	}
	if (parser->operand_count && !command->operands)
		return command_misuse(path, "'%s' is not understood", parser->operands[0]);
	return command->run(parser->operand_count, parser->operands);
}

static int run_at(const struct command *command, const char *path, int argc, char **argv)
{
	struct option_parser parser = { .groups = command->groups,
					.selection = command->selection,
					.stop_at_operand = command->children != NULL };
	const struct command *child;
	char why[1024], child_path[PATH_MAX_BYTES];
	int error = option_parse(&parser, argc, argv, why, sizeof(why));

	if (error == -EINVAL)
		return command_misuse(path, "%s", why);
	if (error) {
		fprintf(stderr, "%s: %s\n", path, strerror(-error));
		return 1;
	}
	if (parser.help) {
		command_help(command, path, stdout);
		return 0;
	}
	if (!command->children || !parser.operand_count)
		return finish(command, path, &parser);
	child = command_child(command, parser.operands[0]);
	if (!child)
		return command_misuse(path, "unknown command '%s'", parser.operands[0]);
	snprintf(child_path, sizeof(child_path), "%s %s", path, child->token);
	return run_at(child, child_path, argc - parser.next, argv + parser.next);
}

int command_run(int argc, char **argv)
{
	return run_at(&flowcli, flowcli.token, argc > 0 ? argc - 1 : 0, argv + 1);
}
