/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parser, packet by packet: what it finds, and what it calls what it does not understand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bpf-common/packet_encap.h"
#include "flowd/flow/packet_rules.h"
#include "tests/packets/frame.h"

/* What a case expects; ports are 0 unless told. */
struct expected {
	enum packet_status status;
	uint8_t protocol;
	uint16_t src_port, dst_port, icmp_id, flags;
	uint16_t vlan[2];
	uint16_t l4_offset;
};

struct parse_case {
	const char *name;
	void (*build)(struct frame *frame);
	struct expected expected;
};

#define BUILD(name) static void build_##name(struct frame *frame)

BUILD(tcp4)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 6, 0, 0);
	frame_tcp(frame, 40000, 443, 0x112);
	frame_finish(frame, 0);
}

BUILD(tcp4_options)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 6, 10, 0x4000);
	frame_tcp(frame, 40000, 443, 2);
	frame_finish(frame, 0);
}

BUILD(udp6)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 17);
	frame_udp(frame, 5353, 53);
	frame_finish(frame, 0);
}

BUILD(vlan)
{
	frame_ethernet(frame, 0x8100);
	frame_vlan(frame, 0xe064, 0x0800);
	frame_ipv4(frame, 17, 0, 0);
	frame_udp(frame, 1, 2);
	frame_finish(frame, 0);
}

BUILD(qinq)
{
	frame_ethernet(frame, 0x88a8);
	frame_vlan(frame, 7, 0x8100);
	frame_vlan(frame, 0, 0x86dd); /* tag 0 is a tag */
	frame_ipv6(frame, 132);
	frame_udp(frame, 2905, 2906);
	frame_finish(frame, 0);
}

BUILD(five_vlans)
{
	frame_ethernet(frame, 0x8100);
	for (int i = 0; i < 5; i++)
		frame_vlan(frame, 1, 0x8100);
	frame_room(frame, 40);
}

BUILD(fragment_first)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 17, 0, 0x2000);
	frame_udp(frame, 9, 10);
	frame_finish(frame, 0);
}

BUILD(fragment_later)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 17, 0, 0x20b9);
	frame_udp(frame, 9, 10);
	frame_finish(frame, 0);
}

BUILD(fragment6_first)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 44);
	frame_ipv6_fragment(frame, 17, 1);
	frame_udp(frame, 9, 10);
	frame_finish(frame, 0);
}

BUILD(fragment6_later)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 44);
	frame_ipv6_fragment(frame, 17, 1448);
	frame_udp(frame, 9, 10);
	frame_finish(frame, 0);
}

BUILD(fragment6_atomic) /* RFC 6946: a fragment header, but neither more nor offset */
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 44);
	frame_ipv6_fragment(frame, 6, 0);
	frame_tcp(frame, 9, 10, 0x10);
	frame_finish(frame, 0);
}

BUILD(extensions)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 0);
	frame_extension(frame, 43, 1);
	frame_extension(frame, 60, 3);
	frame_extension(frame, 6, 2);
	frame_tcp(frame, 9, 10, 0x10);
	frame_finish(frame, 0);
}

BUILD(extensions_too_deep)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 60);
	for (int i = 0; i < 9; i++)
		frame_extension(frame, 60, 1);
	frame_finish(frame, 0);
}

BUILD(extensions_truncated)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 60);
	frame_room(frame, 7);
	frame_finish(frame, 0);
}

BUILD(echo4)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 1, 0, 0);
	frame_icmp(frame, 8, 0, 0x1234);
	frame_finish(frame, 0);
}

BUILD(unreachable4) /* bytes 4 and 5 are no identifier */
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 1, 0, 0);
	frame_icmp(frame, 3, 3, 0x1234);
	frame_finish(frame, 0);
}

BUILD(echo6)
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 58);
	frame_icmp(frame, 129, 0, 7);
	frame_finish(frame, 0);
}

BUILD(gre)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 47, 0, 0);
	frame_room(frame, 8);
	frame_finish(frame, 0);
}

BUILD(ah6) /* the authentication header is the flow's protocol */
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 51);
	frame_extension(frame, 6, 3);
	frame_tcp(frame, 9, 10, 0x10);
	frame_finish(frame, 0);
}

BUILD(ports_in_padding) /* the packet ends before the ports that the padding seems to hold */
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 17, 0, 0);
	frame_finish(frame, 26);
}

BUILD(tcp_short)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 6, 0, 0);
	frame_u16(frame, 5);
	frame_u16(frame, 6);
	frame_finish(frame, 0);
}

BUILD(jumbogram) /* payload length 0: the header does not say */
{
	frame_ethernet(frame, 0x86dd);
	frame_ipv6(frame, 6);
	frame_tcp(frame, 9, 10, 0x10);
}

BUILD(arp)
{
	frame_ethernet(frame, 0x0806);
	frame_room(frame, 28);
}

BUILD(stp)
{
	frame_ethernet(frame, 38);
	frame_room(frame, 46);
}

BUILD(short_ethernet)
{
	frame_ethernet(frame, 0x0800);
	frame->size = 13;
}

BUILD(short_vlan)
{
	frame_ethernet(frame, 0x8100);
	frame_room(frame, 3);
}

BUILD(short_ipv4)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 6, 0, 0);
	frame->size--;
}

BUILD(ihl_4)
{
	build_tcp4(frame);
	frame->bytes[14] = 0x44;
}

BUILD(total_below_header)
{
	build_tcp4(frame);
	frame->bytes[17] = 19;
}

BUILD(version_6_as_4)
{
	build_tcp4(frame);
	frame->bytes[14] = 0x65;
}

BUILD(mpls)
{
	frame_ethernet(frame, 0x8847);
	frame_room(frame, 30);
}

BUILD(other)
{
	frame_ethernet(frame, 0x88f7);
	frame_room(frame, 44);
}

#define CASE(name, ...)              \
	{                            \
#name, build_##name, \
		{                    \
			__VA_ARGS__  \
		}                    \
	}
#define TAG(id) (FLOW_VLAN_PRESENT | (id))
static const struct parse_case cases[] = {
	CASE(tcp4, PACKET_OK, 6, 40000, 443, 0, 0x112, { 0 }, 34),
	CASE(tcp4_options, PACKET_OK, 6, 40000, 443, 0, 2, { 0 }, 74),
	CASE(udp6, PACKET_OK, 17, 5353, 53, 0, 0, { 0 }, 54),
	CASE(vlan, PACKET_OK, 17, 1, 2, 0, 0, { TAG(100) }, 38),
	CASE(qinq, PACKET_OK, 132, 2905, 2906, 0, 0, { TAG(7), TAG(0) }, 62),
	CASE(five_vlans, PACKET_VLAN_TOO_DEEP, .vlan = { TAG(1), TAG(1) }),
	CASE(fragment_first, PACKET_OK, 17, 9, 10, 0, FLOW_FLAG_FRAGMENT, { 0 }, 34),
	CASE(fragment_later, PACKET_OK, 17, 0, 0, 0, FLOW_FLAG_FRAGMENT, { 0 }, 34),
	CASE(fragment6_first, PACKET_OK, 17, 9, 10, 0, FLOW_FLAG_FRAGMENT, { 0 }, 62),
	CASE(fragment6_later, PACKET_OK, 17, 0, 0, 0, FLOW_FLAG_FRAGMENT, { 0 }, 62),
	CASE(fragment6_atomic, PACKET_OK, 6, 9, 10, 0, 0x10, { 0 }, 62),
	CASE(extensions, PACKET_OK, 6, 9, 10, 0, 0x10, { 0 }, 102),
	CASE(extensions_too_deep, PACKET_OK, 0, 0, 0, 0, 0, { 0 }, 54),
	CASE(extensions_truncated, PACKET_OK, 0, 0, 0, 0, 0, { 0 }, 54),
	CASE(echo4, PACKET_OK, 1, 8, 0, 0x1234, 0, { 0 }, 34),
	CASE(unreachable4, PACKET_OK, 1, 3, 3, 0, 0, { 0 }, 34),
	CASE(echo6, PACKET_OK, 58, 129, 0, 7, 0, { 0 }, 54),
	CASE(gre, PACKET_OK, 47, 0, 0, 0, 0, { 0 }, 34),
	CASE(ah6, PACKET_OK, 51, 0, 0, 0, 0, { 0 }, 54),
	CASE(ports_in_padding, PACKET_OK, 17, 0, 0, 0, FLOW_FLAG_L4_SHORT, { 0 }, 34),
	CASE(tcp_short, PACKET_OK, 6, 5, 6, 0, FLOW_FLAG_L4_SHORT, { 0 }, 34),
	CASE(jumbogram, PACKET_OK, 6, 9, 10, 0, 0x10, { 0 }, 54),
	CASE(arp, PACKET_ARP),
	CASE(stp, PACKET_LLC),
	CASE(short_ethernet, PACKET_L2_TRUNCATED),
	CASE(short_vlan, PACKET_VLAN_TRUNCATED),
	CASE(short_ipv4, PACKET_L3_TRUNCATED),
	CASE(ihl_4, PACKET_IP_BAD_HEADER),
	CASE(total_below_header, PACKET_IP_BAD_HEADER),
	CASE(version_6_as_4, PACKET_IP_BAD_VERSION),
	CASE(mpls, PACKET_ENCAP_TRUNCATED),
	CASE(other, PACKET_PTP),
};

static void check(const struct parse_case *row, const struct packet *packet,
		  enum packet_status status)
{
	const struct expected *expected = &row->expected;

	assert_int_equal(status, expected->status);
	assert_int_equal(packet->vlan[0], expected->vlan[0]);
	assert_int_equal(packet->vlan[1], expected->vlan[1]);
	assert_int_equal(packet->key.protocol, expected->protocol);
	if (status != PACKET_OK)
		return;
	assert_int_equal(packet->key.src_port, expected->src_port);
	assert_int_equal(packet->key.dst_port, expected->dst_port);
	assert_int_equal(packet->key.icmp_id, expected->icmp_id);
	assert_int_equal(packet->flags, expected->flags);
	assert_int_equal(packet->l4_offset, expected->l4_offset);
}

static struct packet_rules rules;

/* An exact copy on the heap, so that the sanitizer sees a read beyond the packet. */
static enum packet_status parse_copy(const uint8_t *bytes, uint32_t size, struct packet *packet)
{
	uint8_t *copy = malloc(size ? size : 1);
	enum packet_status status;
	struct flow_extra extra;

	memcpy(copy, bytes, size);
	status = packet_parse(copy, copy + size, PACKET_LINK_ETHERNET, &rules, packet, &extra);
	free(copy);
	return status;
}

static void test_cases(void **state)
{
	struct packet packet;
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum packet_status status;

		cases[i].build(&frame);
		status = parse_copy(frame.bytes, frame.size, &packet);
		print_message("# %s\n", cases[i].name);
		check(&cases[i], &packet, status);
	}
}

static void test_addresses(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };
	struct packet packet;
	struct frame frame;

	(void)state;
	build_tcp4(&frame);
	parse_copy(frame.bytes, frame.size, &packet);
	assert_memory_equal(packet.key.src, mapped, 16);
	assert_int_equal(packet.key.scope, 0);
	assert_int_equal(packet.l3_bytes, 40);
	build_udp6(&frame);
	parse_copy(frame.bytes, frame.size, &packet);
	assert_memory_equal(packet.key.dst, six, 16);
	assert_int_equal(packet.key.scope, FLOW_SCOPE_IPV6);
	assert_int_equal(packet.l3_bytes, 48);
}

/* Whatever is cut off, the parser stays inside, and says either "truncated" or "short" or needs it
 * not. */
static void test_every_cut(void **state)
{
	struct packet packet;
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cases[i].build(&frame);
		for (uint32_t size = 0; size <= frame.size; size++)
			assert_true(parse_copy(frame.bytes, size, &packet) < PACKET_STATUS_COUNT);
	}
}

/* What the short way takes it reads as the general parser does, to the last byte; it takes what it
 * is for. */
static void test_plain(void **state)
{
	struct packet plain, general;
	uint32_t taken = 0;
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cases[i].build(&frame);
		for (uint32_t size = 0; size <= frame.size; size++) {
			const uint8_t *end = frame.bytes + size;

			if (!packet_parse_plain(frame.bytes, end, &rules, &plain))
				continue;
			taken++;
			assert_int_equal(packet_parse_any(frame.bytes, end, PACKET_LINK_ETHERNET,
							  &rules, &general),
					 PACKET_OK);
			assert_memory_equal(&plain, &general, sizeof(plain));
		}
	}
	assert_true(taken > 0);
	build_tcp4(&frame);
	assert_true(packet_parse_plain(frame.bytes, frame.bytes + frame.size, &rules, &plain));
	build_udp6(&frame);
	assert_true(packet_parse_plain(frame.bytes, frame.bytes + frame.size, &rules, &plain));
}

/* The same IP packet without Ethernet, and behind a link header that names the ethertype. */
static void test_other_links(void **state)
{
	struct packet whole, raw, named;
	struct flow_extra extra;
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cases[i].build(&frame);
		if (frame.size < 14 || parse_copy(frame.bytes, frame.size, &whole) != PACKET_OK)
			continue;
		assert_int_equal(packet_parse_l3(frame.bytes + 14, frame.bytes + frame.size,
						 packet_u16(frame.bytes + 12), &rules, &named,
						 &extra),
				 PACKET_OK);
		assert_memory_equal(&named.key, &whole.key, sizeof(whole.key));
		assert_int_equal(named.l4_offset + 14, whole.l4_offset);
		if (whole.vlan[0])
			continue;
		assert_int_equal(packet_parse(frame.bytes + 14, frame.bytes + frame.size,
					      PACKET_LINK_IP, &rules, &raw, &extra),
				 PACKET_OK);
		assert_memory_equal(&raw.key, &whole.key, sizeof(whole.key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	    cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_every_cut),   cmocka_unit_test(test_plain),
		cmocka_unit_test(test_other_links),
	};

	packet_rules_default(&rules);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
