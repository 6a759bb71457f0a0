/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_question.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SLOW "300ms-" /* DNS that may matter, whatever it was about */

/* Trees are built on after a failure, and thrown away at the end. */
struct builder {
	char *why;
	size_t size;
	int error;
};

static struct filter *noted(struct builder *builder, struct filter *tree)
{
	if (!tree && !builder->error)
		builder->error = -ENOMEM;
	return tree;
}

static struct filter *test(struct builder *builder, const char *field, const char *text)
{
	struct filter *out = NULL;

	if (!builder->error)
		builder->error =
			filter_test(field_find(field), text, &out, builder->why, builder->size);
	return out;
}

static struct filter *both(struct builder *builder, struct filter *left, struct filter *right)
{
	return noted(builder, filter_and(left, right));
}

static struct filter *either(struct builder *builder, struct filter *left, struct filter *right)
{
	return noted(builder, filter_or(left, right));
}

static struct filter *end_of(struct builder *builder, const struct why_side *side,
			     enum flow_side end)
{
	return noted(builder, why_side_filter(side, end));
}

static struct filter *way(struct builder *builder, const struct why_side *source,
			  const struct why_side *destination, bool back)
{
	struct filter *tree =
		both(builder, end_of(builder, source, back ? FLOW_DESTINATION : FLOW_SOURCE),
		     end_of(builder, destination, back ? FLOW_SOURCE : FLOW_DESTINATION));

	if (*destination->port)
		tree = both(builder, tree,
			    test(builder, back ? "source.port" : "destination.port",
				 destination->port));
	return tree;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* "default/web" is "web.default" in DNS; what has a wildcard is no name. */
static void name_of(const struct why_side *side, char *name, size_t size)
{
	const char *slash = strchr(side->name, '/');
	bool plain = side->name == side->host || !strcmp(side->host, "name");

	*name = '\0';
	if (side->is_address || !plain || strpbrk(side->name, "*?,") || side->kind_count == 0 ||
	    !strcmp(side->kinds[0].title, "address"))
		return;
	if (slash)
		snprintf(name, size, "%s.%.*s", slash + 1, (int)(slash - side->name), side->name);
	else
		snprintf(name, size, "%s", side->name);
}

/* The name, and what begins with it up to a dot. */
static void pattern_of(const char *name, char *pattern, size_t size)
{
	size_t used = (size_t)snprintf(pattern, size, "^");

	for (; *name && used + 8 < size; name++)
		used += (size_t)snprintf(pattern + used, size - used, "%s%c",
					 strchr("\\.[]{}()+^$|", *name) ? "\\" : "", *name);
	snprintf(pattern + used, size - used, "(\\.|$)");
}

static struct filter *lookups(struct builder *builder, const struct why_question *question,
			      const struct why_side *source, const struct why_side *destination)
{
	struct filter *got = both(builder, end_of(builder, source, FLOW_DESTINATION),
				  test(builder, "dns.message", "response"));
	struct filter *missed = both(builder, end_of(builder, source, FLOW_SOURCE),
				     test(builder, "dns.message", "timeout"));
	struct filter *about = either(builder, test(builder, "dns.latency", SLOW),
				      test(builder, "dns.waited", SLOW));
	char pattern[2 * WHY_NAME_MAX + 16];

	if (*question->name) {
		pattern_of(question->name, pattern, sizeof(pattern));
		about = either(builder, test(builder, "dns.query", pattern), about);
	} else if (destination->is_address) {
		about = either(builder, test(builder, "dns.ip", destination->host), about);
	}
	return both(builder, either(builder, got, missed), about);
}

/* ---- all ------------------------------------------------------------------------------------ */

/* The listening socket may be bound to any address. */
static struct filter *overflows(struct builder *builder, const struct why_side *destination)
{
	struct filter *tree = both(builder, test(builder, "kind", "tcp_overflow"),
				   either(builder, end_of(builder, destination, FLOW_SOURCE),
					  test(builder, "source.ip", "0.0.0.0,::")));

	if (*destination->port)
		tree = both(builder, tree, test(builder, "source.port", destination->port));
	return tree;
}

int why_question_open(struct why_question *question, const struct why_side *source,
		      const struct why_side *destination, char *why, size_t size)
{
	struct builder builder = { why, size, 0 };

	*question = (struct why_question){ 0 };
	name_of(destination, question->name, sizeof(question->name));
	question->there = way(&builder, source, destination, false);
	question->back = way(&builder, source, destination, true);
	question->lookups = lookups(&builder, question, source, destination);
	question->overflows = overflows(&builder, destination);
	if (builder.error)
		why_question_close(question);
	if (builder.error == -ENOMEM)
		snprintf(why, size, "not enough memory");
	return builder.error;
}

void why_question_close(struct why_question *question)
{
	filter_free(question->there);
	filter_free(question->back);
	filter_free(question->lookups);
	filter_free(question->overflows);
	*question = (struct why_question){ 0 };
}

/* Copies of the parts, joined. */
static struct filter *any_of(const struct filter *const *parts, size_t count)
{
	struct filter *all = NULL;

	for (size_t i = 0; i < count; i++) {
		struct filter *part = filter_copy(parts[i]);

		if (!part) {
			filter_free(all);
			return NULL;
		}
		all = filter_or(all, part);
		if (!all)
			return NULL;
	}
	return all;
}

struct filter *why_question_ways(const struct why_question *question)
{
	const struct filter *const parts[] = { question->there, question->back };

	return any_of(parts, sizeof(parts) / sizeof(parts[0]));
}

struct filter *why_question_filter(const struct why_question *question)
{
	const struct filter *const parts[] = { question->there, question->back, question->lookups,
					       question->overflows };

	return any_of(parts, sizeof(parts) / sizeof(parts[0]));
}
