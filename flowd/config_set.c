/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --set KEY=VALUE: the same rows as the file's, by dotted key. */
#include "flowd/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int config_set_globs(struct config *config, const struct option *option, const char *text,
			    char *why, size_t why_size)
{
	struct config_globs *globs = (void *)((char *)config + option->offset);
	char *list = strdup(text), *place = NULL;
	int error = list ? 0 : -ENOMEM;

	*globs = (struct config_globs){ .count = 0 };
	for (char *glob = list ? strtok_r(list, ",", &place) : NULL; glob && !error;
	     glob = strtok_r(NULL, ",", &place))
		error = config_add_glob(config, globs, glob, why, why_size);
	free(list);
	return error;
}

static int config_set_ports(struct config *config, const struct option *option, const char *text,
			    char *why, size_t why_size)
{
	struct config_ports *ports = (void *)((char *)config + option->offset);
	char *list = strdup(text), *place = NULL;
	int error = list ? 0 : -ENOMEM;

	*ports = (struct config_ports){ .count = 0 };
	for (char *port = list ? strtok_r(list, ",", &place) : NULL; port && !error;
	     port = strtok_r(NULL, ",", &place))
		error = config_add_port(ports, port, why, why_size);
	free(list);
	return error;
}

/* "interfaces.modes.eth0": the row, and behind its key the glob. NULL: the key is of another kind.
 */
static const struct option *config_set_find_by_glob(const char *key, const char **glob)
{
	size_t count;
	const struct option *rows = config_rows(&count);

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(rows[i].key);

		if (rows[i].type != OPTION_BY_GLOB || strncmp(key, rows[i].key, length) ||
		    key[length] != '.')
			continue;
		*glob = key + length + 1;
		return &rows[i];
	}
	return NULL;
}

/* KEY is "bus.listen.N.name" without its beginning. */
static int config_set_listen(struct config *config, const char *key, const char *text, char *why,
			     size_t why_size)
{
	char *end;
	unsigned long index = strtoul(key, &end, 10);
	const struct option *option = *end == '.' ? config_listen_find(end + 1) : NULL;

	if (end == key || !option || index > config->bus.listen_count ||
	    index >= CONFIG_LISTEN_MAX) {
		snprintf(
			why, why_size,
			"there is no such entrance; write bus.listen.%zu.NAME, where NAME is query, "
			"events, cert, key or ca",
			config->bus.listen_count);
		return -EINVAL;
	}
	if (index == config->bus.listen_count)
		config->bus.listen[config->bus.listen_count++] = (struct config_listen){ 0 };
	return config_set_scalar(config, &config->bus.listen[index], option, text, why, why_size);
}

static int config_set_row(struct config *config, const struct option *option, const char *text,
			  char *why, size_t why_size)
{
	switch (option->type) {
	case OPTION_GLOBS:
		return config_set_globs(config, option, text, why, why_size);
	case OPTION_PORTS:
		return config_set_ports(config, option, text, why, why_size);
	case OPTION_BY_GLOB:
		snprintf(why, why_size, "name the device too; write %s.eth0=%s", option->key, text);
		return -EINVAL;
	default:
		return config_set_scalar(config, config, option, text, why, why_size);
	}
}

int config_set(struct config *config, const char *key, const char *text, char *why, size_t why_size)
{
	const struct option *option = config_find(key), *by_glob;
	const char *glob;

	by_glob = config_set_find_by_glob(key, &glob);
	if (by_glob)
		return config_add_by_glob(config, by_glob, glob, text, why, why_size);
	if (!strncmp(key, "filter.rules.", strlen("filter.rules.")))
		return config_filter_set(config, key + strlen("filter.rules."), text, why,
					 why_size);
	if (!strncmp(key, "export.", strlen("export.")))
		return config_export_set(config, key + strlen("export."), text, why, why_size);
	if (!strncmp(key, "bus.listen.", strlen("bus.listen.")))
		return config_set_listen(config, key + strlen("bus.listen."), text, why, why_size);
	if (!option) {
		config_no_such_key(key, why, why_size);
		return -EINVAL;
	}
	return config_set_row(config, option, text, why, why_size);
}
