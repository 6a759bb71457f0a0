/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own structures, as far as bpf-trace/ reads them: only the members used; where they
 * lie is found out when the programs are loaded (CO-RE).
 */
#ifndef TRACE_KERNEL_H
#define TRACE_KERNEL_H

#include <linux/in6.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct sock_cgroup_data {
	struct cgroup *cgroup; /* since 5.15; before, tagged with what else it may be */
};
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
	__u64 net_cookie;
};
typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[16];
	int ifindex;
	possible_net_t nd_net;
};

typedef struct {
	__s64 counter;
} atomic64_t;
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
	struct sock_cgroup_data sk_cgrp_data;
};
struct request_sock {
	struct sock_common __req_common;
};
struct inet_sock {
	__be16 inet_sport;
};
struct inet_connection_sock {
	__u8 icsk_ca_state : 5;
};
struct minmax_sample {
	__u32 t, v;
};
struct minmax {
	struct minmax_sample s[3];
};
struct tcp_sock {
	__u32 srtt_us; /* eighths */
	__u32 total_retrans;
	struct minmax rtt_min;
};

struct dst_entry {
	int (*input)(void *skb);
};
struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned int len, data_len;
	int skb_iif;
	__be16 protocol;
	__u16 transport_header, network_header, mac_header;
	unsigned int end; /* an offset on 64-bit kernels */
	unsigned char *head, *data;
};
struct skb_shared_info {
	unsigned short gso_size, gso_segs;
};

/* Of the modules nf_tables and x_tables. */
struct nft_table {
	char *name;
};
struct nft_chain {
	struct nft_table *table;
	char *name;
};
struct nf_hook_state {
	__u8 hook; /* since 5.13; before, an unsigned int */
};
struct nft_pktinfo {
	struct sk_buff *skb;
	const struct nf_hook_state *state;
};
struct xt_table {
	const char name[32];
};

struct bpf_prog_aux {
	__u32 id;
};
struct bpf_prog {
	struct bpf_prog_aux *aux;
};

#pragma clang attribute pop

/* include/net/tcp_states.h, include/net/inet_connection_sock.h */
#define TRACE_TCP_ESTABLISHED 1
#define TRACE_TCP_SYN_SENT    2
#define TRACE_TCP_TIME_WAIT   6
#define TRACE_TCP_CLOSE	      7
#define TRACE_TCP_LISTEN      10
#define TRACE_TCP_NEW_SYN     12
#define TRACE_CA_RECOVERY     3
#define TRACE_CA_LOSS	      4
#define TRACE_AF_INET	      2
#define TRACE_AF_INET6	      10

#endif
