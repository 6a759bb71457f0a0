/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bench/packet_kinds.h"

#include <errno.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTOCOL_TCP   6
#define PROTOCOL_UDP   17
#define PORT_DNS       53
#define PORT_VXLAN     4789 /* RFC 7348 */
#define PORT_GENEVE    6081 /* RFC 8926 */
#define TCP_ACK	       0x10
#define SMALL_BYTES    64 /* a frame of the least size on the wire, FCS included */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A payload of zeros up to the least size, inside the IP packet. */
static void finish_small(struct frame *frame)
{
	if (frame->size < SMALL_BYTES)
		frame_room(frame, SMALL_BYTES - frame->size);
	frame_finish(frame, 0);
}

/* The length field of a UDP header at `udp` that has the rest of the frame. */
static void finish_udp(struct frame *frame, uint32_t udp)
{
	put16(frame->bytes + udp + 4, frame->size - udp);
}

static void make_tcp(struct frame *frame)
{
	frame_ethernet(frame, ETHERTYPE_IPV4);
	frame_ipv4(frame, PROTOCOL_TCP, 0, 0);
	frame_tcp(frame, 40000, 443, TCP_ACK);
	finish_small(frame);
}

static void make_tcp6(struct frame *frame)
{
	frame_ethernet(frame, ETHERTYPE_IPV6);
	frame_ipv6(frame, PROTOCOL_TCP);
	frame_tcp(frame, 40000, 443, TCP_ACK);
	finish_small(frame);
}

static void make_udp(struct frame *frame)
{
	frame_ethernet(frame, ETHERTYPE_IPV4);
	frame_ipv4(frame, PROTOCOL_UDP, 0, 0);
	frame_udp(frame, 40000, 443);
	finish_small(frame);
	finish_udp(frame, 34);
}

static void make_udp6(struct frame *frame)
{
	frame_ethernet(frame, ETHERTYPE_IPV6);
	frame_ipv6(frame, PROTOCOL_UDP);
	frame_udp(frame, 40000, 443);
	finish_small(frame);
	finish_udp(frame, 54);
}

/* Question for the A records of www.example.com (RFC 1035, 4.1). */
static void make_question(struct frame *frame, uint16_t port)
{
	frame_ethernet(frame, ETHERTYPE_IPV4);
	frame_ipv4(frame, PROTOCOL_UDP, 0, 0);
	frame_udp(frame, 40000, port);
	frame_hex(frame, "1234 0100 0001 0000 0000 0000");
	frame_hex(frame, "03777777 076578616d706c65 03636f6d 00 0001 0001");
	frame_finish(frame, 0);
	finish_udp(frame, 34);
}

static void make_dns(struct frame *frame)
{
	make_question(frame, PORT_DNS);
}

/* The same bytes to a port that is not DNS's. */
static void make_dns_twin(struct frame *frame)
{
	make_question(frame, 5301);
}

/* Ethernet, IPv4, UDP, the tunnel's eight bytes; Ethernet, IPv4, TCP. */
static void make_tunnel(struct frame *frame, uint16_t port, const char *header)
{
	frame_ethernet(frame, ETHERTYPE_IPV4);
	frame_ipv4(frame, PROTOCOL_UDP, 0, 0);
	frame_udp(frame, 50000, port);
	frame_hex(frame, header);
	frame_hex(frame, "02000000010a 02000000010b 0800");
	frame_ipv4(frame, PROTOCOL_TCP, 0, 0);
	frame_tcp(frame, 40000, 443, TCP_ACK);
	frame_finish(frame, 0);
	put16(frame->bytes + 14 + 2, frame->size - 14);
	finish_udp(frame, 34);
}

static void make_vxlan(struct frame *frame)
{
	make_tunnel(frame, PORT_VXLAN, "08000000 00002a00");
}

static void make_geneve(struct frame *frame)
{
	make_tunnel(frame, PORT_GENEVE, "00006558 00002a00");
}

static const struct {
	const char *name;
	void (*make)(struct frame *frame);
} packet_kinds[] = {
	{ "tcp", make_tcp },	 { "udp", make_udp },	    { "tcp6", make_tcp6 },
	{ "udp6", make_udp6 },	 { "dns", make_dns },	    { "dns-twin", make_dns_twin },
	{ "vxlan", make_vxlan }, { "geneve", make_geneve },
};

int packet_kinds_make(const char *name, struct packet_sample *sample)
{
	for (size_t i = 0; i < sizeof(packet_kinds) / sizeof(*packet_kinds); i++) {
		uint32_t ip;
		int six;

		if (strcmp(packet_kinds[i].name, name))
			continue;
		packet_kinds[i].make(&sample->frame);
		ip = sample->frame.ip;
		six = sample->frame.bytes[ip] >> 4 == 6;
		sample->name = packet_kinds[i].name;
		sample->address_at = ip + (six ? 20 : 12);
		sample->port_at = ip + (six ? 40 : 20);
		sample->address_base = six ? 0 : 0x0a000000;
		sample->address_mask = six ? ~0u : 0xffffff;
		return 0;
	}
	return -ENOENT;
}

const char *packet_kinds_names(void)
{
	static char names[128];

	names[0] = 0;
	for (size_t i = 0; i < sizeof(packet_kinds) / sizeof(*packet_kinds); i++) {
		strcat(names, i ? "|" : "");
		strcat(names, packet_kinds[i].name);
	}
	return names;
}
