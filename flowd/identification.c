/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identification.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/identity/conntrack_source.h"
#include "flowd/identity/engine_source.h"
#include "flowd/identity/geo_source.h"
#include "flowd/identity/kube_source.h"
#include "flowd/identity/local_source.h"
#include "flowd/identity/name_source.h"
#include "flowd/identity/reserved_source.h"
#include "flowd/kernel/socket_scan.h"

#define IDENTIFICATION_TICK_NS	CLOCK_S
#define IDENTIFICATION_AGAIN_NS (10 * CLOCK_MS) /* for metadata that comes after its cgroup */
#define IDENTIFICATION_GRACE_NS (60 * CLOCK_S)	/* how long readers may hold a record */
#define IDENTIFICATION_CGROUPS	16384

struct identification {
	const struct config *config;
	struct identity *identity;
	struct local *local;	 /* closed by `identity` */
	struct engines *engines; /* likewise, once it is added */
	struct kube *kube;	 /* likewise; NULL: none */
	struct owner *owner;
	struct loop_source *ready, *timer, *again, *news, *answers, *peers;
	struct flow_record record;
	uint64_t oldest, held, lost; /* positions; held 0: not told */
	void (*changed)(void *context);
	void *changed_context;
	char cgroup_root[PATH_MAX / 4], proc[PATH_MAX / 4];
};

/* ---- sources -------------------------------------------------------------------------------- */

static const char *identification_root(const struct config *config)
{
	return config->identity.host_root ? config->identity.host_root : "";
}

static int identification_add_local(struct identification *part)
{
	const struct config *config = part->config;
	struct local_options options = {
		.cgroups = { .paths = { .host_root = identification_root(config),
					.docker = config->identity.docker,
					.containerd = config->identity.containerd,
					.runc = config->identity.runc,
					.storage = config->identity.storage,
					.pod_logs = config->identity.pod_logs,
					.container_logs = config->identity.container_logs },
			     .met = engines_meet,
			     .met_context = part->engines,
			     .root = part->cgroup_root,
			     .keep_ns = config->identity.keep,
			     .most = IDENTIFICATION_CGROUPS },
		.proc = part->proc,
		.most = (uint32_t)config->identity.max_owners,
		.sockets = part->owner != NULL,
	};
	struct identity_source source;
	int err = local_open(&part->local, &options, clock_monotonic_ns());

	if (err)
		return err;
	source = local_source(part->local);
	return identity_add(part->identity, &source);
}

/* The local source meets the containers that engines are asked about, so these are there first. */
static int identification_add_containers(struct identification *part)
{
	const struct config *config = part->config;
	const struct engines_options options = { .host_root = identification_root(config),
						 .docker = config->identity.docker_socket,
						 .podman = config->identity.podman_socket };
	struct identity_source source;
	int err = engines_open(&part->engines, &options);

	if (err)
		return err;
	err = identification_add_local(part);
	if (err) {
		engines_close(part->engines);
		part->engines = NULL;
		return err;
	}
	source = engines_source(part->engines);
	return identity_add(part->identity, &source);
}

static int identification_add_names(struct identification *part, enum name_format format,
				    const char *path)
{
	struct identity_source source;
	int err = path ? name_source_open(&source, format, path) : 0;

	return err || !path ? err : identity_add(part->identity, &source);
}

/* Without it everything local still works: a server that cannot be found is a warning. */
static int identification_add_kube(struct identification *part)
{
	const struct config *config = part->config;
	const struct kube_options options = {
		.watch = { .kubeconfig = config->identity.kubeconfig,
			   .node = config->identity.kubernetes == KUBERNETES_LOCAL
					   ? config->node_name
					   : NULL },
		.keep_ns = config->identity.keep,
		.node_name = config->node_name,
	};
	struct identity_source source;
	char why[256];

	if (config->identity.kubernetes == KUBERNETES_OFF)
		return 0;
	if (kube_open(&part->kube, &options, why, sizeof(why))) {
		log_warning("identity: no names from Kubernetes: %s", why);
		return 0;
	}
	source = kube_source(part->kube);
	return identity_add(part->identity, &source);
}

static int identification_add_geo(struct identification *part)
{
	const struct config *config = part->config;
	struct identity_source source;

	if (!config->identity.city && !config->identity.asn)
		return 0;
	if (geo_source_open(&source, config->identity.city, config->identity.asn))
		return -ENOMEM;
	return identity_add(part->identity, &source);
}

static int identification_add_conntrack(struct identification *part)
{
	struct identity_source source;

	if (!part->config->identity.conntrack || conntrack_source_open(&source))
		return 0;
	return identity_add(part->identity, &source);
}

/* In the order of trust: docs/decisions/identity.md. */
static int identification_add_sources(struct identification *part)
{
	const struct config *config = part->config;
	struct identity_source reserved = reserved_source(config->node_name);
	int err = identification_add_conntrack(part);

	if (!err)
		err = identification_add_containers(part);
	if (!err)
		err = identification_add_kube(part);
	if (!err)
		err = identification_add_names(part, NAME_NETWORKS, config->identity.networks);
	if (!err)
		err = identification_add_names(part, NAME_HOSTS, config->identity.hosts);
	if (!err)
		err = identification_add_geo(part);
	return err ? err : identity_add(part->identity, &reserved);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void identification_on_ready(void *context)
{
	identification_drain(context);
}

static void identification_on_answers(void *context)
{
	struct identification *part = context;

	engines_dispatch(part->engines);
}

static void identification_on_peers(void *context)
{
	struct identification *part = context;

	local_dispatch_peers(part->local);
}

static void identification_on_news(void *context)
{
	struct identification *part = context;

	kube_dispatch(part->kube);
}

static void identification_tell_change(struct identification *part)
{
	if (part->changed)
		part->changed(part->changed_context);
}

/* An engine writes its files some milliseconds before or after it makes the cgroup. */
static void identification_on_again(void *context)
{
	struct identification *part = context;
	bool more = local_retry(part->local);

	identification_tell_change(part);
	if (more)
		loop_alarm_need(part->again, IDENTIFICATION_AGAIN_NS);
}

static void identification_on_timer(void *context)
{
	struct identification *part = context;

	identification_drain(part);
	identity_tick(part->identity,
		      part->held && part->held < part->oldest ? part->held : part->oldest);
}

/* Without the kernel's word there are still namespaces, files and names. */
static void identification_open_owner(struct identification *part, struct datapath *datapath)
{
	const struct owner_options options = { .cgroup_root = part->cgroup_root,
					       .btf_path = part->config->btf };

	if (cgroup_table_root(identification_root(part->config), part->cgroup_root,
			      sizeof(part->cgroup_root)))
		log_warning("identity: no cgroup v2 hierarchy below %s/sys/fs/cgroup; mount it, or "
			    "set identity.host_root",
			    identification_root(part->config));
	else
		owner_open(&part->owner, datapath, &options);
}

static void identification_found(void *context, const struct owner_socket *socket)
{
	struct identification *part = context;

	local_found(part->local, socket);
}

/* What is open already; after the programs are attached, so that nothing is missed between. */
static void identification_scan(struct identification *part)
{
	int count = part->owner ? socket_scan(part->proc, identification_found, part) : 0;

	if (count < 0)
		log_warning("identity: looking for open sockets in %s: %s; those that are open "
			    "already get no process",
			    part->proc, strerror(-count));
	else
		log_info("identity: %d sockets were open already", count);
}

static int identification_start(struct identification *part, struct loop *loop)
{
	const struct identity_options options = {
		.most_flows = (uint32_t)part->config->flow.max_flows,
		.grace_ns = IDENTIFICATION_GRACE_NS,
	};
	int err = identity_open(&part->identity, &options);

	if (!err)
		err = identification_add_sources(part);
	if (!err)
		identification_scan(part);
	if (!err && part->owner)
		err = loop_add_wakeups(loop, owner_event_fd(part->owner), identification_on_ready,
				       part, &part->ready);
	if (!err)
		err = loop_add_readable(loop, engines_fd(part->engines), identification_on_answers,
					part, &part->answers);
	if (!err && local_peers_fd(part->local) >= 0)
		err = loop_add_readable(loop, local_peers_fd(part->local), identification_on_peers,
					part, &part->peers);
	if (!err && part->kube)
		err = loop_add_readable(loop, kube_fd(part->kube), identification_on_news, part,
					&part->news);
	if (!err)
		err = loop_add_alarm(loop, identification_on_again, part, &part->again);
	if (!err)
		err = loop_add_timer(loop, IDENTIFICATION_TICK_NS, identification_on_timer, part,
				     &part->timer);
	return err;
}

int identification_open(struct identification **out, struct loop *loop, const struct config *config,
			struct datapath *datapath)
{
	struct identification *part;
	int err;

	if (!config->identity.enabled) {
		*out = NULL;
		return 0;
	}
	part = calloc(1, sizeof(*part));
	if (!part)
		return -ENOMEM;
	part->config = config;
	snprintf(part->proc, sizeof(part->proc), "%s/proc", identification_root(config));
	identification_open_owner(part, datapath);
	err = identification_start(part, loop);
	if (err) {
		identification_close(part);
		return err;
	}
	*out = part;
	return 0;
}

void identification_close(struct identification *part)
{
	if (!part)
		return;
	loop_source_free(part->ready);
	loop_source_free(part->timer);
	loop_source_free(part->again);
	loop_source_free(part->news);
	loop_source_free(part->answers);
	loop_source_free(part->peers);
	owner_close(part->owner);
	identity_close(part->identity);
	free(part);
}

/* ---- work ----------------------------------------------------------------------------------- */

static void identification_event(void *context, const struct flow_event *event)
{
	struct identification *part = context;

	local_event(part->local, event);
	if (event->type == OWNER_EVENT_CGROUP_MADE && part->again)
		loop_alarm_need(part->again, IDENTIFICATION_AGAIN_NS);
	if (event->type == OWNER_EVENT_CGROUP_MADE || event->type == OWNER_EVENT_CGROUP_GONE)
		identification_tell_change(part);
}

void identification_drain(struct identification *part)
{
	struct owner_stats stats;

	if (!part)
		return;
	local_dispatch_peers(part->local);
	if (!part->owner)
		return;
	owner_drain(part->owner, identification_event, part);
	owner_stats(part->owner, &stats);
	if (stats.lost != part->lost)
		local_lost(part->local);
	part->lost = stats.lost;
}

const struct flow_record *identification_name(struct identification *part,
					      const struct flow_record *record,
					      int64_t wall_offset_ns)
{
	if (!part)
		return record;
	part->record = *record;
	identity_name(part->identity, &part->record, wall_offset_ns);
	return &part->record;
}

void identification_held(struct identification *part, uint64_t position)
{
	if (part)
		part->held = position;
}

void identification_stored(struct identification *part, uint64_t position)
{
	if (!part)
		return;
	identity_stored(part->identity, &part->record, position);
	if (position > part->config->history_records)
		part->oldest = position - part->config->history_records;
}

/* ---- for others ----------------------------------------------------------------------------- */

void identification_listen(struct identification *part, void (*changed)(void *context),
			   void *context)
{
	if (!part)
		return;
	part->changed = changed;
	part->changed_context = context;
}

struct local *identification_local(const struct identification *part)
{
	return part ? part->local : NULL;
}

struct kube *identification_kube(const struct identification *part)
{
	return part ? part->kube : NULL;
}

const char *identification_proc(const struct identification *part)
{
	return part->proc;
}

/* ---- counters ------------------------------------------------------------------------------- */

#define FROM_COUNTER(name, json_name) "identity_from_" json_name,
static const char *const from_counters[] = { IDENTITY_SOURCES(FROM_COUNTER) };
#define MISSING_COUNTER(name, json_name) "identity_" json_name,
static const char *const missing_counters[] = { IDENTITY_REASONS(MISSING_COUNTER) };

static void identification_count_owners(const struct identification *part,
					identification_count_fn visit, void *context)
{
	struct owner_table_stats table;
	struct owner_stats kernel = { 0 };

	owner_table_stats(local_owners(part->local), &table);
	if (part->owner)
		owner_stats(part->owner, &kernel);
	visit(context, "owner_events", kernel.events, "facts about sockets told by the kernel");
	visit(context, "owner_events_lost", kernel.lost,
	      "those that the ring buffer had no room for");
	visit(context, "owners_remembered", table.cookies, "sockets whose owners are known");
	visit(context, "owners_forgotten", table.forgotten,
	      "given up because identity.max_owners "
	      "was reached");
	visit(context, "sockets_missing", part->owner ? owner_missing_count(part->owner) : 1,
	      part->owner ? owner_missing(part->owner) : "the kernel refused the programs");
}

void identification_counters(const struct identification *part, identification_count_fn visit,
			     void *context)
{
	struct identity_stats stats;

	if (!part)
		return;
	identity_stats(part->identity, &stats);
	for (int i = 1; i < IDENTITY_FROM_COUNT; i++)
		visit(context, from_counters[i], stats.named[i], "ends of flows identified so");
	for (int i = 1; i < IDENTITY_MISSING_COUNT; i++)
		visit(context, missing_counters[i], stats.missing[i],
		      "ends of flows without process or name, for this reason");
	visit(context, "endpoints", stats.endpoints, "different ends that records point at");
	identification_count_owners(part, visit, context);
	engines_counters(part->engines, visit, context);
	if (part->kube)
		kube_counters(part->kube, visit, context);
}
