/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A field mask on Hubble's JSON line. The line is our own (proto/json.c), so it is
 * known to be well-formed and without spaces; masking copies it member by member.
 */
#include <string.h>

#include "flowd/export/format.h"

#define FLOW_HEAD "{\"flow\":{"
#define PATH_MAX  256

bool format_mask_has(const struct format_mask *mask, const char *path, size_t length)
{
	for (size_t i = 0; i < mask->count; i++) {
		size_t named = strlen(mask->path[i]);

		if (named <= length && !memcmp(mask->path[i], path, named) &&
		    (named == length || path[named] == '.'))
			return true;
	}
	return !mask->count;
}

bool format_mask_below(const struct format_mask *mask, const char *path, size_t length)
{
	for (size_t i = 0; i < mask->count; i++) {
		if (strlen(mask->path[i]) > length && !memcmp(mask->path[i], path, length) &&
		    mask->path[i][length] == '.')
			return true;
	}
	return false;
}

/* The end of the string, number, word, array or object that begins here. */
static const char *value_end(const char *at)
{
	int depth = 0;

	for (; *at; at++) {
		if (*at == '"') {
			for (at++; *at != '"'; at++)
				at += *at == '\\';
		} else if (*at == '{' || *at == '[') {
			depth++;
		} else if (*at == '}' || *at == ']') {
			if (!depth)
				return at;
			depth--;
		} else if (*at == ',' && !depth) {
			return at;
		}
	}
	return at;
}

static char *mask_object(char *out, const char **in, const struct format_mask *mask, char *path,
			 size_t length);

/* The id, and what JSON needs to tell the type of an object. */
static bool mask_always(const char *key, size_t size, size_t depth)
{
	return key[0] == '@' || (!depth && size == 4 && !memcmp(key, "uuid", 4));
}

/* One member, `"key":value`; the comma behind it is not read. */
static char *mask_member(char *out, const char **in, const struct format_mask *mask, char *path,
			 size_t length)
{
	const char *key = *in + 1, *quote = strchr(key, '"'), *value = quote + 2;
	size_t inner = length + (length != 0), size = (size_t)(quote - key);
	const char *end = value_end(value);

	*in = end;
	if (inner + size >= PATH_MAX)
		return out;
	if (length)
		path[length] = '.';
	memcpy(path + inner, key, size);
	inner += size;
	if (mask_always(key, size, length) || format_mask_has(mask, path, inner)) {
		memmove(out, key - 1, (size_t)(end - key) + 1);
		return out + (end - key) + 1;
	}
	if (*value != '{' || !format_mask_below(mask, path, inner))
		return out;
	memmove(out, key - 1, (size_t)(value - key) + 1);
	return mask_object(out + (value - key) + 1, &value, mask, path, inner);
}

/* *in is at the opening brace, and behind the closing one afterwards. */
static char *mask_object(char *out, const char **in, const struct format_mask *mask, char *path,
			 size_t length)
{
	const char *at = *in + 1;
	bool first = true;

	*out++ = '{';
	while (*at != '}') {
		char *member = first ? out : out + 1;
		char *end = mask_member(member, &at, mask, path, length);

		if (end != member) {
			if (!first)
				*out = ',';
			out = end;
			first = false;
		}
		at += *at == ',';
	}
	*in = at + 1;
	*out++ = '}';
	return out;
}

size_t format_native_mask(char *line, size_t length, const struct format_mask *mask)
{
	const char *in = line + strlen(FLOW_HEAD) - 1;
	char path[PATH_MAX], *out = line + strlen(FLOW_HEAD) - 1;
	size_t rest;

	if (!mask->count || strncmp(line, FLOW_HEAD, strlen(FLOW_HEAD)))
		return length;
	out = mask_object(out, &in, mask, path, 0);
	rest = length - (size_t)(in - line);
	memmove(out, in, rest + 1);
	return (size_t)(out - line) + rest;
}
