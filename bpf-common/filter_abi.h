/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of the packet filter (docs/decisions/filter.md): up to 64 rules, a bit each, bit 0
 * the first. Each dimension's table answers with the mask of the rules that the packet satisfies in
 * it; a rule without a condition there is always in. All tables exist in two banks: packets read
 * one while user space writes the other.
 */
#ifndef FILTER_ABI_H
#define FILTER_ABI_H

#include "bpf-common/flow_abi.h"

#define FLOW_FILTER_RULES 64

/* The word that packets read once: switch, bank, and the dimensions that any rule has a condition
 * in. */
#define FLOW_FILTER_ON	      0x01 /* there are rules; alone decides whether they are asked */
#define FLOW_FILTER_BANK      0x02
#define FLOW_FILTER_PROTOCOL  0x04
#define FLOW_FILTER_PORT      0x08
#define FLOW_FILTER_INTERFACE 0x10
#define FLOW_FILTER_CGROUP    0x20
#define FLOW_FILTER_ADDRESS   0x40
#define FLOW_FILTER_PCAP      0x80  /* a pcap filter is asked before the rules */
#define FLOW_FILTER_SCOPE     0x100 /* packets outside the scope are left alone, before all else */
#define FLOW_FILTER_FIRST     (FLOW_FILTER_PCAP | FLOW_FILTER_SCOPE) /* asked before parsing */
#define FLOW_FILTER_BANKS     2

enum flow_filter_side { FLOW_FILTER_SOURCE, FLOW_FILTER_DESTINATION, FLOW_FILTER_SIDES };

#define FLOW_FILTER_PORT_CLASSES 256
#define FLOW_FILTER_LEVELS	 8 /* of the cgroup hierarchy that can be told apart */

/* In the word too: the scope has cgroups `level` below the root. */
#define FLOW_FILTER_SCOPE_LEVEL(level) (1u << (16 + (level)))

/*
 * What of a bank is found by index alone.
 *
 * Two-sided dimensions (addresses, ports) have a mask a side, S and D. A rule that names one side
 * is always in on the other, so it needs S & D; a rule of the set `either` needs S | D: (S & D) |
 * ((S | D) & either).
 */
struct flow_filter_bank {
	__u64 allow;			     /* rules that let a packet through */
	__u64 rules;			     /* all that there are */
	__u64 either_address;		     /* whose address may be on either side */
	__u64 either_port;		     /* whose port may */
	__u64 addressed;		     /* rules with a condition on addresses */
	__u64 no_address[FLOW_FILTER_SIDES]; /* in, whatever the address */
	__u64 no_port[FLOW_FILTER_SIDES];    /* in, whatever the port */
	__u64 no_interface;
	__u64 no_cgroup;
	__u32 otherwise;     /* what happens where no rule matches: 1 = allow */
	__u32 cgroup_levels; /* bit n: some rule's cgroup lies n below the root */
	__u64 protocol[256];
	/* Ports that no rule tells apart are of one class. */
	__u64 port[FLOW_FILTER_PORT_CLASSES][FLOW_FILTER_SIDES];
	__u8 port_class[65536];
};
FLOW_ABI_ASSERT(sizeof(struct flow_filter_bank) == 96 + 256 * 8 + 256 * 16 + 65536);

/* Key of `filter_prefixes` (LPM; the value is a mask). An IPv4 prefix is that of the mapped
 * address, in a tree of its own: ::/0 is not 0.0.0.0/0. */
struct flow_filter_prefix {
	__u32 length; /* bits that count, behind this field: FLOW_FILTER_PREFIX() */
	__u8 bank;
	__u8 side; /* enum flow_filter_side */
	__u8 ipv6; /* FLOW_SCOPE_IPV6 or 0 */
	__u8 pad;
	__u8 address[16];
};
FLOW_ABI_ASSERT(sizeof(struct flow_filter_prefix) == 24);
#define FLOW_FILTER_PREFIX(bits) (32 + (bits)) /* 0 to 128 of the address */
#define FLOW_FILTER_PREFIXES	 2048	       /* of both banks */

/* Key of `filter_interfaces`; a device that is not there satisfies no_interface. */
struct flow_filter_interface {
	__u32 bank;
	__u32 ifindex;
};
FLOW_ABI_ASSERT(sizeof(struct flow_filter_interface) == 8);

/* Key of `filter_cgroups`: the rules that name this very cgroup; in the bank of the scope, whether
 * it is in it. */
#define FLOW_FILTER_SCOPE_BANK FLOW_FILTER_BANKS
#define FLOW_SCOPE_CGROUPS     2048
struct flow_filter_cgroup {
	__u64 id;
	__u32 bank;
	__u32 pad;
};
FLOW_ABI_ASSERT(sizeof(struct flow_filter_cgroup) == 16);

/*
 * A pcap filter (flowd/kernel/pcap_filter.h) is a program for each hook and link, which the hook
 * jumps to, and which jumps on to one of two: what it accepts, and what it excludes. A pair of
 * program arrays for tc, where hook 0 is ingress and 1 egress, and one for XDP.
 */
#define FLOW_PCAP_HOOKS 2
enum flow_pcap_verdict { FLOW_PCAP_EXCLUDE, FLOW_PCAP_ACCEPT, FLOW_PCAP_VERDICTS };
#define FLOW_PCAP_SLOT(hook, link)    ((hook)*2 + (link)) /* link: 0 Ethernet, 1 IP */
#define FLOW_PCAP_NEXT(hook, verdict) ((hook)*FLOW_PCAP_VERDICTS + (verdict))

#endif
