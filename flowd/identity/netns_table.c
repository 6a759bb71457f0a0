/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/netns_table.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flowd/identity/lru.h"
#include "flowd/identity/netns_read.h"

#define NETNS_MOST	4096
#define NETNS_ADDRESSES 65536
#define NETNS_BINDINGS	4
#define NETNS_SLACK_NS	(20 * 1000000ull) /* as OWNER_SLACK_NS */

struct netns_binding {
	uint32_t netns;
	uint64_t from_ns, to_ns; /* to 0: still */
};

struct netns_address {
	uint8_t address[16];
	struct netns_binding binding[NETNS_BINDINGS]; /* the latest first */
};

struct netns_table {
	char proc[PATH_MAX / 4];
	struct lru *spaces, *addresses;
	uint32_t own;
	uint32_t generation;
};

uint32_t netns_table_of(const struct netns_table *table, uint32_t pid)
{
	char path[PATH_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%u/ns/net", table->proc, pid);
	return stat(path, &status) ? 0 : (uint32_t)status.st_ino;
}

int netns_table_open(struct netns_table **out, const char *proc)
{
	struct netns_table *table = calloc(1, sizeof(*table));
	struct stat status;

	if (!table)
		return -ENOMEM;
	snprintf(table->proc, sizeof(table->proc), "%s", proc);
	if (lru_open(&table->spaces, sizeof(struct netns_entry), sizeof(uint32_t), NETNS_MOST,
		     NULL) ||
	    lru_open(&table->addresses, sizeof(struct netns_address), 16, NETNS_ADDRESSES, NULL)) {
		netns_table_close(table);
		return -ENOMEM;
	}
	if (!stat("/proc/self/ns/net", &status))
		table->own = (uint32_t)status.st_ino;
	*out = table;
	return 0;
}

void netns_table_close(struct netns_table *table)
{
	if (!table)
		return;
	lru_close(table->spaces);
	lru_close(table->addresses);
	free(table);
}

/* ---- learning ------------------------------------------------------------------------------- */

/* Addresses that every namespace has, or that mean something on one link only. */
static bool netns_is_everybodys(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	static const uint8_t loopback[16] = { [15] = 1 }, none[16];

	if (!memcmp(address, mapped, 12))
		return address[12] == 127 || address[12] == 0 ||
		       (address[12] == 169 && address[13] == 254);
	return !memcmp(address, loopback, 16) || !memcmp(address, none, 16) ||
	       (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

static bool netns_lives(struct netns_table *table, uint32_t netns)
{
	const struct netns_entry *entry = lru_find(table->spaces, &netns);

	return entry && !entry->gone_ns;
}

void netns_table_address(struct netns_table *table, uint32_t netns, const uint8_t address[16],
			 uint64_t time_ns)
{
	struct netns_address *entry;

	if (!netns || netns_is_everybodys(address))
		return;
	entry = lru_make(table->addresses, address);
	if (!entry)
		return;
	for (int i = 0; i < NETNS_BINDINGS; i++)
		if (entry->binding[i].netns == netns && !entry->binding[i].to_ns)
			return;
	for (int i = 0; i < NETNS_BINDINGS; i++) {
		struct netns_binding *binding = &entry->binding[i];

		if (binding->netns && !binding->to_ns && !netns_lives(table, binding->netns))
			binding->to_ns = time_ns;
	}
	memmove(&entry->binding[1], &entry->binding[0],
		sizeof(entry->binding[0]) * (NETNS_BINDINGS - 1));
	entry->binding[0] = (struct netns_binding){ .netns = netns, .from_ns = time_ns };
}

void netns_table_address_gone(struct netns_table *table, uint32_t netns, const uint8_t address[16],
			      uint64_t time_ns)
{
	struct netns_address *entry = lru_find(table->addresses, address);

	for (int i = 0; entry && i < NETNS_BINDINGS; i++)
		if (entry->binding[i].netns == netns && !entry->binding[i].to_ns)
			entry->binding[i].to_ns = time_ns;
}

struct netns_reading {
	struct netns_table *table;
	uint32_t netns;
	uint64_t time_ns;
};

static void netns_take_address(void *context, const uint8_t address[16])
{
	const struct netns_reading *reading = context;

	netns_table_address(reading->table, reading->netns, address, reading->time_ns);
}

static void netns_set_number(struct netns_table *table, struct netns_entry *entry, int32_t number)
{
	table->generation += entry->number != number;
	entry->number = number;
	entry->linked = number >= 0;
}

static void netns_look(struct netns_table *table, uint32_t netns, uint32_t pid, uint64_t time_ns)
{
	struct netns_reading reading = { table, netns, time_ns };
	struct netns_entry *entry = lru_find(table->spaces, &netns);
	char path[PATH_MAX];

	if (netns_table_of(table, pid) != netns)
		return;
	snprintf(path, sizeof(path), "%s/%u/ns/net", table->proc, pid);
	if (entry) {
		table->generation += !entry->verified;
		entry->verified = true;
		netns_set_number(table, entry, netns_read_number(path));
	}
	snprintf(path, sizeof(path), "%s/%u/net", table->proc, pid);
	netns_read_addresses(path, netns_take_address, &reading);
}

static void netns_remember_cgroup(struct netns_entry *entry, uint64_t cgroup_id)
{
	for (uint32_t i = 0; i < entry->cgroup_count; i++)
		if (entry->cgroups[i] == cgroup_id)
			return;
	if (!cgroup_id || entry->cgroup_count == NETNS_CGROUPS)
		return;
	entry->cgroup_gone[entry->cgroup_count] = false;
	entry->cgroups[entry->cgroup_count++] = cgroup_id;
}

static bool netns_remember_pid(struct netns_entry *entry, uint32_t pid)
{
	for (int i = 0; i < 4; i++)
		if (entry->pids[i] == pid)
			return false;
	memmove(&entry->pids[1], &entry->pids[0], sizeof(entry->pids[0]) * 3);
	entry->pids[0] = pid;
	return true;
}

void netns_table_see(struct netns_table *table, uint32_t netns, uint32_t pid, uint64_t cgroup_id,
		     bool look, uint64_t time_ns)
{
	struct netns_entry *entry = netns ? lru_make(table->spaces, &netns) : NULL;
	bool fresh;

	if (!entry)
		return;
	fresh = !entry->born_ns || entry->gone_ns;
	if (fresh) {
		/* Inodes are used again: what is known of the last one is not this one's. */
		*entry = (struct netns_entry){ .netns = netns,
					       .number = NETNS_NO_NUMBER,
					       .born_ns = time_ns,
					       .own = netns == table->own };
	}
	netns_remember_cgroup(entry, cgroup_id);
	netns_remember_pid(entry, pid);
	if (fresh || look)
		netns_look(table, netns, pid, time_ns);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void netns_renumber_one(void *context, void *visited)
{
	struct netns_table *table = context;
	struct netns_entry *entry = visited;
	char path[PATH_MAX];

	if (entry->own || entry->gone_ns || !entry->verified || entry->linked)
		return;
	for (int i = 0; i < 4; i++) {
		if (!entry->pids[i] || netns_table_of(table, entry->pids[i]) != entry->netns)
			continue;
		snprintf(path, sizeof(path), "%s/%u/ns/net", table->proc, entry->pids[i]);
		netns_set_number(table, entry, netns_read_number(path));
		return;
	}
}

void netns_table_renumber(struct netns_table *table)
{
	lru_each(table->spaces, netns_renumber_one, table);
}

struct netns_search {
	int32_t number;
	struct netns_entry *found;
};

static void netns_match_number(void *context, void *visited)
{
	struct netns_search *search = context;
	struct netns_entry *entry = visited;

	if (entry->linked && entry->number == search->number && !entry->gone_ns && !entry->own)
		search->found = entry;
}

uint32_t netns_table_generation(const struct netns_table *table)
{
	return table->generation;
}

static struct netns_entry *netns_numbered(struct netns_table *table, int32_t number)
{
	struct netns_search search = { .number = number };

	lru_each(table->spaces, netns_match_number, &search);
	return search.found;
}

const struct netns_entry *netns_table_numbered(struct netns_table *table, int32_t number)
{
	return netns_numbered(table, number);
}

/* ---- going ---------------------------------------------------------------------------------- */

struct netns_end {
	uint32_t netns;
	uint64_t time_ns;
};

static void netns_close_address(void *context, void *entry)
{
	const struct netns_end *end = context;
	struct netns_address *address = entry;

	for (int i = 0; i < NETNS_BINDINGS; i++)
		if (address->binding[i].netns == end->netns && !address->binding[i].to_ns)
			address->binding[i].to_ns = end->time_ns;
}

static void netns_go(struct netns_table *table, struct netns_entry *entry, uint64_t time_ns)
{
	struct netns_end end = { entry->netns, time_ns };

	entry->gone_ns = time_ns;
	lru_each(table->addresses, netns_close_address, &end);
}

void netns_table_number_gone(struct netns_table *table, int32_t number, uint64_t time_ns)
{
	struct netns_entry *entry = netns_numbered(table, number);

	if (entry)
		netns_go(table, entry, time_ns);
}

struct netns_cgroup_end {
	struct netns_table *table;
	uint64_t cgroup_id, time_ns;
};

static void netns_lose_cgroup(void *context, void *visited)
{
	const struct netns_cgroup_end *end = context;
	struct netns_entry *entry = visited;
	bool had = false, left = false;

	for (uint32_t i = 0; i < entry->cgroup_count; i++) {
		if (entry->cgroups[i] == end->cgroup_id) {
			entry->cgroup_gone[i] = true;
			had = true;
		}
		left |= !entry->cgroup_gone[i];
	}
	if (had && !left && !entry->own && !entry->gone_ns)
		netns_go(end->table, entry, end->time_ns);
}

void netns_table_cgroup_gone(struct netns_table *table, uint64_t cgroup_id, uint64_t time_ns)
{
	struct netns_cgroup_end end = { table, cgroup_id, time_ns };

	lru_each(table->spaces, netns_lose_cgroup, &end);
}

struct netns_check {
	struct netns_table *table;
	uint64_t now_ns;
};

static void netns_check_one(void *context, void *visited)
{
	const struct netns_check *check = context;
	struct netns_entry *entry = visited;

	if (entry->own || entry->gone_ns || !entry->verified)
		return;
	for (int i = 0; i < 4; i++)
		if (entry->pids[i] && netns_table_of(check->table, entry->pids[i]) == entry->netns)
			return;
	netns_go(check->table, entry, check->now_ns);
}

void netns_table_tick(struct netns_table *table, uint64_t now_ns)
{
	struct netns_check check = { table, now_ns };
	struct netns_reading reading = { table, table->own, now_ns };
	struct netns_entry *own = lru_make(table->spaces, &table->own);

	if (own && !own->born_ns) {
		own->born_ns = 1;
		own->own = true;
		reading.time_ns = 1; /* they were there before us */
	}
	netns_read_addresses("/proc/self/net", netns_take_address, &reading);
	lru_each(table->spaces, netns_check_one, &check);
}

/* ---- asking --------------------------------------------------------------------------------- */

const struct netns_entry *netns_table_find(struct netns_table *table, uint32_t netns)
{
	return lru_find(table->spaces, &netns);
}

static bool netns_overlaps(const struct netns_binding *binding, uint64_t first_ns, uint64_t last_ns)
{
	return binding->netns && binding->from_ns <= last_ns + NETNS_SLACK_NS &&
	       (!binding->to_ns || binding->to_ns >= first_ns);
}

/* Whether packets that we see can be of this namespace: others may have the same addresses. */
static bool netns_is_near(struct netns_table *table, const struct netns_binding *binding)
{
	const struct netns_entry *entry = lru_find(table->spaces, &binding->netns);

	return entry && (entry->own || entry->linked);
}

/* The one binding of the time; NULL and in *match why not. */
static const struct netns_binding *netns_choose(struct netns_table *table,
						const struct netns_address *known,
						uint64_t first_ns, uint64_t last_ns, bool near,
						enum netns_match *match)
{
	const struct netns_binding *found = NULL;

	*match = NETNS_NONE;
	for (int i = 0; known && i < NETNS_BINDINGS; i++) {
		const struct netns_binding *binding = &known->binding[i];

		if (!netns_overlaps(binding, first_ns, last_ns) ||
		    (near && !netns_is_near(table, binding)))
			continue;
		if (found && found->netns != binding->netns) {
			*match = found->to_ns || binding->to_ns ? NETNS_MOVED : NETNS_AMBIGUOUS;
			return NULL;
		}
		found = binding;
		*match = NETNS_FOUND;
	}
	return found;
}

const struct netns_entry *netns_table_with(struct netns_table *table, uint32_t netns,
					   const uint8_t address[16], uint64_t first_ns,
					   uint64_t last_ns)
{
	const struct netns_address *known = lru_find(table->addresses, address);

	for (int i = 0; known && i < NETNS_BINDINGS; i++)
		if (known->binding[i].netns == netns &&
		    netns_overlaps(&known->binding[i], first_ns, last_ns))
			return lru_find(table->spaces, &netns);
	return NULL;
}

static bool netns_was_known(const struct netns_address *known)
{
	return known && known->binding[0].netns;
}

enum netns_match netns_table_who(struct netns_table *table, const uint8_t address[16],
				 uint64_t first_ns, uint64_t last_ns,
				 const struct netns_entry **entry)
{
	const struct netns_address *known = lru_find(table->addresses, address);
	enum netns_match match;
	const struct netns_binding *found =
		netns_choose(table, known, first_ns, last_ns, true, &match);

	if (match == NETNS_NONE)
		found = netns_choose(table, known, first_ns, last_ns, false, &match);
	if (match == NETNS_NONE)
		return netns_was_known(known) ? NETNS_GONE : NETNS_NONE;
	if (match != NETNS_FOUND)
		return match;
	if (found->to_ns && found->to_ns < last_ns)
		return NETNS_GONE;
	*entry = lru_find(table->spaces, &found->netns);
	return *entry ? NETNS_FOUND : NETNS_NONE;
}

struct netns_each {
	netns_visit_fn visit;
	void *context;
};

static void netns_visit_one(void *context, void *visited)
{
	const struct netns_each *each = context;

	each->visit(each->context, visited);
}

void netns_table_each(struct netns_table *table, netns_visit_fn visit, void *context)
{
	struct netns_each each = { visit, context };

	lru_each(table->spaces, netns_visit_one, &each);
}

struct netns_owned {
	uint32_t netns;
	netns_address_visit_fn visit;
	void *context;
};

static void netns_visit_address(void *context, void *visited)
{
	const struct netns_owned *owned = context;
	const struct netns_address *address = visited;

	for (int i = 0; i < NETNS_BINDINGS; i++)
		if (address->binding[i].netns == owned->netns && !address->binding[i].to_ns)
			owned->visit(owned->context, address->address);
}

void netns_table_each_address(struct netns_table *table, uint32_t netns,
			      netns_address_visit_fn visit, void *context)
{
	struct netns_owned owned = { netns, visit, context };

	lru_each(table->addresses, netns_visit_address, &owned);
}

uint32_t netns_table_own(const struct netns_table *table)
{
	return table->own;
}
