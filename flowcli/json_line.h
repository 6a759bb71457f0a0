/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members of JSON objects that are no records. */
#ifndef FLOWCLI_JSON_LINE_H
#define FLOWCLI_JSON_LINE_H

#include "flowcli/output.h"

/* ,"name":"value"; the value is `length` bytes of text, of which only the first thousand are shown.
 */
void json_line_member(struct output *output, const char *name, const char *value, size_t length);
/* ,"name":[ and its items, of which the first has the number 0. */
void json_line_list(struct output *output, const char *name);
void json_line_item(struct output *output, unsigned number, const char *value);

#endif
