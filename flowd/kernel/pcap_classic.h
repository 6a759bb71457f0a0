/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program of classic BPF: what of it can be executed, and whether it is valid. Pure. */
#ifndef KERNEL_PCAP_CLASSIC_H
#define KERNEL_PCAP_CLASSIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLASSIC_WORDS	  16
#define CLASSIC_INSNS_MAX (1u << 20)
#define CLASSIC_BYTES_MAX 0xffffu /* of a packet: the verifier's MAX_PACKET_OFF */

/* <pcap/bpf.h> and <linux/bpf.h> both have a struct bpf_insn: this is that of the first, for
 * sources that include the second. */
struct classic_insn {
	uint16_t code;
	uint8_t jt;
	uint8_t jf;
	uint32_t k;
};

/*
 * Sets `reached` for every instruction that some packet may lead to, and in `words_read` a bit for
 * each word of memory they read. -EINVAL: not a valid program, or one that bpf_filter() does not
 * know; -ELOOP: it jumps backwards.
 */
int pcap_classic_reach(const struct classic_insn *program, uint32_t count, bool *reached,
		       uint32_t *words_read);
/* Bytes of a packet that a load takes. */
uint32_t pcap_classic_load_size(const struct classic_insn *load);
/* No packet is long enough for this load of packet bytes: nothing follows it. */
bool pcap_classic_is_hopeless(const struct classic_insn *load);
/* Asks the kernel for what is not in the packet: a load at a place that only means something
 * there (SKF_AD_OFF of <linux/filter.h> and above). */
bool pcap_classic_is_metadata(const struct classic_insn *insn);

#endif
