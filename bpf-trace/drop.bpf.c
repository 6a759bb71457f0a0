/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that the kernel drops: the tracepoint skb/kfree_skb, which a packet that has served its
 * purpose does not pass. The headers are copied, not parsed: user space has the same parser and
 * more time. Then XDP's own failures.
 */
#include "bpf-trace/trace_event.bpf.h"

#define DROP_UNSET 0xffff /* of mac_header */

/* What freed buffers may be: only packets are reported. */
TRACE_INLINE int drop_is_packet(__u16 protocol)
{
	return protocol >= ETH_P_802_3_MIN;
}

/*
 * Where the packet begins: its IP header where the stack has found it, else its link header, else
 * its data. Offsets from skb->head.
 */
TRACE_INLINE __u32 drop_start(const struct sk_buff *skb, int raw, __u16 protocol, __u32 data,
			      __u8 *link)
{
	__u16 network = TRACE_READ(raw, skb, network_header);
	__u16 mac = TRACE_READ(raw, skb, mac_header);

	*link = TRACE_LINK_IP;
	if (network && network != DROP_UNSET && (protocol == ETH_P_IP || protocol == ETH_P_IPV6))
		return network;
	*link = TRACE_LINK_ETHERNET;
	if (mac != DROP_UNSET && mac + ETH_HLEN == data)
		return mac;
	*link = TRACE_LINK_GUESS;
	return data;
}

TRACE_INLINE void drop_bytes(const struct sk_buff *skb, int raw, struct trace_drop *drop)
{
	const unsigned char *head = TRACE_READ(raw, skb, head);
	__u32 length = TRACE_READ(raw, skb, len);
	__u32 data = (__u32)(TRACE_READ(raw, skb, data) - head);
	__u32 end = data + length - TRACE_READ(raw, skb, data_len);
	__u32 start = drop_start(skb, raw, drop->protocol, data, &drop->link), size;

	drop->length = start <= data + length ? data + length - start : 0;
	size = start < end ? end - start : 0;
	if (size > TRACE_DROP_BYTES)
		size = TRACE_DROP_BYTES;
	PACKET_OPAQUE(size); /* or the bound is checked on another copy of it */
	if (size > TRACE_DROP_BYTES || bpf_probe_read_kernel(drop->bytes, size, head + start))
		size = 0;
	drop->captured = (__u16)size;
}

/*
 * A socket's receive queue puts other things where the device was (UDP: numbers): what is not an
 * address of the kernel is none.
 */
TRACE_INLINE int drop_is_address(const void *pointer)
{
	return (long)pointer < 0;
}

TRACE_INLINE void drop_socket(const struct sock *sk, struct trace_drop *drop)
{
	drop->tcp_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	drop->socket = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (trace_socket_is_full(drop->tcp_state))
		drop->cgroup = trace_socket_cgroup(sk);
	if (!drop->netns)
		trace_namespace(BPF_CORE_READ(sk, __sk_common.skc_net.net), &drop->netns_cookie,
				&drop->netns);
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		drop->tcp_state = 0;
}

/* Where in the machine. */
TRACE_INLINE void drop_place(const struct sk_buff *skb, int raw, const struct sock *sk,
			     struct trace_drop *drop)
{
	const struct net_device *dev = TRACE_READ(raw, skb, dev);
	unsigned long dst = TRACE_READ(raw, skb, _skb_refdst) & ~1ul;

	drop->iif = (__u32)TRACE_READ(raw, skb, skb_iif);
	drop->ifindex = drop->iif;
	drop->device[0] = 0;
	if (drop_is_address(dev)) {
		drop->ifindex = (__u32)BPF_CORE_READ(dev, ifindex);
		BPF_CORE_READ_INTO(&drop->device, dev, name);
		trace_namespace(BPF_CORE_READ(dev, nd_net.net), &drop->netns_cookie, &drop->netns);
	}
	if (drop_is_address((const void *)dst))
		drop->dst_input = (__u64)BPF_CORE_READ((const struct dst_entry *)dst, input);
	if (sk)
		drop_socket(sk, drop);
}

/* The firewall that had this very packet last on this CPU, and let nobody have it after. */
TRACE_INLINE void drop_firewall(const struct sk_buff *skb, struct trace_drop *drop)
{
	__u32 zero = 0;
	const struct trace_firewall *firewall = bpf_map_lookup_elem(&trace_firewalls, &zero);

	drop->firewall = TRACE_FIREWALL_NONE;
	drop->hook = 0;
	drop->table[0] = drop->chain[0] = 0;
	if (!cfg_firewall_reason || drop->reason != cfg_firewall_reason || !firewall ||
	    firewall->packet != (__u64)skb)
		return;
	drop->firewall = (__u8)firewall->kind;
	drop->hook = (__u8)firewall->hook;
	if (firewall->kind == TRACE_FIREWALL_IPTABLES) {
		const struct xt_table *table = (const void *)firewall->chain;

		BPF_CORE_READ_STR_INTO(&drop->table, table, name);
	} else {
		const struct nft_chain *chain = (const void *)firewall->chain;

		bpf_probe_read_kernel_str(drop->chain, sizeof(drop->chain),
					  BPF_CORE_READ(chain, name));
		bpf_probe_read_kernel_str(drop->table, sizeof(drop->table),
					  BPF_CORE_READ(chain, table, name));
	}
}

TRACE_INLINE int drop_report(const struct sk_buff *skb, int raw, const struct sock *sk,
			     __u64 location, __u32 reason, __u16 protocol,
			     struct trace_bucket *bucket)
{
	struct trace_drop *drop = bpf_ringbuf_reserve(&trace_events, sizeof(*drop), 0);

	if (!drop) {
		bucket->lost++;
		return 0;
	}
	trace_begin(&drop->event, FLOW_EVENT_DROP, sizeof(*drop));
	drop->location = location;
	drop->dst_input = drop->netns_cookie = drop->cgroup = drop->socket = 0;
	drop->netns = 0;
	drop->reason = reason;
	drop->protocol = protocol;
	drop->tcp_state = 0;
	__builtin_memset(drop->pad, 0, sizeof(drop->pad));
	drop_firewall(skb, drop);
	drop->segments = trace_segments(TRACE_READ(raw, skb, head), TRACE_READ(raw, skb, end));
	drop_place(skb, raw, sk, drop);
	drop_bytes(skb, raw, drop);
	bpf_ringbuf_submit(drop, BPF_RB_NO_WAKEUP);
	return 0;
}

TRACE_INLINE int drop_is_wanted(const struct sk_buff *skb, int raw, const struct sock *sk)
{
	const struct net_device *dev;

	if (!cfg_namespaces)
		return 1;
	dev = TRACE_READ(raw, skb, dev);
	if (drop_is_address(dev))
		return trace_is_wanted(BPF_CORE_READ(dev, nd_net.net));
	return sk && trace_is_wanted(BPF_CORE_READ(sk, __sk_common.skc_net.net));
}

/* Arguments: packet, location; since 5.17 the reason; since 6.11 the receiving socket. */
TRACE_INLINE int trace_kfree_skb_take(const __u64 *ctx, int raw)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx[0];
	const struct sock *sk = 0;
	__u32 reason = 0;
	__u16 protocol = __builtin_bswap16(TRACE_READ(raw, skb, protocol));
	struct trace_bucket *bucket;

	if (cfg_drop_args > 2)
		reason = (__u32)ctx[2];
	if (cfg_consumed && reason == cfg_consumed)
		return 0;
	if (!drop_is_packet(protocol)) {
		struct trace_state *state = trace_state_of();

		if (state)
			__sync_fetch_and_add(&state->not_packets, 1);
		return 0;
	}
	if (cfg_drop_args > 3)
		sk = (const struct sock *)ctx[3];
	if (!sk)
		sk = TRACE_READ(raw, skb, sk);
	if (!drop_is_wanted(skb, raw, sk))
		return 0;
	bucket = trace_bucket_of(TRACE_BUCKET(reason));
	if (!bucket || !trace_bucket_take(bucket))
		return 0;
	return drop_report(skb, raw, sk, ctx[1], reason, protocol, bucket);
}
TRACE_PROGRAM(kfree_skb, trace_kfree_skb)

/* ---- XDP ------------------------------------------------------------------------------------ */

TRACE_INLINE int xdp_report(const struct net_device *dev, const struct bpf_prog *program,
			    __u32 action, __s32 error, __u64 packets)
{
	struct trace_bucket *bucket = trace_bucket_of(TRACE_BUCKET_TYPE(FLOW_EVENT_XDP_ERROR));
	struct trace_xdp *xdp;

	if (!trace_is_wanted(BPF_CORE_READ(dev, nd_net.net)) || !bucket ||
	    !trace_bucket_take(bucket))
		return 0;
	xdp = bpf_ringbuf_reserve(&trace_events, sizeof(*xdp), 0);
	if (!xdp) {
		bucket->lost++;
		return 0;
	}
	trace_begin(&xdp->event, FLOW_EVENT_XDP_ERROR, sizeof(*xdp));
	xdp->packets = packets;
	xdp->ifindex = (__u32)BPF_CORE_READ(dev, ifindex);
	xdp->program = program ? BPF_CORE_READ(program, aux, id) : 0;
	xdp->action = action;
	xdp->error = error;
	xdp->pad = 0;
	trace_namespace(BPF_CORE_READ(dev, nd_net.net), &xdp->netns_cookie, &xdp->netns);
	BPF_CORE_READ_INTO(&xdp->device, dev, name);
	bpf_ringbuf_submit(xdp, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Arguments: device, program, action. */
TRACE_INLINE int trace_xdp_exception_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	return xdp_report((const struct net_device *)ctx[0], (const struct bpf_prog *)ctx[1],
			  (__u32)ctx[2], 0, 1);
}
TRACE_PROGRAM(xdp_exception, trace_xdp_exception)

/* Arguments: device, program, target, errno ... */
TRACE_INLINE int trace_xdp_redirect_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	return xdp_report((const struct net_device *)ctx[0], (const struct bpf_prog *)ctx[1],
			  XDP_REDIRECT, (__s32)ctx[3], 1);
}
TRACE_PROGRAM(xdp_redirect_err, trace_xdp_redirect)

/* Arguments: device, sent, dropped, errno. */
TRACE_INLINE int trace_xdp_tx_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	if (!(__s32)ctx[2])
		return 0;
	return xdp_report((const struct net_device *)ctx[0], 0, XDP_TX, (__s32)ctx[3],
			  (__u32)ctx[2]);
}
TRACE_PROGRAM(xdp_bulk_tx, trace_xdp_tx)
