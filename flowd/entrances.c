/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/entrances.h"

#include <grp.h>

#include "flowd/base/log.h"

gid_t entrances_group(const char *name)
{
	const struct group *group = name ? getgrnam(name) : NULL;

	if (name && !group)
		log_warning("there is no group %s: only root can use the sockets; make it with "
			    "\"groupadd --system %s\"",
			    name, name);
	return group ? group->gr_gid : LISTEN_NO_GROUP;
}

size_t entrances_list(const struct config *config, gid_t group, bool queries,
		      struct listen_options *out)
{
	size_t count = 0;

	out[count++] = (struct listen_options){
		.url = queries ? config->bus.query : config->bus.events,
		.group = group,
		.insecure_tcp = config->bus.insecure_tcp,
	};
	for (size_t i = 0; i < config->bus.listen_count; i++) {
		const struct config_listen *listen = &config->bus.listen[i];
		const char *url = queries ? listen->query : listen->events;

		if (!url)
			continue;
		out[count++] = (struct listen_options){
			.url = url,
			.group = group,
			.insecure_tcp = config->bus.insecure_tcp,
			.cert = listen->cert,
			.key = listen->key,
			.ca = listen->ca,
		};
	}
	return count;
}

void entrances_tell(const struct config *config)
{
	log_info("serving queries at %s, events at %s", config->bus.query, config->bus.events);
	for (size_t i = 0; i < config->bus.listen_count; i++) {
		const struct config_listen *listen = &config->bus.listen[i];

		log_info("serving queries at %s, events at %s",
			 listen->query ? listen->query : "(none)",
			 listen->events ? listen->events : "(none)");
	}
}
