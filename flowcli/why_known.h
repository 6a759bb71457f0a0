/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The conversations that were found by the names of their ends. Events of them may have been told
 * before the daemon knew whose socket it was, and are found by their addresses and ports. Pure.
 * Bounded: the latest conversations are known.
 */
#ifndef FLOWCLI_WHY_KNOWN_H
#define FLOWCLI_WHY_KNOWN_H

#include <stdint.h>

#include "proto/filter.h"

#define WHY_KNOWN_MAX	256
#define WHY_KNOWN_PAIRS 16 /* of addresses that events are asked for */

struct why_known {
	struct flow_key there[WHY_KNOWN_MAX]; /* as from the source; a ring */
	uint64_t count;
};

/* `back`: the record is of the answers. */
void why_known_add(struct why_known *known, const struct flow_key *key, bool back);
/* True for a known conversation; *back says which way the key goes. */
bool why_known_has(const struct why_known *known, const struct flow_key *key, bool *back);
/* Events between the addresses of known conversations; NULL in *out: there are none. 0 or
 * -ENOMEM. */
int why_known_filter(const struct why_known *known, struct filter **out);

#endif
