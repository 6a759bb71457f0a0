/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli why SRC DST[:PORT]`: what is wrong between two sides, in words. */
#ifndef FLOWCLI_WHY_H
#define FLOWCLI_WHY_H

#include "flowcli/command.h"

#define EXIT_NOTHING_WRONG 3
#define EXIT_NO_DATA	   4

extern const struct command why_command;

#endif
