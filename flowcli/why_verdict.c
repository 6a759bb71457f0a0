/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"
#include "proto/errno_name.h"
#include "proto/icmp.h"
#include "proto/protocol.h"
#include "proto/time.h"

#define WHY_SLOW_NS   (UINT64_C(1000) * 1000000) /* a handshake longer than this is told */
#define WHY_LOSS_RATE 100			 /* one retransmission in so many packets is told */
#define WHY_FULL_SIZE 1000 /* bytes a packet, from which a segment counts as full */

/* What is judged: the evidence and the names of the two sides. */
struct why_case {
	const struct evidence *evidence;
	const char *source, *destination;
	struct why_verdict *verdict;
};

static void __attribute__((format(printf, 2, 3)))
say(struct why_case *this, const char *format, ...)
{
	struct why_verdict *verdict = this->verdict;
	va_list arguments;

	if (verdict->count == WHY_SENTENCES)
		return;
	va_start(arguments, format);
	vsnprintf(verdict->sentences[verdict->count++], WHY_SENTENCE, format, arguments);
	va_end(arguments);
	verdict->outcome = WHY_FOUND;
}

static const char *packets_word(uint64_t packets)
{
	return packets == 1 ? "packet" : "packets";
}

static const char *times_word(uint64_t times)
{
	return times == 1 ? "time" : "times";
}

/* ---- drops ---------------------------------------------------------------------------------- */

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

static const char *drop_meaning(const char *reason)
{
	for (int i = 0; meanings[i].reason; i++)
		if (!strcmp(meanings[i].reason, reason))
			return meanings[i].meaning;
	return NULL;
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

static void drop_where(const struct evidence_drop *drop, char *text, size_t size)
{
	int used = 0;

	*text = '\0';
	if (drop->netns)
		used = snprintf(text, size, " in network namespace %" PRIu32, drop->netns);
	if (*drop->device)
		snprintf(text + used, size - (size_t)used, " at %s", drop->device);
}

static bool drop_is_refusal(const struct evidence_drop *drop)
{
	return !strcmp(drop->reason, "NO_SOCKET");
}

static void say_drop(struct why_case *this, const struct evidence_drop *drop)
{
	const char *meaning = drop_meaning(drop->reason);
	const char *sender = drop->back ? this->destination : this->source;
	const char *what = this->evidence->tcp && drop->syn ? "SYN" : packets_word(drop->packets);
	char where[96], by[240];

	drop_where(drop, where, sizeof(where));
	if (!strcmp(drop->reason, "NETFILTER_DROP")) {
		drop_firewall(drop, by, sizeof(by));
		say(this, "%" PRIu64 " %s from %s dropped%s by %s: NETFILTER_DROP%s%s",
		    drop->packets, what, sender, where, by, *drop->site ? " at " : "", drop->site);
		return;
	}
	say(this, "%" PRIu64 " %s from %s dropped%s: %s%s%s%s%s", drop->packets, what, sender,
	    where, *drop->reason ? drop->reason : "no reason told", *drop->site ? " at " : "",
	    drop->site, meaning ? "; " : "", meaning ? meaning : "");
}

/* The largest first; what a listener's absence explains is told elsewhere. */
static void judge_drops(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;
	bool told[EVIDENCE_DROPS] = { false };

	for (uint32_t round = 0; round < evidence->drop_count; round++) {
		const struct evidence_drop *largest = NULL;

		for (uint32_t i = 0; i < evidence->drop_count; i++)
			if (!told[i] && !drop_is_refusal(&evidence->drops[i]) &&
			    (!largest || evidence->drops[i].packets > largest->packets))
				largest = &evidence->drops[i];
		if (!largest)
			break;
		told[largest - evidence->drops] = true;
		say_drop(this, largest);
	}
	if (evidence->drops_beyond)
		say(this, "%" PRIu64 " more %s dropped for other reasons", evidence->drops_beyond,
		    packets_word(evidence->drops_beyond));
}

/* ---- answers -------------------------------------------------------------------------------- */

static bool is_refused(const struct evidence *evidence)
{
	return evidence->back.resets && !(evidence->back.flags & FLOW_TCP_SYN);
}

static void judge_resets(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;

	if (is_refused(evidence))
		say(this, "answered by RST from %s: nothing listens there", this->destination);
	else if (evidence->back.resets)
		say(this, "reset by %s after the connection was open", this->destination);
	if (evidence->there.resets && !is_refused(evidence))
		say(this, "reset by %s", this->source);
}

static void judge_overflow(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;

	if (evidence->overflows)
		say(this,
		    "the queue of the socket that listens at %s was full %" PRIu64
		    " %s (network namespace %" PRIu32 "): its program accepts too slowly",
		    this->destination, evidence->overflows, times_word(evidence->overflows),
		    evidence->overflow_netns);
}

static void judge_udp_refusal(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;

	for (uint32_t i = 0; i < evidence->drop_count; i++) {
		const struct evidence_drop *drop = &evidence->drops[i];

		if (drop_is_refusal(drop) && !evidence->tcp)
			say(this,
			    "%" PRIu64 " %s reached %s, where nothing listens on the port: "
			    "NO_SOCKET at %s",
			    drop->packets, packets_word(drop->packets),
			    drop->back ? this->source : this->destination, drop->site);
	}
}

static void judge_icmp(struct why_case *this)
{
	const struct evidence_way *way = &this->evidence->there;
	bool ipv6 = memcmp(way->icmp.reporter, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) != 0;
	char reporter[ADDRESS_TEXT_MAX], message[128];

	if (!way->icmp_errors)
		return;
	address_write(reporter, way->icmp.reporter, !ipv6);
	*icmp_write(message, ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP, way->icmp.type,
		    way->icmp.code) = '\0';
	say(this, "%" PRIu64 " ICMP %s from %s: %s", way->icmp_errors,
	    way->icmp_errors == 1 ? "error" : "errors", reporter, message);
}

static void judge_connect(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;

	if (evidence->connect_failures && evidence->connect_error)
		say(this, "connect() failed %" PRIu64 " %s, the last with %s",
		    evidence->connect_failures, times_word(evidence->connect_failures),
		    errno_name(evidence->connect_error));
}

/* Nothing came back, and nothing here says why. */
static void judge_silence(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;

	if (evidence->back.packets || evidence->back.resets || this->verdict->count ||
	    !evidence->there.packets)
		return;
	if (evidence->there.syn_only)
		say(this,
		    "SYN left %s %" PRIu64 " %s; no answer and no drop seen on this node: "
		    "look at %s's node",
		    this->source, evidence->there.syn_only, times_word(evidence->there.syn_only),
		    this->destination);
	else if (evidence->tcp || evidence->there.packets > 1)
		say(this,
		    "%" PRIu64 " packets left %s; no answer and no drop seen on this node: "
		    "look at %s's node",
		    evidence->there.packets, this->source, this->destination);
}

/* ---- quality -------------------------------------------------------------------------------- */

static void judge_path_mtu(struct why_case *this, const struct evidence_way *way)
{
	bool full_size = way->packets && way->bytes / way->packets > WHY_FULL_SIZE;

	if (way->icmp_too_big)
		say(this, "path MTU: %" PRIu64 " %s retransmitted, ICMP too-big seen",
		    way->retransmits, way->retransmits == 1 ? "segment" : "segments");
	else if (way->retransmits && full_size && way->retransmits_of[TRACE_RETRANSMIT_RTO] > 1)
		say(this, "path MTU may be smaller than it seems: full-size segments time out");
}

static void judge_loss(struct why_case *this, const struct evidence_way *way, const char *sender)
{
	uint64_t handshakes = way->retransmits_of[TRACE_RETRANSMIT_SYN] +
			      way->retransmits_of[TRACE_RETRANSMIT_SYNACK];

	if (handshakes)
		say(this, "%s repeated the handshake %" PRIu64 " %s", sender, handshakes,
		    times_word(handshakes));
	if (way->retransmits > handshakes &&
	    (way->retransmits - handshakes) * WHY_LOSS_RATE >= way->packets)
		say(this, "%s retransmitted %" PRIu64 " of %" PRIu64 " packets (%.1f %%)", sender,
		    way->retransmits - handshakes, way->packets,
		    100.0 * (double)(way->retransmits - handshakes) /
			    (double)(way->packets ? way->packets : 1));
	if (way->zero_windows)
		say(this,
		    "%s closed its receive window %" PRIu64 " %s: its program reads too "
		    "slowly",
		    sender, way->zero_windows, times_word(way->zero_windows));
}

static void judge_times(struct why_case *this)
{
	uint64_t handshake_ns = this->evidence->there.handshake_max_ns;
	char text[TIME_TEXT_MAX];

	if (handshake_ns < WHY_SLOW_NS)
		return;
	time_format_duration(handshake_ns, text, sizeof(text));
	say(this, "the answer to the SYN took %s", text);
}

/* ---- all ------------------------------------------------------------------------------------ */

static void say_well(struct why_case *this)
{
	const struct evidence *evidence = this->evidence;
	char text[TIME_TEXT_MAX] = "";

	if (evidence->there.handshake_max_ns)
		time_format_duration(evidence->there.handshake_max_ns, text, sizeof(text));
	say(this, "nothing wrong seen: %" PRIu64 " %s there, %" PRIu64 " back%s%s",
	    evidence->there.packets, packets_word(evidence->there.packets), evidence->back.packets,
	    *text ? ", handshake " : "", text);
	this->verdict->outcome = WHY_NOTHING_WRONG;
}

void why_judge(const struct evidence *evidence, const char *source, const char *destination,
	       struct why_verdict *verdict)
{
	struct why_case this = { evidence, source, destination, verdict };

	*verdict = (struct why_verdict){ .outcome = WHY_NO_DATA };
	if (!evidence->records) {
		say(&this, "no record of traffic between %s and %s", source, destination);
		verdict->outcome = WHY_NO_DATA;
		return;
	}
	judge_drops(&this);
	judge_overflow(&this);
	judge_udp_refusal(&this);
	judge_resets(&this);
	judge_path_mtu(&this, &evidence->there);
	judge_path_mtu(&this, &evidence->back);
	judge_icmp(&this);
	judge_silence(&this);
	judge_loss(&this, &evidence->there, source);
	judge_loss(&this, &evidence->back, destination);
	judge_times(&this);
	judge_connect(&this);
	if (!verdict->count)
		say_well(&this);
}
