/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli tcp`: the connections that fare worst. */
#ifndef FLOWCLI_TCP_H
#define FLOWCLI_TCP_H

#include "flowcli/command.h"

extern const struct command tcp_command;

#endif
