/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A pcap-filter(7) expression in front of our hooks: compiled for devices with and without a link
 * header, translated, loaded, and put where the entry programs jump to. The entry programs stay
 * attached; replacing one filter by another leaves no moment without one in any slot. Not
 * thread-safe. The verdict of no packet changes.
 *
 * With the keyword `vlan` in the expression tc sees packets as on the wire, with the tag that the
 * kernel keeps beside them; without it, as the kernel hands them over (tcpdump does the same).
 */
#ifndef KERNEL_PCAP_FILTER_H
#define KERNEL_PCAP_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/kernel/pcap_expression.h"

/* One hook. Program arrays hold programs of one type only: tc and XDP need arrays of their own. */
struct pcap_filter_hook {
	const char *name; /* for messages */
	bool xdp;
	bool xdp_frags;		    /* as the entry program: an array does not mix them */
	int jumps_fd;		    /* the array that the entry program jumps through */
	uint32_t slots[PCAP_LINKS]; /* its index for each link */
	int verdicts_fd;	    /* the array of what comes next */
	uint32_t accept;	    /* its index for packets that match */
	uint32_t exclude;	    /* and for the others */
};

struct pcap_filter;

/*
 * Puts the filter into the slots of all hooks, or changes nothing. *filter is the one in force, or
 * NULL, and is replaced; the hooks must be the same as then. The descriptors stay the caller's and
 * must stay open. Takes milliseconds, but seconds for an expression of thousands of bytes, or while
 * a host's name is looked up. 0 or negative errno, with a sentence for the user in `why`.
 */
int pcap_filter_install(struct pcap_filter **filter, const char *expression,
			const struct pcap_filter_hook *hooks, size_t count, char *why,
			size_t why_size);
/* Why libpcap refuses the expression for packets without a link header (no such packet matches
 * then), or NULL. */
const char *pcap_filter_note(const struct pcap_filter *filter);
/* Empties the slots. Accepts NULL. */
void pcap_filter_remove(struct pcap_filter *filter);

#endif
