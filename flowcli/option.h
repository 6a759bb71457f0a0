/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Options are rows. A command lists groups of rows, and the same rows drive parsing, --help,
 * completion and the check of the manual page. Nothing here knows what an option is for: a row
 * names the variable it sets, or the fields of proto/field.h that it filters by. Not thread-safe.
 */
#ifndef FLOWCLI_OPTION_H
#define FLOWCLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>

struct selection;

enum option_kind {
	OPTION_SWITCH, /* bool */
	OPTION_TEXT,   /* const char * */
	OPTION_CHOICE, /* const char *: one of `choices` */
	OPTION_COUNT,  /* uint64_t, at least 1; 0 = not given */
	OPTION_FILTER, /* adds a test on `fields` to the selection */
	OPTION_WHERE,  /* adds a test on the field that the argument FIELD=VALUE names */
	OPTION_NOT,    /* negates the next OPTION_FILTER or OPTION_WHERE */
	OPTION_HELP,
};

struct option_row {
	const char *name; /* without the dashes */
	char letter;	  /* 0 = none */
	enum option_kind kind;
	const char *argument;	    /* its name in help; NULL = takes none */
	void *variable;		    /* SWITCH, TEXT, CHOICE, COUNT */
	const char *const *choices; /* CHOICE; also offered by completion for TEXT and FILTER */
	/* Also offered by completion: calls `take` for each word. */
	void (*offer)(void (*take)(void *context, const char *word), void *context);
	const char *fields[2]; /* FILTER: either may match; the second may be NULL */
	const char *constant;  /* FILTER without argument: the operand */
	bool at_least;	       /* FILTER: a number alone means that and more */
	const char *help;
};

/* Rows end with name NULL. */
struct option_group {
	const char *title;
	const struct option_row *rows;
};

#define OPTION_OPERANDS_MAX 128

struct option_parser {
	const struct option_group *const *groups; /* ends with NULL; may be NULL */
	struct selection *selection;		  /* of FILTER and WHERE rows */
	bool stop_at_operand;			  /* leave what follows it to somebody else */
	/* results */
	bool help;   /* --help was met: the rest was not read */
	bool negate; /* --not is waiting for its filter */
	int next;    /* index in argv of the first argument not read */
	int operand_count;
	const char *operands[OPTION_OPERANDS_MAX];
};

/* Reads argv[0..argc). 0, -ENOMEM, or -EINVAL with a sentence in `why`. */
int option_parse(struct option_parser *parser, int argc, char **argv, char *why, size_t why_size);

/* Calls `visit` for each row of the groups, in order. */
typedef void (*option_visit_fn)(void *context, const struct option_group *group,
				const struct option_row *row);
void option_each(const struct option_group *const *groups, option_visit_fn visit, void *context);

/* By long name (`length` bytes) or by letter; NULL when there is none. */
const struct option_row *option_find(const struct option_group *const *groups, const char *name,
				     size_t length);
const struct option_row *option_find_letter(const struct option_group *const *groups, char letter);

#endif
