/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The surroundings of a pcap filter without our own kernel programs: program arrays, entry programs
 * that jump through them, and two programs whose return values tell which of them came next.
 */
#ifndef TESTS_BPF_PCAP_STAGE_H
#define TESTS_BPF_PCAP_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/pcap_filter.h"
#include "flowd/kernel/pcap_translate.h"

#define STAGE_ACCEPTED 101
#define STAGE_EXCLUDED 102
#define STAGE_EMPTY    103 /* there was no program in the slot */

enum stage_hook { STAGE_TC_INGRESS, STAGE_TC_EGRESS, STAGE_XDP, STAGE_HOOKS };

/* XDP programs know of packets in several buffers, or not. 0 or negative errno; needs root. */
int stage_open(bool xdp_frags);
void stage_close(void);
/* STAGE_HOOKS of them. */
const struct pcap_filter_hook *stage_hooks(void);
/* The same, with XDP's program array handed over for tc egress: its programs do not fit. */
const struct pcap_filter_hook *stage_hooks_mixed(void);
/* What a translation for the hook takes. */
struct pcap_target stage_target(enum stage_hook hook);
/* The descriptor, or negative errno; `log` gets the verifier's last line. */
int stage_load(enum stage_hook hook, const struct pcap_code *code, char *log, uint32_t size);
/* Puts it into the slot for Ethernet. 0 or negative errno. */
int stage_place(enum stage_hook hook, int program);
/* A program's return value for a packet, or negative errno (-EINVAL: not taken here). */
int stage_run(int program, const void *bytes, uint32_t size);
/* The same through the entry program and the slot. */
int stage_enter(enum stage_hook hook, enum pcap_link link, const void *bytes, uint32_t size);
/* How much of a packet XDP has in its first buffer, or negative errno. */
int stage_xdp_linear(const void *bytes, uint32_t size);
/* tc ingress, Ethernet, after an 802.1Q tag has been put into the packet's metadata. */
int stage_enter_tagged(const void *bytes, uint32_t size, uint16_t tag);

#endif
