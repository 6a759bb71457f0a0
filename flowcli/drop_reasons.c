/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/drop_reasons.h"

#include <stddef.h>

#include "flowd/symbols/btf_names.h"

void drop_reasons_offer(void (*take)(void *context, const char *word), void *context)
{
	struct btf_names *names;

	if (btf_names_open(&names, NULL))
		return;
	btf_names_each_drop(names, take, context);
	btf_names_close(names);
}
