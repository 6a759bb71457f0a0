/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FLOWCLI_SCOPE_H
#define FLOWCLI_SCOPE_H

#include "flowcli/command.h"

extern const struct command scope_command;

#endif
