/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FLOWCLI_LIST_H
#define FLOWCLI_LIST_H

#include "flowcli/command.h"

extern const struct command list_command;

#endif
