/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli capture`: packets of this machine into a file, at once or once something went wrong. */
#ifndef FLOWCLI_CAPTURE_COMMAND_H
#define FLOWCLI_CAPTURE_COMMAND_H

#include "flowcli/command.h"

extern const struct command capture_command;

#endif
