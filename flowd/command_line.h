/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's command line: what to do, and settings over those of the configuration file. */
#ifndef FLOWD_COMMAND_LINE_H
#define FLOWD_COMMAND_LINE_H

#include <stdio.h>

#include "flowd/config.h"

enum command { COMMAND_RUN, COMMAND_CHECK, COMMAND_PRINT_CONFIG, COMMAND_VERSION, COMMAND_HELP };

/*
 * Reads the arguments, and the configuration file they name (a missing default file is no error)
 * into `config`. 0, or negative errno with the sentence in `why`. Can be called again, for a fresh
 * configuration of the same arguments.
 */
int command_line_read(int argc, char **argv, enum command *command, struct config *config,
		      char *why, size_t why_size);
void command_line_help(FILE *out);

#endif
