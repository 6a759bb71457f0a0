/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_link.h"

#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <string.h>

/* <linux/if_arp.h>, which cannot be included beside libpcap's headers. */
#define DEVICE_NETLINK 824

static enum packet_status parse_ethernet(struct capture_frame *frame,
					 const struct packet_rules *rules)
{
	if (frame->end - frame->data >= ETH_HLEN) {
		memcpy(frame->eth_dst, frame->data, sizeof(frame->eth_dst));
		memcpy(frame->eth_src, frame->data + 6, sizeof(frame->eth_src));
	}
	return packet_parse(frame->data, frame->end, PACKET_LINK_ETHERNET, rules, &frame->packet,
			    &frame->extra);
}

static enum packet_status parse_behind(struct capture_frame *frame,
				       const struct packet_rules *rules, uint32_t link_bytes,
				       uint16_t ethertype)
{
	frame->link_bytes = link_bytes;
	return packet_parse_l3(frame->data + link_bytes, frame->end, ethertype, rules,
			       &frame->packet, &frame->extra);
}

/* The cooked header's protocol is an ethertype, for IP on any device but netlink's, whose families
 * it holds (pcap-linktype); on a GRE device it is GRE's, which has the same numbers. */
static enum packet_status parse_cooked(struct capture_frame *frame,
				       const struct packet_rules *rules, uint32_t link_bytes,
				       uint16_t device, uint16_t protocol, const uint8_t *address,
				       uint16_t address_bytes)
{
	if (address_bytes == sizeof(frame->eth_src))
		memcpy(frame->eth_src, address, sizeof(frame->eth_src));
	if (device == DEVICE_NETLINK)
		return PACKET_ETHERTYPE_OTHER;
	return parse_behind(frame, rules, link_bytes, protocol);
}

/* LINKTYPE_LINUX_SLL: packet type, device type, address length, address[8], protocol. */
static enum packet_status parse_sll(struct capture_frame *frame, const struct packet_rules *rules)
{
	const uint8_t *header = frame->data;

	if (frame->end - header < SLL_HDR_LEN)
		return PACKET_L2_TRUNCATED;
	return parse_cooked(frame, rules, SLL_HDR_LEN, packet_u16(header + 2),
			    packet_u16(header + 14), header + 6, packet_u16(header + 4));
}

/* LINKTYPE_LINUX_SLL2: protocol, 0, ifindex, device type, packet type, address length, address[8].
 */
static enum packet_status parse_sll2(struct capture_frame *frame, const struct packet_rules *rules)
{
	const uint8_t *header = frame->data;

	if (frame->end - header < SLL2_HDR_LEN)
		return PACKET_L2_TRUNCATED;
	frame->ifindex = (uint32_t)packet_u16(header + 4) << 16 | packet_u16(header + 6);
	return parse_cooked(frame, rules, SLL2_HDR_LEN, packet_u16(header + 8), packet_u16(header),
			    header + 12, header[11]);
}

static enum packet_status parse_raw(struct capture_frame *frame, const struct packet_rules *rules)
{
	return packet_parse(frame->data, frame->end, PACKET_LINK_IP, rules, &frame->packet,
			    &frame->extra);
}

static enum packet_status parse_raw_ipv4(struct capture_frame *frame,
					 const struct packet_rules *rules)
{
	return parse_behind(frame, rules, 0, ETH_P_IP);
}

static enum packet_status parse_raw_ipv6(struct capture_frame *frame,
					 const struct packet_rules *rules)
{
	return parse_behind(frame, rules, 0, ETH_P_IPV6);
}

/* The address family of the system that captured: IPv4 is 2 everywhere, IPv6 differs. */
static uint16_t family_ethertype(uint32_t family)
{
	switch (family) {
	case 2:
		return ETH_P_IP;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return ETH_P_IPV6;
	}
	return 0;
}

/* LINKTYPE_NULL and LINKTYPE_LOOP: a family in the byte order of the writer, or big-endian. */
static enum packet_status parse_loopback(struct capture_frame *frame,
					 const struct packet_rules *rules)
{
	const uint8_t *header = frame->data;
	uint16_t ethertype;

	if (frame->end - header < 4)
		return PACKET_L2_TRUNCATED;
	if (header[0] == 0 && header[1] == 0)
		ethertype = family_ethertype(packet_u16(header + 2));
	else
		ethertype = family_ethertype((uint32_t)header[0] | (uint32_t)header[1] << 8 |
					     (uint32_t)header[2] << 16 | (uint32_t)header[3] << 24);
	return ethertype ? parse_behind(frame, rules, 4, ethertype) : PACKET_ETHERTYPE_OTHER;
}

static enum packet_status parse_ppp(struct capture_frame *frame, const struct packet_rules *rules)
{
	return packet_parse_ppp(frame->data, frame->end, rules, &frame->packet, &frame->extra);
}

static const struct {
	int type;
	capture_link_fn parse;
} links[] = {
	{ DLT_EN10MB, parse_ethernet }, { DLT_LINUX_SLL, parse_sll },
	{ DLT_LINUX_SLL2, parse_sll2 }, { DLT_RAW, parse_raw },
	{ DLT_IPV4, parse_raw_ipv4 },	{ DLT_IPV6, parse_raw_ipv6 },
	{ DLT_NULL, parse_loopback },	{ DLT_LOOP, parse_loopback },
	{ DLT_PPP, parse_ppp },		{ DLT_PPP_SERIAL, parse_ppp },
};

capture_link_fn capture_link_find(int type)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].type == type)
			return links[i].parse;
	return NULL;
}
