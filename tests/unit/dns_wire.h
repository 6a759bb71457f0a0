/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages as they stand on the wire, and the packets that carry them, for the tests of flowd/dns.
 */
#ifndef TESTS_DNS_WIRE_H
#define TESTS_DNS_WIRE_H

#include <netinet/in.h>
#include <string.h>

#include "flowd/dns/dns_packet.h"
#include "proto/address.h"

struct wire {
	uint8_t bytes[70000];
	size_t size;
};

static inline void wire_u8(struct wire *wire, unsigned value)
{
	wire->bytes[wire->size++] = (uint8_t)value;
}

static inline void wire_u16(struct wire *wire, unsigned value)
{
	wire_u8(wire, value >> 8);
	wire_u8(wire, value);
}

static inline void wire_u32(struct wire *wire, uint32_t value)
{
	wire_u16(wire, value >> 16);
	wire_u16(wire, value & 0xffff);
}

static inline void wire_name(struct wire *wire, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");

		wire_u8(wire, (unsigned)length);
		memcpy(wire->bytes + wire->size, name, length);
		wire->size += length;
		name += length + (name[length] == '.');
	}
	wire_u8(wire, 0);
}

/* Header, and a question where there is a name. */
static inline void wire_begin(struct wire *wire, unsigned id, unsigned flags, const char *name,
			      unsigned type)
{
	wire->size = 0;
	wire_u16(wire, id);
	wire_u16(wire, flags);
	wire_u16(wire, name ? 1 : 0);
	wire_u16(wire, 0);
	wire_u32(wire, 0);
	if (!name)
		return;
	wire_name(wire, name);
	wire_u16(wire, type);
	wire_u16(wire, 1);
}

static inline void wire_query(struct wire *wire, unsigned id, const char *name, unsigned type)
{
	wire_begin(wire, id, 0x0100, name, type);
}

/* Counts one more of the section (answers 6, authority 8, additional 10). */
static inline void wire_more(struct wire *wire, unsigned section)
{
	wire->bytes[section + 1]++;
}

/* A record of the answer whose name is the question's; `data` of `size` bytes. */
static inline void wire_answer(struct wire *wire, unsigned type, uint32_t ttl, const void *data,
			       size_t size)
{
	wire_more(wire, 6);
	wire_u16(wire, 0xc00c);
	wire_u16(wire, type);
	wire_u16(wire, 1);
	wire_u32(wire, ttl);
	wire_u16(wire, (unsigned)size);
	memcpy(wire->bytes + wire->size, data, size);
	wire->size += size;
}

static inline void wire_a(struct wire *wire, uint32_t ttl, const char *address)
{
	uint8_t ip[16];
	int version;

	address_parse(address, ip, &version);
	if (version == 4)
		wire_answer(wire, 1, ttl, ip + 12, 4);
	else
		wire_answer(wire, 28, ttl, ip, 16);
}

static inline void wire_response(struct wire *wire, unsigned id, unsigned rcode, const char *name,
				 unsigned type)
{
	wire_begin(wire, id, 0x8180 | rcode, name, type);
}

/* From one address and port to another; UDP. */
static inline struct dns_packet wire_packet(const struct wire *wire, const char *from,
					    unsigned from_port, const char *to, unsigned to_port,
					    uint64_t time_ns)
{
	struct dns_packet packet = { .key = { .protocol = IPPROTO_UDP,
					      .src_port = (uint16_t)from_port,
					      .dst_port = (uint16_t)to_port },
				     .time_ns = time_ns,
				     .data = wire->bytes,
				     .captured = (uint32_t)wire->size,
				     .length = (uint32_t)wire->size };
	int version;

	address_parse(from, packet.key.src, &version);
	address_parse(to, packet.key.dst, &version);
	packet.key.scope = version == 6 ? FLOW_SCOPE_IPV6 : 0;
	return packet;
}

#endif
