/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/option.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/selection.h"

struct arguments {
	int count;
	char **values;
	int at;
	char *why;
	size_t why_size;
};

/* The sentence goes to the caller; always -EINVAL. */
static int __attribute__((format(printf, 2, 3)))
refuse(struct arguments *arguments, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(arguments->why, arguments->why_size, format, values);
	va_end(values);
	return -EINVAL;
}

void option_each(const struct option_group *const *groups, option_visit_fn visit, void *context)
{
	for (; groups && *groups; groups++)
		for (const struct option_row *row = (*groups)->rows; row->name; row++)
			visit(context, *groups, row);
}

const struct option_row *option_find(const struct option_group *const *groups, const char *name,
				     size_t length)
{
	for (; groups && *groups; groups++)
		for (const struct option_row *row = (*groups)->rows; row->name; row++)
			if (strlen(row->name) == length && !memcmp(row->name, name, length))
				return row;
	return NULL;
}

const struct option_row *option_find_letter(const struct option_group *const *groups, char letter)
{
	for (; groups && *groups; groups++)
		for (const struct option_row *row = (*groups)->rows; row->name; row++)
			if (row->letter == letter)
				return row;
	return NULL;
}

static int take_choice(const struct option_row *row, const char *text, struct arguments *arguments)
{
	char list[256] = "";
	size_t used = 0;

	for (const char *const *choice = row->choices; *choice; choice++) {
		if (!strcmp(*choice, text)) {
			*(const char **)row->variable = *choice;
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 *choice);
		if (used >= sizeof(list))
			used = sizeof(list) - 1;
	}
	return refuse(arguments, "--%s: '%s' is none of %s", row->name, text, list);
}

static int take_count(const struct option_row *row, const char *text, struct arguments *arguments)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !number)
		return refuse(arguments, "--%s: '%s' is not a number from 1 on", row->name, text);
	*(uint64_t *)row->variable = number;
	return 0;
}

static int take_filter(struct option_parser *parser, const struct option_row *row, const char *text,
		       struct arguments *arguments)
{
	bool negate = parser->negate;
	char why[512], open_end[64];
	int error;

	parser->negate = false;
	if (row->at_least)
		text = selection_at_least(text, open_end, sizeof(open_end));
	if (row->kind == OPTION_WHERE)
		error = selection_where(parser->selection, text, negate, why, sizeof(why));
	else
		error = selection_add(parser->selection, row->fields, text, negate, why,
				      sizeof(why));
	if (error == -EINVAL)
		refuse(arguments, "--%s: %s", row->name, why);
	return error;
}

static int take_not(struct option_parser *parser, struct arguments *arguments)
{
	if (parser->negate)
		return refuse(arguments, "--not is followed by another --not: each stands before "
					 "the filter that it negates");
	parser->negate = true;
	return 0;
}

static int apply(struct option_parser *parser, const struct option_row *row, const char *text,
		 struct arguments *arguments)
{
	bool filters = row->kind == OPTION_FILTER || row->kind == OPTION_WHERE;

	if (parser->negate && !filters && row->kind != OPTION_NOT && row->kind != OPTION_HELP)
		return refuse(arguments, "--not must stand before a filter, --%s is none",
			      row->name);
	switch (row->kind) {
	case OPTION_SWITCH:
		*(bool *)row->variable = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)row->variable = text;
		return 0;
	case OPTION_CHOICE:
		return take_choice(row, text, arguments);
	case OPTION_COUNT:
		return take_count(row, text, arguments);
	case OPTION_FILTER:
	case OPTION_WHERE:
		return take_filter(parser, row, text ? text : row->constant, arguments);
	case OPTION_NOT:
		return take_not(parser, arguments);
	case OPTION_HELP:
		parser->help = true;
		return 0;
	}
	return -EINVAL;
}

static int need_argument(const struct option_row *row, struct arguments *arguments,
			 const char **text)
{
	if (arguments->at + 1 >= arguments->count)
		return refuse(arguments, "--%s needs a value: --%s %s", row->name, row->name,
			      row->argument);
	*text = arguments->values[++arguments->at];
	return 0;
}

static int parse_long(struct option_parser *parser, struct arguments *arguments)
{
	const char *name = arguments->values[arguments->at] + 2;
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_row *row = option_find(parser->groups, name, length);
	const char *text = equals ? equals + 1 : NULL;

	if (!row)
		return refuse(arguments, "unknown option --%.*s", (int)length, name);
	if (!row->argument && text)
		return refuse(arguments, "--%s takes no value", row->name);
	if (row->argument && !text) {
		int error = need_argument(row, arguments, &text);
		if (error)
			return error;
	}
	return apply(parser, row, text, arguments);
}

/* "-f", "-4f", "-ojson", "-o json" */
static int parse_letters(struct option_parser *parser, struct arguments *arguments)
{
	const char *letter = arguments->values[arguments->at] + 1;
	int error = 0;

	for (; !error && *letter && !parser->help; letter++) {
		const struct option_row *row = option_find_letter(parser->groups, *letter);
		const char *text = NULL;
		if (!row)
			return refuse(arguments, "unknown option -%c", *letter);
		if (row->argument) {
			text = letter + 1;
			if (!*text)
				error = need_argument(row, arguments, &text);
			return error ? error : apply(parser, row, text, arguments);
		}
		error = apply(parser, row, NULL, arguments);
	}
	return error;
}

static int take_operand(struct option_parser *parser, struct arguments *arguments)
{
	const char *text = arguments->values[arguments->at];

	if (parser->operand_count == OPTION_OPERANDS_MAX)
		return refuse(arguments, "too many arguments at '%s'", text);
	parser->operands[parser->operand_count++] = text;
	return 0;
}

static int parse_one(struct option_parser *parser, struct arguments *arguments, bool *options_end)
{
	const char *text = arguments->values[arguments->at];

	if (*options_end || text[0] != '-' || !text[1])
		return take_operand(parser, arguments);
	if (!strcmp(text, "--")) {
		*options_end = true;
		return 0;
	}
	return text[1] == '-' ? parse_long(parser, arguments) : parse_letters(parser, arguments);
}

int option_parse(struct option_parser *parser, int argc, char **argv, char *why, size_t why_size)
{
	struct arguments arguments = { argc, argv, 0, why, why_size };
	bool options_end = false;
	int error = 0;

	for (; arguments.at < argc && !error && !parser->help; arguments.at++) {
		error = parse_one(parser, &arguments, &options_end);
		if (parser->stop_at_operand && parser->operand_count) {
			arguments.at++;
			break;
		}
	}
	parser->next = arguments.at;
	if (!error && parser->negate && !parser->help)
		return refuse(&arguments, "--not at the end: it must stand before the filter that "
					  "it negates");
	return error;
}
