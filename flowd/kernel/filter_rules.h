/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rules of the packet filter: from the operator's words to conditions, and from those to the
 * masks that the kernel looks up (bpf-common/filter_abi.h, docs/decisions/filter.md). Conditions of
 * one rule with the same key are alternatives; all keys of a rule must be satisfied; the first
 * satisfied rule decides. Pure: no map, no device, no cgroup is touched.
 */
#ifndef KERNEL_FILTER_RULES_H
#define KERNEL_FILTER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-common/filter_abi.h"

#define FILTER_CONDITIONS_MAX 256

/* key, X(NAME, name, dimension bit, sides, help): what a rule may ask for. Sides: bit 0 the source,
 * bit 1 the destination; both: either will do. */
#define FILTER_KEYS(X)                                                                            \
	X(CIDR, "cidr", FLOW_FILTER_ADDRESS, 3, "address or network of either side")              \
	X(SOURCE, "source", FLOW_FILTER_ADDRESS, 1, "address or network it comes from")           \
	X(DESTINATION, "destination", FLOW_FILTER_ADDRESS, 2, "address or network it goes to")    \
	X(PORT, "port", FLOW_FILTER_PORT, 3, "port or range of either side")                      \
	X(SOURCE_PORT, "source_port", FLOW_FILTER_PORT, 1, "port or range it comes from")         \
	X(DESTINATION_PORT, "destination_port", FLOW_FILTER_PORT, 2, "port or range it goes to")  \
	X(PROTOCOL, "protocol", FLOW_FILTER_PROTOCOL, 0, "IP protocol, by name or number")        \
	X(INTERFACE, "interface", FLOW_FILTER_INTERFACE, 0, "device it is seen at, name or glob") \
	X(CGROUP, "cgroup", FLOW_FILTER_CGROUP, 0, "cgroup path that its socket is in or below")
#define FILTER_KEY_ENUM(name, key, dimension, sides, help) FILTER_KEY_##name,
enum filter_key { FILTER_KEYS(FILTER_KEY_ENUM) FILTER_KEY_COUNT };

struct filter_condition {
	const char *text; /* as written; the owner of the rules keeps it alive */
	uint8_t rule, key;
	bool ipv6;
	uint8_t bits; /* length of the prefix, counted in the mapped address */
	uint8_t address[16];
	uint16_t low, high; /* first and last port; or two protocols */
};

/* Rules that no condition belongs to match every packet. */
struct filter_rules {
	uint64_t allow; /* bit = rule */
	uint32_t count;
	bool deny_others; /* what happens where no rule matches */
	size_t condition_count;
	struct filter_condition condition[FILTER_CONDITIONS_MAX];
};

const char *filter_key_name(enum filter_key key);
const char *filter_key_help(enum filter_key key);
/* -1: there is no such key. */
int filter_key_find(const char *name);
/* No rule may have both: one is either side's, the other this side's. */
bool filter_key_clashes(enum filter_key a, enum filter_key b);

/* One more rule at the end: its number, or -E2BIG. */
int filter_rules_add(struct filter_rules *rules, bool allow);
/* One more alternative for the key of the rule. -EINVAL, -E2BIG: `why` says what to write. */
int filter_rules_condition(struct filter_rules *rules, uint32_t rule, enum filter_key key,
			   const char *text, char *why, size_t why_size);
bool filter_rules_equal(const struct filter_rules *a, const struct filter_rules *b);
/* Is there anything to filter? */
bool filter_rules_active(const struct filter_rules *rules);
/* FLOW_FILTER_* of the dimensions that some rule has a condition in. */
uint32_t filter_rules_dimensions(const struct filter_rules *rules);

/* An entry of the address table: what a packet satisfies whose address has this longest prefix. */
struct filter_prefix {
	struct flow_filter_prefix key; /* bank 0 */
	uint64_t rules;
};

#define FILTER_PREFIXES_MAX (FILTER_CONDITIONS_MAX * FLOW_FILTER_SIDES)
struct filter_tables {
	uint32_t state; /* dimensions, and FLOW_FILTER_ON where there is anything to filter */
	struct flow_filter_bank bank;
	size_t prefix_count;
	struct filter_prefix prefix[FILTER_PREFIXES_MAX];
};

/* 0, or -E2BIG: more ranges of ports than can be told apart. cgroup_levels is left at 0: only who
 * finds the cgroups knows. */
int filter_rules_compile(const struct filter_rules *rules, struct filter_tables *tables);
/* The rules that a device of this name satisfies. */
uint64_t filter_rules_of_interface(const struct filter_rules *rules, const char *name);

#endif
