/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/protocol.h"

#include <stddef.h>

/* protocol, X(number, name) */
#define PROTOCOLS(X)      \
	X(0, "HOPOPT")    \
	X(1, "ICMPv4")    \
	X(2, "IGMP")      \
	X(4, "IPIP")      \
	X(6, "TCP")       \
	X(8, "EGP")       \
	X(17, "UDP")      \
	X(33, "DCCP")     \
	X(41, "IPv6")     \
	X(46, "RSVP")     \
	X(47, "GRE")      \
	X(50, "ESP")      \
	X(51, "AH")       \
	X(58, "ICMPv6")   \
	X(59, "NoNxt")    \
	X(88, "EIGRP")    \
	X(89, "OSPF")     \
	X(97, "EtherIP")  \
	X(103, "PIM")     \
	X(108, "IPComp")  \
	X(112, "VRRP")    \
	X(115, "L2TP")    \
	X(124, "IS-IS")   \
	X(132, "SCTP")    \
	X(136, "UDPLite") \
	X(137, "MPLS")    \
	X(143, "Ethernet")

#define PROTOCOL_ROW(number, name)	 { name, number },
#define PROTOCOL_BY_NUMBER(number, name) [number] = name,

const struct field_name protocol_names[] = { PROTOCOLS(PROTOCOL_ROW){ "ICMP", PROTOCOL_ICMP },
					     { "ICMP", PROTOCOL_ICMPV6 },
					     { NULL, 0 } };

static const char *const names_by_number[256] = { PROTOCOLS(PROTOCOL_BY_NUMBER) };

const char *protocol_name(uint8_t protocol)
{
	return names_by_number[protocol];
}

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP ||
	       protocol == PROTOCOL_DCCP || protocol == PROTOCOL_UDPLITE;
}

bool protocol_is_layer4(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP ||
	       protocol_is_icmp(protocol);
}

bool protocol_is_icmp(uint8_t protocol)
{
	return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
}
