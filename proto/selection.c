/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/selection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool same_name(const char *left, const char *right)
{
	return left == right || (left && right && !strcmp(left, right));
}

static struct selection_term *find_term(struct selection *selection, const char *const fields[2])
{
	for (size_t i = 0; i < selection->term_count; i++) {
		struct selection_term *term = &selection->terms[i];
		if (same_name(term->fields[0], fields[0]) && same_name(term->fields[1], fields[1]))
			return term;
	}
	if (selection->term_count == SELECTION_TERMS)
		return NULL;
	struct selection_term *term = &selection->terms[selection->term_count++];
	*term = (struct selection_term){ { fields[0], fields[1] }, NULL };
	return term;
}

static int test_fields(const char *const fields[2], const char *text, struct filter **out,
		       char *why, size_t why_size)
{
	struct filter *sides[2] = { NULL, NULL };

	for (int i = 0; i < 2 && fields[i]; i++) {
		const struct field *field = field_find(fields[i]);
		if (!field) {
			snprintf(why, why_size, "no field is named '%s'", fields[i]);
			filter_free(sides[0]);
			return -EINVAL;
		}
		int error = filter_test(field, text, &sides[i], why, why_size);
		if (error) {
			filter_free(sides[0]);
			return error;
		}
	}
	*out = filter_or(sides[0], sides[1]);
	return *out ? 0 : -ENOMEM;
}

static int exclude(struct selection *selection, struct filter *test)
{
	struct filter *negated = filter_not(test);
	if (!negated)
		return -ENOMEM;
	selection->excluded = filter_and(selection->excluded, negated);
	return selection->excluded ? 0 : -ENOMEM;
}

int selection_add(struct selection *selection, const char *const fields[2], const char *text,
		  bool negate, char *why, size_t why_size)
{
	struct filter *test;
	int error = test_fields(fields, text, &test, why, why_size);
	if (error)
		return error;
	if (negate)
		return exclude(selection, test);
	struct selection_term *term = find_term(selection, fields);
	if (!term) {
		filter_free(test);
		snprintf(why, why_size, "more than %d different filters", SELECTION_TERMS);
		return -EINVAL;
	}
	term->any = filter_or(term->any, test);
	return term->any ? 0 : -ENOMEM;
}

int selection_where(struct selection *selection, const char *text, bool negate, char *why,
		    size_t why_size)
{
	const char *equals = strchr(text, '=');
	char name[64];

	if (!equals || equals == text) {
		snprintf(why, why_size, "'%s' is not FIELD=VALUE", text);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	const struct field *field = field_find(name);
	if (!field) {
		snprintf(why, why_size, "no field is named '%s'; 'flowcli list fields' shows all",
			 name);
		return -EINVAL;
	}
	return selection_add(selection, (const char *const[2]){ field->name, NULL }, equals + 1,
			     negate, why, why_size);
}

const char *selection_at_least(const char *text, char *room, size_t size)
{
	if (strpbrk(text, "-,") || (size_t)snprintf(room, size, "%s-", text) >= size)
		return text;
	return room;
}

int selection_take(struct selection *selection, struct filter **out)
{
	struct filter *all = NULL;

	for (size_t i = 0; i < selection->term_count; i++) {
		bool had = all || selection->terms[i].any;
		all = filter_and(all, selection->terms[i].any);
		selection->terms[i].any = NULL;
		if (had && !all)
			return -ENOMEM;
	}
	bool had = all || selection->excluded;
	*out = filter_and(all, selection->excluded);
	selection->excluded = NULL;
	selection->term_count = 0;
	return had && !*out ? -ENOMEM : 0;
}

void selection_fini(struct selection *selection)
{
	for (size_t i = 0; i < selection->term_count; i++)
		filter_free(selection->terms[i].any);
	filter_free(selection->excluded);
	*selection = (struct selection){ 0 };
}
