/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tc: where tc_flow.bpf.c jumps with a packet of a flow that may be a TCP connection's. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "bpf-common/tcp_watch.bpf.h"

SEC("tc")
int tc_tcp_watch(struct __sk_buff *skb)
{
	__u32 segments = skb->gso_size ? skb->gso_segs : 1;

	watch_packet((const void *)(long)skb->data, (const void *)(long)skb->data_end,
		     segments ? segments : 1);
	return TC_ACT_UNSPEC;
}
