/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/owner_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/identity/lru.h"

/*
 * A packet's time and that of the event about it are taken apart, and ends of flows are known to a
 * tick: closer than this they are the same moment.
 */
#define OWNER_SLACK_NS (20 * 1000000ull)
#define OWNER_PORT_MAX 8 /* listeners on one port of a namespace: addresses, SO_REUSEPORT */

struct owner_cookie {
	uint64_t cookie;
	struct owner_known known;
};

/* The last two who had the tuple. */
struct owner_tuple {
	struct flow_key key; /* src: the owner's end; scope: only the IP version */
	struct owner_known now, before;
};

struct owner_port_key {
	uint32_t netns;
	uint16_t port;
	uint8_t protocol, pad;
};

struct owner_port {
	struct owner_port_key key;
	struct {
		uint8_t address[16]; /* zeros: any */
		struct owner_known known;
	} listener[OWNER_PORT_MAX];
	uint32_t count, next;
};

struct owner_table {
	struct lru *cookies, *tuples, *ports;
};

int owner_table_open(struct owner_table **out, uint32_t most)
{
	struct owner_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	if (lru_open(&table->cookies, sizeof(struct owner_cookie), sizeof(uint64_t), most, NULL) ||
	    lru_open(&table->tuples, sizeof(struct owner_tuple), sizeof(struct flow_key), most,
		     NULL) ||
	    lru_open(&table->ports, sizeof(struct owner_port), sizeof(struct owner_port_key),
		     most / 8 + 64, NULL)) {
		owner_table_close(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void owner_table_close(struct owner_table *table)
{
	if (!table)
		return;
	lru_close(table->cookies);
	lru_close(table->tuples);
	lru_close(table->ports);
	free(table);
}

/* ---- learning ------------------------------------------------------------------------------- */

static struct owner_known owner_of(const struct owner_socket *socket)
{
	struct owner_known known = { .cookie = socket->cookie,
				     .cgroup_id = socket->cgroup_id,
				     .since_ns = socket->event.time_ns,
				     .netns = socket->netns,
				     .pid = socket->pid,
				     .uid = socket->uid };

	memcpy(known.comm, socket->comm, sizeof(known.comm));
	return known;
}

static void owner_enter_cookie(struct owner_table *table, const struct owner_known *known)
{
	struct owner_cookie *entry = lru_make(table->cookies, &known->cookie);

	if (entry)
		entry->known = *known;
}

static void owner_enter_tuple(struct owner_table *table, const struct flow_key *key,
			      const struct owner_known *known)
{
	struct owner_tuple *tuple = lru_make(table->tuples, key);

	if (!tuple)
		return;
	if (tuple->now.cookie == known->cookie) {
		if (!tuple->now.pid || known->pid) {
			uint64_t since_ns = tuple->now.since_ns;

			tuple->now = *known;
			tuple->now.since_ns = since_ns;
		}
		return;
	}
	tuple->before = tuple->now;
	tuple->now = *known;
}

static void owner_enter_port(struct owner_table *table, const struct owner_socket *socket,
			     const struct owner_known *known)
{
	const struct owner_port_key key = { .netns = socket->netns,
					    .port = socket->local_port,
					    .protocol = socket->protocol };
	struct owner_port *port = lru_make(table->ports, &key);
	uint32_t at;

	if (!port)
		return;
	for (at = 0; at < port->count; at++)
		if (port->listener[at].known.cookie == known->cookie)
			break;
	if (at == port->count) {
		at = port->count < OWNER_PORT_MAX ? port->count++ : port->next++ % OWNER_PORT_MAX;
	}
	memcpy(port->listener[at].address, socket->local, 16);
	port->listener[at].known = *known;
}

static struct flow_key owner_key(const struct owner_socket *socket)
{
	struct flow_key key = { .src_port = socket->local_port,
				.dst_port = socket->remote_port,
				.protocol = socket->protocol };
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	memcpy(key.src, socket->local, 16);
	memcpy(key.dst, socket->remote, 16);
	key.scope = memcmp(socket->remote, mapped, 12) ? FLOW_SCOPE_IPV6 : 0;
	return key;
}

void owner_table_found(struct owner_table *table, const struct owner_socket *socket)
{
	struct owner_known known = owner_of(socket);
	struct flow_key key;

	owner_enter_cookie(table, &known);
	if (!socket->local_port)
		return;
	if (!socket->remote_port) {
		owner_enter_port(table, socket, &known);
		return;
	}
	key = owner_key(socket);
	owner_enter_tuple(table, &key, &known);
}

/* A packet of a socket whose owner was told before, or of which only the cgroup is known. */
static void owner_tell_packet(struct owner_table *table, const struct owner_packet *packet)
{
	const struct owner_cookie *entry = lru_find(table->cookies, &packet->cookie);
	struct owner_known known = { .cookie = packet->cookie, .cgroup_id = packet->cgroup_id };
	struct flow_key key = packet->key;

	if (entry)
		known = entry->known;
	if (packet->cgroup_id)
		known.cgroup_id = packet->cgroup_id;
	known.since_ns = packet->event.time_ns;
	key.scope &= FLOW_SCOPE_IPV6;
	owner_enter_tuple(table, &key, &known);
}

void owner_table_tell(struct owner_table *table, const struct flow_event *event)
{
	if (event->type == OWNER_EVENT_PACKET)
		owner_tell_packet(table, (const struct owner_packet *)event);
	else
		owner_table_found(table, (const struct owner_socket *)event);
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool owner_is_same(const struct owner_known *a, const struct owner_known *b)
{
	return a->pid == b->pid && a->cgroup_id == b->cgroup_id;
}

enum owner_match owner_table_sender(struct owner_table *table, const struct flow_key *key,
				    uint64_t first_ns, uint64_t last_ns, struct owner_known *known)
{
	struct flow_key plain = *key;
	const struct owner_tuple *tuple;

	plain.scope &= FLOW_SCOPE_IPV6;
	tuple = lru_find(table->tuples, &plain);
	if (!tuple)
		return OWNER_NONE;
	if (tuple->now.since_ns > last_ns + OWNER_SLACK_NS) {
		*known = tuple->before;
		return tuple->before.cookie && tuple->before.since_ns <= last_ns + OWNER_SLACK_NS
			       ? OWNER_FOUND
			       : OWNER_NONE;
	}
	if (tuple->now.since_ns > first_ns + OWNER_SLACK_NS && tuple->before.cookie &&
	    !owner_is_same(&tuple->now, &tuple->before))
		return OWNER_AMBIGUOUS;
	*known = tuple->now;
	return OWNER_FOUND;
}

static bool owner_listens(const struct owner_port *port, uint32_t at, const uint8_t address[16])
{
	static const uint8_t any[16];

	return !memcmp(port->listener[at].address, any, 16) ||
	       !memcmp(port->listener[at].address, address, 16);
}

enum owner_match owner_table_listener(struct owner_table *table, uint32_t netns, uint8_t protocol,
				      const uint8_t address[16], uint16_t port_number,
				      uint64_t cgroup_id, uint64_t last_ns,
				      struct owner_known *known)
{
	const struct owner_port_key key = { .netns = netns,
					    .port = port_number,
					    .protocol = protocol };
	const struct owner_port *port = lru_find(table->ports, &key);
	const struct owner_known *best = NULL;

	for (uint32_t i = 0; port && i < port->count; i++) {
		const struct owner_known *listener = &port->listener[i].known;

		if (!owner_listens(port, i, address) ||
		    listener->since_ns > last_ns + OWNER_SLACK_NS)
			continue;
		if (cgroup_id && listener->cgroup_id != cgroup_id)
			continue;
		if (!best || listener->since_ns > best->since_ns)
			best = listener;
	}
	if (!best)
		return OWNER_NONE;
	*known = *best;
	return OWNER_FOUND;
}

void owner_table_stats(const struct owner_table *table, struct owner_table_stats *stats)
{
	*stats = (struct owner_table_stats){
		.cookies = lru_count(table->cookies),
		.tuples = lru_count(table->tuples),
		.listeners = lru_count(table->ports),
		.forgotten = lru_dropped(table->cookies) + lru_dropped(table->tuples) +
			     lru_dropped(table->ports),
	};
}
