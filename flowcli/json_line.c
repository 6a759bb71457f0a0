/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/json_line.h"

#include <stdio.h>

#include "proto/json.h"

void json_line_member(struct output *output, const char *name, const char *value, size_t length)
{
	char text[1024], escaped[sizeof(text) * 6];

	snprintf(text, sizeof(text), "%.*s", (int)length, value);
	json_escape(text, escaped, sizeof(escaped));
	output_print(output, ",\"%s\":\"%s\"", name, escaped);
}
