/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/local_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/identity/netns_table.h"
#include "flowd/identity/peers.h"
#include "proto/protocol.h"

#define LOCAL_ROOT_CGROUP 1

struct local {
	struct cgroup_table *cgroups;
	struct owner_table *owners;
	struct netns_table *spaces;
	struct peers *peers;
	uint64_t started_ns;
	uint64_t lost_until_ns; /* flows that began before it may have lost their owner's event */
	bool sockets;
};

static void local_close(void *self)
{
	struct local *local = self;

	if (!local)
		return;
	cgroup_table_close(local->cgroups);
	owner_table_close(local->owners);
	peers_close(local->peers);
	netns_table_close(local->spaces);
	free(local);
}

/* Also of containers that never open a socket: their packets are forwarded all the same. */
static void local_inhabited(void *context, const struct cgroup_entry *entry)
{
	struct local *local = context;
	uint32_t netns = netns_table_of(local->spaces, entry->inside);

	netns_table_see(local->spaces, netns, entry->inside, entry->id, true,
			entry->born_ns ? entry->born_ns : 1);
	peers_resolve(local->peers);
}

static void local_watch_peers(struct local *local)
{
	int err = peers_watch(local->peers);

	if (err)
		log_warning(
			"identity: rtnetlink tells nothing of other namespaces: %s; ends are named "
			"by address, not by the device they are behind; give CAP_NET_ADMIN and "
			"CAP_NET_BROADCAST",
			strerror(-err));
}

int local_open(struct local **out, const struct local_options *options, uint64_t now_ns)
{
	struct local *local = calloc(1, sizeof(*local));
	int err;

	if (!local)
		return -ENOMEM;
	local->started_ns = now_ns;
	local->sockets = options->sockets;
	err = cgroup_table_open(&local->cgroups, &options->cgroups);
	if (!err)
		err = owner_table_open(&local->owners, options->most);
	if (!err)
		err = netns_table_open(&local->spaces, options->proc);
	if (!err)
		err = peers_open(&local->peers, local->spaces);
	if (err) {
		local_close(local);
		return err;
	}
	cgroup_table_scan(local->cgroups, now_ns);
	netns_table_tick(local->spaces, now_ns);
	cgroup_table_inhabit(local->cgroups, local_inhabited, local);
	local_watch_peers(local);
	*out = local;
	return 0;
}

int local_peers_fd(const struct local *local)
{
	return peers_fd(local->peers);
}

void local_dispatch_peers(struct local *local)
{
	peers_dispatch(local->peers);
}

struct cgroup_table *local_cgroups(struct local *local)
{
	return local->cgroups;
}

struct owner_table *local_owners(struct local *local)
{
	return local->owners;
}

struct netns_table *local_spaces(struct local *local)
{
	return local->spaces;
}

/* ---- learning ------------------------------------------------------------------------------- */

static void local_socket(struct local *local, const struct owner_socket *socket)
{
	uint64_t time_ns = socket->event.time_ns;
	bool serves =
		socket->event.type == OWNER_EVENT_LISTEN || socket->event.type == OWNER_EVENT_BIND;

	netns_table_see(local->spaces, socket->netns, socket->tid ? socket->tid : socket->pid,
			socket->cgroup_id, serves, time_ns);
	peers_resolve(local->peers);
	if (socket->local_port)
		netns_table_address(local->spaces, socket->netns, socket->local, time_ns);
	/* Its files may be gone with it: they are read now. */
	cgroup_table_find(local->cgroups, socket->cgroup_id, time_ns);
}

static void local_cgroup(struct local *local, const struct owner_cgroup *cgroup)
{
	if (cgroup->event.type == OWNER_EVENT_CGROUP_MADE) {
		cgroup_table_made(local->cgroups, cgroup->cgroup_id, cgroup->path,
				  cgroup->event.time_ns);
		return;
	}
	cgroup_table_gone(local->cgroups, cgroup->cgroup_id, cgroup->event.time_ns);
	netns_table_cgroup_gone(local->spaces, cgroup->cgroup_id, cgroup->event.time_ns);
}

void local_event(struct local *local, const struct flow_event *event)
{
	switch ((enum owner_event_type)event->type) {
	case OWNER_EVENT_CREATE:
	case OWNER_EVENT_BIND:
	case OWNER_EVENT_LISTEN:
	case OWNER_EVENT_CONNECT:
		local_socket(local, (const struct owner_socket *)event);
		owner_table_tell(local->owners, event);
		return;
	case OWNER_EVENT_PACKET:
		owner_table_tell(local->owners, event);
		return;
	case OWNER_EVENT_CGROUP_MADE:
	case OWNER_EVENT_CGROUP_GONE:
		local_cgroup(local, (const struct owner_cgroup *)event);
		return;
	}
}

void local_found(struct local *local, const struct owner_socket *socket)
{
	local_socket(local, socket);
	owner_table_found(local->owners, socket);
}

bool local_retry(struct local *local)
{
	cgroup_table_inhabit(local->cgroups, local_inhabited, local);
	return cgroup_table_retry(local->cgroups, clock_monotonic_ns());
}

void local_lost(struct local *local)
{
	local->lost_until_ns = clock_monotonic_ns();
}

/* ---- answering ------------------------------------------------------------------------------ */

static uint32_t local_number(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return (hash & 0x7fffffff) | 1;
}

static void local_fill_pod(const struct container_facts *facts, struct identity_draft *draft)
{
	identity_draft_text(draft, ENDPOINT_NAMESPACE, facts->namespace);
	identity_draft_join(draft, ENDPOINT_POD, facts->namespace, facts->pod);
	identity_draft_text(draft, ENDPOINT_POD_UID, facts->pod_uid);
}

static void local_fill_container(const struct cgroup_entry *entry, struct identity_draft *draft)
{
	const struct container_facts *facts = entry->facts;

	local_fill_pod(facts, draft);
	identity_draft_text(draft, ENDPOINT_POD_UID, entry->name.pod_group);
	identity_draft_text(draft, ENDPOINT_CONTAINER_ID, facts->id);
	identity_draft_text(draft, ENDPOINT_CONTAINER_NAME, facts->name);
	identity_draft_text(draft, ENDPOINT_IMAGE, facts->image);
	identity_draft_text(draft, ENDPOINT_RUNTIME, facts->runtime);
	identity_draft_labels(draft, facts->labels, facts->label_count);
	draft->endpoint.id = local_number(*facts->id ? facts->id : entry->path);
	if (!entry->known)
		identity_draft_missing(draft, IDENTITY_MISSING_NO_METADATA);
}

/* True: the cgroup is known, whatever it is. */
static bool local_fill_cgroup(struct local *local, uint64_t cgroup_id,
			      const struct identity_ask *ask, struct identity_draft *draft)
{
	const struct cgroup_entry *entry =
		cgroup_table_find(local->cgroups, cgroup_id, ask->now_ns);

	draft->endpoint.cgroup_id = cgroup_id;
	if (!entry) {
		if (cgroup_id > 1)
			identity_draft_missing(draft, IDENTITY_MISSING_CGROUP_GONE);
		return false;
	}
	identity_draft_text(draft, ENDPOINT_CGROUP, entry->path);
	identity_draft_text(draft, ENDPOINT_UNIT, entry->name.unit);
	if (entry->facts)
		local_fill_container(entry, draft);
	return true;
}

/* The kernel's own sockets answer pings and send resets; they are in the root's cgroup. */
static enum identity_missing local_no_process(const struct local *local, uint64_t cgroup_id,
					      const struct identity_ask *ask)
{
	if (cgroup_id == LOCAL_ROOT_CGROUP && !protocol_has_ports(ask->record->key.protocol))
		return IDENTITY_MISSING_KERNEL;
	if (local->lost_until_ns > ask->first_ns)
		return IDENTITY_MISSING_EVENTS_LOST;
	return ask->first_ns < local->started_ns ? IDENTITY_MISSING_BEFORE_START
						 : IDENTITY_MISSING_NO_SOCKET;
}

static void local_fill_owner(struct local *local, const struct owner_known *known,
			     const struct identity_ask *ask, struct identity_draft *draft)
{
	draft->local = true;
	identity_draft_from(draft, IDENTITY_FROM_SOCKET);
	draft->cookie = known->cookie;
	draft->end->pid = known->pid;
	draft->end->uid = known->uid;
	memcpy(draft->comm, known->comm, sizeof(draft->comm));
	draft->endpoint.netns = known->netns;
	if (known->cgroup_id)
		local_fill_cgroup(local, known->cgroup_id, ask, draft);
	if (!known->pid)
		identity_draft_missing(draft, local_no_process(local, known->cgroup_id, ask));
	/* Not in a container: the machine's own process. */
	if (!draft->endpoint.text[ENDPOINT_CONTAINER_ID] && !draft->endpoint.text[ENDPOINT_POD_UID])
		draft->endpoint.identity = IDENTITY_HOST;
}

/* What all containers of the namespace have in common. */
static void local_fill_space(struct local *local, const struct netns_entry *space,
			     const struct identity_ask *ask, struct identity_draft *draft)
{
	const struct cgroup_entry *one = NULL;
	unsigned int containers = 0;
	bool same_pod = true;

	for (uint32_t i = 0; i < space->cgroup_count; i++) {
		const struct cgroup_entry *entry =
			cgroup_table_find(local->cgroups, space->cgroups[i], ask->now_ns);

		if (!entry || !entry->facts || entry->name.monitor)
			continue;
		same_pod &= !one || (*one->facts->pod_uid &&
				     !strcmp(one->facts->pod_uid, entry->facts->pod_uid));
		containers += !one || strcmp(one->facts->id, entry->facts->id);
		if (!one || one->facts->sandbox)
			one = entry;
	}
	if (containers == 1) {
		draft->endpoint.cgroup_id = one->id;
		identity_draft_text(draft, ENDPOINT_CGROUP, one->path);
		local_fill_container(one, draft);
	} else if (containers && same_pod) {
		local_fill_pod(one->facts, draft);
	} else if (containers) {
		identity_draft_missing(draft, IDENTITY_MISSING_AMBIGUOUS);
	}
}

static void local_space_found(struct local *local, const struct netns_entry *space,
			      enum identity_from from, const struct identity_ask *ask,
			      struct identity_draft *draft)
{
	struct owner_known known;

	draft->local = true;
	draft->endpoint.netns = space->netns;
	if (owner_table_listener(local->owners, space->netns, ask->record->key.protocol,
				 draft->address, draft->port, 0, ask->last_ns,
				 &known) == OWNER_FOUND) {
		local_fill_owner(local, &known, ask, draft);
		return;
	}
	if (!space->own)
		local_fill_space(local, space, ask, draft);
	identity_draft_from(draft, from);
	if (space->own && !draft->endpoint.identity)
		draft->endpoint.identity = IDENTITY_HOST;
	identity_draft_missing(draft, local_no_process(local, 0, ask));
}

/* The namespace behind the devices that saw the packets, if the address is its own: what it only
 * forwards is somebody else's. */
static const struct netns_entry *local_behind(struct local *local, const struct identity_ask *ask,
					      const struct identity_draft *draft)
{
	uint32_t netns =
		peers_behind(local->peers, ask->record, ask->side, ask->first_ns, ask->last_ns);

	return netns ? netns_table_with(local->spaces, netns, draft->address, ask->first_ns,
					ask->last_ns)
		     : NULL;
}

static void local_by_address(struct local *local, const struct identity_ask *ask,
			     struct identity_draft *draft)
{
	const struct netns_entry *space = local_behind(local, ask, draft);

	if (space) {
		local_space_found(local, space, IDENTITY_FROM_INTERFACE, ask, draft);
		return;
	}
	switch (netns_table_who(local->spaces, draft->address, ask->first_ns, ask->last_ns,
				&space)) {
	case NETNS_FOUND:
		local_space_found(local, space, IDENTITY_FROM_NAMESPACE, ask, draft);
		return;
	case NETNS_MOVED:
		draft->conflict = true;
		identity_draft_missing(draft, IDENTITY_MISSING_ADDRESS_MOVED);
		return;
	case NETNS_GONE:
		draft->conflict = true;
		identity_draft_missing(draft, IDENTITY_MISSING_CGROUP_GONE);
		return;
	case NETNS_AMBIGUOUS:
		draft->conflict = true;
		identity_draft_missing(draft, IDENTITY_MISSING_AMBIGUOUS);
		return;
	case NETNS_NONE:
		return;
	}
}

/* The kernel's own sockets are in the root's cgroup, whoever's namespace they answer for. */
static void local_by_kernel(struct local *local, const struct owner_known *sender,
			    const struct identity_ask *ask, struct identity_draft *draft)
{
	draft->cookie = sender->cookie;
	identity_draft_missing(draft, local_no_process(local, sender->cgroup_id, ask));
	local_by_address(local, ask, draft);
	if (draft->end->from == IDENTITY_FROM_NONE && !draft->conflict)
		local_fill_owner(local, sender, ask, draft);
}

/* The socket's cgroup is known, as of a connection that was accepted: who listened made it. */
static void local_by_cgroup(struct local *local, const struct owner_known *sender,
			    const struct identity_ask *ask, struct identity_draft *draft)
{
	const struct netns_entry *space;
	struct owner_known known;

	if (netns_table_who(local->spaces, draft->address, ask->first_ns, ask->last_ns, &space) ==
		    NETNS_FOUND &&
	    owner_table_listener(local->owners, space->netns, ask->record->key.protocol,
				 draft->address, draft->port, sender->cgroup_id, ask->last_ns,
				 &known) == OWNER_FOUND) {
		known.cookie = sender->cookie;
		local_fill_owner(local, &known, ask, draft);
	} else if (sender->cgroup_id == LOCAL_ROOT_CGROUP) {
		local_by_kernel(local, sender, ask, draft);
	} else {
		local_fill_owner(local, sender, ask, draft);
	}
}

/* When what the owner lived in was gone; 0: it lives, or nobody knows. */
static uint64_t local_gone_ns(struct local *local, const struct owner_known *known, uint64_t now_ns)
{
	const struct cgroup_entry *entry =
		known->cgroup_id ? cgroup_table_find(local->cgroups, known->cgroup_id, now_ns)
				 : NULL;
	const struct netns_entry *space =
		known->netns ? netns_table_find(local->spaces, known->netns) : NULL;

	if (entry && entry->gone_ns)
		return entry->gone_ns;
	return space ? space->gone_ns : 0;
}

/*
 * The owner was told with a packet of the tuple, and the tuple went on without it: who sent the
 * rest is not known. Only a TCP connection is its socket's even then (its last packets may be sent
 * when the process has gone), unless it began later, or somebody else has the address since.
 */
static bool local_outlived(struct local *local, const struct owner_known *known,
			   const struct identity_ask *ask, const struct identity_draft *draft)
{
	uint64_t gone_ns = local_gone_ns(local, known, ask->now_ns);
	const struct netns_entry *space;

	if (!gone_ns || gone_ns >= ask->last_ns)
		return false;
	if (ask->record->key.protocol != PROTOCOL_TCP || gone_ns < ask->first_ns)
		return true;
	switch (netns_table_who(local->spaces, draft->address, gone_ns, ask->last_ns, &space)) {
	case NETNS_FOUND:
		return space->netns != known->netns;
	case NETNS_MOVED:
	case NETNS_AMBIGUOUS:
		return true;
	case NETNS_GONE:
	case NETNS_NONE:
		break;
	}
	return false;
}

static void local_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	struct local *local = self;
	struct flow_key key = identity_draft_key(draft, ask);
	struct owner_known known = { 0 };

	switch (owner_table_sender(local->owners, &key, ask->first_ns, ask->last_ns, &known)) {
	case OWNER_FOUND:
		if (local_outlived(local, &known, ask, draft)) {
			draft->conflict = true;
			identity_draft_missing(draft, IDENTITY_MISSING_ADDRESS_MOVED);
			return;
		}
		if (known.pid) {
			local_fill_owner(local, &known, ask, draft);
			return;
		}
		if (known.cgroup_id) {
			local_by_cgroup(local, &known, ask, draft);
			return;
		}
		draft->cookie = known.cookie; /* of a request: not yet a socket with an owner */
		break;
	case OWNER_AMBIGUOUS:
		draft->conflict = true;
		identity_draft_missing(draft, IDENTITY_MISSING_ADDRESS_MOVED);
		return;
	case OWNER_NONE:
		break;
	}
	local_by_address(local, ask, draft);
}

static void local_tick(void *self, uint64_t now_ns)
{
	struct local *local = self;

	netns_table_tick(local->spaces, now_ns);
	cgroup_table_inhabit(local->cgroups, local_inhabited, local);
	cgroup_table_sweep(local->cgroups, now_ns);
}

struct identity_source local_source(struct local *local)
{
	return (struct identity_source){ .name = "local",
					 .fill = local_fill,
					 .tick = local_tick,
					 .close = local_close,
					 .self = local };
}
