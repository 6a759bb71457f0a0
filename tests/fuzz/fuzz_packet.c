/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parser on any bytes, as Ethernet, as IP and behind a named ethertype; its own invariants
 * hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-common/packet_encap.h"
#include "flowd/flow/packet_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What holds for every packet that became a flow. */
static void check(const struct packet *packet, enum packet_status status)
{
	if (status >= PACKET_STATUS_COUNT)
		abort();
	if (status != PACKET_OK)
		return;
	if (packet->l4_offset < packet->l3_offset + 20 ||
	    packet->payload_offset < packet->l4_offset)
		abort();
	if (!(packet->key.scope & FLOW_SCOPE_IPV6) &&
	    (packet->key.src[10] != 0xff || packet->key.dst[11] != 0xff))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); /* exact, for the sanitizer */
	struct packet_rules rules;
	struct flow_extra extra;
	struct packet packet;

	packet_rules_default(&rules);
	memcpy(copy, data, size);
	check(&packet,
	      packet_parse(copy, copy + size, PACKET_LINK_ETHERNET, &rules, &packet, &extra));
	check(&packet, packet_parse(copy, copy + size, PACKET_LINK_IP, &rules, &packet, &extra));
	check(&packet, packet_parse_l3(copy, copy + size, ETH_P_IPV6, &rules, &packet, &extra));
	check(&packet, packet_parse_l3(copy, copy + size, ETH_P_8021Q, &rules, &packet, &extra));
	free(copy);
	return 0;
}
