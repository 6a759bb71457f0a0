/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/identity/lru.h"
#include "flowd/identity/netns_read.h"

#define PEERS_DEVICES	4096
#define PEERS_ADDRESSES 16384
#define PEERS_SLACK_NS	(20 * 1000000ull) /* packets may be counted before the device is told */

struct peer_device {
	uint32_t ifindex;
	uint32_t netns; /* inode; 0: its namespace is not known */
	int32_t nsid;	/* NETNS_NO_NUMBER: the namespace has gone */
	uint32_t pad;
	uint64_t from_ns, to_ns; /* to 0: still */
};

/* Of a namespace that may not be known yet: containers get their network before they run. */
struct peer_address {
	int32_t nsid;
	uint8_t address[16];
	uint64_t from_ns;
};

struct peers {
	struct netns_table *spaces;
	struct lru *devices, *addresses;
	struct peer_watch *watch;
	uint64_t time_ns;    /* of the news that are being taken */
	uint32_t generation; /* of the namespaces, when devices were resolved last */
};

int peers_open(struct peers **out, struct netns_table *spaces)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	peers->spaces = spaces;
	if (lru_open(&peers->devices, sizeof(struct peer_device), sizeof(uint32_t), PEERS_DEVICES,
		     NULL) ||
	    lru_open(&peers->addresses, sizeof(struct peer_address),
		     offsetof(struct peer_address, address) + 16, PEERS_ADDRESSES, NULL)) {
		peers_close(peers);
		return -ENOMEM;
	}
	*out = peers;
	return 0;
}

void peers_close(struct peers *peers)
{
	if (!peers)
		return;
	peer_watch_close(peers->watch);
	lru_close(peers->devices);
	lru_close(peers->addresses);
	free(peers);
}

/* ---- namespaces ----------------------------------------------------------------------------- */

struct peer_space {
	struct peers *peers;
	int32_t nsid;
	uint32_t netns;
	uint64_t time_ns;
};

static void peers_tell_address(void *context, void *visited)
{
	const struct peer_space *space = context;
	const struct peer_address *address = visited;

	if (address->nsid == space->nsid)
		netns_table_address(space->peers->spaces, space->netns, address->address,
				    address->from_ns);
}

/* Of a device that is there, its number is still that of its namespace. */
static void peers_resolve_one(void *context, void *visited)
{
	struct peers *peers = context;
	struct peer_device *device = visited;
	const struct netns_entry *entry;
	struct peer_space space = { .peers = peers, .nsid = device->nsid };

	if (device->netns || device->to_ns || device->nsid < 0)
		return;
	entry = netns_table_numbered(peers->spaces, device->nsid);
	if (!entry)
		return;
	device->netns = space.netns = entry->netns;
	lru_each(peers->addresses, peers_tell_address, &space);
}

void peers_resolve(struct peers *peers)
{
	uint32_t generation = netns_table_generation(peers->spaces);

	if (generation != peers->generation)
		lru_each(peers->devices, peers_resolve_one, peers);
	peers->generation = generation;
}

/* ---- learning ------------------------------------------------------------------------------- */

/* Of the time that peers_dispatch() or peers_watch() has set. */
static void peers_told(void *context, const struct peer_news *news)
{
	struct peers *peers = context;

	peers_take(peers, news, peers->time_ns);
}

static void peers_link(struct peers *peers, const struct peer_news *news, uint64_t time_ns)
{
	struct peer_device *device = lru_make(peers->devices, &news->ifindex);

	if (!device || (device->from_ns && !device->to_ns && device->nsid == news->nsid))
		return;
	*device = (struct peer_device){ .ifindex = news->ifindex,
					.nsid = news->nsid,
					.from_ns = time_ns ? time_ns : 1 };
	if (news->nsid < 0)
		return;
	netns_table_renumber(peers->spaces);
	peers_resolve(peers);
	peers_resolve_one(peers, device);
	if (peers->watch)
		peer_watch_addresses(news->nsid, peers_told, peers);
}

static void peers_link_gone(struct peers *peers, const struct peer_news *news, uint64_t time_ns)
{
	struct peer_device *device = lru_find(peers->devices, &news->ifindex);

	if (device && !device->to_ns)
		device->to_ns = time_ns;
}

static void peers_address(struct peers *peers, const struct peer_news *news, uint64_t time_ns)
{
	struct peer_address key = { .nsid = news->nsid }, *known;
	const struct netns_entry *entry;

	if (news->nsid < 0) {
		netns_table_address(peers->spaces, netns_table_own(peers->spaces), news->address,
				    time_ns);
		return;
	}
	memcpy(key.address, news->address, 16);
	known = lru_make(peers->addresses, &key);
	if (known && !known->from_ns)
		known->from_ns = time_ns;
	entry = netns_table_numbered(peers->spaces, news->nsid);
	if (entry)
		netns_table_address(peers->spaces, entry->netns, news->address, time_ns);
}

static void peers_address_gone(struct peers *peers, const struct peer_news *news, uint64_t time_ns)
{
	struct peer_address key = { .nsid = news->nsid }, *known;
	const struct netns_entry *entry;

	if (news->nsid < 0) {
		netns_table_address_gone(peers->spaces, netns_table_own(peers->spaces),
					 news->address, time_ns);
		return;
	}
	memcpy(key.address, news->address, 16);
	known = lru_find(peers->addresses, &key);
	if (known)
		lru_remove(peers->addresses, known);
	entry = netns_table_numbered(peers->spaces, news->nsid);
	if (entry)
		netns_table_address_gone(peers->spaces, entry->netns, news->address, time_ns);
}

static void peers_forget_address(void *context, void *visited)
{
	const struct peer_space *space = context;
	struct peer_address *address = visited;

	if (address->nsid == space->nsid)
		lru_remove(space->peers->addresses, address);
}

static void peers_forget_number(void *context, void *visited)
{
	const struct peer_space *space = context;
	struct peer_device *device = visited;

	if (device->nsid != space->nsid)
		return;
	device->nsid = NETNS_NO_NUMBER;
	if (!device->to_ns)
		device->to_ns = space->time_ns;
}

static void peers_space_gone(struct peers *peers, const struct peer_news *news, uint64_t time_ns)
{
	struct peer_space space = { .peers = peers, .nsid = news->nsid, .time_ns = time_ns };

	lru_each(peers->addresses, peers_forget_address, &space);
	lru_each(peers->devices, peers_forget_number, &space);
	netns_table_number_gone(peers->spaces, news->nsid, time_ns);
}

void peers_take(struct peers *peers, const struct peer_news *news, uint64_t time_ns)
{
	switch (news->type) {
	case PEER_LINK:
		peers_link(peers, news, time_ns);
		return;
	case PEER_LINK_GONE:
		peers_link_gone(peers, news, time_ns);
		return;
	case PEER_ADDRESS:
		peers_address(peers, news, time_ns);
		return;
	case PEER_ADDRESS_GONE:
		peers_address_gone(peers, news, time_ns);
		return;
	case PEER_SPACE_GONE:
		peers_space_gone(peers, news, time_ns);
		return;
	}
}

/* ---- the watch ------------------------------------------------------------------------------ */

static void peers_dump_again(void *context, void *visited)
{
	struct peers *peers = context;
	const struct peer_device *device = visited;

	if (!device->to_ns && device->nsid >= 0)
		peer_watch_addresses(device->nsid, peers_told, peers);
}

int peers_watch(struct peers *peers)
{
	int err = peer_watch_open(&peers->watch);

	peers->time_ns = 1;
	return err ? err : peer_watch_links(peers_told, peers);
}

int peers_fd(const struct peers *peers)
{
	return peers->watch ? peer_watch_fd(peers->watch) : -1;
}

void peers_dispatch(struct peers *peers)
{
	peers->time_ns = clock_monotonic_ns();
	if (!peers->watch || !peer_watch_dispatch(peers->watch, peers_told, peers))
		return;
	peer_watch_links(peers_told, peers);
	lru_each(peers->devices, peers_dump_again, peers);
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool peers_was_there(const struct peer_device *device, uint64_t first_ns, uint64_t last_ns)
{
	return device->from_ns <= first_ns + PEERS_SLACK_NS &&
	       (!device->to_ns || device->to_ns + PEERS_SLACK_NS >= last_ns);
}

/* Who sends comes in by its device, who receives is reached by its own. A full list of points may
 * have left one out. */
uint32_t peers_behind(struct peers *peers, const struct flow_record *record, enum flow_side side,
		      uint64_t first_ns, uint64_t last_ns)
{
	const uint8_t direction =
		side == FLOW_SOURCE ? FLOW_DIRECTION_INGRESS : FLOW_DIRECTION_EGRESS;
	uint32_t netns = 0;

	for (int i = 0; i < record->point_count && record->point_count < FLOW_POINTS; i++) {
		const struct flow_point *point = &record->points[i];
		const struct peer_device *device =
			point->direction == direction ? lru_find(peers->devices, &point->ifindex)
						      : NULL;

		if (!device || (device->nsid < 0 && !device->netns))
			continue;
		if (!device->netns || (netns && netns != device->netns) ||
		    !peers_was_there(device, first_ns, last_ns))
			return 0;
		netns = device->netns;
	}
	return netns;
}
