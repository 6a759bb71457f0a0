/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command tree: each node holds its word, its help, its options and what it does. Parsing, help
 * and completion walk the same tree.
 */
#ifndef FLOWCLI_COMMAND_H
#define FLOWCLI_COMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "flowcli/option.h"

#define EXIT_USAGE 2

struct command {
	const char *token;
	const char *summary;			  /* one line */
	const char *operands;			  /* in the usage line; NULL = takes none */
	const char *details;			  /* paragraphs of help; may be NULL */
	const char *examples;			  /* lines; may be NULL */
	const struct option_group *const *groups; /* ends with NULL; may be NULL */
	struct selection *selection;		  /* of its filter options */
	const struct command *const *children;	  /* ends with NULL; may be NULL */
	const char *const *words;		  /* operands that completion offers; may be NULL */
	/* The exit status. NULL: a child must be named. */
	int (*run)(int operand_count, const char *const *operands);
};

/* The root; defined in main.c. */
extern const struct command flowcli;

/* Runs what argv asks for; the exit status: 0, 1 an error, 2 misuse. */
int command_run(int argc, char **argv);

/* The child named `token`, or NULL. */
const struct command *command_child(const struct command *command, const char *token);
/* `path` is what stands before the command's options: "flowcli observe". */
void command_help(const struct command *command, const char *path, FILE *out);
/* "flowcli observe: sentence" and where help is; returns EXIT_USAGE. */
int command_misuse(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const struct option_group help_options;
extern const struct command help_command;

#endif
