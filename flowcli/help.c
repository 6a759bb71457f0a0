/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Help text, made from the same rows that parse. */
#include "flowcli/command.h"

#include <string.h>

#define HELP_WIDTH  92
#define HELP_COLUMN 30 /* where explanations begin */
#define PATH_BYTES  128

/* `text` from HELP_COLUMN on, folded at blanks. */
static void print_folded(FILE *out, int at, const char *text)
{
	if (at >= HELP_COLUMN) {
		fputc('\n', out);
		at = 0;
	}
	fprintf(out, "%*s", HELP_COLUMN - at, "");
	at = HELP_COLUMN;
	while (*text) {
		int length = (int)strcspn(text, " ");
		if (at > HELP_COLUMN && at + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		at += fprintf(out, "%s%.*s", at > HELP_COLUMN ? " " : "", length, text);
		text += length + (text[length] == ' ');
	}
	fputc('\n', out);
}

static void print_choices(const struct option_row *row, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s", row->help);

	if (row->kind != OPTION_CHOICE)
		return;
	for (const char *const *choice = row->choices; *choice && used < size; choice++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 choice == row->choices ? ": " : ", ", *choice);
}

static void print_option(FILE *out, const struct option_row *row)
{
	char text[1024];
	int at = row->letter ? fprintf(out, "  -%c, --%s", row->letter, row->name)
			     : fprintf(out, "      --%s", row->name);

	if (row->argument)
		at += fprintf(out, " %s", row->argument);
	print_choices(row, text, sizeof(text));
	print_folded(out, at, text);
}

static void print_groups(FILE *out, const struct option_group *const *groups)
{
	for (; groups && *groups; groups++) {
		fprintf(out, "\n%s:\n", (*groups)->title);
		for (const struct option_row *row = (*groups)->rows; row->name; row++)
			print_option(out, row);
	}
}

static void print_children(FILE *out, const struct command *command)
{
	const struct command *const *child = command->children;

	if (!child)
		return;
	fputs("\nCommands:\n", out);
	for (; *child; child++) {
		if ((*child)->summary)
			print_folded(out, fprintf(out, "  %s", (*child)->token), (*child)->summary);
	}
}

void command_help(const struct command *command, const char *path, FILE *out)
{
	const char *summary = command->summary ? command->summary : "";

	fprintf(out, "Usage: %s%s%s%s%s\n\n%s\n", path, command->groups ? " [OPTION]..." : "",
		command->children ? (command->run ? " [COMMAND]" : " COMMAND") : "",
		command->operands ? " " : "", command->operands ? command->operands : "", summary);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	print_children(out, command);
	print_groups(out, command->groups);
	if (command->examples)
		fprintf(out, "\nExamples:\n%s\n", command->examples);
}

static int run_help(int operand_count, const char *const *operands)
{
	const struct command *command = &flowcli;
	char path[PATH_BYTES];
	size_t used = (size_t)snprintf(path, sizeof(path), "%s", flowcli.token);

	for (int i = 0; i < operand_count; i++) {
		command = command_child(command, operands[i]);
		if (!command)
			return command_misuse("flowcli help", "unknown command '%s'", operands[i]);
		used += (size_t)snprintf(path + used, sizeof(path) - used, " %s", command->token);
	}
	command_help(command, path, stdout);
	return 0;
}

static const char *const help_words[] = {
	"observe", "status", "list", "version", "completion", NULL
};
static const struct option_group *const help_groups[] = { &help_options, NULL };

const struct command help_command = {
	.token = "help",
	.summary = "Print help on a command.",
	.operands = "[COMMAND]...",
	.groups = help_groups,
	.words = help_words,
	.run = run_help,
};
