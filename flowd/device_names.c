/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/device_names.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/intern.h"

#define DEVICE_NAMES_SLOTS 1024 /* devices with records of late; others lose only a name */

struct device_names {
	struct intern *texts;
	struct {
		uint32_t ifindex;
		const char *name;
	} last[DEVICE_NAMES_SLOTS];
};

int device_names_open(struct device_names **out)
{
	struct device_names *names = calloc(1, sizeof(*names));

	if (!names || intern_open(&names->texts)) {
		free(names);
		return -ENOMEM;
	}
	*out = names;
	return 0;
}

void device_names_close(struct device_names *names)
{
	if (!names)
		return;
	intern_close(names->texts);
	free(names);
}

const char *device_names_keep(struct device_names *names, uint32_t ifindex, const char *name)
{
	size_t slot = ifindex % DEVICE_NAMES_SLOTS;

	if (!name)
		return names->last[slot].ifindex == ifindex ? names->last[slot].name : NULL;
	names->last[slot].ifindex = ifindex;
	names->last[slot].name = intern_text(names->texts, name);
	return names->last[slot].name;
}
