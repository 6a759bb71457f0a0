/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/json_line.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"

#define JSON_LINE_TEXT 1024

static void json_line_text(struct output *output, const char *value, size_t length)
{
	char text[JSON_LINE_TEXT], escaped[JSON_LINE_TEXT * 6];

	snprintf(text, sizeof(text), "%.*s", (int)length, value);
	json_escape(text, escaped, sizeof(escaped));
	output_text(output, "\"");
	output_text(output, escaped);
	output_text(output, "\"");
}

void json_line_member(struct output *output, const char *name, const char *value, size_t length)
{
	output_print(output, ",\"%s\":", name);
	json_line_text(output, value, length);
}

void json_line_list(struct output *output, const char *name)
{
	output_print(output, ",\"%s\":[", name);
}

void json_line_item(struct output *output, unsigned number, const char *value)
{
	output_text(output, number ? "," : "");
	json_line_text(output, value, strlen(value));
}
