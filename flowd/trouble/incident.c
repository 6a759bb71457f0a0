/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf-common/packet_encap.h"
#include "flowd/trouble/incident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flowd/trouble/firewall.h"

static void incident_begin(const struct incident_namer *namer, const struct flow_event *event,
			   enum flow_kind kind, struct flow_record *record)
{
	*record = (struct flow_record){ .kind = (uint8_t)kind,
					.verdict = kind == FLOW_KIND_DROP ? FLOW_VERDICT_DROPPED
									  : FLOW_VERDICT_TRACED,
					.node_name = namer->node_name };
	record->time_ns = record->first_ns = record->last_ns =
		event->time_ns + (uint64_t)namer->wall_offset_ns;
}

/* The packet whose headers these are. */
static int incident_parse(const struct incident_namer *namer, const uint8_t *bytes, uint32_t size,
			  enum packet_link link, struct packet *packet, struct flow_record *record)
{
	struct flow_extra extra;
	enum packet_status status =
		packet_parse(bytes, bytes + size, link, &namer->rules, packet, &extra);

	if (status != PACKET_OK)
		return -EBADMSG;
	record->key = packet->key;
	record->flags = packet->flags;
	memcpy(record->vlan, packet->vlan, sizeof(record->vlan));
	if (packet->flags & FLOW_FLAG_TUNNEL)
		record->outer = extra.outer;
	if (packet->flags & FLOW_FLAG_QUOTE)
		record->quoted = extra.quoted;
	return 0;
}

/* ---- drops ---------------------------------------------------------------------------------- */

/* A reason that the kernel's BTF does not know is told by its number. */
static const char *drop_reason(const struct incident_namer *namer, uint32_t reason,
			       const char **subsystem)
{
	const char *name = btf_names_drop(namer->btf, reason, subsystem);
	char number[24];

	if (name || !reason)
		return name;
	snprintf(number, sizeof(number), "REASON_%u", reason);
	return intern_text(namer->texts, number);
}

/* A name that the kernel gave, perhaps without its end; NULL: none. */
static const char *drop_name(const struct incident_namer *namer, const uint8_t *name, size_t size)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)name);
	return *text ? intern_text(namer->texts, text) : NULL;
}

static void drop_point(const struct incident_namer *namer, const struct trace_drop *drop,
		       struct flow_record *record)
{
	record->direction = drop->iif ? FLOW_DIRECTION_INGRESS : FLOW_DIRECTION_EGRESS;
	if (!drop->ifindex)
		return;
	record->point_count = 1;
	record->points[0] = (struct flow_point){
		.ifindex = drop->ifindex,
		.hook = FLOW_HOOK_DROP,
		.direction = record->direction,
		.interface = drop_name(namer, drop->device, sizeof(drop->device)),
	};
}

static void drop_details(struct incident_namer *namer, const struct trace_drop *drop,
			 struct flow_record *record)
{
	struct flow_incident *incident = &record->incident;
	struct flow_drop *first = &record->drops[0];

	first->reason = drop_reason(namer, drop->reason, &incident->subsystem);
	first->site = kallsyms_name(namer->symbols, drop->location);
	first->packets = record->dropped = drop->segments;
	first->first_ns = first->last_ns = record->time_ns;
	incident->hook =
		firewall_hook(drop, first->reason, kallsyms_name(namer->symbols, drop->dst_input));
	incident->table = drop_name(namer, drop->table, sizeof(drop->table));
	incident->chain = drop_name(namer, drop->chain, sizeof(drop->chain));
	incident->netns_cookie = drop->netns_cookie;
	incident->netns = drop->netns;
	incident->cgroup = drop->cgroup;
	incident->socket = drop->socket;
	incident->old_state = incident->new_state = drop->tcp_state;
}

/*
 * The kernel frees with a drop's reason the segments that it has dealt with in TIME_WAIT, and a FIN
 * that was still queued when its socket was closed. Where they carry nothing, nothing has been
 * lost.
 */
static bool drop_is_closing(const struct trace_drop *drop, const struct packet *packet,
			    const struct flow_drop *why)
{
	static const char *const sites[] = { "tcp_v4_rcv", "tcp_v6_rcv", "sk_stream_kill_queues",
					     "skb_queue_purge" };

	if (packet->key.protocol != IPPROTO_TCP ||
	    (packet->flags & (FLOW_TCP_SYN | FLOW_FLAG_QUOTE)) ||
	    drop->length > packet->payload_offset)
		return false;
	if (why->reason && !strcmp(why->reason, "QUEUE_PURGE"))
		return true;
	if ((why->reason && strcmp(why->reason, "NOT_SPECIFIED")) || !why->site)
		return false;
	for (size_t i = 0; i < sizeof(sites) / sizeof(*sites); i++)
		if (!strcmp(why->site, sites[i]))
			return true;
	return false;
}

int incident_of_drop(struct incident_namer *namer, const struct trace_drop *drop,
		     struct flow_record *record)
{
	enum packet_link link =
		drop->link == TRACE_LINK_ETHERNET ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
	struct packet packet;

	incident_begin(namer, &drop->event, FLOW_KIND_DROP, record);
	if (drop->captured > sizeof(drop->bytes) ||
	    incident_parse(namer, drop->bytes, drop->captured, link, &packet, record))
		return -EBADMSG;
	drop_point(namer, drop, record);
	drop_details(namer, drop, record);
	record->incident.length =
		drop->length > packet.l3_offset ? drop->length - packet.l3_offset : 0;
	return drop_is_closing(drop, &packet, &record->drops[0]);
}

/* ---- XDP ------------------------------------------------------------------------------------ */

static const char *xdp_reason(const struct trace_xdp *xdp)
{
	static const char *const actions[] = { "XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX",
					       "XDP_REDIRECT" };

	return xdp->action < sizeof(actions) / sizeof(actions[0]) ? actions[xdp->action]
								  : "XDP_UNKNOWN_ACTION";
}

void incident_of_xdp(struct incident_namer *namer, const struct trace_xdp *xdp,
		     struct flow_record *record)
{
	static const uint8_t unspecified[16] = { [10] = 0xff, 0xff };

	incident_begin(namer, &xdp->event, FLOW_KIND_XDP_ERROR, record);
	record->verdict = FLOW_VERDICT_DROPPED;
	record->direction = FLOW_DIRECTION_INGRESS;
	memcpy(record->key.src, unspecified, sizeof(unspecified));
	memcpy(record->key.dst, unspecified, sizeof(unspecified));
	record->point_count = 1;
	record->points[0] = (struct flow_point){
		.ifindex = xdp->ifindex,
		.hook = FLOW_HOOK_DROP,
		.direction = FLOW_DIRECTION_INGRESS,
		.interface = drop_name(namer, xdp->device, sizeof(xdp->device)),
	};
	record->dropped = xdp->packets;
	record->drops[0] = (struct flow_drop){ .reason = xdp_reason(xdp),
					       .packets = xdp->packets,
					       .first_ns = record->time_ns,
					       .last_ns = record->time_ns };
	record->incident.error = (uint32_t)(xdp->error < 0 ? -xdp->error : xdp->error);
	record->incident.netns = xdp->netns;
	record->incident.netns_cookie = xdp->netns_cookie;
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static void key_turn(struct flow_key *key)
{
	struct flow_key copy = *key;

	key->src_port = copy.dst_port;
	key->dst_port = copy.src_port;
	memcpy(key->src, copy.dst, sizeof(key->src));
	memcpy(key->dst, copy.src, sizeof(key->dst));
}

/* A reset without a socket answers a packet: it goes where that came from. */
static int tcp_key(const struct incident_namer *namer, const struct trace_tcp *tcp,
		   struct flow_record *record)
{
	struct packet packet;

	if (!tcp->captured) {
		record->key = tcp->key;
		return tcp->key.protocol ? 0 : -EBADMSG;
	}
	if (tcp->captured > sizeof(tcp->bytes) ||
	    incident_parse(namer, tcp->bytes, tcp->captured, PACKET_LINK_IP, &packet, record))
		return -EBADMSG;
	record->flags = 0;
	key_turn(&record->key);
	return 0;
}

static uint16_t tcp_flags(const struct trace_tcp *tcp)
{
	switch ((enum flow_event_type)tcp->event.type) {
	case FLOW_EVENT_TCP_RESET_SENT:
	case FLOW_EVENT_TCP_RESET_RECEIVED:
		return FLOW_TCP_RST;
	case FLOW_EVENT_TCP_RETRANSMIT:
		if (tcp->retransmit == TRACE_RETRANSMIT_SYN)
			return FLOW_TCP_SYN;
		return tcp->retransmit == TRACE_RETRANSMIT_SYNACK ? FLOW_TCP_SYN | FLOW_TCP_ACK : 0;
	default:
		return 0;
	}
}

/* What one retransmission is, for the record of it; its flow counts them by flow_table_tcp(). */
static void tcp_counts(const struct trace_tcp *tcp, struct flow_tcp *counts)
{
	counts->rtt_min_us = tcp->rtt_min_us == UINT32_MAX ? 0 : tcp->rtt_min_us;
	counts->srtt_avg_us = counts->srtt_min_us = counts->srtt_max_us = tcp->srtt_us;
	if (tcp->retransmit && tcp->retransmit < TRACE_RETRANSMIT_COUNT) {
		counts->retransmits = counts->retransmits_of[tcp->retransmit] = tcp->segments;
		counts->total_retransmits = tcp->retransmits;
	}
	counts->resets_sent = tcp->event.type == FLOW_EVENT_TCP_RESET_SENT;
	counts->resets_received = tcp->event.type == FLOW_EVENT_TCP_RESET_RECEIVED;
}

int incident_of_tcp(struct incident_namer *namer, const struct trace_tcp *tcp, enum flow_kind kind,
		    struct flow_record *record)
{
	struct flow_incident *incident = &record->incident;

	incident_begin(namer, &tcp->event, kind, record);
	if (tcp_key(namer, tcp, record))
		return -EBADMSG;
	record->flags |= tcp_flags(tcp);
	record->direction = tcp->event.type == FLOW_EVENT_TCP_RESET_RECEIVED
				    ? FLOW_DIRECTION_INGRESS
				    : FLOW_DIRECTION_EGRESS;
	tcp_counts(tcp, &record->tcp);
	incident->netns_cookie = tcp->netns_cookie;
	incident->netns = tcp->netns;
	incident->cgroup = tcp->cgroup;
	incident->socket = tcp->socket;
	incident->duration_ns = tcp->since_ns;
	incident->error = tcp->error;
	incident->old_state = tcp->old_state;
	incident->new_state = tcp->new_state;
	incident->retransmit = tcp->retransmit < TRACE_RETRANSMIT_COUNT ? tcp->retransmit : 0;
	incident->sent = tcp->event.type == FLOW_EVENT_TCP_RESET_SENT;
	if (tcp->reason)
		incident->message = btf_names_reset(namer->btf, tcp->reason);
	return 0;
}
