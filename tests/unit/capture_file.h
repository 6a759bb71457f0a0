/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capture files made in memory, and what reading them told, for the tests of the offline path. */
#ifndef UNIT_CAPTURE_FILE_H
#define UNIT_CAPTURE_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/capture.h"

#define LINK_ETHERNET 1
#define LINK_NULL     0
#define LINK_PPP      9
#define LINK_RAW      101
#define LINK_WLAN     105
#define LINK_LOOP     108
#define LINK_SLL      113
#define LINK_IPV4     228
#define LINK_SLL2     276

#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO  0xa1b23c4du

/* ---- files ---------------------------------------------------------------------------------- */

struct file {
	uint8_t bytes[4096];
	size_t size;
};

static inline void put(struct file *file, const void *bytes, size_t size)
{
	assert_true(file->size + size <= sizeof(file->bytes));
	memcpy(file->bytes + file->size, bytes, size);
	file->size += size;
}

static inline void put32(struct file *file, uint32_t value)
{
	put(file, &value, sizeof(value));
}

static inline void put_swapped32(struct file *file, uint32_t value)
{
	put32(file, __builtin_bswap32(value));
}

static inline void put_pcap(struct file *file, uint32_t magic, uint32_t link)
{
	const uint32_t header[6] = { magic, 2 | 4u << 16, 0, 0, 65535, link };

	put(file, header, sizeof(header));
}

static inline void put_frame(struct file *file, uint32_t seconds, uint32_t fraction,
			     const void *frame, uint32_t captured, uint32_t original)
{
	const uint32_t header[4] = { seconds, fraction, captured, original };

	put(file, header, sizeof(header));
	put(file, frame, captured);
}

/* UDP 10.0.0.1:1000 > 10.0.0.2:53, 28 bytes. */
static const uint8_t udp[] = { 0x45, 0, 0,  28, 0, 1, 0, 0,   64, 17, 0, 0, 10, 0,
			       0,    1, 10, 0,	0, 2, 3, 232, 0,  53, 0, 8, 0,	0 };
#define ETHERNET "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"

static inline uint32_t udp_behind(uint8_t *frame, const void *link, size_t link_bytes)
{
	memcpy(frame, link, link_bytes);
	memcpy(frame + link_bytes, udp, sizeof(udp));
	return (uint32_t)(link_bytes + sizeof(udp));
}

static inline void put_udp(struct file *file, uint32_t seconds, uint32_t fraction)
{
	uint8_t frame[64];
	uint32_t size = udp_behind(frame, ETHERNET, 14);

	put_frame(file, seconds, fraction, frame, size, size);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct told {
	uint64_t records, packets, bytes;
	struct flow_record last;
	volatile sig_atomic_t *stop; /* raised by a record */
};

static inline void told_add(void *context, const struct flow_record *record)
{
	struct told *told = context;

	told->records++;
	told->packets += record->packets;
	told->bytes += record->bytes;
	told->last = *record;
	if (told->stop)
		*told->stop = 1;
}

static inline int read_options(const struct file *file, const struct capture_options *options,
			       struct told *told, struct capture_summary *summary)
{
	FILE *stream = fmemopen((void *)(uintptr_t)file->bytes, file->size, "rb");

	assert_non_null(stream);
	return capture_read_stream(stream, "test", options, told_add, told, summary);
}

static inline int read_file(const struct file *file, struct told *told,
			    struct capture_summary *summary)
{
	const struct capture_options options = CAPTURE_OPTIONS_DEFAULT;

	memset(told, 0, sizeof(*told));
	return read_options(file, &options, told, summary);
}

/* Every frame in one record or in one counter. */
static inline void check_sum(const struct capture_summary *summary, const struct told *told)
{
	struct capture_count all = summary->other_links;

	for (int i = 0; i < PACKET_STATUS_COUNT; i++) {
		all.packets += summary->status[i].packets;
		all.bytes += summary->status[i].bytes;
	}
	assert_int_equal(all.packets, summary->frames.packets);
	assert_int_equal(all.bytes, summary->frames.bytes);
	assert_int_equal(told->packets, summary->status[PACKET_OK].packets);
	assert_int_equal(told->bytes, summary->status[PACKET_OK].bytes);
}

#endif
