/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/intern.h"
#include "flowd/metrics/metrics.h"

static const struct option *config_find_in(const struct option *table, size_t count,
					   const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(table[i].key, key))
			return &table[i];
	}
	return NULL;
}

const struct option *config_find(const char *key)
{
	size_t count;
	const struct option *rows = config_rows(&count);

	return config_find_in(rows, count, key);
}

const struct option *config_listen_find(const char *key)
{
	size_t count;
	const struct option *rows = config_listen_rows(&count);

	return config_find_in(rows, count, key);
}

int config_open(struct config **out)
{
	struct config *config = calloc(1, sizeof(*config));
	char why[128];
	size_t count;
	const struct option *rows = config_rows(&count);
	int error = 0;

	if (!config)
		return -ENOMEM;
	error = intern_open(&config->texts);
	for (size_t i = 0; i < count && !error; i++) {
		if (rows[i].standard)
			error = config_set(config, rows[i].key, rows[i].standard, why, sizeof(why));
	}
	if (error) {
		config_close(config);
		return error;
	}
	*out = config;
	return 0;
}

void config_close(struct config *config)
{
	if (!config)
		return;
	config_export_clear(config);
	intern_close(config->texts);
	free(config);
}

const char *config_text(struct config *config, const char *text)
{
	return *text ? intern_text(config->texts, text) : NULL;
}

int config_set_scalar(struct config *config, void *base, const struct option *option,
		      const char *text, char *why, size_t why_size)
{
	void *place = (char *)base + option->offset;
	int error;

	if (option_is_number(option))
		return option_parse_number(option, text, place, why, why_size);
	error = option_check_text(option, text, why, why_size);
	if (!error)
		*(const char **)place = config_text(config, text);
	return error;
}

int config_add_glob(struct config *config, struct config_globs *globs, const char *glob, char *why,
		    size_t why_size)
{
	if (!*glob || globs->count == CONFIG_ITEMS_MAX) {
		snprintf(why, why_size, "%s",
			 *glob ? "too many items; join some with * and ?"
			       : "an empty name matches no device; leave it out");
		return -EINVAL;
	}
	globs->glob[globs->count++] = config_text(config, glob);
	return 0;
}

int config_add_by_glob(struct config *config, const struct option *option, const char *glob,
		       const char *value, char *why, size_t why_size)
{
	struct config_by_glob *list = (void *)((char *)config + option->offset);
	struct option one = *option;
	uint64_t number;
	int error;

	one.type = option->names ? OPTION_NAME : OPTION_COUNT;
	error = option_parse_number(&one, value, &number, why, why_size);
	if (error)
		return error;
	if (!*glob || list->count == CONFIG_ITEMS_MAX) {
		snprintf(why, why_size, "%s",
			 *glob ? "too many items; join some with * and ?"
			       : "an empty name matches no device; leave it out");
		return -EINVAL;
	}
	list->rule[list->count++] = (struct interface_rule){ .glob = config_text(config, glob),
							     .value = (unsigned int)number };
	return 0;
}

int config_add_port(struct config_ports *ports, const char *text, char *why, size_t why_size)
{
	static const struct option one = { .type = OPTION_COUNT, .low = 1, .high = 65535 };
	uint64_t port;
	int error = option_parse_number(&one, text, &port, why, why_size);

	if (error)
		return error;
	if (ports->count == CONFIG_PORTS_MAX) {
		snprintf(why, why_size, "too many ports; %d are the most", CONFIG_PORTS_MAX);
		return -EINVAL;
	}
	ports->port[ports->count++] = (uint16_t)port;
	return 0;
}

void config_no_such_key(const char *key, char *why, size_t why_size)
{
	size_t count;
	const struct option *rows = config_rows(&count);
	const struct option *guess = option_guess(rows, count, key);

	if (guess)
		snprintf(why, why_size, "there is no such key; did you mean %s?", guess->key);
	else
		snprintf(why, why_size, "there is no such key; flowd --help lists them");
}

static int config_finish_name(struct config *config, char *why, size_t why_size)
{
	char name[256] = "";

	if (!config->node_name && !gethostname(name, sizeof(name) - 1))
		config->node_name = config_text(config, name);
	if (config->node_name)
		return 0;
	snprintf(why, why_size, "this machine has no host name; set node_name");
	return -EINVAL;
}

static bool config_needs_tls(const char *url)
{
	return url && !strncmp(url, "tls+tcp://", strlen("tls+tcp://"));
}

static int config_check_listen(const struct config *config, size_t index, char *why,
			       size_t why_size)
{
	const struct config_listen *listen = &config->bus.listen[index];
	const char *complaint = NULL;

	if (!listen->query && !listen->events)
		complaint = "neither query nor events is given; give the address of one";
	else if ((config_needs_tls(listen->query) || config_needs_tls(listen->events)) &&
		 (!listen->cert || !listen->key || !listen->ca))
		complaint = "tls+tcp:// needs cert, key and ca; name the three PEM files";
	if (!complaint)
		return 0;
	if (listen->line)
		snprintf(why, why_size, "%s:%u: bus.listen.%zu: %s", config->file, listen->line,
			 index, complaint);
	else
		snprintf(why, why_size, "bus.listen.%zu: %s", index, complaint);
	return -EINVAL;
}

static int config_check_scope(const struct config *config, char *why, size_t why_size)
{
	static const char *const keys[] = { [SCOPE_CONTAINER] = "containers",
					    [SCOPE_POD] = "pods",
					    [SCOPE_CGROUP] = "cgroups",
					    [SCOPE_NETNS] = "netns" };
	struct scope_list list = { .count = 0 };
	char what[SCOPE_NAME_MAX + 128];
	int error = 0;

	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++) {
		const struct config_globs *names = &config->scope[kind];

		for (size_t i = 0; i < names->count; i++) {
			error = scope_list_add(&list, (enum scope_kind)kind, names->glob[i], what,
					       sizeof(what));
			if (!error || error == -EEXIST)
				continue;
			snprintf(why, why_size, "scope.%s: %s", keys[kind], what);
			return -EINVAL;
		}
	}
	return 0;
}

static int config_check_metrics(const struct config *config, char *why, size_t why_size)
{
	const struct metrics_options options = {
		.listen = config->metrics.listen,
		.enable = config->metrics.enable,
		.cert = config->metrics.cert,
		.key = config->metrics.key,
		.push = { .url = config->metrics.push_url,
			  .cert = config->metrics.push_cert,
			  .key = config->metrics.push_key },
	};

	return options.listen || options.push.url ? metrics_check(&options, why, why_size) : 0;
}

int config_finish(struct config *config, char *why, size_t why_size)
{
	int error = config_finish_name(config, why, why_size);

	if (!error)
		error = config_check_scope(config, why, why_size);

	config->filter.rules.deny_others = config->filter.deny;
	for (size_t i = 0; i < config->bus.listen_count && !error; i++)
		error = config_check_listen(config, i, why, why_size);
	if (!error)
		error = config_export_finish(config, why, why_size);
	if (!error)
		error = config_check_metrics(config, why, why_size);
	if (!error &&
	    (config_needs_tls(config->bus.query) || config_needs_tls(config->bus.events))) {
		snprintf(why, why_size,
			 "bus.query and bus.events are the local entrances; put tls+tcp:// under "
			 "bus.listen, with its certificate files");
		return -EINVAL;
	}
	if (!error && (!config->bus.query || !config->bus.events)) {
		snprintf(why, why_size, "bus.query and bus.events must not be empty; write %s",
			 "ipc:///run/flowd/flowd.sock and ipc:///run/flowd/events.sock");
		return -EINVAL;
	}
	return error;
}

static bool config_lists_differ(const struct config_globs *a, const struct config_globs *b)
{
	bool differ = a->count != b->count;

	for (size_t i = 0; i < a->count && !differ; i++)
		differ = strcmp(a->glob[i], b->glob[i]);
	return differ;
}

static bool config_by_glob_differ(const struct config_by_glob *a, const struct config_by_glob *b)
{
	bool differ = a->count != b->count;

	for (size_t i = 0; i < a->count && !differ; i++)
		differ = a->rule[i].value != b->rule[i].value ||
			 strcmp(a->rule[i].glob, b->rule[i].glob);
	return differ;
}

static bool config_texts_differ(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

bool config_differs(const void *a, const void *b, const struct option *option)
{
	const void *left = (const char *)a + option->offset;
	const void *right = (const char *)b + option->offset;

	switch (option->type) {
	case OPTION_GLOBS:
		return config_lists_differ(left, right);
	case OPTION_BY_GLOB:
		return config_by_glob_differ(left, right);
	case OPTION_PORTS:
		return memcmp(left, right, sizeof(struct config_ports));
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL:
		return config_texts_differ(*(const char *const *)left, *(const char *const *)right);
	case OPTION_DURATION:
	case OPTION_COUNT:
	case OPTION_PERCENT:
	case OPTION_BYTES:
	case OPTION_SWITCH:
	case OPTION_NAME:
		break;
	}
	return *(const uint64_t *)left != *(const uint64_t *)right;
}

static void config_note(char *changed, size_t size, const char *key)
{
	size_t used = strlen(changed);

	snprintf(changed + used, size - used, "%s%s", used ? ", " : "", key);
}

/* The text of `fresh` goes with it. */
static void config_take_text(struct config *config, const struct config *fresh,
			     const struct option *option)
{
	const char *text = *(const char *const *)((const char *)fresh + option->offset);

	*(const char **)((char *)config + option->offset) = config_text(config, text ? text : "");
}

static void config_take_globs(struct config *config, const struct config *fresh,
			      const struct option *option)
{
	const struct config_globs *from = (const void *)((const char *)fresh + option->offset);
	struct config_globs *to = (void *)((char *)config + option->offset);

	memset(to, 0, sizeof(*to));
	for (size_t i = 0; i < from->count; i++)
		to->glob[to->count++] = config_text(config, from->glob[i]);
}

void config_reload(struct config *config, const struct config *fresh, char *changed, size_t size)
{
	size_t count;
	const struct option *rows = config_rows(&count);

	*changed = 0;
	for (size_t i = 0; i < count; i++) {
		if (!config_differs(config, fresh, &rows[i]))
			continue;
		if (rows[i].reload && rows[i].type == OPTION_TEXT)
			config_take_text(config, fresh, &rows[i]);
		else if (rows[i].reload && rows[i].type == OPTION_GLOBS)
			config_take_globs(config, fresh, &rows[i]);
		else if (rows[i].reload)
			memcpy((char *)config + rows[i].offset,
			       (const char *)fresh + rows[i].offset, sizeof(uint64_t));
		else
			config_note(changed, size, rows[i].key);
	}
	config_filter_copy(config, fresh);
	if (config_export_differs(config, fresh))
		config_note(changed, size, "export");
}
