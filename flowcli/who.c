/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/who.h"

#include <stdio.h>

static bool who_numeric;

void who_set_numeric(bool numeric)
{
	who_numeric = numeric;
}

bool who_is_numeric(void)
{
	return who_numeric;
}

void who_name(const struct flow_end *end, char *text, size_t size)
{
	static const enum endpoint_text order[] = { ENDPOINT_POD, ENDPOINT_CONTAINER_NAME,
						    ENDPOINT_SERVICE, ENDPOINT_HOST };

	*text = '\0';
	if (who_numeric)
		return;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		const char *name = flow_end_text(end, order[i]);

		if (name && *name) {
			snprintf(text, size, "%s", name);
			return;
		}
	}
}

void who_identity(const struct flow_end *end, char *text, size_t size)
{
	uint32_t identity = end->endpoint ? end->endpoint->identity : 0;
	const char *name = identity_reserved_name(identity);

	if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "ID:%u", identity);
}

void who_process(const struct flow_end *end, char *text, size_t size)
{
	*text = '\0';
	if (end->pid)
		snprintf(text, size, "%s[%u]", end->comm ? end->comm : "", end->pid);
}
