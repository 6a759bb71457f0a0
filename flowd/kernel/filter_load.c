/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/filter_load.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flowd/base/log.h"
#include "flowd/kernel/cgroup_path.h"

struct filter_device {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
};

/* What a bank was made from, and what it holds in maps that both share, to be taken out again. */
struct filter_held {
	struct filter_rules rules;
	uint64_t no_interface; /* rules without a condition on it */
	size_t prefix_count, cgroup_count;
	struct flow_filter_prefix prefix[FILTER_PREFIXES_MAX];
	uint64_t cgroup[FILTER_CONDITIONS_MAX];
};

struct filter_load {
	struct filter_maps maps;
	struct filter_tables tables; /* being written */
	uint32_t bank;		     /* that packets read */
	uint32_t rules_state, pcap_state, scope_state;
	uint64_t *scope; /* cgroups in the map */
	size_t scope_count;
	struct filter_device *device;
	size_t device_count, device_capacity;
	struct filter_held held[FLOW_FILTER_BANKS];
};

int filter_load_open(struct filter_load **out, const struct filter_maps *maps)
{
	struct filter_load *load = calloc(1, sizeof(*load));

	if (!load)
		return -ENOMEM;
	load->maps = *maps;
	*out = load;
	return 0;
}

void filter_load_close(struct filter_load *load)
{
	if (!load)
		return;
	__atomic_store_n(load->maps.state, 0, __ATOMIC_RELEASE);
	free(load->device);
	free(load->scope);
	free(load);
}

static void filter_load_switch(struct filter_load *load)
{
	__atomic_store_n(load->maps.state, load->rules_state | load->pcap_state | load->scope_state,
			 __ATOMIC_RELEASE);
}

void filter_load_pcap(struct filter_load *load, bool asked)
{
	load->pcap_state = asked ? FLOW_FILTER_PCAP : 0;
	filter_load_switch(load);
}

/* ---- scope ---------------------------------------------------------------------------------- */

/* Entered before the old ones are taken out: what is in both stays in scope throughout. */
static int filter_load_enter_scope(struct filter_load *load,
				   const struct filter_scope_cgroup *cgroups, size_t count,
				   uint64_t *ids)
{
	uint64_t in_scope = 1;
	int error = 0, first = 0;

	for (size_t i = 0; i < count; i++) {
		struct flow_filter_cgroup key = { .id = cgroups[i].id,
						  .bank = FLOW_FILTER_SCOPE_BANK };

		ids[i] = key.id;
		error = bpf_map_update_elem(load->maps.cgroups, &key, &in_scope, BPF_ANY);
		first = first ? first : error;
		load->scope_state |= FLOW_FILTER_SCOPE_LEVEL(cgroups[i].level);
	}
	return first;
}

static bool filter_load_has(const uint64_t *ids, size_t count, uint64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

int filter_load_scope(struct filter_load *load, bool on, const struct filter_scope_cgroup *cgroups,
		      size_t count)
{
	uint64_t *ids = calloc(count + 1, sizeof(*ids));
	int error;

	if (!ids)
		return -ENOMEM;
	load->scope_state = on ? FLOW_FILTER_SCOPE : 0;
	error = filter_load_enter_scope(load, cgroups, count, ids);
	filter_load_switch(load);
	for (size_t i = 0; i < load->scope_count; i++) {
		struct flow_filter_cgroup key = { .id = load->scope[i],
						  .bank = FLOW_FILTER_SCOPE_BANK };

		if (!filter_load_has(ids, count, key.id))
			bpf_map_delete_elem(load->maps.cgroups, &key);
	}
	free(load->scope);
	load->scope = ids;
	load->scope_count = count;
	return error;
}

/* ---- devices -------------------------------------------------------------------------------- */

static int filter_load_enter_device(struct filter_load *load, uint32_t bank,
				    const struct filter_device *device)
{
	struct flow_filter_interface key = { .bank = bank, .ifindex = device->ifindex };
	const struct filter_rules *rules = &load->held[bank].rules;
	uint64_t mask;

	if (!(filter_rules_dimensions(rules) & FLOW_FILTER_INTERFACE))
		return 0; /* packets do not ask */
	mask = filter_rules_of_interface(rules, device->name);
	if (mask != load->held[bank].no_interface)
		return bpf_map_update_elem(load->maps.interfaces, &key, &mask, BPF_ANY);
	bpf_map_delete_elem(load->maps.interfaces, &key);
	return 0;
}

static struct filter_device *filter_load_find_device(struct filter_load *load, uint32_t ifindex)
{
	for (size_t i = 0; i < load->device_count; i++) {
		if (load->device[i].ifindex == ifindex)
			return &load->device[i];
	}
	return NULL;
}

static void filter_load_forget_device(struct filter_load *load, struct filter_device *device)
{
	for (uint32_t bank = 0; bank < FLOW_FILTER_BANKS; bank++) {
		struct flow_filter_interface key = { .bank = bank, .ifindex = device->ifindex };

		bpf_map_delete_elem(load->maps.interfaces, &key);
	}
	*device = load->device[--load->device_count];
}

static struct filter_device *filter_load_add_device(struct filter_load *load, uint32_t ifindex)
{
	size_t wanted = load->device_capacity ? load->device_capacity * 2 : 32;
	struct filter_device *grown;

	if (load->device_count == load->device_capacity) {
		grown = reallocarray(load->device, wanted, sizeof(*grown));
		if (!grown)
			return NULL;
		load->device = grown;
		load->device_capacity = wanted;
	}
	load->device[load->device_count].ifindex = ifindex;
	return &load->device[load->device_count++];
}

int filter_load_device(struct filter_load *load, uint32_t ifindex, const char *name)
{
	struct filter_device *device = filter_load_find_device(load, ifindex);

	if (!name) {
		if (device)
			filter_load_forget_device(load, device);
		return 0;
	}
	if (!device)
		device = filter_load_add_device(load, ifindex);
	if (!device)
		return -ENOMEM;
	snprintf(device->name, sizeof(device->name), "%s", name);
	return filter_load_enter_device(load, load->bank, device);
}

/* ---- one bank ------------------------------------------------------------------------------- */

static void filter_load_empty(struct filter_load *load, uint32_t bank)
{
	struct filter_held *held = &load->held[bank];

	while (held->prefix_count)
		bpf_map_delete_elem(load->maps.prefixes, &held->prefix[--held->prefix_count]);
	while (held->cgroup_count) {
		struct flow_filter_cgroup key = { .id = held->cgroup[--held->cgroup_count],
						  .bank = bank };

		bpf_map_delete_elem(load->maps.cgroups, &key);
	}
}

static int filter_load_prefixes(struct filter_load *load, uint32_t bank)
{
	struct filter_held *held = &load->held[bank];
	int error = 0;

	for (size_t i = 0; i < load->tables.prefix_count && !error; i++) {
		struct filter_prefix *entry = &load->tables.prefix[i];

		entry->key.bank = (uint8_t)bank;
		error = bpf_map_update_elem(load->maps.prefixes, &entry->key, &entry->rules,
					    BPF_ANY);
		if (!error)
			held->prefix[held->prefix_count++] = entry->key;
	}
	return error;
}

/* Adds the rule to those of the cgroup. */
static int filter_load_cgroup(struct filter_load *load, uint32_t bank, uint64_t id, uint32_t rule)
{
	struct filter_held *held = &load->held[bank];
	struct flow_filter_cgroup key = { .id = id, .bank = bank };
	uint64_t rules = 0;
	bool fresh = bpf_map_lookup_elem(load->maps.cgroups, &key, &rules);
	int error;

	rules |= UINT64_C(1) << rule;
	error = bpf_map_update_elem(load->maps.cgroups, &key, &rules, BPF_ANY);
	if (!error && fresh)
		held->cgroup[held->cgroup_count++] = id;
	return error;
}

static int filter_load_cgroups(struct filter_load *load, uint32_t bank)
{
	const struct filter_rules *rules = &load->held[bank].rules;
	int error = 0;

	for (size_t i = 0; i < rules->condition_count && !error; i++) {
		const struct filter_condition *condition = &rules->condition[i];
		uint64_t id;
		int missing;

		if (condition->key != FILTER_KEY_CGROUP)
			continue;
		missing = cgroup_path_id(condition->text, &id);
		if (missing) {
			log_warning(
				"filter.rules.%u: cgroup %s is not there (%s), the rule matches "
				"no packet by it; create it, then send SIGHUP",
				condition->rule, condition->text, strerror(-missing));
			continue;
		}
		load->tables.bank.cgroup_levels |= 1u << cgroup_path_level(condition->text);
		error = filter_load_cgroup(load, bank, id, condition->rule);
	}
	return error;
}

static int filter_load_fill(struct filter_load *load, uint32_t bank)
{
	int error = filter_load_prefixes(load, bank);

	if (!error)
		error = filter_load_cgroups(load, bank);
	for (size_t i = 0; i < load->device_count && !error; i++)
		error = filter_load_enter_device(load, bank, &load->device[i]);
	if (!error)
		error = bpf_map_update_elem(load->maps.banks, &bank, &load->tables.bank, BPF_ANY);
	return error;
}

/* Packets that began before the last switch may still read this bank: a grace period ends them. */
static int filter_load_wait(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

static int filter_load_try(struct filter_load *load, const struct filter_rules *rules)
{
	uint32_t bank = !load->bank;
	int error = filter_rules_compile(rules, &load->tables);

	if (!error)
		error = filter_load_wait();
	if (error)
		return error;
	filter_load_empty(load, bank);
	load->held[bank].rules = *rules;
	load->held[bank].no_interface = load->tables.bank.no_interface;
	error = filter_load_fill(load, bank);
	if (error)
		return error;
	load->bank = bank;
	load->rules_state = load->tables.state | (bank ? (uint32_t)FLOW_FILTER_BANK : 0);
	filter_load_switch(load);
	return 0;
}

int filter_load_rules(struct filter_load *load, const struct filter_rules *rules)
{
	int error = filter_load_try(load, rules);

	if (error == -E2BIG)
		log_error("the filter stays as it was: its rules tell too many ranges of ports "
			  "apart; join some");
	else if (error)
		log_error("the filter stays as it was: its tables cannot be written: %s",
			  strerror(-error));
	return error;
}
