/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli drops`: dropped packets, summed up by reason, place, flow or any field. */
#ifndef FLOWCLI_DROPS_H
#define FLOWCLI_DROPS_H

#include "flowcli/command.h"

extern const struct command drops_command;

#endif
