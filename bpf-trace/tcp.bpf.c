/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trouble of TCP connections that end on this machine, and what their sockets know of the round
 * trip time. Nothing here is called for each packet but the RTT sample, which is taken of one
 * packet in cfg_rtt_every.
 */
#include "bpf-trace/trace_event.bpf.h"

/* ---- who --------------------------------------------------------------------------------------
 */

TRACE_INLINE int tcp_is_mapped(const struct in6_addr *address)
{
	const __u32 *words = (const __u32 *)address;

	return !words[0] && !words[1] && words[2] == __builtin_bswap32(0xffff);
}

/* From here to the peer. `port`: the local one. */
TRACE_INLINE void tcp_key(const struct sock_common *common, __u16 port, struct flow_key *key)
{
	struct in6_addr local = { 0 }, remote = { 0 };

	key->src_port = port;
	key->dst_port = __builtin_bswap16(BPF_CORE_READ(common, skc_dport));
	key->protocol = IPPROTO_TCP;
	key->scope = 0;
	key->icmp_id = 0;
	if (BPF_CORE_READ(common, skc_family) == TRACE_AF_INET6) {
		local = BPF_CORE_READ(common, skc_v6_rcv_saddr);
		remote = BPF_CORE_READ(common, skc_v6_daddr);
		if (!tcp_is_mapped(&remote)) {
			__builtin_memcpy(key->src, &local, 16);
			__builtin_memcpy(key->dst, &remote, 16);
			key->scope = FLOW_SCOPE_IPV6;
			return;
		}
	}
	__u32 source = BPF_CORE_READ(common, skc_rcv_saddr);
	__u32 destination = BPF_CORE_READ(common, skc_daddr);
	packet_map_ipv4(key->src, &source);
	packet_map_ipv4(key->dst, &destination);
}

/* A closed socket has given back skc_num; the packets had inet_sport. */
TRACE_INLINE __u16 tcp_local_port(const struct sock *sk)
{
	return __builtin_bswap16(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

TRACE_INLINE void tcp_reverse(struct flow_key *key)
{
	struct flow_key copy = *key;

	key->src_port = copy.dst_port;
	key->dst_port = copy.src_port;
	__builtin_memcpy(key->src, copy.dst, 16);
	__builtin_memcpy(key->dst, copy.src, 16);
}

/* ---- events -----------------------------------------------------------------------------------
 */

/* `sk` may be NULL: then its namespace is not asked. */
TRACE_INLINE struct trace_tcp *tcp_reserve(const struct sock *sk, __u16 type)
{
	struct trace_bucket *bucket = trace_bucket_of(TRACE_BUCKET_TYPE(type));
	struct trace_tcp *tcp;

	if (sk && !trace_is_wanted(BPF_CORE_READ(sk, __sk_common.skc_net.net)))
		return 0;
	if (!bucket || !trace_bucket_take(bucket))
		return 0;
	tcp = bpf_ringbuf_reserve(&trace_events, sizeof(*tcp), 0);
	if (!tcp) {
		bucket->lost++;
		return 0;
	}
	__builtin_memset(tcp, 0, sizeof(*tcp));
	trace_begin(&tcp->event, type, sizeof(*tcp));
	return tcp;
}

TRACE_INLINE void tcp_submit(struct trace_tcp *tcp)
{
	bpf_ringbuf_submit(tcp, BPF_RB_NO_WAKEUP);
}

/* What a full socket tells. */
TRACE_INLINE void tcp_fill(const struct sock *sk, struct trace_tcp *tcp)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	tcp_key(&sk->__sk_common, tcp_local_port(sk), &tcp->key);
	trace_namespace(BPF_CORE_READ(sk, __sk_common.skc_net.net), &tcp->netns_cookie,
			&tcp->netns);
	tcp->cgroup = trace_socket_cgroup(sk);
	tcp->socket = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	tcp->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	tcp->rtt_min_us = BPF_CORE_READ(tp, rtt_min.s[0].v);
	tcp->retransmits = BPF_CORE_READ(tp, total_retrans);
	tcp->error = (__u32)BPF_CORE_READ(sk, sk_err);
	tcp->new_state = tcp->old_state = BPF_CORE_READ(sk, __sk_common.skc_state);
}

/* Recovery by the receiver's acknowledgements, by the timer, or a probe before either. */
TRACE_INLINE __u8 tcp_retransmit_kind(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
	__u64 congestion = BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state);

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TRACE_TCP_SYN_SENT)
		return TRACE_RETRANSMIT_SYN;
	if (congestion == TRACE_CA_LOSS)
		return TRACE_RETRANSMIT_RTO;
	return congestion == TRACE_CA_RECOVERY ? TRACE_RETRANSMIT_FAST : TRACE_RETRANSMIT_PROBE;
}

/* Arguments: socket, packet ... */
TRACE_INLINE int trace_retransmit_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const struct sk_buff *skb = (const struct sk_buff *)ctx[1];
	struct trace_tcp *tcp = tcp_reserve(sk, FLOW_EVENT_TCP_RETRANSMIT);

	if (!tcp)
		return 0;
	tcp_fill(sk, tcp);
	tcp->retransmit = tcp_retransmit_kind(sk);
	tcp->segments = trace_segments(BPF_CORE_READ(skb, head), BPF_CORE_READ(skb, end));
	tcp_submit(tcp);
	return 0;
}
TRACE_PROGRAM(tcp_retransmit_skb, trace_retransmit)

/* Arguments: listening socket, request. */
TRACE_INLINE int trace_synack_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const struct request_sock *request = (const struct request_sock *)ctx[1];
	struct trace_tcp *tcp = tcp_reserve(sk, FLOW_EVENT_TCP_RETRANSMIT);

	if (!tcp)
		return 0;
	tcp_key(&request->__req_common, BPF_CORE_READ(request, __req_common.skc_num), &tcp->key);
	trace_namespace(BPF_CORE_READ(sk, __sk_common.skc_net.net), &tcp->netns_cookie,
			&tcp->netns);
	tcp->cgroup = trace_socket_cgroup(sk);
	tcp->new_state = tcp->old_state = TRACE_TCP_NEW_SYN;
	tcp->retransmit = TRACE_RETRANSMIT_SYNACK;
	tcp->segments = 1;
	tcp_submit(tcp);
	return 0;
}
TRACE_PROGRAM(tcp_retransmit_synack, trace_synack)

/* ---- resets -----------------------------------------------------------------------------------
 */

/* The packet that is answered by a reset: where no socket knows the connection. */
TRACE_INLINE void tcp_answered(const struct sk_buff *skb, struct trace_tcp *tcp)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	const struct net_device *dev = BPF_CORE_READ(skb, dev);

	if (!bpf_probe_read_kernel(tcp->bytes, TRACE_TCP_BYTES,
				   head + BPF_CORE_READ(skb, network_header)))
		tcp->captured = TRACE_TCP_BYTES;
	if ((long)dev < 0)
		trace_namespace(BPF_CORE_READ(dev, nd_net.net), &tcp->netns_cookie, &tcp->netns);
}

/* A socket in the middle of a connection: its addresses are the reset's. */
TRACE_INLINE int tcp_knows_peer(const struct sock *sk)
{
	__u8 state = sk ? BPF_CORE_READ(sk, __sk_common.skc_state) : TRACE_TCP_LISTEN;

	return state != TRACE_TCP_LISTEN && trace_socket_is_full(state);
}

/* Arguments: socket or NULL, packet or NULL; since 6.10 the reason. */
TRACE_INLINE int trace_send_reset_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const struct sk_buff *skb = (const struct sk_buff *)ctx[1];
	struct trace_tcp *tcp = tcp_reserve(sk, FLOW_EVENT_TCP_RESET_SENT);

	if (!tcp)
		return 0;
	if (tcp_knows_peer(sk))
		tcp_fill(sk, tcp);
	else if (skb)
		tcp_answered(skb, tcp);
	if (cfg_reset_args > 2)
		tcp->reason = (__u32)ctx[2];
	tcp_submit(tcp);
	return 0;
}
TRACE_PROGRAM(tcp_send_reset, trace_send_reset)

/* Argument: socket. */
TRACE_INLINE int trace_receive_reset_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	const struct sock *sk = (const struct sock *)ctx[0];
	struct trace_tcp *tcp = tcp_reserve(sk, FLOW_EVENT_TCP_RESET_RECEIVED);

	if (!tcp)
		return 0;
	tcp_fill(sk, tcp);
	tcp_reverse(&tcp->key);
	tcp_submit(tcp);
	return 0;
}
TRACE_PROGRAM(tcp_receive_reset, trace_receive_reset)

/* ---- states -----------------------------------------------------------------------------------
 */

/* How long the socket was in the state that it leaves. */
TRACE_INLINE __u64 tcp_since(const struct sock *sk, __u8 new_state)
{
	__u64 address = (__u64)sk, now = bpf_ktime_get_ns(), since = 0;
	__u64 *entered = bpf_map_lookup_elem(&trace_sockets, &address);

	if (entered) {
		since = now - *entered;
		*entered = now;
	}
	if (new_state == TRACE_TCP_CLOSE)
		bpf_map_delete_elem(&trace_sockets, &address);
	else if (!entered)
		bpf_map_update_elem(&trace_sockets, &address, &now, BPF_ANY);
	return since;
}

/* Arguments: socket, old and new state. */
TRACE_INLINE int trace_set_state_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	const struct sock *sk = (const struct sock *)ctx[0];
	__u8 old_state = (__u8)ctx[1], new_state = (__u8)ctx[2];
	struct trace_tcp *tcp;
	__u64 since;

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || new_state == TRACE_TCP_LISTEN ||
	    old_state == TRACE_TCP_LISTEN)
		return 0;
	since = tcp_since(sk, new_state);
	if (new_state == TRACE_TCP_SYN_SENT) /* it has no port yet; the next change tells of it */
		return 0;
	tcp = tcp_reserve(sk, FLOW_EVENT_TCP_STATE);
	if (!tcp)
		return 0;
	tcp_fill(sk, tcp);
	tcp->old_state = old_state;
	tcp->new_state = new_state;
	tcp->since_ns = since;
	tcp_submit(tcp);
	return 0;
}
TRACE_PROGRAM(inet_sock_set_state, trace_set_state)

/* For each received packet of an established connection. Arguments: socket, packet. */
TRACE_INLINE int trace_rtt_take(const __u64 *ctx, int raw __attribute__((unused)))
{
	const struct sock *sk = (const struct sock *)ctx[0];
	struct trace_state *state = trace_state_of();
	struct trace_tcp *tcp;

	if (!state || (++state->rtt_turn & (cfg_rtt_every - 1)))
		return 0;
	tcp = tcp_reserve(sk, FLOW_EVENT_TCP_RTT);
	if (!tcp)
		return 0;
	tcp_fill(sk, tcp);
	tcp_submit(tcp);
	return 0;
}
TRACE_PROGRAM(tcp_probe, trace_rtt)
