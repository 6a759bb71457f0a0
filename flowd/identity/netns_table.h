/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Network namespaces of this machine: which addresses they have, which cgroups live in them, from
 * when to when. Learned from sockets (the kernel says namespace and address together) and from
 * /proc/PID/net of a process inside. An address that two living namespaces have is ambiguous; one
 * that moved belongs to each for its own time. Times are CLOCK_MONOTONIC ns. Not thread-safe.
 */
#ifndef IDENTITY_NETNS_TABLE_H
#define IDENTITY_NETNS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define NETNS_CGROUPS	16 /* cgroups remembered of a namespace */
#define NETNS_NO_NUMBER (-1)

struct netns_entry {
	uint32_t netns; /* inode */
	uint32_t pad;
	uint64_t born_ns, gone_ns; /* gone 0: lives, as far as is known */
	uint64_t cgroups[NETNS_CGROUPS];
	bool cgroup_gone[NETNS_CGROUPS];
	uint32_t pids[4]; /* threads inside, latest first */
	uint32_t cgroup_count;
	bool own;	/* the daemon's */
	bool linked;	/* a link leads there from the daemon's namespace: */
	int32_t number; /* and that calls it so */
	bool verified;	/* a process inside has been seen there */
};

enum netns_match {
	NETNS_NONE,
	NETNS_FOUND,
	NETNS_MOVED,	/* the address changed hands while the flow lasted */
	NETNS_GONE,	/* who had it is gone, and nobody has it since */
	NETNS_AMBIGUOUS /* several have it */
};

struct netns_table;
/* `proc` is the mount point of the host's proc file system. 0 or -ENOMEM. */
int netns_table_open(struct netns_table **out, const char *proc);
void netns_table_close(struct netns_table *table);
/* A thread of this cgroup did something in this namespace. `look`: it may have new addresses. */
void netns_table_see(struct netns_table *table, uint32_t netns, uint32_t pid, uint64_t cgroup_id,
		     bool look, uint64_t time_ns);
void netns_table_address(struct netns_table *table, uint32_t netns, const uint8_t address[16],
			 uint64_t time_ns);
void netns_table_address_gone(struct netns_table *table, uint32_t netns, const uint8_t address[16],
			      uint64_t time_ns);
/* A device of ours leads somewhere new: namespaces without a number may have one now. */
void netns_table_renumber(struct netns_table *table);
/* Changes when a namespace gets to be known with a number. */
uint32_t netns_table_generation(const struct netns_table *table);
/* The living one with this number; NULL: none is known. */
const struct netns_entry *netns_table_numbered(struct netns_table *table, int32_t number);
/* The kernel has given the number up, with the namespace. */
void netns_table_number_gone(struct netns_table *table, int32_t number, uint64_t time_ns);
/* With the last cgroup of a namespace, the namespace goes. */
void netns_table_cgroup_gone(struct netns_table *table, uint64_t cgroup_id, uint64_t time_ns);
/* The daemon's own addresses; namespaces without processes. */
void netns_table_tick(struct netns_table *table, uint64_t now_ns);

enum netns_match netns_table_who(struct netns_table *table, const uint8_t address[16],
				 uint64_t first_ns, uint64_t last_ns,
				 const struct netns_entry **entry);
/* The namespace, if it had the address at some time of these; else NULL. */
const struct netns_entry *netns_table_with(struct netns_table *table, uint32_t netns,
					   const uint8_t address[16], uint64_t first_ns,
					   uint64_t last_ns);
/* NULL: never seen. */
const struct netns_entry *netns_table_find(struct netns_table *table, uint32_t netns);
typedef void (*netns_visit_fn)(void *context, const struct netns_entry *entry);
void netns_table_each(struct netns_table *table, netns_visit_fn visit, void *context);
/* The addresses that it has now. */
typedef void (*netns_address_visit_fn)(void *context, const uint8_t address[16]);
void netns_table_each_address(struct netns_table *table, uint32_t netns,
			      netns_address_visit_fn visit, void *context);
uint32_t netns_table_own(const struct netns_table *table);
/* Inode of a process's network namespace; 0: no such process. */
uint32_t netns_table_of(const struct netns_table *table, uint32_t pid);

#endif
