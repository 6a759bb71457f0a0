/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration file: a YAML document walked along the rows; each mistake has its line. */
#include "flowd/config_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE_MAX (1024 * 1024)

unsigned int config_read_line_of(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.line + 1;
}

int config_read_refuse(struct reader *reader, unsigned int line, const char *key, const char *what)
{
	snprintf(reader->why, reader->why_size, "%s:%u: %s%s%s", reader->name, line, key,
		 *key ? ": " : "", what);
	return -EINVAL;
}

const char *config_read_scalar(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE || strlen(text) != node->data.scalar.length)
		return NULL;
	return text;
}

bool config_read_is_empty(const yaml_node_t *node)
{
	const char *text = config_read_scalar(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

static int config_read_value(struct reader *reader, void *base, const struct option *option,
			     const char *key, const yaml_node_t *node)
{
	const char *text = config_read_scalar(node);
	char what[256];

	if (!text || (config_read_is_empty(node) && option_is_number(option))) {
		char form[128];

		option_format_range(option, form, sizeof(form));
		snprintf(what, sizeof(what), "one value is expected; write %s",
			 *form ? form : "a text");
		return config_read_refuse(reader, config_read_line_of(node), key, what);
	}
	if (config_set_scalar(reader->config, base, option, config_read_is_empty(node) ? "" : text,
			      what, sizeof(what)))
		return config_read_refuse(reader, config_read_line_of(node), key, what);
	return 0;
}

static int config_read_globs(struct reader *reader, const struct option *option,
			     const yaml_node_t *node)
{
	struct config_globs *globs = (void *)((char *)reader->config + option->offset);
	char what[256];

	*globs = (struct config_globs){ .count = 0 };
	if (config_read_is_empty(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return config_read_refuse(reader, config_read_line_of(node), option->key,
					  "a list is expected; write [eth0, \"veth*\"]");
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		const yaml_node_t *entry = yaml_document_get_node(&reader->document, *item);
		const char *text = config_read_scalar(entry);

		if (!text)
			return config_read_refuse(reader, config_read_line_of(entry), option->key,
						  "each item is one name or glob; write \"veth*\"");
		if (config_add_glob(reader->config, globs, text, what, sizeof(what)))
			return config_read_refuse(reader, config_read_line_of(entry), option->key,
						  what);
	}
	return 0;
}

static int config_read_by_glob(struct reader *reader, const struct option *option,
			       const yaml_node_t *node)
{
	struct config_by_glob *list = (void *)((char *)reader->config + option->offset);
	char what[256];

	*list = (struct config_by_glob){ .count = 0 };
	if (config_read_is_empty(node))
		return 0;
	if (node->type != YAML_MAPPING_NODE)
		return config_read_refuse(
			reader, config_read_line_of(node), option->key,
			option->names ? "a mapping is expected; write {eth0: xdp, \"veth*\": tc}"
				      : "a mapping is expected; write {eth0: 100, \"veth*\": 1}");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *glob = yaml_document_get_node(&reader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);

		if (!config_read_scalar(glob) || !config_read_scalar(value))
			return config_read_refuse(
				reader, config_read_line_of(glob), option->key,
				option->names
					? "each entry is a glob and a mode; write \"veth*\": tc"
					: "each entry is a glob and a number; write \"veth*\": 1");
		if (config_add_by_glob(reader->config, option, config_read_scalar(glob),
				       config_read_scalar(value), what, sizeof(what)))
			return config_read_refuse(reader, config_read_line_of(value), option->key,
						  what);
	}
	return 0;
}

static int config_read_port(struct reader *reader, const struct option *option,
			    const yaml_node_t *node)
{
	struct config_ports *ports = (void *)((char *)reader->config + option->offset);
	const char *text = config_read_scalar(node);
	char what[256];

	if (!text)
		return config_read_refuse(reader, config_read_line_of(node), option->key,
					  "each item is one port; write [4789, 8472]");
	if (config_add_port(ports, text, what, sizeof(what)))
		return config_read_refuse(reader, config_read_line_of(node), option->key, what);
	return 0;
}

/* A list, or one port. */
static int config_read_ports(struct reader *reader, const struct option *option,
			     const yaml_node_t *node)
{
	struct config_ports *ports = (void *)((char *)reader->config + option->offset);
	int error = 0;

	*ports = (struct config_ports){ .count = 0 };
	if (config_read_is_empty(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return config_read_port(reader, option, node);
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !error; item++)
		error = config_read_port(reader, option,
					 yaml_document_get_node(&reader->document, *item));
	return error;
}

static int config_read_row(struct reader *reader, const struct option *option,
			   const yaml_node_t *node)
{
	switch (option->type) {
	case OPTION_GLOBS:
		return config_read_globs(reader, option, node);
	case OPTION_BY_GLOB:
		return config_read_by_glob(reader, option, node);
	case OPTION_PORTS:
		return config_read_ports(reader, option, node);
	default:
		return config_read_value(reader, reader->config, option, option->key, node);
	}
}

static int config_read_listen_entry(struct reader *reader, size_t index, const yaml_node_t *node)
{
	struct config_listen *listen = &reader->config->bus.listen[index];
	const char *example =
		"write {query: \"tls+tcp://0.0.0.0:4780\", cert: ..., key: ..., ca: ...}";
	char key[96];

	listen->line = config_read_line_of(node);
	if (node->type != YAML_MAPPING_NODE)
		return config_read_refuse(reader, listen->line, "bus.listen", example);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
		const struct option *option = config_read_scalar(name)
						      ? config_listen_find(config_read_scalar(name))
						      : NULL;
		int error;

		snprintf(key, sizeof(key), "bus.listen.%zu.%.64s", index,
			 config_read_scalar(name) ? config_read_scalar(name) : "?");
		if (!option)
			return config_read_refuse(
				reader, config_read_line_of(name), key,
				"there is no such key; there are query, events, cert, key and ca");
		error = config_read_value(reader, listen, option, key, value);
		if (error)
			return error;
	}
	return 0;
}

static int config_read_listen(struct reader *reader, const yaml_node_t *node)
{
	int error = 0;

	reader->config->bus.listen_count = 0;
	memset(reader->config->bus.listen, 0, sizeof(reader->config->bus.listen));
	if (config_read_is_empty(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return config_read_refuse(
			reader, config_read_line_of(node), "bus.listen",
			"a list of entrances is expected; begin each with a dash");
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !error; item++) {
		const yaml_node_t *entry = yaml_document_get_node(&reader->document, *item);

		if (reader->config->bus.listen_count == CONFIG_LISTEN_MAX)
			return config_read_refuse(reader, config_read_line_of(entry), "bus.listen",
						  "too many entrances; 16 are the most");
		error = config_read_listen_entry(reader, reader->config->bus.listen_count++, entry);
	}
	return error;
}

static int config_read_once(struct reader *reader, const char *key, unsigned int line)
{
	for (size_t i = 0; i < reader->seen_count; i++) {
		if (!strcmp(reader->seen[i], key))
			return config_read_refuse(reader, line, key, "given twice; remove one");
	}
	if (reader->seen_count < CONFIG_KEYS_MAX)
		reader->seen[reader->seen_count++] = key;
	return 0;
}

/* Is there a row "SECTION.something"? */
static bool config_read_is_section(const char *section)
{
	size_t count, length = strlen(section);
	const struct option *rows = config_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (!strncmp(rows[i].key, section, length) && rows[i].key[length] == '.')
			return true;
	}
	return false;
}

static int config_read_mapping(struct reader *reader, const char *section, const yaml_node_t *node);

static int config_read_entry(struct reader *reader, const char *key, const yaml_node_t *name,
			     const yaml_node_t *value)
{
	const struct option *option = config_find(key);
	unsigned int line = config_read_line_of(name);
	char what[256];
	int error;

	if (config_read_is_section(key)) {
		if (config_read_is_empty(value))
			return 0;
		if (value->type == YAML_MAPPING_NODE)
			return config_read_mapping(reader, key, value);
		return config_read_refuse(reader, line, key,
					  "this is a section; put its settings below, indented");
	}
	if (!strcmp(key, "bus.listen")) {
		error = config_read_once(reader, "bus.listen", line);
		return error ? error : config_read_listen(reader, value);
	}
	if (!strcmp(key, "filter.rules")) {
		error = config_read_once(reader, "filter.rules", line);
		return error ? error : config_filter_read(reader, value);
	}
	if (!strcmp(key, "export")) {
		error = config_read_once(reader, "export", line);
		return error ? error : config_export_read(reader, value);
	}
	if (!option) {
		config_no_such_key(key, what, sizeof(what));
		return config_read_refuse(reader, line, key, what);
	}
	error = config_read_once(reader, option->key, line);
	return error ? error : config_read_row(reader, option, value);
}

static int config_read_mapping(struct reader *reader, const char *section, const yaml_node_t *node)
{
	char key[128];
	int error = 0;

	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top && !error; pair++) {
		const yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);

		if (!config_read_scalar(name))
			return config_read_refuse(reader, config_read_line_of(name), section,
						  "a key must be a plain word");
		snprintf(key, sizeof(key), "%s%s%.64s", section, *section ? "." : "",
			 config_read_scalar(name));
		error = config_read_entry(reader, key, name, value);
	}
	return error;
}

static int config_read_root(struct reader *reader)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

	if (!root || config_read_is_empty(root)) /* nothing but comments */
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return config_read_refuse(reader, config_read_line_of(root), "",
					  "settings are expected; write key: value");
	return config_read_mapping(reader, "", root);
}

static int config_read_syntax(struct reader *reader, const yaml_parser_t *parser)
{
	char what[256];

	snprintf(what, sizeof(what), "no valid YAML: %s; check indentation, quotes and brackets",
		 parser->problem ? parser->problem : "cannot be read");
	return config_read_refuse(reader, (unsigned int)parser->problem_mark.line + 1, "", what);
}

/* One document; a second one would be ignored silently, so it is refused. */
static int config_read_documents(struct reader *reader, yaml_parser_t *parser)
{
	unsigned int line;
	bool more;
	int error;

	if (!yaml_parser_load(parser, &reader->document))
		return config_read_syntax(reader, parser);
	error = config_read_root(reader);
	yaml_document_delete(&reader->document);
	if (error)
		return error;
	if (!yaml_parser_load(parser, &reader->document))
		return config_read_syntax(reader, parser);
	more = yaml_document_get_root_node(&reader->document);
	line = (unsigned int)reader->document.start_mark.line + 1;
	yaml_document_delete(&reader->document);
	if (more)
		return config_read_refuse(reader, line, "",
					  "a second document begins; remove the line ---");
	return 0;
}

int config_read_text(struct config *config, const char *name, const char *text, size_t size,
		     char *why, size_t why_size)
{
	struct reader reader = { .config = config, .name = name, .why = why, .why_size = why_size };
	yaml_parser_t parser;
	int error;

	config->file = name;
	if (!yaml_parser_initialize(&parser)) {
		snprintf(why, why_size, "%s: no memory", name);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	error = config_read_documents(&reader, &parser);
	yaml_parser_delete(&parser);
	return error;
}

static int config_read_refuse_file(const char *path, int error, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s: cannot be read: %s", path,
		 error == -EFBIG ? "larger than a megabyte" : strerror(-error));
	return error;
}

int config_read(struct config *config, const char *path, char *why, size_t why_size)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t size;
	int error;

	if (!file)
		return config_read_refuse_file(path, -errno, why, why_size);
	text = malloc(CONFIG_FILE_MAX);
	errno = 0;
	size = text ? fread(text, 1, CONFIG_FILE_MAX, file) : 0;
	if (!text || ferror(file))
		error = config_read_refuse_file(path, text ? -errno : -ENOMEM, why, why_size);
	else if (size == CONFIG_FILE_MAX)
		error = config_read_refuse_file(path, -EFBIG, why, why_size);
	else
		error = config_read_text(config, path, text, size, why, why_size);
	fclose(file);
	free(text);
	return error;
}
