/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/engine_source.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flowd/base/clock.h"
#include "flowd/identity/engine_client.h"
#include "flowd/identity/lru.h"

#define ENGINES_CONTAINERS 4096
#define ENGINES_AGAIN_NS   (60 * CLOCK_S) /* after an engine has not answered */

enum engine { ENGINE_DOCKER, ENGINE_PODMAN, ENGINE_COUNT };

static const struct engine_row {
	const char *name, *setting, *answers, *failures;
} engine_rows[] = {
	[ENGINE_DOCKER] = { "docker", "identity.docker_socket", "docker_answers",
			    "docker_failures" },
	[ENGINE_PODMAN] = { "podman", "identity.podman_socket", "podman_answers",
			    "podman_failures" },
};

struct engine_container {
	char id[ENGINE_ID_SIZE];
	uint8_t wanted, asked; /* bits of enum engine */
	uint64_t again_ns;     /* 0: all that are wanted have been asked, or will answer */
	struct container_facts *facts;
};

struct engines {
	struct engine_client *clients[ENGINE_COUNT];
	char why[ENGINE_COUNT][192]; /* of counters, as told last */
	struct lru *containers;
	enum engine answering;
	int wake_fd;
};

/* ---- life ----------------------------------------------------------------------------------- */

static void engines_drop(void *entry)
{
	struct engine_container *container = entry;

	free(container->facts);
}

static int engines_open_client(struct engines *engines, enum engine engine, const char *host_root,
			       const char *socket)
{
	char path[PATH_MAX];
	const struct engine_client_options options = { .name = engine_rows[engine].name,
						       .setting = engine_rows[engine].setting,
						       .socket = path,
						       .wake_fd = engines->wake_fd };

	if (!socket)
		return 0;
	snprintf(path, sizeof(path), "%s%s", host_root, socket);
	return engine_client_open(&engines->clients[engine], &options);
}

int engines_open(struct engines **out, const struct engines_options *options)
{
	struct engines *engines = calloc(1, sizeof(*engines));
	int err;

	if (!engines)
		return -ENOMEM;
	engines->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = engines->wake_fd < 0 ? -errno : 0;
	if (!err)
		err = lru_open(&engines->containers, sizeof(struct engine_container),
			       ENGINE_ID_SIZE, ENGINES_CONTAINERS, engines_drop);
	if (!err)
		err = engines_open_client(engines, ENGINE_DOCKER, options->host_root,
					  options->docker);
	if (!err)
		err = engines_open_client(engines, ENGINE_PODMAN, options->host_root,
					  options->podman);
	if (err) {
		engines_close(engines);
		return err;
	}
	*out = engines;
	return 0;
}

void engines_close(struct engines *engines)
{
	if (!engines)
		return;
	for (int i = 0; i < ENGINE_COUNT; i++)
		engine_client_close(engines->clients[i]);
	lru_close(engines->containers);
	if (engines->wake_fd >= 0)
		close(engines->wake_fd);
	free(engines);
}

int engines_fd(const struct engines *engines)
{
	return engines->wake_fd;
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool engines_is_id(const char *text)
{
	size_t length = 0;

	while (isxdigit((unsigned char)text[length]))
		length++;
	return length == ENGINE_ID_SIZE - 1 && !text[length];
}

/* Podman's files have no labels; others are asked about what no file knows, and may be theirs. */
static bool engines_may_know(const struct engines *engines, enum engine engine,
			     const struct cgroup_entry *entry)
{
	const char *runtime = entry->facts->runtime;

	if (!engines->clients[engine])
		return false;
	if (!strcmp(runtime, engine_rows[engine].name))
		return engine == ENGINE_PODMAN || !entry->known;
	return !entry->known && (!*runtime || !strcmp(runtime, "oci") || !strcmp(runtime, "cri")) &&
	       engine_client_present(engines->clients[engine]);
}

static void engines_ask(struct engines *engines, struct engine_container *container,
			uint64_t now_ns)
{
	if (now_ns < container->again_ns)
		return;
	container->again_ns = 0;
	for (int i = 0; i < ENGINE_COUNT; i++) {
		uint8_t bit = (uint8_t)(1u << i);

		if (!(container->wanted & bit) || (container->asked & bit))
			continue;
		if (engine_client_ask(engines->clients[i], container->id))
			container->asked |= bit;
		else
			container->again_ns = now_ns + ENGINES_AGAIN_NS;
	}
}

void engines_meet(void *context, const struct cgroup_entry *entry)
{
	struct engines *engines = context;
	struct engine_container *container;

	if (entry->name.monitor || !engines_is_id(entry->facts->id))
		return;
	for (int i = 0; i < ENGINE_COUNT; i++) {
		if (!engines_may_know(engines, i, entry))
			continue;
		container = lru_make(engines->containers, entry->facts->id);
		if (!container)
			return;
		container->wanted |= (uint8_t)(1u << i);
		engines_ask(engines, container, clock_monotonic_ns());
	}
}

static void engines_answered(void *context, const char *id, const struct container_facts *facts)
{
	struct engines *engines = context;
	struct engine_container *container = lru_find(engines->containers, id);
	size_t size;

	if (!container || container->facts)
		return;
	if (!facts) {
		container->asked &= (uint8_t) ~(1u << engines->answering);
		container->again_ns = clock_monotonic_ns() + ENGINES_AGAIN_NS;
		return;
	}
	size = offsetof(struct container_facts, labels) + facts->labels_used + 1;
	container->facts = calloc(1, size);
	if (!container->facts)
		return;
	memcpy(container->facts, facts, size - 1);
	snprintf(container->facts->runtime, sizeof(container->facts->runtime), "%s",
		 engine_rows[engines->answering].name);
}

void engines_dispatch(struct engines *engines)
{
	eventfd_t value;

	eventfd_read(engines->wake_fd, &value);
	for (int i = 0; i < ENGINE_COUNT; i++) {
		engines->answering = i;
		if (engines->clients[i])
			engine_client_take(engines->clients[i], engines_answered, engines);
	}
}

/* ---- answering ------------------------------------------------------------------------------ */

static bool engines_has_label(const struct identity_draft *draft, const char *label)
{
	for (size_t at = 0; at < draft->labels_used; at += strlen(draft->labels + at) + 1)
		if (!strcmp(draft->labels + at, label))
			return true;
	return false;
}

static void engines_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	struct engines *engines = self;
	const char *id = draft->endpoint.text[ENDPOINT_CONTAINER_ID];
	struct engine_container *container = NULL;
	const struct container_facts *facts;
	const char *label;

	if (id && engines_is_id(id))
		container = lru_find(engines->containers, id);
	if (!container)
		return;
	facts = container->facts;
	if (!facts) {
		if (container->again_ns)
			engines_ask(engines, container, ask->now_ns);
		return;
	}
	identity_draft_text(draft, ENDPOINT_CONTAINER_NAME, facts->name);
	identity_draft_text(draft, ENDPOINT_IMAGE, facts->image);
	/* "oci" and "cri" are what a path says that does not tell the engine. */
	draft->endpoint.text[ENDPOINT_RUNTIME] = facts->runtime;
	label = facts->labels;
	for (unsigned int i = 0; i < facts->label_count; i++, label += strlen(label) + 1)
		if (!engines_has_label(draft, label))
			identity_draft_label(draft, label);
	if (draft->end->missing == IDENTITY_MISSING_NO_METADATA)
		draft->end->missing = IDENTITY_MISSING_NONE;
}

static void engines_close_source(void *self)
{
	engines_close(self);
}

struct identity_source engines_source(struct engines *engines)
{
	return (struct identity_source){ .name = "engines",
					 .fill = engines_fill,
					 .close = engines_close_source,
					 .self = engines };
}

void engines_counters(struct engines *engines, engines_count_fn visit, void *context)
{
	for (int i = 0; i < ENGINE_COUNT; i++) {
		struct engine_client_stats stats;

		if (!engines->clients[i])
			continue;
		engine_client_stats(engines->clients[i], &stats);
		snprintf(engines->why[i], sizeof(engines->why[i]),
			 "times the engine did not answer%s%s", *stats.why ? "; now: " : "",
			 stats.why);
		visit(context, engine_rows[i].answers, stats.answers,
		      "containers that the engine has told of");
		visit(context, engine_rows[i].failures, stats.failures + stats.refused,
		      engines->why[i]);
	}
}
