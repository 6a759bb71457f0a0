/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sentences about drops. */
#include "flowcli/why_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ICMP_TIME_EXCEEDED   11 /* RFC 792 */
#define ICMPV6_TIME_EXCEEDED 3	/* RFC 4443 */

/* What the kernel's names mean to who looks for a fault; ends with reason NULL. */
static const struct {
	const char *reason, *meaning;
} meanings[] = {
	{ "IP_RPFILTER",
	  "the route back to the sender leads through another interface (rp_filter)" },
	{ "IP_INNOROUTES", "there is no route to the destination" },
	{ "IP_OUTNOROUTES", "there is no route to the destination" },
	{ "IP_INADDRERRORS", "the address is not valid here" },
	{ "IP_INHDR", "the IP header was not acceptable, or its TTL had run out" },
	{ "IP_CSUM", "the IP checksum is wrong" },
	{ "TCP_CSUM", "the TCP checksum is wrong" },
	{ "UDP_CSUM", "the UDP checksum is wrong" },
	{ "SKB_CSUM", "the checksum is wrong" },
	{ "ICMP_CSUM", "the ICMP checksum is wrong" },
	{ "NEIGH_FAILED", "the next hop does not answer for its link address (ARP, ND)" },
	{ "NEIGH_QUEUEFULL", "too many packets waited for the next hop's link address" },
	{ "SOCKET_RCVBUFF",
	  "the receiving socket's buffer was full: its program reads too slowly" },
	{ "SOCKET_BACKLOG", "the receiving socket's backlog was full" },
	{ "PROTO_MEM", "the protocol's memory limit was reached (net.ipv4.udp_mem, tcp_mem)" },
	{ "TCP_LISTEN_OVERFLOW",
	  "the listening socket's queue was full: its program accepts too slowly" },
	{ "PKT_TOO_BIG", "the packet was larger than the MTU and must not be fragmented" },
	{ "TC_INGRESS", "a tc filter or BPF program dropped it on receipt" },
	{ "TC_EGRESS", "a tc filter or BPF program dropped it on sending" },
	{ "XDP", "an XDP program dropped it" },
	{ "QDISC_DROP", "the queueing discipline of the interface dropped it" },
	{ "QDISC_OVERLIMIT", "the queue of the interface was full" },
	{ "FULL_RING", "the queue of the interface was full" },
	{ "CPU_BACKLOG", "the CPU's receive queue was full (net.core.netdev_max_backlog)" },
	{ "XFRM_POLICY", "an IPsec policy forbids it" },
	{ "BPF_CGROUP_EGRESS", "a BPF program of the control group forbids it" },
	{ "SOCKET_FILTER", "a filter on the socket refused it" },
	{ NULL, NULL }
};

/* Reasons that stand for several faults, one of which is a TTL that ran out. */
static bool may_be_ttl(const char *reason)
{
	return !*reason || !strcmp(reason, "IP_INHDR") || !strcmp(reason, "NOT_SPECIFIED");
}

static bool is_time_exceeded(const struct evidence_way *way)
{
	return way->icmp_errors &&
	       way->icmp.type == (way->icmp_ipv6 ? ICMPV6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED);
}

static const char *drop_meaning(const struct evidence *evidence, const struct evidence_drop *drop)
{
	if (may_be_ttl(drop->reason) &&
	    is_time_exceeded(drop->back ? &evidence->back : &evidence->there))
		return "its TTL had run out: a routing loop, or a TTL too small";
	for (int i = 0; meanings[i].reason; i++)
		if (!strcmp(meanings[i].reason, drop->reason))
			return meanings[i].meaning;
	return strstr(drop->site, "_xdp_") ? "an XDP program dropped it" : NULL;
}

/* The firewall, as far as the kernel told: "nftables (hook input, table t, chain c)". */
static void drop_firewall(const struct evidence_drop *drop, char *text, size_t size)
{
	const char *name = !strncmp(drop->site, "nft_", 4) ? "nftables"
			   : !strncmp(drop->site, "ipt_", 4) || !strncmp(drop->site, "ip6t_", 5)
				   ? "iptables"
				   : "netfilter";
	int used = snprintf(text, size, "%s", name);

	if (!*drop->hook && !*drop->table && !*drop->chain)
		return;
	used += snprintf(text + used, size - (size_t)used, " (%s%s%s%s%s%s%s%s",
			 *drop->hook ? "hook " : "", drop->hook,
			 *drop->hook && *drop->table ? ", " : "", *drop->table ? "table " : "",
			 drop->table, (*drop->hook || *drop->table) && *drop->chain ? ", " : "",
			 *drop->chain ? "chain " : "", drop->chain);
	if ((size_t)used < size)
		snprintf(text + used, size - (size_t)used, ")");
}

/*
 * Netfilter dropped without a rule: what hangs on prerouting and output beside tables and chains is
 * connection tracking, which drops when its table is full.
 */
static bool is_tracking(const struct evidence_drop *drop)
{
	return !*drop->table && !*drop->chain && !strcmp(drop->site, "nf_hook_slow") &&
	       (!strcmp(drop->hook, "prerouting") || !strcmp(drop->hook, "output"));
}

/* Whose namespace it was: by its number, or by the hook, which only the receiver or the sender has.
 */
static const char *owner_of(const struct why_case *why, const struct evidence_drop *drop)
{
	const char *sender = drop->back ? why->host : why->source;
	const char *receiver = drop->back ? why->source : why->host;
	const struct evidence *evidence = why->evidence;

	if (!strcmp(drop->hook, "input"))
		return receiver;
	if (!strcmp(drop->hook, "output"))
		return sender;
	if (drop->netns && drop->netns == evidence->there.netns)
		return why->source;
	if (drop->netns && drop->netns == evidence->back.netns)
		return why->host;
	return NULL;
}

static void drop_where(const struct why_case *why, const struct evidence_drop *drop, char *text,
		       size_t size)
{
	const char *owner = owner_of(why, drop);
	int used = 0;

	*text = '\0';
	if (owner)
		used = snprintf(text, size, " in %.80s's network namespace", owner);
	else if (drop->netns)
		used = snprintf(text, size, " in network namespace");
	if (drop->netns)
		used += snprintf(text + used, size - (size_t)used, " %" PRIu32, drop->netns);
	if (*drop->device)
		snprintf(text + used, size - (size_t)used, " at %s", drop->device);
}

/* "SYN left A 5 times, each dropped", "3 packets from A, each dropped", "3 of 20 packets from A
 * dropped" */
static void drop_what(const struct why_case *why, const struct evidence_drop *drop, char *text,
		      size_t size)
{
	const struct evidence_way *way = drop->back ? &why->evidence->back : &why->evidence->there;
	const char *sender = drop->back ? why->destination : why->source;
	const char *what = why_plural(drop->packets, "packet", "packets");

	if (drop->tcp && drop->syn && drop->packets >= way->packets)
		snprintf(text, size, "SYN left %.80s %" PRIu64 " %s, %s dropped", sender,
			 drop->packets, why_plural(drop->packets, "time", "times"),
			 drop->packets == 1 ? "and was" : "each");
	else if (drop->tcp && drop->syn && !drop->back &&
		 why->evidence->there.syn_only == way->packets)
		snprintf(text, size, "%" PRIu64 " of %" PRIu64 " SYNs from %.80s dropped",
			 drop->packets, way->packets, sender);
	else if (drop->tcp && drop->syn)
		snprintf(text, size, "%" PRIu64 " %s from %.80s dropped", drop->packets,
			 why_plural(drop->packets, "SYN", "SYNs"), sender);
	else if (drop->packets < way->packets)
		snprintf(text, size, "%" PRIu64 " of %" PRIu64 " packets from %.80s dropped",
			 drop->packets, way->packets, sender);
	else
		snprintf(text, size, "%" PRIu64 " %s from %.80s%s dropped", drop->packets, what,
			 sender, drop->packets > 1 && way->packets ? ", each" : "");
}

static void say_drop(struct why_case *why, const struct evidence_drop *drop)
{
	const char *meaning = drop_meaning(why->evidence, drop);
	char what[200], where[200], by[240];

	drop_what(why, drop, what, sizeof(what));
	drop_where(why, drop, where, sizeof(where));
	if (!strcmp(drop->reason, "NETFILTER_DROP")) {
		drop_firewall(drop, by, sizeof(by));
		why_say(why, "%s%s by %s: NETFILTER_DROP%s%s%s", what, where, by,
			*drop->site ? " at " : "", drop->site,
			is_tracking(drop)
				? "; no rule is known that did it: the connection tracking "
				  "table may be full (nf_conntrack_count, nf_conntrack_max)"
				: "");
		return;
	}
	why_say(why, "%s%s: %s%s%s%s%s", what, where,
		*drop->reason ? drop->reason : "no reason told", *drop->site ? " at " : "",
		drop->site, meaning ? "; " : "", meaning ? meaning : "");
}

/* To a port where nobody listens: its receiver, and not a fault on the way. */
static void say_refusal(struct why_case *why, const struct evidence_drop *drop)
{
	if (!drop->tcp)
		why_say(why,
			"%" PRIu64
			" %s reached %s, where nothing listens on the port: NO_SOCKET%s%s",
			drop->packets, why_plural(drop->packets, "packet", "packets"),
			drop->back ? why->source : why->destination, *drop->site ? " at " : "",
			drop->site);
}

/* Left in the queue of a socket that was closed, as the last FIN often is. */
static bool is_unread(const struct evidence_drop *drop)
{
	return !strcmp(drop->reason, "QUEUE_PURGE");
}

/* What TIME_WAIT takes is dropped once it is dealt with: the last FIN again. */
static bool is_late(const struct evidence_drop *drop)
{
	return drop->tcp && !drop->syn && !strcmp(drop->reason, "NOT_SPECIFIED") &&
	       (!strcmp(drop->site, "tcp_v4_rcv") || !strcmp(drop->site, "tcp_v6_rcv"));
}

void why_note_drops(struct why_case *why)
{
	uint64_t unread = 0, late = 0;

	for (uint32_t i = 0; i < why->evidence->drop_count; i++) {
		const struct evidence_drop *drop = &why->evidence->drops[i];

		unread += is_unread(drop) ? drop->packets : 0;
		late += is_late(drop) ? drop->packets : 0;
	}
	if (unread)
		why_note(why,
			 "%" PRIu64 " %s not read when a program closed its socket: QUEUE_PURGE",
			 unread, why_plural(unread, "packet was", "packets were"));
	if (late)
		why_note(why,
			 "%" PRIu64
			 " %s when the connection was closed: NOT_SPECIFIED at tcp_v4_rcv "
			 "or tcp_v6_rcv",
			 late, why_plural(late, "packet came", "packets came"));
}

static bool is_fault(const struct evidence_drop *drop)
{
	return !is_unread(drop) && !is_late(drop);
}

void why_judge_drops(struct why_case *why)
{
	const struct evidence *evidence = why->evidence;
	bool told[EVIDENCE_DROPS] = { false };

	for (uint32_t round = 0; round < evidence->drop_count; round++) {
		const struct evidence_drop *largest = NULL;

		for (uint32_t i = 0; i < evidence->drop_count; i++)
			if (!told[i] && is_fault(&evidence->drops[i]) &&
			    (!largest || evidence->drops[i].packets > largest->packets))
				largest = &evidence->drops[i];
		if (!largest)
			break;
		told[largest - evidence->drops] = true;
		if (strcmp(largest->reason, "NO_SOCKET"))
			say_drop(why, largest);
		else
			say_refusal(why, largest);
	}
	if (evidence->drops_beyond)
		why_say(why, "%" PRIu64 " more %s dropped for other reasons",
			evidence->drops_beyond,
			why_plural(evidence->drops_beyond, "packet", "packets"));
}
