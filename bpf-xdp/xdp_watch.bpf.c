/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* XDP: where xdp_flow.bpf.c jumps with a packet of a flow that may be a TCP connection's. */
#include <linux/bpf.h>

#include "bpf-common/tcp_watch.bpf.h"

SEC("xdp")
int xdp_tcp_watch(struct xdp_md *context)
{
	watch_packet((const void *)(long)context->data, (const void *)(long)context->data_end, 1);
	return XDP_PASS;
}
