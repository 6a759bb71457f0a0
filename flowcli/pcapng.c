/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/pcapng.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION	0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET	2u /* obsolete, still met */
#define BLOCK_SIMPLE	3u
#define BLOCK_ENHANCED	6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define OPTION_END	 0
#define OPTION_TSRESOL	 9
#define OPTION_TSOFFSET	 14

#define BLOCK_MAX      (16u * 1024 * 1024)
#define INTERFACES_MAX 65536u
#define NS_PER_SECOND  1000000000ull

struct interface {
	uint16_t link;
	uint32_t snaplen; /* 0: no limit */
	uint64_t units;	  /* of its clock, a second */
	int64_t offset_seconds;
};

struct pcapng {
	FILE *stream;
	bool swapped; /* the section's byte order is not this machine's */
	bool section; /* a section header was read */
	uint8_t *block;
	uint32_t capacity;
	struct interface *interfaces;
	uint32_t interface_count;
	char why[128];
};

/* The body of the block at hand, read from the front; reading beyond it makes it `cut`. */
struct body {
	const uint8_t *at;
	uint32_t left;
	bool swapped, cut;
};

__attribute__((format(printf, 2, 3))) static int fail(struct pcapng *pcapng, const char *format,
						      ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(pcapng->why, sizeof(pcapng->why), format, arguments);
	va_end(arguments);
	return -EBADMSG;
}

int pcapng_open(struct pcapng **out, FILE *stream)
{
	struct pcapng *pcapng = calloc(1, sizeof(*pcapng));

	if (!pcapng)
		return -ENOMEM;
	pcapng->stream = stream;
	*out = pcapng;
	return 0;
}

void pcapng_close(struct pcapng *pcapng)
{
	if (!pcapng)
		return;
	free(pcapng->block);
	free(pcapng->interfaces);
	free(pcapng);
}

const char *pcapng_why(const struct pcapng *pcapng)
{
	return pcapng->why;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static uint32_t swap32(bool swapped, uint32_t value)
{
	return swapped ? __builtin_bswap32(value) : value;
}

static const uint8_t *body_bytes(struct body *body, uint32_t size)
{
	const uint8_t *bytes = body->at;

	if (size > body->left) {
		body->cut = true;
		return NULL;
	}
	body->at += size;
	body->left -= size;
	return bytes;
}

static uint32_t body_u32(struct body *body)
{
	const uint8_t *bytes = body_bytes(body, 4);
	uint32_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return swap32(body->swapped, value);
}

static uint16_t body_u16(struct body *body)
{
	const uint8_t *bytes = body_bytes(body, 2);
	uint16_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return body->swapped ? __builtin_bswap16(value) : value;
}

/* False at the end of the file; a file that ends inside is -EBADMSG in *error. */
static bool stream_read(struct pcapng *pcapng, void *bytes, size_t size, int *error)
{
	size_t got = fread(bytes, 1, size, pcapng->stream);

	if (got == size)
		return true;
	if (ferror(pcapng->stream)) {
		fail(pcapng, "read error: %s", strerror(errno));
		*error = -EIO;
	} else if (got) {
		*error = fail(pcapng, "the file ends inside a block");
	}
	return false;
}

/* ---- blocks --------------------------------------------------------------------------------- */

static int block_reserve(struct pcapng *pcapng, uint32_t size)
{
	uint32_t capacity = pcapng->capacity ? pcapng->capacity : 4096;
	uint8_t *block;

	if (size <= pcapng->capacity)
		return 0;
	while (capacity < size)
		capacity *= 2;
	block = realloc(pcapng->block, capacity);
	if (!block) {
		fail(pcapng, "no memory for a block of %u bytes", size);
		return -ENOMEM;
	}
	pcapng->block = block;
	pcapng->capacity = capacity;
	return 0;
}

/* The byte order is known only from the magic behind the length of a section header. */
static int section_begin(struct pcapng *pcapng)
{
	uint32_t magic;
	int error = fail(pcapng, "the file ends inside a section header");

	if (!stream_read(pcapng, &magic, sizeof(magic), &error))
		return error;
	if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
		return fail(pcapng, "a section header without its byte-order magic");
	pcapng->swapped = magic != BYTE_ORDER_MAGIC;
	pcapng->section = true;
	pcapng->interface_count = 0;
	return 0;
}

/* The rest of a block of `length` bytes of which `taken` are read: its body, then length again. */
static int block_body(struct pcapng *pcapng, uint32_t length, uint32_t taken, struct body *body)
{
	int error;

	if (length % 4 || length < taken + 4 || length > BLOCK_MAX)
		return fail(pcapng, "a block of %u bytes", length);
	error = block_reserve(pcapng, length - taken);
	if (error)
		return error;
	error = fail(pcapng, "the file ends inside a block");
	if (!stream_read(pcapng, pcapng->block, length - taken, &error))
		return error;
	body->at = pcapng->block;
	body->left = length - taken - 4;
	body->swapped = pcapng->swapped;
	body->cut = false;
	return 1;
}

/* 1: a block, its type and body; 0: the end; or an error. */
static int block_next(struct pcapng *pcapng, uint32_t *type, struct body *body)
{
	uint32_t head[2], taken = sizeof(head);
	int error = 0;

	if (!stream_read(pcapng, head, sizeof(head), &error))
		return error;
	if (head[0] == BLOCK_SECTION) { /* the same in both byte orders */
		error = section_begin(pcapng);
		if (error)
			return error;
		taken += 4;
	} else if (!pcapng->section) {
		return fail(pcapng, "no section header at the start");
	}
	*type = swap32(pcapng->swapped, head[0]);
	return block_body(pcapng, swap32(pcapng->swapped, head[1]), taken, body);
}

/* ---- interfaces ----------------------------------------------------------------------------- */

/* if_tsresol: a power of ten, or of two where the highest bit is set. 0: finer than 64 bits. */
static uint64_t units_of(uint8_t resolution)
{
	uint64_t units = 1;

	if (resolution & 0x80)
		return (resolution & 0x7f) < 64 ? 1ull << (resolution & 0x7f) : 0;
	for (uint8_t i = 0; i < resolution; i++) {
		if (units > UINT64_MAX / 10)
			return 0;
		units *= 10;
	}
	return units;
}

static void interface_options(struct interface *interface, struct body *body)
{
	while (body->left >= 4) {
		uint16_t code = body_u16(body), size = body_u16(body);
		struct body value = { .swapped = body->swapped, .left = size };

		value.at = body_bytes(body, ((uint32_t)size + 3) & ~3u);
		if (!value.at || code == OPTION_END)
			return;
		if (code == OPTION_TSRESOL && size == 1)
			interface->units = units_of(*value.at);
		if (code == OPTION_TSOFFSET && size == 8) {
			memcpy(&interface->offset_seconds, value.at, 8);
			if (body->swapped)
				interface->offset_seconds = (int64_t)__builtin_bswap64(
					(uint64_t)interface->offset_seconds);
		}
	}
}

static int interface_add(struct pcapng *pcapng, struct body *body)
{
	uint32_t number = pcapng->interface_count;
	struct interface *interface;

	if (number == INTERFACES_MAX)
		return fail(pcapng, "more than %u interfaces", INTERFACES_MAX);
	if ((number & (number - 1)) == 0) { /* room doubles at each power of two */
		interface =
			realloc(pcapng->interfaces, (number ? number * 2 : 1) * sizeof(*interface));
		if (!interface) {
			fail(pcapng, "no memory for interface %u", number);
			return -ENOMEM;
		}
		pcapng->interfaces = interface;
	}
	interface = &pcapng->interfaces[number];
	*interface = (struct interface){ .link = body_u16(body), .units = 1000000 };
	body_u16(body); /* reserved */
	interface->snaplen = body_u32(body);
	if (body->cut)
		return fail(pcapng, "an interface block too short");
	interface_options(interface, body);
	if (!interface->units)
		return fail(pcapng, "interface %u: stamps finer than 64 bits hold", number);
	pcapng->interface_count++;
	return 0;
}

/* ---- packets -------------------------------------------------------------------------------- */

static uint64_t stamp_ns(const struct interface *interface, uint64_t stamp)
{
	__int128 ns = (__int128)stamp * NS_PER_SECOND / interface->units +
		      (__int128)interface->offset_seconds * (__int128)NS_PER_SECOND;

	return ns < 0 ? 0 : ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

static int packet_finish(struct pcapng *pcapng, struct body *body, uint32_t interface,
			 struct pcapng_packet *packet)
{
	if (body->cut)
		return fail(pcapng, "a packet block too short");
	if (interface >= pcapng->interface_count)
		return fail(pcapng, "a packet of interface %u, which the file does not describe",
			    interface);
	packet->data = body_bytes(body, packet->captured);
	if (!packet->data)
		return fail(pcapng, "a packet of %u bytes in a shorter block", packet->captured);
	packet->link = pcapng->interfaces[interface].link;
	return 1;
}

static int packet_enhanced(struct pcapng *pcapng, struct body *body, bool obsolete,
			   struct pcapng_packet *packet)
{
	uint32_t interface = obsolete ? body_u16(body) : body_u32(body);
	uint64_t stamp;
	int outcome;

	if (obsolete)
		body_u16(body); /* drops */
	stamp = (uint64_t)body_u32(body) << 32;
	stamp |= body_u32(body);
	packet->captured = body_u32(body);
	packet->original = body_u32(body);
	outcome = packet_finish(pcapng, body, interface, packet);
	if (outcome == 1) {
		packet->time_ns = stamp_ns(&pcapng->interfaces[interface], stamp);
		packet->stamped = true;
	}
	return outcome;
}

/* Of interface 0, as long as it was or as its snapshot length. */
static int packet_simple(struct pcapng *pcapng, struct body *body, struct pcapng_packet *packet)
{
	packet->original = body_u32(body);
	packet->captured = packet->original;
	if (pcapng->interface_count && pcapng->interfaces[0].snaplen &&
	    packet->captured > pcapng->interfaces[0].snaplen)
		packet->captured = pcapng->interfaces[0].snaplen;
	return packet_finish(pcapng, body, 0, packet);
}

int pcapng_next(struct pcapng *pcapng, struct pcapng_packet *packet)
{
	struct body body = { .at = NULL };
	uint32_t type = 0;
	int outcome;

	memset(packet, 0, sizeof(*packet));
	while ((outcome = block_next(pcapng, &type, &body)) == 1) {
		if (type == BLOCK_ENHANCED || type == BLOCK_PACKET)
			return packet_enhanced(pcapng, &body, type == BLOCK_PACKET, packet);
		if (type == BLOCK_SIMPLE)
			return packet_simple(pcapng, &body, packet);
		if (type == BLOCK_INTERFACE && (outcome = interface_add(pcapng, &body)))
			break;
	}
	return outcome;
}
