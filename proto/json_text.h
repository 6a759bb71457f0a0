/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pieces of JSON written to memory whose size the caller has made sure of. Each returns the end of
 * what it wrote; nothing is terminated.
 */
#ifndef PROTO_JSON_TEXT_H
#define PROTO_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_U64_MAX 20 /* digits */

/* A string literal, its length known to the compiler. */
#define json_literal(out, literal) json_bytes(out, literal, sizeof(literal) - 1)

static inline char *json_bytes(char *out, const char *bytes, size_t size)
{
	memcpy(out, bytes, size);
	return out + size;
}

static inline char *json_word(char *out, const char *word)
{
	return json_bytes(out, word, strlen(word));
}

char *json_u64(char *out, uint64_t number);
/* Quoted and escaped; at most `max` bytes between the quotes, a cut is marked by U+2026. */
char *json_string(char *out, const char *text, size_t max);

#endif
