/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/scope.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/identity/kube_source.h"
#include "flowd/identity/local_source.h"
#include "flowd/identity/netns_read.h"
#include "flowd/identity/netns_table.h"
#include "flowd/kernel/cgroup_path.h"
#include "flowd/scope_list.h"

#define SCOPE_LOOK_NS	 CLOCK_S
#define SCOPE_SOON_NS	 (5 * CLOCK_MS)
#define SCOPE_SPACES_MAX 1024

/* What the entries stand for now. */
struct scope_found {
	struct filter_scope_cgroup cgroups[FLOW_SCOPE_CGROUPS];
	size_t cgroup_count;
	int32_t spaces[SCOPE_SPACES_MAX]; /* by number; of each a device of ours leads there */
	size_t space_count;
	uint32_t of_cgroups[SCOPE_ENTRIES_MAX], of_spaces[SCOPE_ENTRIES_MAX];
};

struct scope {
	struct scope_options options;
	struct scope_list list;
	struct scope_found now, next;
	struct loop_source *timer, *soon;
	uint64_t events_left;
	bool failing;
};

/* ---- looking -------------------------------------------------------------------------------- */

static struct cgroup_table *scope_cgroups(const struct scope *scope)
{
	return local_cgroups(identification_local(scope->options.identification));
}

static void scope_take_space(struct scope *scope, size_t entry, int32_t number)
{
	struct scope_found *found = &scope->next;

	if (number < 0)
		return;
	found->of_spaces[entry]++;
	for (size_t i = 0; i < found->space_count; i++)
		if (found->spaces[i] == number)
			return;
	if (found->space_count < SCOPE_SPACES_MAX)
		found->spaces[found->space_count++] = number;
}

/* The namespace that the cgroup's processes are in, unless it is ours. */
static void scope_take_space_of(struct scope *scope, size_t entry,
				const struct cgroup_entry *cgroup)
{
	struct netns_table *spaces =
		local_spaces(identification_local(scope->options.identification));
	uint32_t pid = cgroup_table_process(scope_cgroups(scope), cgroup);
	uint32_t netns = pid ? netns_table_of(spaces, pid) : 0;
	char path[PATH_MAX];

	if (!netns || netns == netns_table_own(spaces))
		return;
	snprintf(path, sizeof(path), "%s/%u/ns/net",
		 identification_proc(scope->options.identification), pid);
	scope_take_space(scope, entry, netns_read_number(path));
}

/* With a cgroup all below it are in scope, as far down as can be told. */
static void scope_take_cgroup(struct scope *scope, size_t entry, const struct cgroup_entry *cgroup)
{
	struct scope_found *found = &scope->next;
	unsigned int level = cgroup_path_level(cgroup->path);

	if (level >= FLOW_FILTER_LEVELS)
		return;
	found->of_cgroups[entry]++;
	if (found->cgroup_count < FLOW_SCOPE_CGROUPS)
		found->cgroups[found->cgroup_count++] =
			(struct filter_scope_cgroup){ cgroup->id, level };
}

static bool scope_is_pod(const struct scope *scope, const char *name,
			 const struct cgroup_entry *cgroup)
{
	const struct container_facts *facts = cgroup->facts;
	const char *uid = facts && *facts->pod_uid ? facts->pod_uid : cgroup->name.pod_uid;
	struct kube *kube = identification_kube(scope->options.identification);
	const struct kube_object *pod =
		kube && *uid ? kube_store_by_uid(kube_objects(kube), uid) : NULL;

	if (facts && scope_names_pod(name, facts->namespace, facts->pod))
		return true;
	return pod && scope_names_pod(name, pod->namespace, pod->name);
}

static bool scope_is_meant(const struct scope *scope, const struct scope_entry *entry,
			   const struct cgroup_entry *cgroup)
{
	switch (entry->kind) {
	case SCOPE_CONTAINER:
		return scope_names_container(entry->name,
					     cgroup->facts ? cgroup->facts->name : NULL,
					     cgroup->name.container) ||
		       (cgroup->facts &&
			scope_names_container(entry->name, NULL, cgroup->facts->id));
	case SCOPE_POD:
		return scope_is_pod(scope, entry->name, cgroup);
	case SCOPE_CGROUP:
		return scope_names_cgroup(entry->name, cgroup->path);
	case SCOPE_NETNS:
	case SCOPE_KIND_COUNT:
		break;
	}
	return false;
}

static void scope_try_cgroup(void *context, const struct cgroup_entry *cgroup)
{
	struct scope *scope = context;

	for (size_t i = 0; i < scope->list.count && !cgroup->gone_ns; i++) {
		const struct scope_entry *entry = &scope->list.entry[i];

		if (!scope_is_meant(scope, entry, cgroup))
			continue;
		if (entry->kind != SCOPE_CGROUP || !strcmp(entry->name, cgroup->path))
			scope_take_cgroup(scope, i, cgroup);
		scope_take_space_of(scope, i, cgroup);
	}
}

struct scope_search {
	struct scope *scope;
	size_t entry;
	uint32_t inode;
};

static void scope_try_space(void *context, const struct netns_entry *space)
{
	const struct scope_search *search = context;

	if (space->netns == search->inode && !space->own && !space->gone_ns && space->linked)
		scope_take_space(search->scope, search->entry, space->number);
}

/* By inode as far as a process inside is known, else by a file that stands for the namespace. */
static void scope_look_for_space(struct scope *scope, size_t entry)
{
	const char *name = scope->list.entry[entry].name;
	const char *root = scope->options.config->identity.host_root;
	struct scope_search search = { scope, entry, 0 };
	char path[PATH_MAX], *end;

	search.inode = (uint32_t)strtoul(name, &end, 10);
	if (isdigit((unsigned char)*name) && !*end) {
		netns_table_each(local_spaces(identification_local(scope->options.identification)),
				 scope_try_space, &search);
		return;
	}
	snprintf(path, sizeof(path), "%s%s%s", root ? root : "", *name == '/' ? "" : "/run/netns/",
		 name);
	scope_take_space(scope, entry, netns_read_number(path));
}

static void scope_look(struct scope *scope)
{
	memset(&scope->next, 0, sizeof(scope->next));
	if (!scope->list.count)
		return;
	cgroup_table_each(scope_cgroups(scope), scope_try_cgroup, scope);
	for (size_t i = 0; i < scope->list.count; i++)
		if (scope->list.entry[i].kind == SCOPE_NETNS)
			scope_look_for_space(scope, i);
}

/* ---- obeying -------------------------------------------------------------------------------- */

static int scope_order(const void *left, const void *right)
{
	const struct filter_scope_cgroup *a = left, *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

static bool scope_differs(const struct scope *scope)
{
	return memcmp(&scope->now, &scope->next, sizeof(scope->now));
}

/* Devices first when it grows, and the word last: what is in scope is never left alone meanwhile.
 */
static int scope_apply(struct scope *scope)
{
	const struct scope_found *found = &scope->next;
	bool on = scope->list.count;
	int error =
		interfaces_set_scope(scope->options.interfaces, found->spaces, found->space_count);

	if (!error)
		error = packet_filter_scope(scope->options.filter, on, found->cgroups,
					    found->cgroup_count);
	query_service_scope(scope->options.queries, (uint32_t)scope->list.count);
	if (error && !scope->failing)
		log_error("scope: telling the programs what is in it: %s; trying again",
			  strerror(-error));
	scope->failing = error;
	if (!error)
		scope->now = scope->next;
	return error;
}

static void scope_renew(struct scope *scope, bool changed)
{
	scope_look(scope);
	qsort(scope->next.cgroups, scope->next.cgroup_count, sizeof(scope->next.cgroups[0]),
	      scope_order);
	if (changed || scope->failing || scope_differs(scope))
		scope_apply(scope);
}

static void scope_on_timer(void *context)
{
	struct scope *scope = context;

	if (scope->list.count || scope->failing)
		scope_renew(scope, false);
}

void scope_need(struct scope *scope)
{
	if (scope && scope->list.count)
		loop_alarm_need(scope->soon, SCOPE_SOON_NS);
}

static void scope_on_change(void *context)
{
	scope_need(context);
}

/* ---- the settings --------------------------------------------------------------------------- */

static void scope_add_all(struct scope *scope, enum scope_kind kind,
			  const struct config_globs *names)
{
	char why[256];

	for (size_t i = 0; i < names->count; i++) {
		int error = scope_list_add(&scope->list, kind, names->glob[i], why, sizeof(why));

		if (error && error != -EEXIST)
			log_error("scope: %s %s is left out: %s", scope_kind_word(kind),
				  names->glob[i], why);
	}
}

void scope_reload(struct scope *scope)
{
	const struct config *config = scope ? scope->options.config : NULL;

	if (!scope)
		return;
	scope->list.count = 0;
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		scope_add_all(scope, (enum scope_kind)kind, &config->scope[kind]);
	scope_renew(scope, true);
	if (scope->list.count)
		log_info("scope: %zu entries; what is outside is counted and left alone",
			 scope->list.count);
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool scope_is_asked_for(const struct config *config)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		if (config->scope[kind].count)
			return true;
	return false;
}

static int scope_start(struct scope *scope, struct loop *loop)
{
	int error = loop_add_alarm(loop, scope_on_timer, scope, &scope->soon);

	if (!error)
		error = loop_add_timer(loop, SCOPE_LOOK_NS, scope_on_timer, scope, &scope->timer);
	if (error)
		return error;
	identification_listen(scope->options.identification, scope_on_change, scope);
	scope_reload(scope);
	return scope->failing ? -EIO : 0;
}

int scope_open(struct scope **out, struct loop *loop, const struct scope_options *options)
{
	struct scope *scope;
	int error;

	*out = NULL;
	if (!options->identification) {
		if (!scope_is_asked_for(options->config))
			return 0;
		log_error("scope: it needs identity.enabled; set that, or empty scope.*");
		return -EINVAL;
	}
	scope = calloc(1, sizeof(*scope));
	if (!scope)
		return -ENOMEM;
	scope->options = *options;
	error = scope_start(scope, loop);
	if (error) {
		scope_close(scope);
		return error;
	}
	*out = scope;
	return 0;
}

void scope_close(struct scope *scope)
{
	if (!scope)
		return;
	identification_listen(scope->options.identification, NULL, NULL);
	loop_source_free(scope->timer);
	loop_source_free(scope->soon);
	free(scope);
}

/* ---- questions ------------------------------------------------------------------------------ */

uint32_t scope_entries(const struct scope *scope)
{
	return scope ? (uint32_t)scope->list.count : 0;
}

/* A device that leads into the scope is as good as a name. */
static bool scope_has_point(const struct scope *scope, const struct flow_record *record)
{
	for (size_t i = 0; i < record->point_count; i++)
		if (interfaces_in_scope_at(scope->options.interfaces, record->points[i].ifindex))
			return true;
	return false;
}

bool scope_takes_event(struct scope *scope, const struct flow_record *record)
{
	if (!scope || !scope->list.count || record->kind == FLOW_KIND_DNS ||
	    scope_list_covers(&scope->list, record) || scope_has_point(scope, record))
		return true;
	scope->events_left++;
	return false;
}

uint64_t scope_events_left(const struct scope *scope)
{
	return scope ? scope->events_left : 0;
}

static int scope_obey(struct scope *scope, const struct scope_change *change, char *why,
		      size_t why_size)
{
	int kind = scope_kind_find(change->kind), error = 0;

	if (change->operation == SCOPE_LIST)
		return 0;
	if (change->operation != SCOPE_CLEAR && kind < 0) {
		snprintf(why, why_size,
			 "\"%s\" is no kind of scope; there are container, pod, cgroup and netns",
			 change->kind);
		return -EINVAL;
	}
	if (change->operation == SCOPE_ADD)
		error = scope_list_add(&scope->list, (enum scope_kind)kind, change->name, why,
				       why_size);
	else if (change->operation == SCOPE_REMOVE)
		error = scope_list_remove(&scope->list, (enum scope_kind)kind, change->name);
	else
		scope->list.count = 0;
	if (error == -ENOENT)
		snprintf(why, why_size,
			 "%s %s is not in the scope; see what is with flowcli scope list",
			 change->kind, change->name);
	if (error && error != -EEXIST)
		return error;
	scope_renew(scope, true);
	if (scope->failing)
		snprintf(why, why_size, "the kernel does not take it; see the log of flowd");
	return scope->failing ? -EIO : 0;
}

static void scope_write(const struct scope *scope, struct listing *out)
{
	static const char *const columns[] = {
		"kind", "name", "cgroups", "namespaces", "why", NULL
	};
	char cgroups[16], spaces[16];

	listing_begin(out, columns);
	for (size_t i = 0; i < scope->list.count; i++) {
		uint32_t of_cgroups = scope->now.of_cgroups[i], of_spaces = scope->now.of_spaces[i];
		const char *cells[] = { scope_kind_word(scope->list.entry[i].kind),
					scope->list.entry[i].name, cgroups, spaces,
					of_cgroups || of_spaces
						? NULL
						: "nothing of this name is there now" };

		snprintf(cgroups, sizeof(cgroups), "%u", of_cgroups);
		snprintf(spaces, sizeof(spaces), "%u", of_spaces);
		listing_add(out, cells);
	}
	out->note = scope->list.count ? "what is outside the scope is counted and left alone"
				      : "there is no scope: everything is looked at";
}

int scope_answer(struct scope *scope, const struct scope_change *change, bool local,
		 struct listing *out, char *why, size_t why_size)
{
	int error;

	if (change->operation != SCOPE_LIST && !local) {
		snprintf(why, why_size,
			 "the scope is changed on the machine itself, through its local socket");
		return -EPERM;
	}
	if (!scope) {
		snprintf(why, why_size, "there is no scope without identity.enabled");
		return -EOPNOTSUPP;
	}
	error = scope_obey(scope, change, why, why_size);
	if (error)
		return error;
	if (change->operation != SCOPE_LIST)
		log_info("scope: %zu entries, as asked for by flowcli scope", scope->list.count);
	scope_write(scope, out);
	return 0;
}
