/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/option.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: formatting takes the first that divides. */
static const struct option_unit durations[] = {
	{ "h", UINT64_C(3600000000000) },
	{ "m", UINT64_C(60000000000) },
	{ "s", UINT64_C(1000000000) },
	{ "ms", UINT64_C(1000000) },
	{ "us", UINT64_C(1000) },
	{ "ns", UINT64_C(1) },
	{ "d", UINT64_C(86400000000000) }, /* read, never written */
	{ NULL, 0 },
};
static const struct option_unit sizes[] = {
	{ "GiB", UINT64_C(1) << 30 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "", 1 },
	{ NULL, 0 },
};
static const struct option_unit counts[] = { { "", 1 }, { NULL, 0 } };
static const struct option_unit percents[] = { { "%", 1 }, { "", 1 }, { NULL, 0 } };
static const char *const switches[] = { "false", "true", NULL };

static const struct option_unit *option_units(const struct option *option)
{
	switch (option->type) {
	case OPTION_DURATION:
		return durations;
	case OPTION_BYTES:
		return sizes;
	case OPTION_COUNT:
		return counts;
	case OPTION_PERCENT:
		return percents;
	case OPTION_SWITCH:
	case OPTION_NAME:
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL:
	case OPTION_GLOBS:
	case OPTION_BY_GLOB:
	case OPTION_PORTS:
		break;
	}
	return NULL;
}

bool option_is_number(const struct option *option)
{
	return option_units(option) || option->type == OPTION_SWITCH || option->type == OPTION_NAME;
}

int option_find_name(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	return -1;
}

static const char *const *option_names(const struct option *option)
{
	return option->type == OPTION_SWITCH ? switches : option->names;
}

static const char *option_form(const struct option *option)
{
	switch (option->type) {
	case OPTION_DURATION:
		return "a number with a unit, such as 500ms, 15s or 5m";
	case OPTION_BYTES:
		return "a power of two in bytes, such as 1048576, 512KiB or 4MiB";
	case OPTION_COUNT:
		return "a whole number";
	case OPTION_PERCENT:
		return "a percentage, such as 2%";
	case OPTION_PATH:
		return "an absolute path";
	case OPTION_URL:
		return "ipc:///path, tls+tcp://host:port or tcp://127.0.0.1:port";
	case OPTION_GLOBS:
		return "a list of names or globs, such as [eth0, \"veth*\"]";
	case OPTION_BY_GLOB:
		return option->names
			       ? "a mapping from globs to modes, such as {eth0: xdp, \"veth*\": tc}"
			       : "a mapping from globs to numbers, such as {eth0: 100, \"veth*\": 1}";
	case OPTION_PORTS:
		return "a list of ports, such as [4789, 8472]";
	case OPTION_SWITCH:
	case OPTION_NAME:
	case OPTION_TEXT:
		break;
	}
	return "";
}

static const struct option_unit *option_find_unit(const struct option_unit *units, const char *name,
						  size_t length)
{
	for (; units->name; units++) {
		if (strlen(units->name) == length && !strncmp(units->name, name, length))
			return units;
	}
	return NULL;
}

/* "1m30s": a sum of numbers with units. 0 or -EINVAL; also on overflow. */
static int option_sum(const struct option_unit *units, const char *text, uint64_t *sum)
{
	*sum = 0;
	do {
		const struct option_unit *unit;
		uint64_t number, part;
		char *end;
		size_t length;

		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		errno = 0;
		number = strtoull(text, &end, 10);
		length = strcspn(end, "0123456789");
		unit = option_find_unit(units, end, length);
		if (errno || !unit || __builtin_mul_overflow(number, unit->factor, &part) ||
		    __builtin_add_overflow(*sum, part, sum))
			return -EINVAL;
		text = end + length;
	} while (*text);
	return 0;
}

static void option_join_names(const char *const *names, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; names[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 !i		? ""
					 : names[i + 1] ? ", "
							: " or ",
					 names[i]);
}

static int option_parse_name(const struct option *option, const char *text, uint64_t *value,
			     char *why, size_t why_size)
{
	char list[128];
	int index = option_find_name(option_names(option), text);

	if (index < 0) {
		option_join_names(option_names(option), list, sizeof(list));
		snprintf(why, why_size, "\"%s\" is not known; write %s", text, list);
		return -EINVAL;
	}
	*value = (uint64_t)index;
	return 0;
}

int option_parse_number(const struct option *option, const char *text, uint64_t *value, char *why,
			size_t why_size)
{
	const struct option_unit *units = option_units(option);
	char range[128];

	if (!units)
		return option_parse_name(option, text, value, why, why_size);
	if (option_sum(units, text, value) ||
	    (option->type == OPTION_BYTES && *value & (*value - 1))) {
		snprintf(why, why_size, "\"%s\" cannot be used; write %s", text,
			 option_form(option));
		return -EINVAL;
	}
	if (option->high && (*value < option->low || *value > option->high)) {
		option_format_range(option, range, sizeof(range));
		snprintf(why, why_size, "%s is out of range; write %s", text, range);
		return -EINVAL;
	}
	return 0;
}

static bool option_url_known(const char *text)
{
	static const char *const schemes[] = { "ipc:///", "tls+tcp://", "tcp://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (!strncmp(text, schemes[i], strlen(schemes[i])) && text[strlen(schemes[i])])
			return true;
	}
	return false;
}

int option_check_text(const struct option *option, const char *text, char *why, size_t why_size)
{
	if (option->type == OPTION_PATH && *text && *text != '/') {
		snprintf(why, why_size, "\"%s\" is a relative path; write %s", text,
			 option_form(option));
		return -EINVAL;
	}
	if (option->type == OPTION_URL && *text && !option_url_known(text)) {
		snprintf(why, why_size, "\"%s\" is no address; write %s", text,
			 option_form(option));
		return -EINVAL;
	}
	return 0;
}

int option_format_number(const struct option *option, uint64_t value, char *text, size_t size)
{
	const struct option_unit *unit = option_units(option);

	if (!unit)
		return snprintf(text, size, "%s", option_names(option)[value]);
	if (!value)
		return snprintf(text, size, "%s", option->type == OPTION_DURATION ? "0s" : "0");
	while (value % unit->factor)
		unit++;
	return snprintf(text, size, "%llu%s", (unsigned long long)(value / unit->factor),
			unit->name);
}

void option_format_range(const struct option *option, char *text, size_t size)
{
	struct option number = *option;
	char low[32], high[32];

	*text = 0;
	if (option->type == OPTION_BY_GLOB)
		number.type = OPTION_COUNT;
	if (option->type == OPTION_SWITCH || option->type == OPTION_NAME) {
		option_join_names(option_names(option), text, size);
	} else if (option->high) {
		option_format_number(&number, option->low, low, sizeof(low));
		option_format_number(&number, option->high, high, sizeof(high));
		snprintf(text, size, "%s to %s", low, high);
	} else {
		snprintf(text, size, "%s", option_form(option));
	}
}

#define OPTION_KEY_MAX 64

/* Edits (insert, delete, replace) from one text to the other. */
static size_t option_distance(const char *a, const char *b)
{
	size_t row[OPTION_KEY_MAX + 1], columns = strnlen(b, OPTION_KEY_MAX);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[columns];
}

const struct option *option_guess(const struct option *rows, size_t count, const char *key)
{
	const struct option *best = NULL;
	size_t shortest = strlen(key) / 4 + 1; /* edits; more is another word */

	if (strlen(key) > OPTION_KEY_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *last = strrchr(rows[i].key, '.');
		size_t whole = option_distance(key, rows[i].key);
		size_t part = last ? option_distance(key, last + 1) : whole;
		size_t distance = whole < part ? whole : part;

		if (distance < shortest) {
			shortest = distance;
			best = &rows[i];
		}
	}
	return best;
}
