/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What being called at all costs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/kfree_skb")
int empty_drop(void *context)
{
	(void)context;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
