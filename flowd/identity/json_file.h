/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* JSON files of others: read with bounds, and looked into without asserting what is there. */
#ifndef IDENTITY_JSON_FILE_H
#define IDENTITY_JSON_FILE_H

#include <json-c/json.h>
#include <stddef.h>

#define JSON_FILE_MAX (16u << 20)

/* The whole file, NUL-terminated; NULL: not there, too large, no memory. Freed by the caller. */
char *json_file_text(const char *path, size_t *size);
/* NULL likewise, or no JSON. Given back by json_object_put(). */
struct json_object *json_file_read(const char *path);
/* The member; NULL where `object` is none or has none. */
struct json_object *json_member(struct json_object *object, const char *key);
/* The text of a member, or NULL. */
const char *json_member_text(struct json_object *object, const char *key);
/* Copies the member's text, if it has one. */
void json_member_copy(struct json_object *object, const char *key, char *to, size_t size);

#endif
