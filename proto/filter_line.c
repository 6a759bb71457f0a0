/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/filter_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/selection.h"

#define WORD_MAX 512

#define FLAG_ROW(name, letter, argument, field, other, constant, at_least, offer, help) \
	{ name, letter, argument, { field, other }, constant, at_least },
static const struct {
	const char *name;
	char letter;
	const char *argument;
	const char *fields[2];
	const char *constant;
	bool at_least;
} flags[] = { FILTER_OPTIONS(FLAG_ROW) IDENTITY_OPTIONS(FLAG_ROW) };
#define FLAGS (sizeof(flags) / sizeof(flags[0]))

struct flag_text {
	const char *rest;
	struct selection selection;
	bool negate;
	char *why;
	size_t why_size;
};

/* A word with its quotes taken off. 1, 0 at the end, or -EINVAL. */
static int flag_word(struct flag_text *text, char word[WORD_MAX])
{
	const char *at = text->rest + strspn(text->rest, " \t\n");
	size_t used = 0;
	char quote = 0;

	if (!*at)
		return 0;
	for (; *at && (quote || !strchr(" \t\n", *at)); at++) {
		if (quote ? *at == quote : *at == '\'' || *at == '"')
			quote = quote ? 0 : *at;
		else if (used + 1 < WORD_MAX)
			word[used++] = *at;
	}
	word[used] = 0;
	text->rest = at;
	if (!quote)
		return 1;
	snprintf(text->why, text->why_size, "a quote is not closed; end it with %c", quote);
	return -EINVAL;
}

static int flag_refuse(struct flag_text *text, const char *word, const char *what)
{
	snprintf(text->why, text->why_size, "%s: %s", word, what);
	return -EINVAL;
}

static size_t flag_find(const char *name, size_t length)
{
	size_t i = 0;

	while (i < FLAGS &&
	       (strlen(flags[i].name) != length || memcmp(flags[i].name, name, length)))
		i++;
	return i;
}

static size_t flag_find_letter(char letter)
{
	size_t i = 0;

	while (i < FLAGS && flags[i].letter != letter)
		i++;
	return i;
}

/* The operand of --NAME: behind "=", or the next word. */
static int flag_operand(struct flag_text *text, const char *name, const char *equals,
			char operand[WORD_MAX])
{
	int found;

	if (equals) {
		snprintf(operand, WORD_MAX, "%s", equals + 1);
		return 0;
	}
	found = flag_word(text, operand);
	if (found == 0)
		return flag_refuse(text, name, "a value must follow");
	return found < 0 ? found : 0;
}

static int flag_add(struct flag_text *text, size_t flag, const char *word, const char *equals)
{
	bool negate = text->negate;
	char operand[WORD_MAX], open_end[WORD_MAX], detail[512];
	const char *given = flags[flag].constant;
	int error = 0;

	text->negate = false;
	if (flags[flag].argument)
		error = flag_operand(text, word, equals, operand);
	if (error)
		return error;
	if (flags[flag].argument)
		given = operand;
	if (flags[flag].at_least)
		given = selection_at_least(given, open_end, sizeof(open_end));
	error = selection_add(&text->selection, flags[flag].fields, given, negate, detail,
			      sizeof(detail));
	return error == -EINVAL ? flag_refuse(text, word, detail) : error;
}

static int flag_where(struct flag_text *text, const char *word, const char *equals)
{
	bool negate = text->negate;
	char operand[WORD_MAX], detail[512];
	int error = flag_operand(text, word, equals, operand);

	text->negate = false;
	if (error)
		return error;
	error = selection_where(&text->selection, operand, negate, detail, sizeof(detail));
	return error == -EINVAL ? flag_refuse(text, word, detail) : error;
}

static int flag_take(struct flag_text *text, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word), flag;

	if (!strcmp(word, "--not")) {
		text->negate = true;
		return 0;
	}
	if (length == strlen("--where") && !memcmp(word, "--where", length))
		return flag_where(text, word, equals);
	if (word[0] == '-' && word[1] && word[1] != '-' && !word[2])
		flag = flag_find_letter(word[1]);
	else
		flag = length > 2 && word[0] == '-' && word[1] == '-'
			       ? flag_find(word + 2, length - 2)
			       : FLAGS;
	if (flag == FLAGS)
		return flag_refuse(text, word,
				   "is no filter flag; 'flowcli observe --help' lists them");
	return flag_add(text, flag, word, equals);
}

int filter_line_parse(const char *line, struct filter **out, char *why, size_t why_size)
{
	struct flag_text text = { .rest = line, .why = why, .why_size = why_size };
	char word[WORD_MAX];
	int error = 0, found;

	while (!error && (found = flag_word(&text, word)) != 0)
		error = found < 0 ? found : flag_take(&text, word);
	if (!error && text.negate)
		error = flag_refuse(&text, "--not", "must stand before the filter that it negates");
	if (!error)
		error = selection_take(&text.selection, out);
	if (error)
		selection_fini(&text.selection);
	return error;
}
