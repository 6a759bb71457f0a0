/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A reader of pcapng files (draft-ietf-opsawg-pcapng) for the offline capture path. libpcap's
 * refuses files whose interfaces differ in snapshot length or link type, which ordinary tools
 * write; this one reads each packet by its own interface. Streams only forward; one block in
 * memory, of 16 MB at most.
 */
#ifndef FLOWCLI_PCAPNG_H
#define FLOWCLI_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng;

struct pcapng_packet {
	const uint8_t *data; /* valid until the next call */
	uint32_t captured;   /* bytes of data */
	uint32_t original;   /* bytes on the wire */
	uint64_t time_ns;    /* since 1970, saturated; false `stamped`: 0 */
	bool stamped;	     /* simple packet blocks have no stamp */
	uint16_t link;	     /* LINKTYPE_* */
};

/* Every pcapng file starts with this byte, and no pcap file does. */
#define PCAPNG_FIRST_BYTE 0x0a

/* Reads nothing yet; the stream stays the caller's. 0 or -ENOMEM. */
int pcapng_open(struct pcapng **out, FILE *stream);
void pcapng_close(struct pcapng *pcapng);
/* 1: a packet; 0: the end; -EBADMSG, -EIO or -ENOMEM: pcapng_why() tells. */
int pcapng_next(struct pcapng *pcapng, struct pcapng_packet *packet);
const char *pcapng_why(const struct pcapng *pcapng);

#endif
