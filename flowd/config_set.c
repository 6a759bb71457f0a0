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

int config_set(struct config *config, const char *key, const char *text, char *why, size_t why_size)
{
	const struct option *option = config_find(key);

	if (!strncmp(key, "interfaces.modes.", strlen("interfaces.modes.")))
		return config_add_mode(config, key + strlen("interfaces.modes."), text, why,
				       why_size);
	if (!strncmp(key, "filter.rules.", strlen("filter.rules.")))
		return config_filter_set(config, key + strlen("filter.rules."), text, why,
					 why_size);
	if (!strncmp(key, "bus.listen.", strlen("bus.listen.")))
		return config_set_listen(config, key + strlen("bus.listen."), text, why, why_size);
	if (!option) {
		config_no_such_key(key, why, why_size);
		return -EINVAL;
	}
	if (option->type == OPTION_GLOBS)
		return config_set_globs(config, option, text, why, why_size);
	if (option->type == OPTION_MODES) {
		snprintf(why, why_size, "name the device too; write interfaces.modes.eth0=%s",
			 text);
		return -EINVAL;
	}
	return config_set_scalar(config, config, option, text, why, why_size);
}
