/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/conntrack_source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/log.h"
#include "flowd/identity/lru.h"
#include "proto/address.h"
#include "proto/protocol.h"

#define CONNTRACK_MOST	   65536	    /* tuples; four of each connection */
#define CONNTRACK_PAUSE_NS (2 * 1000000ull) /* between two looks at the socket */
#define CONNTRACK_BUFFER   (1u << 20)

/* A tuple as it is seen somewhere, and whose it is. */
struct conntrack_entry {
	struct flow_key seen; /* scope: only the IP version */
	struct flow_key sent; /* as its sender's socket has it, */
	struct flow_key got;  /* and as its receiver's socket would answer it, turned round */
	/* What NAT shows of either end. */
	uint8_t shown[2][16];
	uint16_t shown_port[2];
	uint8_t asked[16]; /* where the connection was meant to go */
	uint16_t asked_port;
	uint8_t forward; /* from who opened it */
};

struct conntrack {
	struct nfct_handle *events, *dumps;
	struct lru *entries;
	uint64_t looked_ns;
};

/* ---- learning ------------------------------------------------------------------------------- */

static void conntrack_address(const struct nf_conntrack *ct, int v4, int v6, uint8_t to[16])
{
	if (nfct_attr_is_set(ct, v4) > 0) {
		uint32_t address = nfct_get_attr_u32(ct, v4);

		memcpy(to, address_mapped_prefix, 12);
		memcpy(to + 12, &address, 4);
	} else if (nfct_attr_is_set(ct, v6) > 0) {
		memcpy(to, nfct_get_attr(ct, v6), 16);
	}
}

static struct flow_key conntrack_tuple(const struct nf_conntrack *ct, bool reply)
{
	struct flow_key key = { .protocol = nfct_get_attr_u8(ct, ATTR_L4PROTO) };

	if (reply) {
		conntrack_address(ct, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, key.src);
		conntrack_address(ct, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST, key.dst);
		key.src_port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC));
		key.dst_port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_DST));
	} else {
		conntrack_address(ct, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC, key.src);
		conntrack_address(ct, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, key.dst);
		key.src_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC));
		key.dst_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST));
	}
	key.scope = address_is_mapped(key.src) ? 0 : FLOW_SCOPE_IPV6;
	return key;
}

static struct flow_key conntrack_turn(const struct flow_key *key)
{
	struct flow_key turned = *key;

	memcpy(turned.src, key->dst, 16);
	memcpy(turned.dst, key->src, 16);
	turned.src_port = key->dst_port;
	turned.dst_port = key->src_port;
	return turned;
}

/* `sent` and `got` as the two sockets have them: what one sends to is what the other is shown as.
 */
static void conntrack_enter(struct conntrack *conntrack, const struct flow_key *seen,
			    const struct flow_key *sent, const struct flow_key *got,
			    const struct flow_key *original, bool forward)
{
	struct conntrack_entry *entry = lru_make(conntrack->entries, seen);

	if (!entry)
		return;
	entry->sent = *sent;
	entry->got = *got;
	entry->forward = forward;
	memcpy(entry->shown[FLOW_SOURCE], got->dst, 16);
	memcpy(entry->shown[FLOW_DESTINATION], sent->dst, 16);
	entry->shown_port[FLOW_SOURCE] = got->dst_port;
	entry->shown_port[FLOW_DESTINATION] = sent->dst_port;
	memcpy(entry->asked, original->dst, 16);
	entry->asked_port = original->dst_port;
}

/*
 * The opener's socket has the original tuple, the answerer's the reply tuple; in between either
 * direction is seen before and after translation.
 */
static void conntrack_take(struct conntrack *conntrack, const struct nf_conntrack *ct)
{
	struct flow_key original = conntrack_tuple(ct, false), reply = conntrack_tuple(ct, true);
	struct flow_key there = conntrack_turn(&reply), back = conntrack_turn(&original);

	if (!protocol_has_ports(original.protocol) || !memcmp(&original, &there, sizeof(there)))
		return;
	conntrack_enter(conntrack, &original, &original, &reply, &original, true);
	conntrack_enter(conntrack, &there, &original, &reply, &original, true);
	conntrack_enter(conntrack, &reply, &reply, &original, &original, false);
	conntrack_enter(conntrack, &back, &reply, &original, &original, false);
}

static int conntrack_hear(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *context)
{
	(void)type;
	conntrack_take(context, ct);
	return NFCT_CB_CONTINUE;
}

static void conntrack_dump(struct conntrack *conntrack)
{
	uint32_t family = AF_UNSPEC;

	nfct_query(conntrack->dumps, NFCT_Q_DUMP, &family);
}

/* What was lost is found by looking at all. */
static void conntrack_look(struct conntrack *conntrack, uint64_t now_ns)
{
	if (now_ns < conntrack->looked_ns + CONNTRACK_PAUSE_NS)
		return;
	conntrack->looked_ns = now_ns;
	if (nfct_catch(conntrack->events) < 0 && errno == ENOBUFS)
		conntrack_dump(conntrack);
}

/* ---- answering ------------------------------------------------------------------------------ */

/* The address that the record does not show. */
static void conntrack_fill_xlated(const struct conntrack_entry *entry, const struct flow_key *own,
				  const struct identity_ask *ask, struct flow_end *end)
{
	const uint8_t *shown = entry->shown[ask->side];
	uint16_t shown_port = entry->shown_port[ask->side];

	if (!memcmp(own->src, shown, 16) && own->src_port == shown_port)
		return;
	if (!memcmp(own->src, ask->address, 16) && own->src_port == ask->port) {
		memcpy(end->xlated, shown, 16);
		end->xlated_port = shown_port;
		end->is_xlated = END_XLATED_SHOWN;
	} else {
		memcpy(end->xlated, own->src, 16);
		end->xlated_port = own->src_port;
		end->is_xlated = END_XLATED_OWN;
	}
}

static void conntrack_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	struct conntrack *conntrack = self;
	const struct conntrack_entry *entry;
	struct flow_key key = ask->record->key;
	const struct flow_key *own;

	conntrack_look(conntrack, ask->now_ns);
	key.scope &= FLOW_SCOPE_IPV6;
	key.icmp_id = 0;
	entry = lru_find(conntrack->entries, &key);
	if (!entry)
		return;
	own = ask->side == FLOW_SOURCE ? &entry->sent : &entry->got;
	draft->own_key = *own;
	draft->has_own = true;
	draft->address = draft->own_key.src;
	draft->port = own->src_port;
	if ((ask->side == FLOW_DESTINATION) == (entry->forward != 0)) {
		draft->asked = entry->asked;
		draft->asked_port = entry->asked_port;
	}
	conntrack_fill_xlated(entry, own, ask, draft->end);
}

static void conntrack_tick(void *self, uint64_t now_ns)
{
	conntrack_look(self, now_ns);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void conntrack_close(void *self)
{
	struct conntrack *conntrack = self;

	if (conntrack->events)
		nfct_close(conntrack->events);
	if (conntrack->dumps)
		nfct_close(conntrack->dumps);
	lru_close(conntrack->entries);
	free(conntrack);
}

static int conntrack_start(struct conntrack *conntrack)
{
	int fd;

	conntrack->events = nfct_open(CONNTRACK, NF_NETLINK_CONNTRACK_NEW);
	conntrack->dumps = nfct_open(CONNTRACK, 0);
	if (!conntrack->events || !conntrack->dumps)
		return errno ? -errno : -ENOTSUP;
	fd = nfct_fd(conntrack->events);
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	nfnl_rcvbufsiz(nfct_nfnlh(conntrack->events), CONNTRACK_BUFFER);
	nfct_callback_register(conntrack->events, NFCT_T_NEW, conntrack_hear, conntrack);
	nfct_callback_register(conntrack->dumps, NFCT_T_ALL, conntrack_hear, conntrack);
	conntrack_dump(conntrack);
	return 0;
}

int conntrack_source_open(struct identity_source *source)
{
	struct conntrack *conntrack = calloc(1, sizeof(*conntrack));
	int err;

	if (!conntrack)
		return -ENOMEM;
	err = lru_open(&conntrack->entries, sizeof(struct conntrack_entry), sizeof(struct flow_key),
		       CONNTRACK_MOST, NULL);
	if (!err)
		err = conntrack_start(conntrack);
	if (err) {
		log_info("identity: no connection tracking: %s; addresses behind NAT stay hidden",
			 strerror(-err));
		conntrack_close(conntrack);
		return err;
	}
	*source = (struct identity_source){ .name = "conntrack",
					    .fill = conntrack_fill,
					    .tick = conntrack_tick,
					    .close = conntrack_close,
					    .self = conntrack };
	return 0;
}
