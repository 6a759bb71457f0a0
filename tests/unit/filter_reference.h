/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rules of the packet filter mean, one condition after the other; and random rules and
 * packets, made so that they often meet. Seeded: the same each run. */
#ifndef TESTS_UNIT_FILTER_REFERENCE_H
#define TESTS_UNIT_FILTER_REFERENCE_H

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/kernel/filter_rules.h"

struct reference_packet {
	struct flow_key key;
	const char *interface;
	uint64_t cgroups; /* rules whose cgroup it is in */
};

/* ---- meaning -------------------------------------------------------------------------------- */

static inline bool reference_address(const struct filter_condition *condition, bool ipv6,
				     const uint8_t address[16])
{
	if (condition->ipv6 != ipv6)
		return false;
	for (unsigned int bit = 0; bit < condition->bits; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((condition->address[bit / 8] & mask) != (address[bit / 8] & mask))
			return false;
	}
	return true;
}

static inline bool reference_port(const struct filter_condition *condition,
				  const struct flow_key *key, uint16_t port)
{
	return key->protocol != 1 && key->protocol != 58 && port >= condition->low &&
	       port <= condition->high;
}

static inline bool reference_condition(const struct filter_condition *condition,
				       const struct reference_packet *packet)
{
	const struct flow_key *key = &packet->key;
	bool ipv6 = key->scope & FLOW_SCOPE_IPV6;

	switch ((enum filter_key)condition->key) {
	case FILTER_KEY_CIDR:
		return reference_address(condition, ipv6, key->src) ||
		       reference_address(condition, ipv6, key->dst);
	case FILTER_KEY_SOURCE:
		return reference_address(condition, ipv6, key->src);
	case FILTER_KEY_DESTINATION:
		return reference_address(condition, ipv6, key->dst);
	case FILTER_KEY_PORT:
		return reference_port(condition, key, key->src_port) ||
		       reference_port(condition, key, key->dst_port);
	case FILTER_KEY_SOURCE_PORT:
		return reference_port(condition, key, key->src_port);
	case FILTER_KEY_DESTINATION_PORT:
		return reference_port(condition, key, key->dst_port);
	case FILTER_KEY_PROTOCOL:
		return key->protocol == condition->low || key->protocol == condition->high;
	case FILTER_KEY_INTERFACE:
		return !fnmatch(condition->text, packet->interface, 0);
	case FILTER_KEY_CGROUP:
		return packet->cgroups >> condition->rule & 1;
	case FILTER_KEY_COUNT:
		break;
	}
	abort();
}

static inline bool reference_rule(const struct filter_rules *rules, uint32_t rule,
				  const struct reference_packet *packet)
{
	bool asked[FILTER_KEY_COUNT] = { false }, satisfied[FILTER_KEY_COUNT] = { false };

	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (condition->rule != rule)
			continue;
		asked[condition->key] = true;
		satisfied[condition->key] |= reference_condition(condition, packet);
	}
	for (int key = 0; key < FILTER_KEY_COUNT; key++) {
		if (asked[key] && !satisfied[key])
			return false;
	}
	return true;
}

static inline bool reference_verdict(const struct filter_rules *rules,
				     const struct reference_packet *packet)
{
	for (uint32_t rule = 0; rule < rules->count; rule++) {
		if (reference_rule(rules, rule, packet))
			return rules->allow >> rule & 1;
	}
	return !rules->deny_others;
}

/* ---- chance --------------------------------------------------------------------------------- */

static inline uint32_t reference_random(uint32_t below)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

static const char *const reference_interfaces[] = { "eth0", "eth1", "veth7", "wg0" };
#define REFERENCE_INTERFACES (sizeof(reference_interfaces) / sizeof(reference_interfaces[0]))

/* The texts of one set of rules. */
struct reference_texts {
	char text[FILTER_CONDITIONS_MAX][64];
	size_t count;
};

static inline void reference_network(char *text, size_t size)
{
	if (reference_random(3))
		snprintf(text, size, "10.%u.%u.%u/%u", reference_random(3), reference_random(3),
			 reference_random(4), reference_random(33));
	else if (reference_random(6))
		snprintf(text, size, "2001:db8:%x::%x/%u", reference_random(3), reference_random(4),
			 reference_random(129));
	else
		snprintf(text, size, "::/0");
}

static inline void reference_text(enum filter_key key, char *text, size_t size)
{
	static const char *const globs[] = { "eth*", "eth0", "*", "v*7", "wg1" };
	static const char *const protocols[] = { "tcp", "udp", "icmp", "1", "47" };
	uint32_t port = 1 + reference_random(20);

	switch (key) {
	case FILTER_KEY_CIDR:
	case FILTER_KEY_SOURCE:
	case FILTER_KEY_DESTINATION:
		reference_network(text, size);
		break;
	case FILTER_KEY_PORT:
	case FILTER_KEY_SOURCE_PORT:
	case FILTER_KEY_DESTINATION_PORT:
		if (reference_random(2))
			snprintf(text, size, "%u", port);
		else
			snprintf(text, size, "%u-%u", port,
				 reference_random(8) ? port + reference_random(9) : 65535);
		break;
	case FILTER_KEY_PROTOCOL:
		snprintf(text, size, "%s", protocols[reference_random(5)]);
		break;
	case FILTER_KEY_INTERFACE:
		snprintf(text, size, "%s", globs[reference_random(5)]);
		break;
	case FILTER_KEY_CGROUP:
		snprintf(text, size, "/a%u", reference_random(3));
		break;
	case FILTER_KEY_COUNT:
		break;
	}
}

/* Keys that exclude each other are drawn too and refused: the rule goes without. */
static inline void reference_rules(struct filter_rules *rules, struct reference_texts *texts,
				   uint32_t count, bool cgroups)
{
	char why[256];

	memset(rules, 0, sizeof(*rules));
	texts->count = 0;
	rules->deny_others = reference_random(2);
	while (rules->count < count) {
		int rule = filter_rules_add(rules, reference_random(2));

		for (uint32_t i = reference_random(5); i && texts->count < FILTER_CONDITIONS_MAX;
		     i--) {
			enum filter_key key =
				reference_random(cgroups ? FILTER_KEY_COUNT : FILTER_KEY_CGROUP);
			char *text = texts->text[texts->count];

			reference_text(key, text, sizeof(texts->text[0]));
			if (!filter_rules_condition(rules, (uint32_t)rule, key, text, why,
						    sizeof(why)))
				texts->count++;
		}
	}
}

static inline void reference_address_random(uint8_t address[16], bool ipv6)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, [12] = 10 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	memcpy(address, ipv6 ? v6 : v4, 16);
	if (!reference_random(10))
		address[ipv6 ? 0 : 12] = (uint8_t)reference_random(256);
	address[ipv6 ? 5 : 13] = (uint8_t)reference_random(3);
	address[14] = ipv6 ? 0 : (uint8_t)reference_random(3);
	address[15] = (uint8_t)reference_random(4);
}

static inline void reference_packet_random(struct reference_packet *packet)
{
	static const uint8_t protocols[] = { 1, 6, 17, 47, 58 };
	bool ipv6 = !reference_random(3);

	memset(packet, 0, sizeof(*packet));
	packet->key.scope = ipv6 ? FLOW_SCOPE_IPV6 : 0;
	packet->key.protocol = protocols[reference_random(sizeof(protocols))];
	reference_address_random(packet->key.src, ipv6);
	reference_address_random(packet->key.dst, ipv6);
	packet->key.src_port = (uint16_t)reference_random(reference_random(4) ? 32 : 65536);
	packet->key.dst_port = (uint16_t)reference_random(reference_random(4) ? 32 : 65536);
	packet->interface = reference_interfaces[reference_random(REFERENCE_INTERFACES)];
}

#endif
