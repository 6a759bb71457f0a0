/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hands the payload of a DNS packet to user space, in a record of the ring buffer that fits it:
 * sizes are constants for the verifier, so there is one function a size. Only packets of DNS ports
 * come here, and only where they count, so each once. What cannot be handed over is counted.
 */
#ifndef FLOW_DNS_BPF_H
#define FLOW_DNS_BPF_H

#include "bpf-common/flow_account.bpf.h"

#define FLOW_DNS_PIECES 17 /* of a TCP segment: 64 KiB and what a header may add */

/* What is left to hand over of a packet. */
struct flow_dns_rest {
	__u32 offset;  /* in the packet */
	__u32 left;    /* bytes, by the packet's headers */
	__u32 at_hand; /* of those, in the packet */
	__u32 tcp_seq;
	__u32 flags;
	__u32 cpu;
};

typedef long (*flow_dns_load_fn)(void *context, __u32 offset, void *to, __u32 size);

FLOW_INLINE void flow_dns_fill(struct flow_dns_bytes *head, struct flow_ledger *ledger,
			       const struct sighting *sighting, const struct flow_dns_rest *rest,
			       __u32 captured)
{
	head->event.type = FLOW_EVENT_DNS;
	head->event.cpu = rest->cpu;
	head->event.time_ns = bpf_ktime_get_ns();
	head->event.seq = ++ledger->events;
	head->key = sighting->packet.key;
	head->ifindex = sighting->ifindex;
	head->length = rest->left;
	head->tcp_seq = rest->tcp_seq;
	head->fragment_id = sighting->packet.fragment_id;
	head->captured = (__u16)captured;
	head->fragment_at = sighting->packet.fragment_at;
	head->flags = (__u16)rest->flags;
	head->hook = sighting->hook;
	head->pad = 0;
	__builtin_memcpy(head->eth_src, (const __u8 *)sighting->eth + 6, 6);
	head->pad2[0] = head->pad2[1] = 0;
	ledger->dns_events++;
}

/* 1 to `bytes` of the payload, or none; false: nothing was handed over. */
#define FLOW_DNS_SEND(bytes)                                                                \
	FLOW_INLINE int flow_dns_send_##bytes(                                              \
		void *context, struct flow_ledger *ledger, const struct sighting *sighting, \
		const struct flow_dns_rest *rest, __u32 captured, flow_dns_load_fn load)    \
	{                                                                                   \
		struct {                                                                    \
			struct flow_dns_bytes head;                                         \
			__u8 payload[bytes];                                                \
		} *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);               \
		__u32 size = captured - 1;                                                  \
                                                                                            \
		if (!record)                                                                \
			return 0;                                                           \
		PACKET_OPAQUE(size);                                                        \
		size = (size & ((bytes)-1)) + 1;                                            \
		if (captured && load(context, rest->offset, record->payload, size)) {       \
			bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);                      \
			return 0;                                                           \
		}                                                                           \
		flow_dns_fill(&record->head, ledger, sighting, rest, captured);             \
		record->head.event.size = sizeof(*record);                                  \
		bpf_ringbuf_submit(record, flow_ring_flags(ledger->events));                \
		return 1;                                                                   \
	}
FLOW_DNS_SIZES(FLOW_DNS_SEND)

#define FLOW_DNS_TRY(bytes)      \
	if (captured <= (bytes)) \
		return flow_dns_send_##bytes(context, ledger, sighting, rest, captured, load);

/* `captured` is at most FLOW_DNS_BYTES. */
FLOW_INLINE int flow_dns_send(void *context, struct flow_ledger *ledger,
			      const struct sighting *sighting, const struct flow_dns_rest *rest,
			      __u32 captured, flow_dns_load_fn load)
{
	FLOW_DNS_SIZES(FLOW_DNS_TRY)
	return 0;
}

/* Bytes of the next event; `rest->left` becomes its length. */
FLOW_INLINE __u32 flow_dns_cut(struct flow_ledger *ledger, const struct sighting *sighting,
			       struct flow_dns_rest *rest)
{
	if (rest->at_hand <= FLOW_DNS_BYTES)
		return rest->at_hand;
	if (sighting->packet.key.protocol == IPPROTO_TCP)
		rest->left = FLOW_DNS_BYTES;
	else
		ledger->dns_cut_events++;
	return FLOW_DNS_BYTES;
}

/* One event; moves `rest` on. */
FLOW_INLINE int flow_dns_piece(void *context, const struct sighting *sighting,
			       struct flow_dns_rest *rest, flow_dns_load_fn load)
{
	struct flow_ledger *ledger = flow_this_ledger();
	__u32 captured, whole = rest->left;

	if (!ledger)
		return 0;
	captured = flow_dns_cut(ledger, sighting, rest);
	if (!flow_dns_send(context, ledger, sighting, rest, captured, load))
		ledger->dns_lost_events++;
	rest->offset += captured;
	rest->tcp_seq += captured + !!(rest->flags & FLOW_TCP_SYN);
	rest->at_hand -= captured;
	rest->left = whole - captured;
	rest->flags &= ~(__u32)FLOW_TCP_SYN;
	return 0;
}

/* The payload by the IP header; where that does not say, all that is at hand. */
FLOW_INLINE void flow_dns_begin(const struct sighting *sighting, __u32 packet_bytes,
				struct flow_dns_rest *rest)
{
	const struct packet *packet = &sighting->packet;
	__u32 end = packet->l3_bytes ? packet->l3_offset + packet->l3_bytes : packet_bytes;

	rest->offset = packet->payload_offset;
	rest->left = end > rest->offset ? end - rest->offset : 0;
	if (end > packet_bytes)
		end = packet_bytes;
	rest->at_hand = end > rest->offset ? end - rest->offset : 0;
	rest->tcp_seq = 0;
	rest->flags = packet->flags;
	rest->cpu = bpf_get_smp_processor_id();
}

FLOW_INLINE int flow_dns_has_news(const struct sighting *sighting, const struct flow_dns_rest *rest)
{
	return rest->left ||
	       (sighting->packet.flags & (FLOW_TCP_SYN | FLOW_TCP_FIN | FLOW_TCP_RST));
}

#endif
