/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A writer of pcapng files (draft-ietf-opsawg-pcapng): one section, one interface, packets with a
 * comment each where there is something to say. libpcap writes no pcapng. Not thread-safe.
 */
#ifndef FLOWCLI_PCAPNG_WRITE_H
#define FLOWCLI_PCAPNG_WRITE_H

#include <stdint.h>
#include <stdio.h>

struct pcapng_interface {
	const char *name; /* may be NULL */
	uint16_t link;	  /* LINKTYPE_* */
	uint32_t snaplen;
};

/* Each returns the bytes written, or -EIO. */
long pcapng_write_start(FILE *stream, const struct pcapng_interface *interface);
/* `comment` may be NULL. */
long pcapng_write_packet(FILE *stream, uint64_t time_ns, const uint8_t *data, uint32_t captured,
			 uint32_t original, const char *comment);

#endif
