/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does this packet count? The rules of filter_abi.h: one mask a dimension, and of what is left of
 * them all the lowest bit, which is the first rule that matches. A hook reads `flow_filter_state`
 * once a packet and hands that to each function, so that a packet sees one bank.
 */
#ifndef FLOW_FILTER_BPF_H
#define FLOW_FILTER_BPF_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/filter_abi.h"

#define FILTER_INLINE static __attribute__((always_inline)) inline

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_FILTER_BANKS);
	__type(key, __u32);
	__type(value, struct flow_filter_bank);
} filter_banks SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FLOW_FILTER_PREFIXES);
	__type(key, struct flow_filter_prefix);
	__type(value, __u64);
} filter_prefixes SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct flow_filter_interface);
	__type(value, __u64);
} filter_interfaces SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024 + FLOW_SCOPE_CGROUPS);
	__type(key, struct flow_filter_cgroup);
	__type(value, __u64);
} filter_cgroups SEC(".maps") __weak;

__u32 flow_filter_state __weak; /* FLOW_FILTER_*; stored by user space alone */

#define FLOW_PROGRAM_ARRAY(name, entries)              \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, entries);          \
		__uint(key_size, sizeof(__u32));       \
		__uint(value_size, sizeof(__u32));     \
	} name SEC(".maps") __weak

FLOW_PROGRAM_ARRAY(tc_pcap_filters, FLOW_PCAP_SLOT(FLOW_PCAP_HOOKS, 0));
FLOW_PROGRAM_ARRAY(tc_pcap_verdicts, FLOW_PCAP_NEXT(FLOW_PCAP_HOOKS, 0));
FLOW_PROGRAM_ARRAY(xdp_pcap_filters, FLOW_PCAP_SLOT(FLOW_PCAP_HOOKS, 0));
FLOW_PROGRAM_ARRAY(xdp_pcap_verdicts, FLOW_PCAP_NEXT(FLOW_PCAP_HOOKS, 0));

#pragma clang diagnostic pop

FILTER_INLINE __u32 flow_filter_read_state(void)
{
	return *(volatile __u32 *)&flow_filter_state;
}

FILTER_INLINE struct flow_filter_bank *flow_filter_bank_of(__u32 state)
{
	__u32 index = !!(state & FLOW_FILTER_BANK);

	return bpf_map_lookup_elem(&filter_banks, &index);
}

FILTER_INLINE __u64 flow_filter_join(__u64 source, __u64 destination, __u64 either)
{
	return (source & destination) | ((source | destination) & either);
}

/* The type and code of ICMP lie where ports lie, and are none. Port 0 is in no rule. */
FILTER_INLINE __u64 flow_filter_ports(const struct flow_filter_bank *bank,
				      const struct flow_key *key)
{
	__u32 source, destination;

	if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6)
		return flow_filter_join(bank->no_port[FLOW_FILTER_SOURCE],
					bank->no_port[FLOW_FILTER_DESTINATION], bank->either_port);
	source = bank->port_class[key->src_port];
	destination = bank->port_class[key->dst_port];
	return flow_filter_join(bank->port[source][FLOW_FILTER_SOURCE],
				bank->port[destination][FLOW_FILTER_DESTINATION],
				bank->either_port);
}

FILTER_INLINE __u64 flow_filter_interface(const struct flow_filter_bank *bank, __u32 ifindex,
					  __u32 state)
{
	struct flow_filter_interface device = { .bank = !!(state & FLOW_FILTER_BANK),
						.ifindex = ifindex };
	const __u64 *rules = bpf_map_lookup_elem(&filter_interfaces, &device);

	return rules ? *rules : bank->no_interface;
}

FILTER_INLINE __u64 flow_filter_addresses(const struct flow_filter_bank *bank,
					  const struct flow_key *key, __u32 state)
{
	struct flow_filter_prefix prefix = { .length = FLOW_FILTER_PREFIX(128),
					     .bank = !!(state & FLOW_FILTER_BANK),
					     .side = FLOW_FILTER_SOURCE,
					     .ipv6 = key->scope & FLOW_SCOPE_IPV6 };
	__u64 source = bank->no_address[FLOW_FILTER_SOURCE];
	__u64 destination = bank->no_address[FLOW_FILTER_DESTINATION];
	const __u64 *rules;

	__builtin_memcpy(prefix.address, key->src, sizeof(prefix.address));
	rules = bpf_map_lookup_elem(&filter_prefixes, &prefix);
	if (rules)
		source = *rules;
	prefix.side = FLOW_FILTER_DESTINATION;
	__builtin_memcpy(prefix.address, key->dst, sizeof(prefix.address));
	rules = bpf_map_lookup_elem(&filter_prefixes, &prefix);
	if (rules)
		destination = *rules;
	return flow_filter_join(source, destination, bank->either_address);
}

/*
 * 1: the packet counts. `state` is flow_filter_read_state(), with FLOW_FILTER_ON in it; `cgroups`
 * is flow_filter_cgroups() where the hook has a socket to ask, else 0. The addresses, which cost
 * most, are looked up only if the first rule that is left depends on them. A unit of its own for
 * the verifier.
 */
__weak int flow_filter(struct flow_key *key, __u32 ifindex, __u32 state, __u64 cgroups)
{
	struct flow_filter_bank *bank = flow_filter_bank_of(state);
	__u64 rules;

	if (!key || !bank)
		return 1;
	rules = bank->rules;
	if (state & FLOW_FILTER_PROTOCOL)
		rules &= bank->protocol[key->protocol];
	if (state & FLOW_FILTER_PORT)
		rules &= flow_filter_ports(bank, key);
	if (state & FLOW_FILTER_INTERFACE)
		rules &= flow_filter_interface(bank, ifindex, state);
	if (state & FLOW_FILTER_CGROUP)
		rules &= bank->no_cgroup | cgroups;
	if (rules & -rules & bank->addressed)
		rules &= flow_filter_addresses(bank, key, state);
	if (!rules)
		return !!bank->otherwise;
	return !!(rules & -rules & bank->allow);
}

/* tc: the rules whose cgroup, or one below it, owns the socket that the packet came with or goes
 * to. 0 without a socket. For a state with FLOW_FILTER_CGROUP. */
__weak int flow_filter_cgroups(struct __sk_buff *skb, __u32 state, __u64 *rules)
{
	struct flow_filter_bank *bank = flow_filter_bank_of(state);
	struct flow_filter_cgroup cgroup = { .bank = !!(state & FLOW_FILTER_BANK) };

	if (!bank || !rules)
		return 0;
	*rules = 0;
	for (int level = 0; level < FLOW_FILTER_LEVELS; level++) {
		const __u64 *found;

		if (!(bank->cgroup_levels & 1u << level))
			continue;
		cgroup.id = bpf_skb_ancestor_cgroup_id(skb, level);
		found = cgroup.id ? bpf_map_lookup_elem(&filter_cgroups, &cgroup) : 0;
		if (found)
			*rules |= *found;
	}
	return 0;
}

#endif
