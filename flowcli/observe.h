/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FLOWCLI_OBSERVE_H
#define FLOWCLI_OBSERVE_H

#include "flowcli/command.h"

extern const struct command observe_command;

#endif
