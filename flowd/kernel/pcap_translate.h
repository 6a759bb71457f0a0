/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A classic BPF filter, as libpcap makes it, becomes an eBPF program for tc or XDP that reads the
 * packet directly and ends with a tail call: to one program when the packet matches, to another
 * when not. Means what libpcap's bpf_filter() means. Pure: no system call, no log; needs neither
 * libpcap nor a kernel.
 */
#ifndef KERNEL_PCAP_TRANSLATE_H
#define KERNEL_PCAP_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/kernel/pcap_classic.h"

struct pcap_target {
	bool xdp;	      /* the context is a struct xdp_md, else a struct __sk_buff */
	bool frags;	      /* XDP in several buffers: `len` is that of all of them */
	bool tagged;	      /* tc on Ethernet: see the packet with the VLAN tag of its metadata */
	int verdicts_fd;      /* a program array */
	uint32_t accept;      /* its index for packets that match */
	uint32_t exclude;     /* and for the others */
	int32_t pass_verdict; /* returned where the array holds no such program */
};

/* eBPF, of struct bpf_insn of <linux/bpf.h>. */
struct pcap_code {
	struct bpf_insn *insns;
	size_t count;
};

/*
 * Only what is linear is the packet: a load beyond data_end is no match, and so is one that reaches
 * beyond 65535 bytes: no verifier bounds more. A shift by 32 or more gives 0, memory begins as 0.
 *
 * -EINVAL: not a valid program; -ELOOP: it jumps backwards (protochain); -E2BIG: a jump is too far
 * for eBPF; -EOPNOTSUPP: a tagged packet's Ethernet header is read at a computed place; -ENOMEM.
 */
int pcap_translate(struct pcap_code *out, const struct classic_insn *program, size_t count,
		   const struct pcap_target *target);
/* Accepts one that is zeroed, or freed before. */
void pcap_code_free(struct pcap_code *code);

#endif
