/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Completion: the shell's script asks `flowcli complete -- WORD...`, which walks the command tree
 * and the option rows; there is no second list to keep.
 */
#ifndef FLOWCLI_COMPLETION_H
#define FLOWCLI_COMPLETION_H

#include "flowcli/command.h"

extern const struct command completion_command;
extern const struct command complete_command;

#endif
