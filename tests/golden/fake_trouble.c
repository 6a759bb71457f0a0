/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/golden/fake_trouble.h"

#include <errno.h>
#include <string.h>

#include "proto/address.h"
#include "proto/protocol.h"

#define SECOND	     1000000000ull
#define NETNS_ROUTER 4026532001u
#define NETNS_CLIENT 4026532101u
#define NETNS_SERVER 4026532251u

struct story {
	struct flow_record *records;
	size_t count;
	uint64_t start_ns;
};

/* A record at `second`, from the client, or from the server. */
static struct flow_record *tell(struct story *story, enum flow_kind kind, unsigned second,
				bool back)
{
	struct flow_record *record = &story->records[story->count++];
	int version;

	*record = (struct flow_record){ .position = story->count,
					.flow_id = back ? 2 : 1,
					.time_ns = story->start_ns + second * SECOND,
					.first_ns = story->start_ns + second * SECOND,
					.last_ns = story->start_ns + second * SECOND,
					.key = { .src_port = back ? 80 : 40001,
						 .dst_port = back ? 40001 : 80,
						 .protocol = PROTOCOL_TCP },
					.kind = (uint8_t)kind,
					.verdict = FLOW_VERDICT_FORWARDED,
					.sampling = 1,
					.node_name = "node1" };
	address_parse(back ? "10.0.0.2" : "10.0.0.1", record->key.src, &version);
	address_parse(back ? "10.0.0.1" : "10.0.0.2", record->key.dst, &version);
	return record;
}

static struct flow_record *tell_flow(struct story *story, unsigned second, bool back,
				     uint64_t packets, uint64_t bytes, uint16_t flags)
{
	struct flow_record *record = tell(story, FLOW_KIND_END, second, back);

	record->packets = record->total_packets = packets;
	record->bytes = record->total_bytes = bytes;
	record->flags = flags;
	record->end_reason = flags & FLOW_TCP_RST ? FLOW_END_RST : FLOW_END_FIN;
	record->reply = back ? FLOW_REPLY_YES : FLOW_REPLY_NO;
	return record;
}

static struct flow_record *tell_drop(struct story *story, unsigned second, uint64_t packets,
				     const char *reason, const char *site)
{
	struct flow_record *record = tell(story, FLOW_KIND_DROP, second, false);

	record->verdict = FLOW_VERDICT_DROPPED;
	record->flags = FLOW_TCP_SYN;
	record->dropped = packets;
	record->drops[0] = (struct flow_drop){ .reason = reason,
					       .site = site,
					       .packets = packets,
					       .first_ns = record->first_ns,
					       .last_ns = record->last_ns };
	record->incident.netns = NETNS_SERVER;
	return record;
}

static void tell_connect(struct story *story, unsigned second, uint32_t error)
{
	struct flow_record *record = tell(story, FLOW_KIND_TCP_CONNECT, second, false);

	record->verdict = FLOW_VERDICT_TRACED;
	record->incident.error = error;
	record->incident.duration_ns = second * SECOND;
}

/* ---- faults: datagrams or SYNs that do not arrive ----------------------------------------------
 */

struct fault {
	const char *name, *reason, *site, *hook, *table, *chain, *interface;
	uint32_t netns;
	uint8_t icmp_type, icmp_code; /* that the router answered with; 0: it did not */
	bool tcp, unseen;	      /* unseen: no packet left the client */
};

static const struct fault faults[] = {
	{ "nft-input", "NETFILTER_DROP", "nft_do_chain", "input", "lab", "c", "eth0", NETNS_SERVER,
	  .tcp = true },
	{ "nft-forward", "NETFILTER_DROP", "nft_do_chain", "forward", "lab", "c", "client",
	  NETNS_ROUTER },
	{ "nft-output", "NETFILTER_DROP", "nft_do_chain", "output", "lab", "c", NULL, NETNS_CLIENT,
	  .unseen = true },
	{ "iptables", "NETFILTER_DROP", "nf_hook_slow", "input", "filter", "INPUT", "eth0",
	  NETNS_SERVER },
	{ "unnamed-input", "NETFILTER_DROP", "nf_hook_slow", "input", NULL, NULL, "eth0",
	  NETNS_SERVER },
	{ "conntrack-full", "NETFILTER_DROP", "nf_hook_slow", "prerouting", NULL, NULL, "eth0",
	  NETNS_SERVER },
	{ "rp-filter", "IP_RPFILTER", "ip_rcv_finish_core", .interface = "client",
	  .netns = NETNS_ROUTER },
	{ "no-route", "IP_INNOROUTES", "ip_error", .interface = "client", .netns = NETNS_ROUTER,
	  .icmp_type = 3 },
	{ "ttl", "IP_INHDR", "ip_forward", .interface = "client", .netns = NETNS_ROUTER,
	  .icmp_type = 11 },
	{ "udp-closed", "NO_SOCKET", "__udp4_lib_rcv", .interface = "eth0", .netns = NETNS_SERVER,
	  .icmp_type = 3, .icmp_code = 3 },
	{ "socket-buffer", "SOCKET_RCVBUFF", "udp_queue_rcv_one_skb", .interface = "eth0",
	  .netns = NETNS_SERVER },
	{ "checksum", "TCP_CSUM", "tcp_v4_rcv", .interface = "eth0", .netns = NETNS_SERVER,
	  .tcp = true },
	{ "mtu", "PKT_TOO_BIG", "ip_forward", .interface = "client", .netns = NETNS_ROUTER,
	  .icmp_type = 3, .icmp_code = 4 },
	{ "neighbour", "NEIGH_FAILED", "neigh_invalidate", .interface = "server",
	  .netns = NETNS_ROUTER, .icmp_type = 3, .icmp_code = 1 },
	{ "tc-program", "TC_INGRESS", "__netif_receive_skb_core", .interface = "eth0",
	  .netns = NETNS_SERVER },
	{ "xdp-program", "NOT_SPECIFIED", "veth_xdp_rcv_skb", .interface = "eth0",
	  .netns = NETNS_SERVER },
	{ "no-reason", NULL, "ip_forward", .interface = "client", .netns = NETNS_ROUTER },
};

static void to_udp(struct flow_record *record, const struct fault *fault)
{
	if (!fault->tcp) {
		record->key.protocol = PROTOCOL_UDP;
		record->flags = 0;
	}
}

static void tell_fault(struct story *story, const struct fault *fault)
{
	struct flow_record *drop = tell_drop(story, 1, 3, fault->reason, fault->site), *flow;
	int version;

	drop->incident.hook = fault->hook;
	drop->incident.table = fault->table;
	drop->incident.chain = fault->chain;
	drop->incident.netns = fault->netns;
	if (fault->interface) {
		drop->point_count = 1;
		drop->points[0].interface = fault->interface;
	}
	to_udp(drop, fault);
	if (fault->unseen)
		return;
	flow = tell_flow(story, 0, false, 3, 222, FLOW_TCP_SYN);
	flow->end_reason = FLOW_END_IDLE;
	flow->verdict = FLOW_VERDICT_DROPPED;
	flow->dropped = 3;
	flow->drops[0] = drop->drops[0];
	to_udp(flow, fault);
	if (!fault->icmp_type)
		return;
	flow->icmp_error = (struct flow_icmp_error){ .packets = 1,
						     .type = fault->icmp_type,
						     .code = fault->icmp_code };
	address_parse(fault->icmp_code == 3 ? "10.0.0.2" : "10.0.9.9", flow->icmp_error.reporter,
		      &version);
}

/* ---- stories -------------------------------------------------------------------------------- */

static void firewall(struct story *story)
{
	for (unsigned second = 1; second <= 4; second *= 2) {
		struct flow_incident *incident = &tell_drop(story, second, second == 4 ? 3 : 1,
							    "NETFILTER_DROP", "nft_do_chain")
							  ->incident;

		incident->hook = "input";
		incident->table = "filter";
		incident->chain = "pods";
	}
	tell_flow(story, 0, false, 5, 370, FLOW_TCP_SYN);
	tell_connect(story, 8, ETIMEDOUT);
}

static void refused(struct story *story)
{
	struct flow_record *reset;

	tell_drop(story, 1, 1, "NO_SOCKET", "tcp_v4_rcv");
	reset = tell(story, FLOW_KIND_TCP_RESET, 1, true);
	reset->verdict = FLOW_VERDICT_TRACED;
	reset->flags = FLOW_TCP_RST;
	reset->incident.sent = 1;
	reset->incident.message = "NO_SOCKET";
	tell_flow(story, 1, false, 1, 74, FLOW_TCP_SYN);
	tell_flow(story, 1, true, 1, 54, FLOW_TCP_RST | FLOW_TCP_ACK);
	tell_connect(story, 1, ECONNREFUSED);
}

static void silent(struct story *story)
{
	struct flow_record *flow = tell_flow(story, 0, false, 5, 370, FLOW_TCP_SYN);

	flow->end_reason = FLOW_END_IDLE;
	flow->tcp.retransmits = flow->tcp.total_retransmits =
		flow->tcp.retransmits_of[TRACE_RETRANSMIT_SYN] = 4;
}

static void path_mtu(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_PSH;
	struct flow_record *flow = tell_flow(story, 0, false, 6, 6200, flags);
	int version;

	flow->tcp.retransmits = flow->tcp.total_retransmits =
		flow->tcp.retransmits_of[TRACE_RETRANSMIT_RTO] = 3;
	flow->icmp_error = (struct flow_icmp_error){ .packets = 1, .type = 3, .code = 4 };
	address_parse("10.0.9.9", flow->icmp_error.reporter, &version);
	tell_flow(story, 0, true, 2, 128, flags);
}

static void lossy(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN;
	struct flow_tcp *there = &tell_flow(story, 0, false, 200, 150000, flags)->tcp;
	struct flow_tcp *back = &tell_flow(story, 0, true, 100, 6600, flags)->tcp;

	there->retransmits = there->total_retransmits = 12;
	there->retransmits_of[TRACE_RETRANSMIT_FAST] = 10;
	there->retransmits_of[TRACE_RETRANSMIT_RTO] = 2;
	there->handshake_ns = 1200 * (SECOND / 1000);
	there->srtt_min_us = 900;
	there->srtt_avg_us = 1500;
	there->srtt_max_us = 250000;
	back->zero_windows = 3;
}

static void well(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN;

	tell_flow(story, 0, false, 6, 504, flags)->tcp.handshake_ns = 1200000;
	tell_flow(story, 0, true, 4, 1272, flags);
}

/* Of a flood few events are told; the row has them all, and one that no event told of. */
static void flood(struct story *story)
{
	struct flow_record *flow;

	tell_drop(story, 1, 1, "NETFILTER_DROP", "nft_do_chain")->incident.hook = "input";
	flow = tell_flow(story, 0, false, 1005, 70000, FLOW_TCP_SYN);
	flow->end_reason = FLOW_END_IDLE;
	flow->dropped = 1005;
	flow->drops[0] = story->records[0].drops[0];
	flow->drops[0].packets = 1000;
	flow->drops[1] =
		(struct flow_drop){ "TCP_CSUM", "tcp_v4_rcv", 5, flow->first_ns, flow->last_ns };
}

/* One datagram after the other, and no answer: from a socket that may not expect one. */
static void silent_udp(struct story *story)
{
	struct flow_record *flow = tell_flow(story, 0, false, 4, 240, 0);

	flow->key.protocol = PROTOCOL_UDP;
	flow->end_reason = FLOW_END_IDLE;
}

static void backlog(struct story *story)
{
	struct flow_record *full;

	silent(story);
	full = tell(story, FLOW_KIND_TCP_OVERFLOW, 2, true);
	full->key.dst_port = 0;
	full->key.protocol = PROTOCOL_TCP;
	memset(full->key.dst, 0, sizeof(full->key.dst));
	full->dropped = 5;
	full->drops[0] = (struct flow_drop){ .reason = "LISTEN_OVERFLOW",
					     .packets = 5,
					     .first_ns = full->first_ns,
					     .last_ns = full->last_ns };
	full->incident.netns = NETNS_SERVER;
}

/* Yesterday's connection was opened; today's is refused. */
static void refused_again(struct story *story)
{
	well(story);
	for (size_t i = 0; i < story->count; i++)
		story->records[i].flow_id += 10;
	refused(story);
}

static void no_way(struct story *story)
{
	tell_connect(story, 0, ENETUNREACH);
}

/* Sent and received are two views of one reset, behind a handshake. */
static void reset_later(struct story *story)
{
	const uint16_t flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_PSH;
	struct flow_record *reset;

	tell_flow(story, 0, false, 4, 400, flags);
	tell_flow(story, 0, true, 3, 200, flags | FLOW_TCP_RST);
	reset = tell(story, FLOW_KIND_TCP_RESET, 2, false);
	reset->verdict = FLOW_VERDICT_TRACED;
	reset->flags = FLOW_TCP_RST;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct flow_record *tell_dns(struct story *story, unsigned second, bool timeout,
				    const struct flow_dns_parts *parts, void *room)
{
	struct flow_record *record = tell(story, FLOW_KIND_DNS, second, !timeout);
	int version;

	record->flow_id = 0;
	record->key.protocol = PROTOCOL_UDP;
	record->key.src_port = timeout ? 40053 : 53;
	record->key.dst_port = timeout ? 53 : 40053;
	address_parse("10.0.0.53", timeout ? record->key.dst : record->key.src, &version);
	if (timeout)
		record->verdict = FLOW_VERDICT_ERROR;
	record->dns = flow_dns_make(parts, room);
	return record;
}

static const uint16_t type_a[] = { 1 };

static struct flow_dns_parts dns_parts(enum flow_dns_event event, uint64_t waited_ns)
{
	struct flow_dns_parts parts = { .head = { .event = (uint8_t)event,
						  .id = 4711,
						  .client_port = 40053,
						  .latency_ns = 3000000,
						  .waited_ns = waited_ns,
						  .qtype_count = 1 },
					.qtypes = type_a,
					.query = "www.example.org.",
					.cnames = "" };
	int version;

	address_parse("10.0.0.53", parts.head.server, &version);
	return parts;
}

/* 4.1 s of the 4.3 s: two questions that were lost, then an answer, then a handshake. */
static void dns_slow(struct story *story)
{
	static _Alignas(8) uint8_t room[FLOW_DNS_SIZE];
	static const uint8_t ips[1][16] = { { [10] = 0xff, 0xff, 10, 0, 0, 2 } };
	struct flow_dns_parts parts = dns_parts(FLOW_DNS_EVENT_RESPONSE, 41 * SECOND / 10);

	parts.head.ttl = 30;
	parts.head.retries = 2;
	parts.head.answers = parts.head.ip_count = 1;
	parts.ips = ips;
	tell_dns(story, 0, false, &parts, room);
	well(story);
	story->records[1].first_ns += SECOND / 1000;
	story->records[1].tcp.handshake_ns = 199 * (SECOND / 1000);
	story->records[1].destination_names = "www.example.org\0";
	story->records[2].source_names = "www.example.org\0";
}

static void dns_failed(struct story *story)
{
	static _Alignas(8) uint8_t rooms[3][FLOW_DNS_SIZE];
	struct flow_dns_parts parts = dns_parts(FLOW_DNS_EVENT_RESPONSE, 0);

	parts.head.rcode = 3;
	tell_dns(story, 0, false, &parts, rooms[0]);
	tell_dns(story, 2, false, &parts, rooms[1]);
	parts = dns_parts(FLOW_DNS_EVENT_TIMEOUT, 0);
	parts.head.latency_ns = 5 * SECOND;
	tell_dns(story, 9, true, &parts, rooms[2]);
}

static const struct flow_endpoint client_pod = {
	.text = { [ENDPOINT_NAMESPACE] = "shop", [ENDPOINT_POD] = "shop/client" },
	.netns = NETNS_CLIENT
};
static const struct flow_endpoint web_pods[] = {
	{ .text = { [ENDPOINT_NAMESPACE] = "shop",
		    [ENDPOINT_POD] = "shop/web-0",
		    [ENDPOINT_CONTAINER_NAME] = "nginx" },
	  .netns = NETNS_SERVER },
	{ .text = { [ENDPOINT_NAMESPACE] = "shop", [ENDPOINT_POD] = "shop/web-1" }, .netns = 7 }
};

static void name_ends(struct flow_record *record, const struct flow_endpoint *pod)
{
	bool back = record->key.src_port == 80;

	record->ends[back ? FLOW_DESTINATION : FLOW_SOURCE] =
		(struct flow_end){ .endpoint = &client_pod, .comm = "curl", .pid = 7 };
	record->ends[back ? FLOW_SOURCE : FLOW_DESTINATION].endpoint = pod;
}

/* The firewall's story between pods, and another pod with a like name that fares well. */
static void pods(struct story *story)
{
	size_t first;
	int version;

	firewall(story);
	first = story->count;
	for (size_t i = 1; i < first; i++) /* the first drop comes before its socket is known */
		name_ends(&story->records[i], &web_pods[0]);
	well(story);
	for (size_t i = first; i < story->count; i++) {
		struct flow_record *record = &story->records[i];
		bool back = record->key.src_port == 80;

		record->flow_id += 10;
		address_parse("10.0.0.3", back ? record->key.src : record->key.dst, &version);
		name_ends(record, &web_pods[1]);
	}
}

/* The server's program closed with the client's FIN unread. */
static void unread(struct story *story)
{
	struct flow_record *flow;

	well(story);
	flow = &story->records[0];
	flow->dropped = 1;
	flow->drops[0] = (struct flow_drop){ "QUEUE_PURGE", "sk_stream_kill_queues", 1,
					     flow->first_ns, flow->last_ns };
}

static void nothing(struct story *story)
{
	(void)story;
}

static const struct {
	const char *name;
	void (*tell)(struct story *story);
} stories[] = { { "firewall", firewall },
		{ "refused", refused },
		{ "silent", silent },
		{ "path-mtu", path_mtu },
		{ "lossy", lossy },
		{ "well", well },
		{ "flood", flood },
		{ "unread", unread },
		{ "silent-udp", silent_udp },
		{ "backlog", backlog },
		{ "refused-again", refused_again },
		{ "no-way", no_way },
		{ "reset-later", reset_later },
		{ "dns-slow", dns_slow },
		{ "dns-failed", dns_failed },
		{ "pods", pods },
		{ "nothing", nothing } };

size_t fake_trouble(const char *name, uint64_t start_ns, struct flow_record *records)
{
	struct story story = { .records = records, .start_ns = start_ns };

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		if (!strcmp(stories[i].name, name))
			stories[i].tell(&story);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (!strcmp(faults[i].name, name))
			tell_fault(&story, &faults[i]);
	return story.count;
}
