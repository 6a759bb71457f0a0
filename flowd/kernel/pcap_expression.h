/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libpcap's part: an expression of pcap-filter(7) becomes a program of classic BPF. Refuses what
 * libpcap compiles but a hook cannot answer. No packet socket is opened and no privilege needed;
 * a host's name in the expression is looked up, which may take as long as the resolver does.
 */
#ifndef KERNEL_PCAP_EXPRESSION_H
#define KERNEL_PCAP_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "flowd/kernel/pcap_classic.h"

/* Bytes, 225 times "host 10.1.2.3 or ". What libpcap's optimiser takes grows with the cube: a
 * second for hosts of this length, ten for ports; without it programs are ten times as long. */
#define PCAP_EXPRESSION_MAX 4096

enum pcap_link {
	PCAP_LINK_ETHERNET,
	PCAP_LINK_IP, /* packets begin at the IP header */
};
#define PCAP_LINKS 2

struct classic_program {
	struct classic_insn *insns;
	size_t count;
};

/*
 * -EINVAL: libpcap refuses it; -ENOTSUP: the kernel could not run it; -E2BIG; -ENOMEM. `why` is a
 * sentence with the expression in it, and libpcap's own words where it was libpcap.
 */
int pcap_expression_compile(struct classic_program *out, const char *expression,
			    enum pcap_link link, char *why, size_t why_size);
/* Accepts one that is zeroed, or freed before. */
void pcap_expression_free(struct classic_program *program);
/* Whether the keyword `vlan` is in it: its meaning then depends on where the tag is. */
bool pcap_expression_names_vlan(const char *expression);

#endif
