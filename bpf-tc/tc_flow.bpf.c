/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc: ingress and egress of every device that is not read by XDP. The verdict is always "next"
 * (TC_ACT_UNSPEC for clsact, which is TCX_NEXT for tcx).
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/flow_dns.bpf.h"
#include "bpf-common/flow_plain.bpf.h"
#include "bpf-common/flow_scope.bpf.h"
#include "bpf-common/owner_maps.bpf.h"

#define TC_PULL_BYTES 256 /* covers every header chain the parser follows in practice */

FLOW_INLINE __u32 tc_counting_role(__u8 hook)
{
	return hook == FLOW_HOOK_TC_INGRESS ? FLOW_DEVICE_COUNT_INGRESS : FLOW_DEVICE_COUNT_EGRESS;
}

FLOW_INLINE __u32 tc_link(struct flow_device device)
{
	return device.role & FLOW_DEVICE_L3 ? PACKET_LINK_IP : PACKET_LINK_ETHERNET;
}

/* Packets on the wire: the segments of a GSO packet, computed where the driver left the count at 0.
 */
FLOW_INLINE __u32 tc_segments(const struct __sk_buff *skb)
{
	__u32 size = skb->gso_size, segments = skb->gso_segs;

	if (likely(!size))
		return 1;
	return segments ? segments : (skb->len + size - 1) / size;
}

/* The outermost tag, which the card or the stack has moved from the packet into the buffer's
 * metadata. */
FLOW_INLINE __u16 tc_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present ? (skb->vlan_tci & FLOW_VLAN_ID) | FLOW_VLAN_PRESENT : 0;
}

/* Whether more of the packet might tell more. */
FLOW_INLINE int tc_is_short(__u32 status, const struct packet *packet)
{
	if (likely(status == PACKET_OK))
		return packet->note == PACKET_NOTE_L4_SHORT ||
		       packet->note == PACKET_NOTE_TUNNEL_TRUNCATED ||
		       packet->note == PACKET_NOTE_EXT_TRUNCATED ||
		       packet->note == PACKET_NOTE_QUOTE_SHORT;
	return status == PACKET_L2_TRUNCATED || status == PACKET_VLAN_TRUNCATED ||
	       status == PACKET_L3_TRUNCATED || status == PACKET_ENCAP_TRUNCATED;
}

/* 1: the packet was plain, and sighting->packet holds it. */
__weak int tc_parse_plain(struct __sk_buff *skb, struct sighting *sighting)
{
	return sighting &&
	       packet_parse_plain((const void *)(long)skb->data, (const void *)(long)skb->data_end,
				  &flow_rules, &sighting->packet);
}

/* One header more, as a function of its own (packet_parse.h tells why). */
__weak int tc_parse_step(struct __sk_buff *skb, struct packet *packet)
{
	struct flow_extra *extra = flow_scratch_extra();

	if (!packet || !extra)
		return PACKET_ENCAP_TRUNCATED;
	return packet_parse_step((const void *)(long)skb->data, (const void *)(long)skb->data_end,
				 &flow_rules, packet, extra);
}

__weak int tc_parse_rest(struct __sk_buff *skb, struct packet *packet)
{
	int status = PACKET_MORE;

	if (!packet)
		return PACKET_ENCAP_TRUNCATED;
	for (int step = 0; step < PACKET_STEPS_MAX; step++) {
		status = tc_parse_step(skb, packet);
		if (status != PACKET_MORE)
			return status;
	}
	return packet_give_up(packet);
}

/* The whole packet again, when more of it has been made linear; a function of its own likewise. */
__weak int tc_parse_pulled(struct __sk_buff *skb, struct sighting *sighting, __u32 link)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;

	if (!sighting)
		return 0;
	if (sighting_parse(sighting, data, end, link, &flow_rules))
		sighting->status = tc_parse_rest(skb, &sighting->packet);
	return 0;
}

/* The outer packet of a tunnel, to be entered beside the inner one. */
__weak int tc_parse_carrier(struct __sk_buff *skb, struct sighting *sighting)
{
	if (!sighting)
		return 0;
	sighting_parse(sighting, (const void *)(long)skb->data, (const void *)(long)skb->data_end,
		       sighting->link, 0);
	sighting_set_carrier(sighting);
	return 0;
}

FLOW_INLINE long tc_load(void *skb, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes(skb, offset, to, size);
}

__weak int tc_dns_piece(struct __sk_buff *skb, struct sighting *sighting,
			struct flow_dns_rest *rest)
{
	return sighting && rest ? flow_dns_piece(skb, sighting, rest, tc_load) : 0;
}

/* The payload of a packet of a DNS port. */
__weak int tc_dns(struct __sk_buff *skb, struct sighting *sighting)
{
	struct flow_dns_rest rest;
	__u8 seq[4];

	if (!sighting)
		return 0;
	flow_dns_begin(sighting, skb->len, &rest);
	if (!flow_dns_has_news(sighting, &rest))
		return 0;
	if (sighting->packet.key.protocol == IPPROTO_TCP &&
	    !bpf_skb_load_bytes(skb, sighting->packet.l4_offset + 4, seq, sizeof(seq)))
		rest.tcp_seq = packet_u32(seq);
	for (int piece = 0; piece < FLOW_DNS_PIECES; piece++) {
		tc_dns_piece(skb, sighting, &rest);
		if (!rest.at_hand || sighting->packet.key.protocol != IPPROTO_TCP)
			break;
	}
	return 0;
}

__weak int tc_show(struct __sk_buff *skb, struct sighting *sighting)
{
	if (sighting)
		flow_show(sighting, (const void *)(long)skb->data,
			  (const void *)(long)skb->data_end);
	return 0;
}

/* Parses what is linear; when the headers end beyond it, pulls them in and parses once more. */
FLOW_INLINE void tc_parse(struct __sk_buff *skb, __u32 link, int plain, struct sighting *sighting)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	__u32 linear = (__u32)(end - data);

	sighting->pulled = 0;
	if (plain == FLOW_PLAIN_READ ||
	    (plain != FLOW_PLAIN_OTHER && link == PACKET_LINK_ETHERNET &&
	     tc_parse_plain(skb, sighting))) {
		sighting_take_plain(sighting, data, end);
		return;
	}
	if (unlikely(sighting_parse(sighting, data, end, link, &flow_rules)))
		sighting->status = tc_parse_rest(skb, &sighting->packet);
	if (likely(!tc_is_short(sighting->status, &sighting->packet)) || skb->len <= linear)
		return;
	if (bpf_skb_pull_data(skb, skb->len < TC_PULL_BYTES ? skb->len : TC_PULL_BYTES))
		return;
	sighting->pulled = 1;
	tc_parse_pulled(skb, sighting, link);
}

/* The packet entered through a device that has counted it; one outside the scope has not. */
FLOW_INLINE int tc_is_covered(const struct __sk_buff *skb, __u32 filter)
{
	struct flow_device from;

	if (!skb->ingress_ifindex)
		return 0;
	from = flow_device(skb->ingress_ifindex);
	return (from.role & FLOW_DEVICE_COVERED) &&
	       (!(filter & FLOW_FILTER_SCOPE) || flow_scope_has_device(from));
}

/* On egress. */
FLOW_INLINE void tc_look_back(const struct __sk_buff *skb, struct flow_device device,
			      struct sighting *sighting)
{
	int covered = tc_is_covered(skb, sighting->filter);

	if (covered)
		sighting->counts = 0;
	if (unlikely(device.role & FLOW_DEVICE_TUNNEL))
		sighting->carry = covered ? CARRY_COUNTED : CARRY_UNCOUNTED;
	else if (unlikely(sighting->packet.flags & FLOW_FLAG_TUNNEL) && !skb->ingress_ifindex)
		sighting->carry = CARRY_WRAPPED;
}

FLOW_INLINE void tc_read_filter(struct __sk_buff *skb, __u32 filter, struct sighting *sighting)
{
	sighting->filter = filter;
	sighting->cgroups = 0;
	if (unlikely(filter & FLOW_FILTER_CGROUP))
		flow_filter_cgroups(skb, filter, &sighting->cgroups);
}

struct tc_plain {
	struct __sk_buff *skb;
	__u8 hook;
};

FLOW_INLINE enum flow_plain tc_plain_tell(void *context, struct flow_plain_frame *frame)
{
	const struct tc_plain *plain = context;
	const struct __sk_buff *skb = plain->skb;
	enum flow_plain outcome;

	frame->vlan = tc_vlan(skb);
	frame->length = skb->len + flow_plain_tag_bytes(frame);
	frame->segments = tc_segments(skb);
	frame->point = FLOW_POINT(skb->ifindex, plain->hook);
	outcome = flow_plain_device(flow_device(skb->ifindex), tc_counting_role(plain->hook));
	if (plain->hook == FLOW_HOOK_TC_EGRESS && skb->ingress_ifindex &&
	    outcome == FLOW_PLAIN_DONE)
		return FLOW_PLAIN_READ;
	return outcome;
}

FLOW_INLINE enum flow_plain tc_plain(struct __sk_buff *skb, __u8 hook, struct flow_cpu *cpu,
				     const struct flow_hot **made)
{
	struct tc_plain plain = { skb, hook };
	struct flow_plain_packet packet = {
		.data = (const void *)(long)skb->data,
		.end = (const void *)(long)skb->data_end,
		.context = &plain,
		.tell = tc_plain_tell,
	};

	return flow_plain(cpu, &packet, made);
}

/* The socket behind the packet that made an entry; a function of its own, for the hit path's sake.
 */
__weak int tc_tell_owner(struct __sk_buff *skb, const struct flow_key *key, __u32 flags, __u32 hook)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct owner_packet *packet;

	if (!cookie || !key)
		return 0;
	if ((flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN)
		return 0; /* the connect has told everything */
	packet = owner_reserve(OWNER_EVENT_PACKET, sizeof(*packet));
	if (!packet)
		return 0;
	packet->cookie = cookie;
	packet->cgroup_id = bpf_skb_cgroup_id(skb);
	packet->ifindex = skb->ifindex;
	packet->hook = (__u8)hook;
	packet->pad[0] = packet->pad[1] = packet->pad[2] = 0;
	packet->key = *key;
	owner_submit(packet, packet->event.seq);
	return 0;
}

/* The verdict; on the way there, where TCP is watched, the watcher is passed, which has the same.
 */
FLOW_INLINE int tc_end(struct __sk_buff *skb, int watched)
{
	if (cfg_tcp_watch && watched)
		bpf_tail_call(skb, &tc_watchers, 0);
	return TC_ACT_UNSPEC;
}

/* Of a packet that was plain. */
FLOW_INLINE void tc_plain_dns(struct __sk_buff *skb, struct sighting *sighting, __u8 hook)
{
	sighting_set_link(sighting, (const void *)(long)skb->data,
			  (const void *)(long)skb->data_end, PACKET_LINK_ETHERNET);
	sighting->ifindex = skb->ifindex;
	sighting->hook = hook;
	tc_dns(skb, sighting);
}

/* What the hook knows of the packet before a byte is parsed. */
FLOW_INLINE void tc_begin(struct __sk_buff *skb, __u8 hook, __u32 filter, struct sighting *sighting)
{
	tc_read_filter(skb, filter, sighting);
	sighting->vlan = tc_vlan(skb);
	sighting->length = skb->len + (sighting->vlan ? 4 : 0);
	sighting->segments = tc_segments(skb);
	sighting->ifindex = skb->ifindex;
	sighting->hook = hook;
}

/* Any packet, the long way: into the sighting, and from there (tc_enter) into the ledger and the
 * table; two functions, so that the stack of one is not needed by the other. The device is asked
 * for before the packet is parsed, whether it counts after: see packet_parse.h. 0: it is refused.
 */
__weak int tc_sight(struct __sk_buff *skb, struct sighting *sighting, __u32 hook, __u32 filter,
		    int plain)
{
	struct flow_device device = flow_device(skb->ifindex);
	__u32 role = tc_counting_role((__u8)hook), link = tc_link(device);

	if (!sighting)
		return 0;
	if (!flow_lock()) {
		if ((device.role & role) &&
		    (hook == FLOW_HOOK_TC_INGRESS || !tc_is_covered(skb, filter)))
			flow_refuse(tc_segments(skb));
		return 0;
	}
	tc_begin(skb, (__u8)hook, filter, sighting);
	sighting_set_device(sighting, device, role);
	sighting->link = (__u8)link;
	sighting->excluded = plain == FLOW_PLAIN_EXCLUDED;
	sighting->hashed = plain == FLOW_PLAIN_READ;
	tc_parse(skb, link, plain, sighting);
	if (hook == FLOW_HOOK_TC_EGRESS)
		tc_look_back(skb, device, sighting);
	return 1;
}

/* 1: the packet is one that is watched. */
__weak int tc_enter(struct __sk_buff *skb, struct sighting *sighting)
{
	int watched;

	if (!sighting)
		return 0;
	if (unlikely(flow_account(sighting)))
		tc_show(skb, sighting);
	if (unlikely(sighting->packet.dns) && sighting->counts && !sighting->excluded)
		tc_dns(skb, sighting);
	if (unlikely(sighting->made) && cfg_owner_wake)
		tc_tell_owner(skb, &sighting->packet.key, sighting->packet.flags, sighting->hook);
	if (unlikely(sighting->packet.flags & FLOW_FLAG_TUNNEL) && flow_rules.both &&
	    !sighting->excluded) {
		tc_parse_carrier(skb, sighting);
		flow_account(sighting);
	}
	watched = cfg_tcp_watch && sighting_is_watched(sighting);
	flow_unlock();
	return watched;
}

/* The long way; `plain`: what is known of the packet. */
FLOW_INLINE int tc_long(struct __sk_buff *skb, __u8 hook, struct flow_cpu *cpu, __u32 filter,
			int plain)
{
	struct sighting *sighting = &flow_scratch(cpu)->sighting;

	return tc_end(skb, tc_sight(skb, sighting, hook, filter, plain) && tc_enter(skb, sighting));
}

/* The short way where it will do; no rule is asked of the packet. */
FLOW_INLINE int tc_short(struct __sk_buff *skb, __u8 hook, struct flow_cpu *cpu, __u32 filter)
{
	const struct flow_hot *made = 0;
	int plain = tc_plain(skb, hook, cpu, &made);

	if (likely(plain == FLOW_PLAIN_DONE))
		return tc_end(skb, 1);
	if (plain < FLOW_PLAIN_DONE)
		return tc_long(skb, hook, cpu, filter, plain);
	if (made && cfg_owner_wake)
		tc_tell_owner(skb, &made->key, made->flags, hook);
	if (plain == FLOW_PLAIN_DNS)
		tc_plain_dns(skb, &flow_scratch(cpu)->sighting, hook);
	return tc_end(skb, 1);
}

/* Returns only where no program is in the slot. */
FLOW_INLINE void tc_ask_pcap(struct __sk_buff *skb, __u32 hook)
{
	__u32 link = tc_link(flow_device(skb->ifindex)) == PACKET_LINK_IP;
	__u32 linear = skb->data_end - skb->data;

	if (skb->len > linear && linear < TC_PULL_BYTES)
		bpf_skb_pull_data(skb, skb->len < TC_PULL_BYTES ? skb->len : TC_PULL_BYTES);
	bpf_tail_call(skb, &tc_pcap_filters, FLOW_PCAP_SLOT(hook, link));
}

/* 1: outside the scope. Counted where it would be counted, were it inside. */
FLOW_INLINE int tc_leave(struct __sk_buff *skb, __u8 hook, __u32 filter)
{
	struct flow_device device = flow_device(skb->ifindex);

	if (flow_scope_has_device(device) || flow_scope_has_socket(skb, filter))
		return 0;
	if ((device.role & tc_counting_role(hook)) &&
	    (hook == FLOW_HOOK_TC_INGRESS || !tc_is_covered(skb, 0)))
		flow_scope_turn_away(tc_segments(skb), skb->len);
	return 1;
}

/* Scope and pcap filter. 1: the packet is left alone. */
FLOW_INLINE int tc_ask_first(struct __sk_buff *skb, __u8 hook, __u32 filter)
{
	if ((filter & FLOW_FILTER_SCOPE) && tc_leave(skb, hook, filter))
		return 1;
	if (filter & FLOW_FILTER_PCAP)
		tc_ask_pcap(skb, hook != FLOW_HOOK_TC_INGRESS);
	return 0;
}

FLOW_INLINE int tc_hook(struct __sk_buff *skb, __u8 hook)
{
	struct flow_cpu *cpu = flow_this_cpu();
	__u32 filter = flow_filter_read_state();

	if (unlikely(!cpu))
		return TC_ACT_UNSPEC;
	if (unlikely(filter & (FLOW_FILTER_FIRST | FLOW_FILTER_ON))) {
		if (tc_ask_first(skb, hook, filter))
			return TC_ACT_UNSPEC;
		if (filter & FLOW_FILTER_ON)
			return tc_long(skb, hook, cpu, filter, FLOW_PLAIN_NOT);
	}
	return tc_short(skb, hook, cpu, filter);
}

SEC("tc")
int tc_ingress(struct __sk_buff *skb)
{
	return tc_hook(skb, FLOW_HOOK_TC_INGRESS);
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	return tc_hook(skb, FLOW_HOOK_TC_EGRESS);
}

FLOW_INLINE int tc_hook_accepted(struct __sk_buff *skb, __u8 hook)
{
	struct flow_cpu *cpu = flow_this_cpu();
	__u32 filter = flow_filter_read_state();

	if (unlikely(!cpu))
		return TC_ACT_UNSPEC;
	return filter & FLOW_FILTER_ON ? tc_long(skb, hook, cpu, filter, FLOW_PLAIN_NOT)
				       : tc_short(skb, hook, cpu, filter);
}

FLOW_INLINE int tc_hook_excluded(struct __sk_buff *skb, __u8 hook, __u32 filter)
{
	struct flow_cpu *cpu = flow_this_cpu();

	return likely(cpu) ? tc_long(skb, hook, cpu, filter, FLOW_PLAIN_EXCLUDED) : TC_ACT_UNSPEC;
}

/* What a pcap filter jumps to; loaded when there is one. */
SEC("?tc")
int tc_ingress_accepted(struct __sk_buff *skb)
{
	return tc_hook_accepted(skb, FLOW_HOOK_TC_INGRESS);
}

SEC("?tc")
int tc_ingress_excluded(struct __sk_buff *skb)
{
	return tc_hook_excluded(skb, FLOW_HOOK_TC_INGRESS, 0);
}

SEC("?tc")
int tc_egress_accepted(struct __sk_buff *skb)
{
	return tc_hook_accepted(skb, FLOW_HOOK_TC_EGRESS);
}

SEC("?tc")
int tc_egress_excluded(struct __sk_buff *skb)
{
	return tc_hook_excluded(skb, FLOW_HOOK_TC_EGRESS,
				flow_filter_read_state() & FLOW_FILTER_SCOPE);
}

/* One instant on both clocks, for user space (BPF_PROG_TEST_RUN). */
SEC("tc")
int clock_probe(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 zero = 0;
	struct flow_clock *clock = bpf_map_lookup_elem(&flow_clocks, &zero);

	if (clock) {
		clock->monotonic_ns = bpf_ktime_get_ns();
		clock->jiffies = bpf_jiffies64();
	}
	return TC_ACT_UNSPEC;
}
