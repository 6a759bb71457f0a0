/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters and histograms by labels, with a bound on how many. A family that is full keeps its
 * largest series: what a new one brings goes to the series whose labels all are "other", until a
 * sketch says that it is larger than the smallest kept; then that one joins "other" in its place.
 * So sums stay right. Not thread-safe.
 */
#ifndef METRICS_SERIES_H
#define METRICS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"

#define SERIES_LABELS_MAX 24
#define SERIES_TEXT_MAX	  256 /* bytes of a label's value; more is cut */

enum series_type { SERIES_COUNTER, SERIES_SECONDS };

struct series_family;

struct series_about {
	const char *name; /* "hubble_drop_total": counters end with _total */
	const char *help;
	enum series_type type; /* SERIES_SECONDS: a histogram of ns, told in seconds */
	const char *labels[SERIES_LABELS_MAX + 1]; /* ends with NULL */
	size_t limit;				   /* series, besides "other" */
	uint64_t ttl_ns; /* forget series that stand still for so long; 0: never */
};

/* Texts are borrowed. 0 or -ENOMEM. */
int series_open(struct series_family **out, const struct series_about *about);
/* Accepts NULL. */
void series_close(struct series_family *family);

/* `values`: one text for each label; NULL is "". */
void series_add(struct series_family *family, const char *const *values, uint64_t count,
		uint64_t now_ns);
void series_observe(struct series_family *family, const char *const *values, uint64_t value_ns,
		    uint64_t now_ns);
/* What was folded into "other" since the start: additions, and series that had to go there. */
uint64_t series_folded(const struct series_family *family);
size_t series_count(const struct series_family *family);
const struct series_about *series_about(const struct series_family *family);

/* Appends the family as text. 0 or -ENOMEM. */
int series_write(struct series_family *family, bool openmetrics, uint64_t now_ns,
		 struct buffer *page);

/* Pieces of pages for others: HELP and TYPE; a value of a label, escaped. */
int series_write_head(struct buffer *page, const char *name, const char *help, const char *type,
		      bool openmetrics);
size_t series_escape(char *out, const char *text);

#endif
