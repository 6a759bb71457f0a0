/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration file being read: what the readers of its sections share. */
#ifndef FLOWD_CONFIG_READER_H
#define FLOWD_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "flowd/config.h"

#define CONFIG_KEYS_MAX 64 /* more than there are rows */

struct reader {
	struct config *config;
	const char *name;
	yaml_document_t document;
	const char *seen[CONFIG_KEYS_MAX]; /* keys of rows given so far */
	size_t seen_count;
	char *why;
	size_t why_size;
};

unsigned int config_read_line_of(const yaml_node_t *node);
/* The sentence: place, key, what and remedy. -EINVAL. */
int config_read_refuse(struct reader *reader, unsigned int line, const char *key, const char *what);
/* The text of a scalar; NULL for lists, mappings and text with a zero byte in it. */
const char *config_read_scalar(const yaml_node_t *node);
/* "key:" with nothing after it, or ~ or null. */
bool config_read_is_empty(const yaml_node_t *node);

/* filter.rules. */
int config_filter_read(struct reader *reader, const yaml_node_t *node);
/* export. */
int config_export_read(struct reader *reader, const yaml_node_t *node);

#endif
