/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parser on any bytes, as Ethernet, as IP, as PPP and behind a named ethertype, and the table
 * of fragments behind it; its own invariants hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-common/packet_encap.h"
#include "flowd/flow/fragments.h"
#include "flowd/flow/packet_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_extra(const struct packet *packet, const struct flow_extra *extra)
{
	int tunnel = packet->flags & FLOW_FLAG_TUNNEL, quote = packet->flags & FLOW_FLAG_QUOTE;

	if (tunnel && quote)
		abort();
	if (tunnel && (packet->layers < 2 || extra->outer.type == FLOW_TUNNEL_NONE ||
		       extra->outer.type >= FLOW_TUNNEL_COUNT))
		abort();
	if (quote && !packet->key.icmp_id)
		abort();
}

/* What holds for every packet that became a flow. */
static void check(struct fragments *fragments, struct packet *packet,
		  const struct flow_extra *extra, enum packet_status status)
{
	if (status >= PACKET_STATUS_COUNT)
		abort();
	if (status != PACKET_OK)
		return;
	fragments_join(fragments, packet, 0);
	check_extra(packet, extra);
	if (packet->note >= PACKET_NOTE_COUNT || !packet->layers)
		abort();
	if (packet->l4_offset < packet->l3_offset + 20 ||
	    packet->payload_offset < packet->l4_offset)
		abort();
	if (!(packet->key.scope & FLOW_SCOPE_IPV6) &&
	    (packet->key.src[10] != 0xff || packet->key.dst[11] != 0xff))
		abort();
}

/* What the short way takes it reads as the general parser does. */
static void check_plain(const uint8_t *data, const uint8_t *end, const struct packet_rules *rules)
{
	struct packet plain, general;

	if (packet_parse_plain(data, end, rules, &plain) &&
	    (packet_parse_any(data, end, PACKET_LINK_ETHERNET, rules, &general) != PACKET_OK ||
	     memcmp(&plain, &general, sizeof(plain))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); /* exact, for the sanitizer */
	const uint8_t *end = copy + size;
	static struct fragments *fragments;
	struct packet_rules rules;
	struct flow_extra extra;
	struct packet packet;

	if (!fragments)
		fragments = fragments_open();
	packet_rules_default(&rules);
	memcpy(copy, data, size);
	for (rules.jumbo = 0; rules.jumbo < 2; rules.jumbo++)
		check(fragments, &packet, &extra,
		      packet_parse(copy, end, PACKET_LINK_ETHERNET, &rules, &packet, &extra));
	check(fragments, &packet, &extra,
	      packet_parse(copy, end, PACKET_LINK_IP, &rules, &packet, &extra));
	check(fragments, &packet, &extra,
	      packet_parse_l3(copy, end, ETH_P_IPV6, &rules, &packet, &extra));
	check(fragments, &packet, &extra,
	      packet_parse_l3(copy, end, ETH_P_8021Q, &rules, &packet, &extra));
	check(fragments, &packet, &extra, packet_parse_ppp(copy, end, &rules, &packet, &extra));
	check_plain(copy, end, &rules);
	free(copy);
	return 0;
}
