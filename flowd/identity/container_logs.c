/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/container_logs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LOG_ID	  64
#define LOG_END	  ".log"
#define LOGS_MOST 16384 /* names of a directory that are looked at */

/* Fills what is empty. */
static void log_fill(char *to, size_t size, const char *from, size_t length)
{
	if (!*to)
		snprintf(to, size, "%.*s", (int)length, from);
}

/* Names of pods, namespaces and containers have no underscores (RFC 1123). */
bool container_log_name(const char *name, const char *id, struct container_facts *facts)
{
	const size_t tail = 1 + LOG_ID + strlen(LOG_END);
	const char *namespace = strchr(name, '_');
	const char *container = namespace ? strchr(namespace + 1, '_') : NULL;
	size_t length = strlen(name);
	const char *end = length > tail ? name + length - tail : NULL;

	if (!container || !end || end <= container + 1 || *end != '-' || strlen(id) != LOG_ID ||
	    strncmp(end + 1, id, LOG_ID) || strcmp(end + 1 + LOG_ID, LOG_END))
		return false;
	log_fill(facts->pod, sizeof(facts->pod), name, (size_t)(namespace - name));
	log_fill(facts->namespace, sizeof(facts->namespace), namespace + 1,
		 (size_t)(container - namespace - 1));
	log_fill(facts->name, sizeof(facts->name), container + 1, (size_t)(end - container - 1));
	return true;
}

bool pod_log_name(const char *name, const char *uid, struct container_facts *facts)
{
	const char *pod = strchr(name, '_');
	const char *own = pod ? strchr(pod + 1, '_') : NULL;

	if (!own || own == pod + 1 || pod == name || !*uid || strcmp(own + 1, uid))
		return false;
	log_fill(facts->namespace, sizeof(facts->namespace), name, (size_t)(pod - name));
	log_fill(facts->pod, sizeof(facts->pod), pod + 1, (size_t)(own - pod - 1));
	return true;
}

static int log_search(const char *host_root, const char *directory,
		      bool (*is)(const char *, const char *, struct container_facts *),
		      const char *wanted, struct container_facts *facts)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *opened;

	snprintf(path, sizeof(path), "%s%s", host_root, directory);
	opened = opendir(path);
	if (!opened)
		return -ENOENT;
	for (int i = 0; !found && i < LOGS_MOST && (entry = readdir(opened)); i++)
		found = is(entry->d_name, wanted, facts);
	closedir(opened);
	return found ? 0 : -ENOENT;
}

int container_logs_read(const struct container_paths *paths, struct container_facts *facts)
{
	int err = -ENOENT;

	if (*facts->id && paths->container_logs)
		err = log_search(paths->host_root, paths->container_logs, container_log_name,
				 facts->id, facts);
	if (!*facts->pod && *facts->pod_uid && paths->pod_logs)
		log_search(paths->host_root, paths->pod_logs, pod_log_name, facts->pod_uid, facts);
	return err;
}
