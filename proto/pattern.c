/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT 20000 /* steps; a name of 253 bytes takes some hundred */
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT  256 /* KiB */
#define NEST_LIMIT  32

struct pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

static int complain(int number, size_t offset, char *why, size_t why_size)
{
	char text[128];

	if (number == PCRE2_ERROR_NOMEMORY)
		return -ENOMEM;
	pcre2_get_error_message(number, (PCRE2_UCHAR *)text, sizeof(text));
	snprintf(why, why_size, "Perl's syntax (at character %zu: %s)", offset + 1, text);
	return -EINVAL;
}

static int compile(struct pattern *pattern, const char *expression, char *why, size_t why_size)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_SIZE offset = 0;
	int number = PCRE2_ERROR_NOMEMORY;

	if (!context)
		return -ENOMEM;
	pcre2_set_max_pattern_length(context, PATTERN_BYTES);
	pcre2_set_parens_nest_limit(context, NEST_LIMIT);
	pattern->code =
		pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED,
			      PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C, &number, &offset, context);
	pcre2_compile_context_free(context);
	return pattern->code ? 0 : complain(number, offset, why, why_size);
}

int pattern_open(struct pattern **out, const char *expression, char *why, size_t why_size)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	int error = pattern ? compile(pattern, expression, why, why_size) : -ENOMEM;

	if (!error) {
		pattern->match = pcre2_match_data_create(1, NULL);
		pattern->context = pcre2_match_context_create(NULL);
		if (!pattern->match || !pattern->context)
			error = -ENOMEM;
	}
	if (error) {
		pattern_close(pattern);
		return error;
	}
	pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
	pcre2_set_depth_limit(pattern->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(pattern->context, HEAP_LIMIT);
	*out = pattern;
	return 0;
}

void pattern_close(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	pcre2_match_data_free(pattern->match);
	pcre2_match_context_free(pattern->context);
	free(pattern);
}

bool pattern_matches(const struct pattern *pattern, const char *text)
{
	return pcre2_match(pattern->code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0,
			   pattern->match, pattern->context) >= 0;
}
