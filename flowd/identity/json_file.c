/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/json_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define JSON_FILE_STEP 65536

static char *json_file_slurp(int fd, size_t *size)
{
	char *text = NULL;
	size_t used = 0, room = 0;
	ssize_t got;

	do {
		char *more = room - used < JSON_FILE_STEP ? realloc(text, room + 2 * JSON_FILE_STEP)
							  : text;

		if (!more || used > JSON_FILE_MAX) {
			free(more ? more : text);
			return NULL;
		}
		room += more == text && room - used >= JSON_FILE_STEP ? 0 : 2 * JSON_FILE_STEP;
		text = more;
		got = read(fd, text + used, JSON_FILE_STEP);
		used += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[used] = '\0';
	*size = used;
	return text;
}

char *json_file_text(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode))
		text = json_file_slurp(fd, size);
	close(fd);
	return text;
}

struct json_object *json_file_read(const char *path)
{
	size_t size;
	char *text = json_file_text(path, &size);
	struct json_object *object = text ? json_tokener_parse(text) : NULL;

	free(text);
	return object;
}

struct json_object *json_member(struct json_object *object, const char *key)
{
	struct json_object *member = NULL;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	return json_object_object_get_ex(object, key, &member) ? member : NULL;
}

const char *json_member_text(struct json_object *object, const char *key)
{
	struct json_object *member = json_member(object, key);

	return json_object_is_type(member, json_type_string) ? json_object_get_string(member)
							     : NULL;
}

void json_member_copy(struct json_object *object, const char *key, char *to, size_t size)
{
	const char *text = json_member_text(object, key);

	if (text && *text)
		snprintf(to, size, "%s", text);
}
