/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* export: a list of exporters, each a mapping whose `type` decides which keys it has besides those
 * of all (export/export_kind.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/config_reader.h"

static const struct option *config_export_find(const struct export_kind *kind, const char *key)
{
	size_t count;
	const struct option *common = export_common_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(common[i].key, key))
			return &common[i];
	}
	for (size_t i = 0; i < kind->row_count; i++) {
		if (!strcmp(kind->rows[i].key, key))
			return &kind->rows[i];
	}
	return NULL;
}

static void config_export_no_such_key(const struct export_kind *kind, const char *key, char *why,
				      size_t why_size)
{
	size_t count;
	const struct option *common = export_common_rows(&count);
	const struct option *guess = option_guess(kind->rows, kind->row_count, key);

	if (!guess)
		guess = option_guess(common, count, key);
	if (guess)
		snprintf(why, why_size, "a %s exporter has no such key; did you mean %s?",
			 kind->name, guess->key);
	else
		snprintf(why, why_size, "a %s exporter has no such key; flowd --help lists them",
			 kind->name);
}

static void config_export_no_such_type(const char *type, char *why, size_t why_size)
{
	size_t used = (size_t)snprintf(why, why_size, "\"%.32s\" is not known; write one of", type);

	for (const struct export_kind *const *kind = export_kinds; *kind && used < why_size; kind++)
		used += (size_t)snprintf(why + used, why_size - used, "%s %s",
					 kind == export_kinds ? "" : ",", (*kind)->name);
}

static int config_export_defaults(struct config *config, void *settings, const struct option *rows,
				  size_t count)
{
	char why[128];
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		if (rows[i].standard)
			error = config_set_scalar(config, settings, &rows[i], rows[i].standard, why,
						  sizeof(why));
	}
	return error;
}

/* "file", "file-2" ...: the names are unlike each other unless the operator says so. */
static const char *config_export_default_name(struct config *config, const struct export_kind *kind,
					      size_t index)
{
	size_t same = 1;
	char name[64];

	for (size_t i = 0; i < index; i++)
		same += config->export.entry[i].kind == kind;
	snprintf(name, sizeof(name), same > 1 ? "%s-%zu" : "%s", kind->name, same);
	return config_text(config, name);
}

/* Makes or replaces entry `index` with a kind's at its defaults. */
static int config_export_begin(struct config *config, size_t index, const char *type, char *why,
			       size_t why_size)
{
	struct config_export *entry = &config->export.entry[index];
	const struct export_kind *kind = export_kind_find(type);
	size_t count;
	const struct option *common = export_common_rows(&count);
	struct export_settings *settings;

	if (!kind) {
		config_export_no_such_type(type, why, why_size);
		return -EINVAL;
	}
	settings = calloc(1, kind->settings_size);
	if (!settings || config_export_defaults(config, settings, common, count) ||
	    config_export_defaults(config, settings, kind->rows, kind->row_count)) {
		free(settings);
		snprintf(why, why_size, "no memory");
		return -ENOMEM;
	}
	settings->name = config_export_default_name(config, kind, index);
	free(entry->settings);
	*entry = (struct config_export){ kind, settings };
	if (index == config->export.count)
		config->export.count++;
	return 0;
}

/* A name is part of file names and labels. */
static int config_export_name(struct config *config, struct config_export *entry, const char *text,
			      char *why, size_t why_size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";

	if (!*text || strlen(text) > 32 || text[strspn(text, allowed)]) {
		snprintf(why, why_size,
			 "\"%.40s\" is no name; write up to 32 letters, digits, - "
			 "and _",
			 text);
		return -EINVAL;
	}
	entry->settings->name = config_text(config, text);
	return 0;
}

static int config_export_value(struct config *config, struct config_export *entry, const char *key,
			       const char *text, char *why, size_t why_size)
{
	const struct option *option;

	if (!strcmp(key, "name"))
		return config_export_name(config, entry, text, why, why_size);
	option = config_export_find(entry->kind, key);
	if (!option) {
		config_export_no_such_key(entry->kind, key, why, why_size);
		return -EINVAL;
	}
	return config_set_scalar(config, entry->settings, option, text, why, why_size);
}

/* ---- the file ------------------------------------------------------------------------------- */

#define EXPORT_TEXT_MAX 4096

static bool config_export_join(const char *before, const char *text, char *list, size_t size)
{
	size_t used = strlen(list);

	return (size_t)snprintf(list + used, size - used, "%s%s", before, text) < size - used;
}

/* A list or a mapping stands for its items with commas, "key=value" each. */
static bool config_export_text(struct reader *reader, const yaml_node_t *node, char *list,
			       size_t size)
{
	const char *text = config_read_scalar(node);
	bool good = true;

	*list = 0;
	if (config_read_is_empty(node))
		return true;
	if (text)
		return config_export_join("", text, list, size);
	if (node->type == YAML_SEQUENCE_NODE) {
		for (yaml_node_item_t *item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top && good; item++) {
			text = config_read_scalar(yaml_document_get_node(&reader->document, *item));
			good = text && config_export_join(*list ? "," : "", text, list, size);
		}
	} else if (node->type == YAML_MAPPING_NODE) {
		for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		     pair < node->data.mapping.pairs.top && good; pair++) {
			text = config_read_scalar(
				yaml_document_get_node(&reader->document, pair->key));
			good = text && config_export_join(*list ? "," : "", text, list, size);
			text = config_read_scalar(
				yaml_document_get_node(&reader->document, pair->value));
			good = good && text && config_export_join("=", text, list, size);
		}
	}
	return good;
}

static int config_export_read_pair(struct reader *reader, struct config_export *entry,
				   const yaml_node_pair_t *pair)
{
	const yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
	const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
	const char *key = config_read_scalar(node);
	char name[128], what[256], text[EXPORT_TEXT_MAX];

	snprintf(name, sizeof(name), "export.%s.%.64s", entry->settings->name, key ? key : "?");
	if (!key)
		return config_read_refuse(reader, config_read_line_of(node), name,
					  "a key must be a plain word");
	if (!strcmp(key, "type"))
		return 0;
	if (!config_export_text(reader, value, text, sizeof(text)))
		return config_read_refuse(
			reader, config_read_line_of(value), name,
			"a value, a list or a mapping of plain values is expected");
	if (!*text)
		return 0;
	if (config_export_value(reader->config, entry, key, text, what, sizeof(what)))
		return config_read_refuse(reader, config_read_line_of(value), name, what);
	return 0;
}

/* The value of `key`; NULL: not given. */
static const yaml_node_t *config_export_member(struct reader *reader, const yaml_node_t *node,
					       const char *key)
{
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const char *name =
			config_read_scalar(yaml_document_get_node(&reader->document, pair->key));

		if (name && !strcmp(name, key))
			return yaml_document_get_node(&reader->document, pair->value);
	}
	return NULL;
}

static int config_export_read_entry(struct reader *reader, const yaml_node_t *node)
{
	struct config *config = reader->config;
	size_t index = config->export.count;
	const yaml_node_t *type = NULL;
	char what[256];
	int error = 0;

	if (index == EXPORTERS_MAX)
		return config_read_refuse(reader, config_read_line_of(node), "export",
					  "too many exporters; 16 are the most");
	if (node->type == YAML_MAPPING_NODE)
		type = config_export_member(reader, node, "type");
	if (!type || !config_read_scalar(type))
		return config_read_refuse(reader, config_read_line_of(node), "export",
					  "no type is given; write - type: file, and its settings "
					  "below");
	if (config_export_begin(config, index, config_read_scalar(type), what, sizeof(what)))
		return config_read_refuse(reader, config_read_line_of(type), "export.type", what);
	config->export.entry[index].settings->line = config_read_line_of(node);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top && !error; pair++)
		error = config_export_read_pair(reader, &config->export.entry[index], pair);
	return error;
}

int config_export_read(struct reader *reader, const yaml_node_t *node)
{
	int error = 0;

	config_export_clear(reader->config);
	if (config_read_is_empty(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return config_read_refuse(
			reader, config_read_line_of(node), "export",
			"a list of exporters is expected; begin each with a dash");
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !error; item++)
		error = config_export_read_entry(reader,
						 yaml_document_get_node(&reader->document, *item));
	return error;
}

/* ---- the command line, and both -------------------------------------------------------------- */

int config_export_set(struct config *config, const char *key, const char *text, char *why,
		      size_t why_size)
{
	char *end;
	unsigned long index = strtoul(key, &end, 10);
	bool type = !strcmp(end, ".type");

	if (end == key || *end != '.' || index >= EXPORTERS_MAX || index > config->export.count ||
	    (index == config->export.count && !type)) {
		snprintf(why, why_size,
			 "there is no such exporter; a new one begins with export.%zu.type=file",
			 config->export.count);
		return -EINVAL;
	}
	if (type)
		return config_export_begin(config, index, text, why, why_size);
	return config_export_value(config, &config->export.entry[index], end + 1, text, why,
				   why_size);
}

static bool config_export_named_before(const struct config *config, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (!strcmp(config->export.entry[i].settings->name,
			    config->export.entry[index].settings->name))
			return true;
	}
	return false;
}

int config_export_finish(const struct config *config, char *why, size_t why_size)
{
	for (size_t i = 0; i < config->export.count; i++) {
		const struct export_settings *settings = config->export.entry[i].settings;
		char what[384], line[16] = "";
		int error;

		if (config_export_named_before(config, i)) {
			snprintf(what, sizeof(what),
				 "another exporter has this name; give it a name");
			error = -EINVAL;
		} else {
			error = export_check(config->export.entry[i].kind, settings, what,
					     sizeof(what));
		}
		if (settings->line)
			snprintf(line, sizeof(line), ":%u: ", settings->line);
		if (error) {
			snprintf(why, why_size, "%s%sexport.%s: %s", *line ? config->file : "",
				 line, settings->name, what);
			return error;
		}
	}
	return 0;
}

void config_export_clear(struct config *config)
{
	for (size_t i = 0; i < config->export.count; i++)
		free(config->export.entry[i].settings);
	memset(&config->export, 0, sizeof(config->export));
}

bool config_export_differs(const struct config *a, const struct config *b)
{
	if (a->export.count != b->export.count)
		return true;
	for (size_t i = 0; i < a->export.count; i++) {
		const struct config_export *left = &a->export.entry[i],
					   *right = &b->export.entry[i];
		size_t count;
		const struct option *rows = export_common_rows(&count);

		if (left->kind != right->kind ||
		    strcmp(left->settings->name, right->settings->name))
			return true;
		for (size_t j = 0; j < count + left->kind->row_count; j++) {
			const struct option *row =
				j < count ? &rows[j] : &left->kind->rows[j - count];

			if (config_differs(left->settings, right->settings, row))
				return true;
		}
	}
	return false;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void config_export_print_rows(FILE *out, const struct export_settings *settings,
				     const struct option *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "    %s: ", rows[i].key);
		config_print_value(out, settings, &rows[i]);
		fputc('\n', out);
	}
}

void config_export_print(const struct config *config, FILE *out)
{
	size_t count;
	const struct option *common = export_common_rows(&count);

	fputs("# where records go: a list of {type:", out);
	for (const struct export_kind *const *kind = export_kinds; *kind; kind++)
		fprintf(out, "%s %s",
			kind == export_kinds ? ""
			: kind[1]	     ? ","
					     : " or",
			(*kind)->name);
	fputs(", ...}; flowd.conf(5) has their settings\n", out);
	fputs(config->export.count ? "export:\n" : "export: []\n", out);
	for (size_t i = 0; i < config->export.count; i++) {
		const struct config_export *entry = &config->export.entry[i];

		fprintf(out, "  - type: %s\n    name: %s\n", entry->kind->name,
			entry->settings->name);
		config_export_print_rows(out, entry->settings, common, count);
		config_export_print_rows(out, entry->settings, entry->kind->rows,
					 entry->kind->row_count);
	}
}

void config_export_print_help(FILE *out)
{
	size_t count;
	const struct option *common = export_common_rows(&count);

	fputs("  export.N.type\n        what the exporter is; its other settings come after it\n"
	      "  export.N.name\n        its name in status, metrics and logs\n",
	      out);
	for (size_t i = 0; i < count; i++)
		config_print_help_row(out, "export.N.", &common[i]);
	for (const struct export_kind *const *kind = export_kinds; *kind; kind++) {
		fprintf(out, "  export.N.type=%s: %s\n", (*kind)->name, (*kind)->help);
		for (size_t i = 0; i < (*kind)->row_count; i++)
			config_print_help_row(out, "export.N.", &(*kind)->rows[i]);
	}
}
