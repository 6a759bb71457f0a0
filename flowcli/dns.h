/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli dns`: is it DNS? */
#ifndef FLOWCLI_DNS_H
#define FLOWCLI_DNS_H

#include "flowcli/command.h"

extern const struct command dns_command;

#endif
