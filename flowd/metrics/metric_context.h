/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hubble's context options: labels `source` and `destination` made of the first of several facts
 * that a record has, and labels that are facts by themselves. */
#ifndef METRICS_METRIC_CONTEXT_H
#define METRICS_METRIC_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/flow_record.h"

#define CONTEXT_CHOICES	   4
#define CONTEXT_LABELS	   16
#define CONTEXT_LABELS_MAX (CONTEXT_LABELS + 2)
#define CONTEXT_TEXT_MAX   256

/* Writes a fact of one end, "" where it is not known, to `out` (CONTEXT_TEXT_MAX). */
typedef void (*context_text_fn)(const struct flow_record *record, enum flow_side side, char *out);

struct metric_context {
	/* By traffic direction: unknown, ingress, egress; ended by NULL. */
	context_text_fn choices[2][3][CONTEXT_CHOICES + 1]; /* of enum flow_side */
	bool has[2];
	struct {
		const char *name;
		context_text_fn text;
		enum flow_side side;
	} label[CONTEXT_LABELS];
	size_t label_count;
};

/* "sourceContext=pod|ip": true when the name is one of these options; then 0 or -EINVAL in *error.
 */
bool metric_context_option(struct metric_context *context, const char *option, int *error,
			   char *why, size_t why_size);
/* Names of the labels that the options add; returns how many. */
size_t metric_context_labels(const struct metric_context *context, const char **labels);
/* Their values, in `texts`. */
void metric_context_values(const struct metric_context *context, const struct flow_record *record,
			   char texts[][CONTEXT_TEXT_MAX], const char **values);

#endif
