/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Regular expressions that others may send us: Perl's syntax (PCRE2), found anywhere in the text,
 * letter case aside. Time and memory of a match are bounded; what exceeds them does not match.
 */
#ifndef PROTO_PATTERN_H
#define PROTO_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_BYTES 512 /* of an expression, at most */

struct pattern;
/* 0, -ENOMEM, or -EINVAL with what was expected, where, in `why`. */
int pattern_open(struct pattern **out, const char *expression, char *why, size_t why_size);
/* Accepts NULL. */
void pattern_close(struct pattern *pattern);
bool pattern_matches(const struct pattern *pattern, const char *text);

#endif
