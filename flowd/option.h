/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One row a setting: its key, type, unit, range, default and help. The rows (config.c) drive the
 * configuration file, --set, --help, --print-config and the manual page's test. Here: what the
 * types are, and numbers to and from text. Pure.
 */
#ifndef FLOWD_OPTION_H
#define FLOWD_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	/* Held as uint64_t: */
	OPTION_DURATION, /* ns; "500ms", "15s", "1m30s", "2h" */
	OPTION_COUNT,	 /* "65536" */
	OPTION_BYTES,	 /* "4194304", "4MiB"; a power of two */
	OPTION_PERCENT,	 /* "2%" */
	OPTION_SWITCH,	 /* "true", "false" */
	OPTION_NAME,	 /* one of `names`; the index is held */
	/* Held as const char *, NULL when empty: */
	OPTION_TEXT,
	OPTION_PATH,
	OPTION_URL,
	/* Held as their own structures: */
	OPTION_GLOBS,	/* struct config_globs */
	OPTION_BY_GLOB, /* struct config_by_glob; each value one of `names`, or a count */
	OPTION_PORTS,	/* struct config_ports */
};

struct option {
	const char *key; /* "flow.active_timeout" */
	enum option_type type;
	size_t offset;		  /* in the structure that holds it */
	uint64_t low, high;	  /* of what is held as a number; 0, 0 = any */
	const char *standard;	  /* the default as text; NULL = empty */
	const char *const *names; /* NULL-terminated */
	bool reload;		  /* takes effect on SIGHUP */
	const char *help;	  /* a phrase */
};

bool option_is_number(const struct option *option);
/* 0, or -EINVAL with what is wrong and what to write instead in `why`. */
int option_parse_number(const struct option *option, const char *text, uint64_t *value, char *why,
			size_t why_size);
int option_check_text(const struct option *option, const char *text, char *why, size_t why_size);
/* The shortest text that parses to the same value. Returns the length snprintf would. */
int option_format_number(const struct option *option, uint64_t value, char *text, size_t size);
/* "1s to 24h", "true or false", "a URL ..."; empty where anything goes. */
void option_format_range(const struct option *option, char *text, size_t size);
/* Index of `name`, or -1. */
int option_find_name(const char *const *names, const char *name);
/* The row whose key looks most like `key`, or NULL when none does. */
const struct option *option_guess(const struct option *rows, size_t count, const char *key);

#endif
