/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Options that every command which asks the daemon shares, and their defaults from the environment.
 */
#ifndef FLOWCLI_CONNECTION_H
#define FLOWCLI_CONNECTION_H

#include "flowcli/option.h"
#include "flowcli/server.h"

extern const struct option_group connection_options;

/* What was given: option, else FLOWCLI_* variable, else default. */
void connection_settings(struct server_options *options);
/* True when one of the options was given. */
bool connection_given(void);
/* How long an answer may take beyond what it was asked to wait, ms. */
uint32_t connection_timeout_ms(void);
/* Opens, or tells why not on standard error and returns negative errno. */
int connection_open(struct server **out);

#endif
