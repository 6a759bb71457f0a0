/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/endpoint.h"

#include <string.h>

const char *endpoint_label(const struct flow_endpoint *endpoint, unsigned index)
{
	const char *label;

	if (!endpoint || index >= endpoint->label_count)
		return NULL;
	for (label = endpoint->labels; index; index--)
		label += strlen(label) + 1;
	return label;
}

const char *endpoint_name_of(const char *joined)
{
	const char *slash = joined ? strchr(joined, '/') : NULL;

	return slash ? slash + 1 : joined;
}

const char *identity_reserved_name(uint32_t identity)
{
	switch (identity) {
#define NAME_CASE(name, number, text) \
	case number:                  \
		return text;
		IDENTITY_RESERVED(NAME_CASE)
#undef NAME_CASE
	}
	return NULL;
}
