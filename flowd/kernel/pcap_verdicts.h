/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that a pcap filter jumps to: each hook's own, once for packets that it accepts and
 * once for those that it excludes. They are three times as much for the verifier as the hooks, so
 * they are loaded when the first filter is, out of the same object and on the same maps.
 */
#ifndef KERNEL_PCAP_VERDICTS_H
#define KERNEL_PCAP_VERDICTS_H

#include "flowd/kernel/pcap_filter.h"

struct flow_bpf;

#define PCAP_VERDICT_HOOKS 3 /* tc ingress, tc egress, XDP */

/* Loads them, and enters them where the hooks' filters look; they stay until the maps of `programs`
 * are closed. 0 or negative errno, logged. */
int pcap_verdicts_load(const struct flow_bpf *programs);
/* Where filters of these programs' hooks go. */
void pcap_verdicts_hooks(const struct flow_bpf *programs,
			 struct pcap_filter_hook hooks[PCAP_VERDICT_HOOKS]);

#endif
