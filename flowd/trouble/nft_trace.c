/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/trouble/nft_trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-common/packet_encap.h"
#include "flowd/kernel/net_space.h"

#define SPACES_MAX    256
#define TRACED	      1024 /* packets, and drops, that are remembered */
#define BUFFER_BYTES  (1 << 20)
#define ABOUT_NS      2000000000ull
#define HEADERS_BYTES 64 /* the kernel sends 40 of the network header and 20 of the next */

/* A packet on its way through the chains: its headers come with the first message alone. */
struct traced {
	uint32_t netns, id;
	struct flow_key key; /* protocol 0: unused */
};

struct traced_drop {
	uint32_t netns;
	uint64_t read_ns;
	struct flow_key key;
	struct nft_trace_place place;
};

struct nft_space {
	struct nft_trace *trace;
	struct nl_sock *socket; /* NULL: unused */
	uint32_t netns;
	bool named; /* since nft_trace_leave() */
};

struct nft_trace {
	struct nft_space spaces[SPACES_MAX];
	struct traced packets[TRACED];	  /* by id, modulo */
	struct traced_drop drops[TRACED]; /* a ring */
	uint64_t drop_count, lost, now_ns;
};

int nft_trace_open(struct nft_trace **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void nft_trace_close(struct nft_trace *trace)
{
	if (!trace)
		return;
	for (size_t i = 0; i < SPACES_MAX; i++)
		nl_socket_free(trace->spaces[i].socket);
	free(trace);
}

/* ---- messages ------------------------------------------------------------------------------- */

static uint32_t attr_u32(struct nlattr *attr, uint32_t otherwise)
{
	return attr ? ntohl(nla_get_u32(attr)) : otherwise;
}

/* How long the header of the IP packet is that begins so; 0: none. */
static int traced_header_bytes(const uint8_t *bytes)
{
	if (bytes[0] >> 4 == 4)
		return (bytes[0] & 15) * 4;
	return bytes[0] >> 4 == 6 ? 40 : 0;
}

/* Two pieces: the IP header, or more than it, and what follows it. */
static int traced_parse(struct nlattr *const attrs[], struct flow_key *key)
{
	struct nlattr *network = attrs[NFTA_TRACE_NETWORK_HEADER];
	struct nlattr *transport = attrs[NFTA_TRACE_TRANSPORT_HEADER];
	int size = nla_len(network) > 0 ? traced_header_bytes(nla_data(network)) : 0;
	int more = transport ? nla_len(transport) : 0;
	uint8_t bytes[HEADERS_BYTES];
	struct packet packet;
	struct flow_extra extra;

	if (!size || size > nla_len(network) || size + more > HEADERS_BYTES)
		return -EBADMSG;
	memcpy(bytes, nla_data(network), (size_t)size);
	if (more)
		memcpy(bytes + size, nla_data(transport), (size_t)more);
	if (packet_parse(bytes, bytes + size + more, PACKET_LINK_IP, NULL, &packet, &extra) !=
	    PACKET_OK)
		return -EBADMSG;
	*key = packet.key;
	return 0;
}

/* The slot of the message's packet, with its key; NULL: its headers were not sent. */
static const struct traced *traced_of(struct nft_trace *trace, uint32_t netns,
				      struct nlattr *const attrs[])
{
	uint32_t id = attr_u32(attrs[NFTA_TRACE_ID], 0);
	struct traced *packet = &trace->packets[id % TRACED];

	if (attrs[NFTA_TRACE_NETWORK_HEADER]) {
		*packet = (struct traced){ .netns = netns, .id = id };
		if (traced_parse(attrs, &packet->key))
			return NULL;
	}
	return packet->key.protocol && packet->id == id && packet->netns == netns ? packet : NULL;
}

/* By a rule, or by the chain's policy. */
static bool trace_is_drop(struct nlattr *const attrs[])
{
	struct nlattr *verdict[NFTA_VERDICT_MAX + 1];

	switch (attr_u32(attrs[NFTA_TRACE_TYPE], NFT_TRACETYPE_UNSPEC)) {
	case NFT_TRACETYPE_POLICY:
		return attr_u32(attrs[NFTA_TRACE_POLICY], NF_ACCEPT) == NF_DROP;
	case NFT_TRACETYPE_RULE:
		return attrs[NFTA_TRACE_VERDICT] &&
		       !nla_parse_nested(verdict, NFTA_VERDICT_MAX, attrs[NFTA_TRACE_VERDICT],
					 NULL) &&
		       attr_u32(verdict[NFTA_VERDICT_CODE], NF_ACCEPT) == NF_DROP;
	}
	return false;
}

static void trace_add_drop(struct nft_trace *trace, const struct traced *packet,
			   struct nlattr *const attrs[])
{
	struct traced_drop *drop = &trace->drops[trace->drop_count++ % TRACED];

	*drop = (struct traced_drop){ .netns = packet->netns,
				      .read_ns = trace->now_ns,
				      .key = packet->key };
	nla_strlcpy(drop->place.table, attrs[NFTA_TRACE_TABLE], sizeof(drop->place.table));
	nla_strlcpy(drop->place.chain, attrs[NFTA_TRACE_CHAIN], sizeof(drop->place.chain));
}

static int trace_message(struct nl_msg *message, void *context)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct nft_space *space = context;
	struct nlattr *attrs[NFTA_TRACE_MAX + 1];
	const struct traced *packet;

	if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) ||
	    nlmsg_parse(header, sizeof(struct nfgenmsg), attrs, NFTA_TRACE_MAX, NULL))
		return NL_OK;
	packet = traced_of(space->trace, space->netns, attrs);
	if (packet && attrs[NFTA_TRACE_TABLE] && attrs[NFTA_TRACE_CHAIN] && trace_is_drop(attrs))
		trace_add_drop(space->trace, packet, attrs);
	return NL_OK;
}

/* ---- sockets -------------------------------------------------------------------------------- */

static int space_connect(struct nft_space *space)
{
	int code = nl_connect(space->socket, NETLINK_NETFILTER);

	if (!code)
		code = nl_socket_add_membership(space->socket, NFNLGRP_NFTRACE);
	if (!code)
		code = nl_socket_set_nonblocking(space->socket);
	if (!code)
		code = nl_socket_set_buffer_size(space->socket, BUFFER_BYTES, 0);
	if (!code)
		code = nl_socket_modify_cb(space->socket, NL_CB_VALID, NL_CB_CUSTOM, trace_message,
					   space);
	return code == -NLE_PERM ? -EPERM : code ? -EIO : 0;
}

static int space_open(struct nft_space *space, pid_t process)
{
	int home = net_space_enter(process), error = -ENOMEM;

	if (home < 0)
		return home;
	space->socket = nl_socket_alloc();
	if (space->socket) {
		nl_socket_disable_seq_check(space->socket);
		error = space_connect(space);
	}
	net_space_leave(home);
	if (!error)
		return 0;
	nl_socket_free(space->socket);
	space->socket = NULL;
	return error;
}

static struct nft_space *space_of(struct nft_trace *trace, uint32_t netns)
{
	struct nft_space *unused = NULL;

	for (size_t i = 0; i < SPACES_MAX; i++) {
		struct nft_space *space = &trace->spaces[i];

		if (space->socket && space->netns == netns)
			return space;
		if (!space->socket && !unused)
			unused = space;
	}
	return unused;
}

int nft_trace_listen(struct nft_trace *trace, uint32_t netns, pid_t process)
{
	struct nft_space *space = space_of(trace, netns);
	int error = 0;

	if (!space)
		return -ENOSPC;
	if (!space->socket) {
		*space = (struct nft_space){ .trace = trace, .netns = netns };
		error = space_open(space, process);
	}
	space->named = true;
	return error;
}

void nft_trace_leave(struct nft_trace *trace)
{
	for (size_t i = 0; i < SPACES_MAX; i++) {
		struct nft_space *space = &trace->spaces[i];

		if (!space->named && space->socket) {
			nl_socket_free(space->socket);
			space->socket = NULL;
		}
		space->named = false;
	}
}

/* A socket that has lost messages goes on with those that come. */
static void space_read(struct nft_space *space)
{
	int code;

	do {
		code = nl_recvmsgs_default(space->socket);
		space->trace->lost += code == -NLE_NOMEM;
	} while (code >= 0 || code == -NLE_NOMEM);
}

void nft_trace_read(struct nft_trace *trace, uint64_t now_ns)
{
	trace->now_ns = now_ns;
	for (size_t i = 0; i < SPACES_MAX; i++)
		if (trace->spaces[i].socket)
			space_read(&trace->spaces[i]);
}

static const struct nft_trace_place *trace_search(const struct nft_trace *trace, uint32_t netns,
						  const struct flow_key *key, uint64_t time_ns)
{
	uint64_t held = trace->drop_count < TRACED ? trace->drop_count : TRACED;

	for (uint64_t back = 1; back <= held; back++) {
		const struct traced_drop *drop = &trace->drops[(trace->drop_count - back) % TRACED];

		if (drop->netns == netns && !memcmp(&drop->key, key, sizeof(*key)))
			return drop->read_ns + ABOUT_NS >= time_ns ? &drop->place : NULL;
	}
	return NULL;
}

const struct nft_trace_place *nft_trace_find(struct nft_trace *trace, uint32_t netns,
					     const struct flow_key *key, uint64_t time_ns)
{
	const struct nft_trace_place *place = trace_search(trace, netns, key, time_ns);

	if (place)
		return place;
	nft_trace_read(trace, time_ns); /* it came after the last look */
	return trace_search(trace, netns, key, time_ns);
}

void nft_trace_count(const struct nft_trace *trace, struct nft_trace_counts *counts)
{
	*counts = (struct nft_trace_counts){ .drops = trace->drop_count, .lost = trace->lost };
	for (size_t i = 0; i < SPACES_MAX; i++)
		counts->spaces += trace->spaces[i].socket != NULL;
}
