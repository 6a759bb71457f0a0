/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows by their addresses, protocol and ports, whatever tunnel or VLAN they were seen in. */
#ifndef FLOWCLI_CONVERSATION_H
#define FLOWCLI_CONVERSATION_H

#include <stdbool.h>

#include "bpf-common/flow_abi.h"

/* The same conversation, there or back. */
bool conversation_is(const struct flow_key *left, const struct flow_key *right);

#endif
