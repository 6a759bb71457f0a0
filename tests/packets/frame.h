/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Builds frames for tests: each call appends a header to a byte buffer and returns the buffer, so
 * that a table row reads from the wire inwards. Lengths inside the headers are set by
 * frame_finish().
 */
#ifndef TESTS_PACKETS_FRAME_H
#define TESTS_PACKETS_FRAME_H

#include <stdint.h>
#include <string.h>

struct frame {
	uint8_t bytes[2048];
	uint32_t size;
	uint32_t ip; /* offset of the innermost IP header */
};

static inline uint8_t *frame_room(struct frame *frame, uint32_t size)
{
	uint8_t *at = frame->bytes + frame->size;

	frame->size += size;
	return at;
}

static inline void frame_u16(struct frame *frame, uint16_t value)
{
	uint8_t *at = frame_room(frame, 2);

	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void frame_hex(struct frame *frame, const char *hex)
{
	for (unsigned byte; *hex; hex += 2 + (hex[2] == ' ')) {
		byte = (unsigned)((hex[0] % 32 + 9) % 25 * 16 + (hex[1] % 32 + 9) % 25);
		*frame_room(frame, 1) = (uint8_t)byte;
	}
}

static inline void frame_ethernet(struct frame *frame, uint16_t ethertype)
{
	memset(frame, 0, sizeof(*frame));
	frame_hex(frame, "02000000000a 02000000000b");
	frame_u16(frame, ethertype);
}

static inline void frame_vlan(struct frame *frame, uint16_t tci, uint16_t ethertype)
{
	frame_u16(frame, tci);
	frame_u16(frame, ethertype);
}

/* 10.0.0.1 -> 10.0.0.2; `fragment` is the flags and offset field. */
static inline void frame_ipv4(struct frame *frame, uint8_t protocol, uint8_t option_words,
			      uint16_t fragment)
{
	uint8_t *ip;

	frame->ip = frame->size;
	ip = frame_room(frame, 20 + option_words * 4u);
	ip[0] = (uint8_t)(0x45 + option_words);
	ip[6] = (uint8_t)(fragment >> 8);
	ip[7] = (uint8_t)fragment;
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	memset(ip + 20, 1, option_words * 4u);
}

/* 2001:db8::1 -> 2001:db8::2 */
static inline void frame_ipv6(struct frame *frame, uint8_t next_header)
{
	uint8_t *ip;

	frame->ip = frame->size;
	ip = frame_room(frame, 40);
	ip[0] = 0x60;
	ip[6] = next_header;
	ip[7] = 64;
	memcpy(ip + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	memcpy(ip + 24, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
}

/* A hop-by-hop, routing or destination header of `words` times 8 bytes. */
static inline void frame_extension(struct frame *frame, uint8_t next_header, uint8_t words)
{
	uint8_t *extension = frame_room(frame, words * 8u);

	extension[0] = next_header;
	extension[1] = (uint8_t)(words - 1);
}

static inline void frame_ipv6_fragment(struct frame *frame, uint8_t next_header, uint16_t field)
{
	uint8_t *fragment = frame_room(frame, 8);

	fragment[0] = next_header;
	fragment[2] = (uint8_t)(field >> 8);
	fragment[3] = (uint8_t)field;
}

static inline void frame_tcp(struct frame *frame, uint16_t source, uint16_t destination,
			     uint16_t flags)
{
	uint8_t *rest;

	frame_u16(frame, source);
	frame_u16(frame, destination);
	rest = frame_room(frame, 16);
	rest[8] = (uint8_t)(0x50 | flags >> 8);
	rest[9] = (uint8_t)flags;
}

static inline void frame_udp(struct frame *frame, uint16_t source, uint16_t destination)
{
	frame_u16(frame, source);
	frame_u16(frame, destination);
	frame_room(frame, 4);
}

static inline void frame_icmp(struct frame *frame, uint8_t type, uint8_t code, uint16_t id)
{
	uint8_t *icmp = frame_room(frame, 8);

	icmp[0] = type;
	icmp[1] = code;
	icmp[4] = (uint8_t)(id >> 8);
	icmp[5] = (uint8_t)id;
}

/* Writes the innermost IP header's length, then appends `padding` bytes that are not the packet's.
 */
static inline void frame_finish(struct frame *frame, uint32_t padding)
{
	uint8_t *ip = frame->bytes + frame->ip;
	uint32_t length = frame->size - frame->ip;

	if (ip[0] >> 4 == 4) {
		ip[2] = (uint8_t)(length >> 8);
		ip[3] = (uint8_t)length;
	} else if (ip[0] >> 4 == 6) {
		ip[4] = (uint8_t)((length - 40) >> 8);
		ip[5] = (uint8_t)(length - 40);
	}
	frame_room(frame, padding);
}

#endif
