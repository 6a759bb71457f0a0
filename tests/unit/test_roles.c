/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every packet has one device that counts it: stacks of devices, and who does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <net/if_arp.h>
#include <string.h>

#include "flowd/kernel/roles.h"

#define DEVICES_MAX 8
#define ELSEWHERE   99 /* as `link`: in another namespace */

/* What is expected of a device. */
#define OUT  (FLOW_DEVICE_KNOWN)		       /* unmonitored, on nothing monitored */
#define OVER (FLOW_DEVICE_KNOWN | FLOW_DEVICE_COVERED) /* observes, or lies over who counts */
#define IN   FLOW_DEVICE_COUNT_INGRESS
#define EG   FLOW_DEVICE_COUNT_EGRESS
#define BOTH (OVER | IN | EG)
#define L3   FLOW_DEVICE_L3
#define TUN  FLOW_DEVICE_TUNNEL

struct device_row {
	const char *kind;
	uint32_t link, master; /* positions in the table, from 1 */
	uint32_t link_type;    /* 0: Ethernet */
	bool monitored, no_egress;
	uint32_t expected;
};

struct role_case {
	const char *name;
	struct device_row devices[DEVICES_MAX]; /* ends with a NULL kind */
};

/* clang-format off */
static const struct role_case cases[] = {
	{ "one card", { { "", 0, 0, 0, true, false, BOTH } } },
	{ "unmonitored card", { { "", 0, 0, 0, false, false, OUT } } },
	{ "loopback", { { "", 0, 0, ARPHRD_LOOPBACK, true, false, OVER | IN } } },
	{ "tun", { { "tun", 0, 0, ARPHRD_NONE, true, false, BOTH | L3 } } },
	{ "unmonitored wireguard", { { "wireguard", 0, 0, ARPHRD_NONE, false, false, OUT | L3 } } },
	{ "bridge over a monitored port", {
		{ "bridge", 0, 0, 0, true, false, OVER },
		{ "veth", 0, 1, 0, true, false, BOTH } } },
	{ "unmonitored bridge over a monitored port", {
		{ "bridge", 0, 0, 0, false, false, OVER },
		{ "veth", 0, 1, 0, true, false, BOTH } } },
	{ "bridge over unmonitored ports counts itself", {
		{ "bridge", 0, 0, 0, true, false, BOTH },
		{ "veth", 0, 1, 0, false, false, OUT } } },
	{ "bridge over one port of each sort", {
		{ "bridge", 0, 0, 0, true, false, OVER },
		{ "veth", 0, 1, 0, false, false, OUT },
		{ "veth", 0, 1, 0, true, false, BOTH } } },
	{ "vlan", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "vlan", 1, 0, 0, true, false, OVER } } },
	{ "vlan alone", {
		{ "", 0, 0, 0, false, false, OUT },
		{ "vlan", 1, 0, 0, true, false, BOTH } } },
	{ "macvlan, ipvlan, macsec", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "macvlan", 1, 0, 0, true, false, OVER },
		{ "ipvlan", 1, 0, 0, true, false, OVER },
		{ "macsec", 1, 0, 0, true, false, OVER } } },
	{ "bridge over vlan over bond over cards, upper ones first", {
		{ "bridge", 0, 0, 0, true, false, OVER },
		{ "vlan", 3, 1, 0, true, false, OVER },
		{ "bond", 0, 0, 0, true, false, OVER },
		{ "", 0, 3, 0, true, false, BOTH },
		{ "", 0, 3, 0, true, false, BOTH } } },
	{ "a stack whose middle is not monitored", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "vlan", 1, 3, 0, false, false, OVER },
		{ "bridge", 0, 0, 0, true, false, OVER } } },
	{ "veth, the peer elsewhere", { { "veth", 0, 0, 0, true, false, BOTH } } },
	{ "veth, both ends here", {
		{ "veth", 2, 0, 0, true, false, OVER | EG },
		{ "veth", 1, 0, 0, true, false, OVER | EG } } },
	{ "veth, both ends here, one monitored", {
		{ "veth", 2, 0, 0, true, false, BOTH },
		{ "veth", 1, 0, 0, false, false, OUT } } },
	{ "veth, both ends here, one without egress", {
		{ "veth", 2, 0, 0, true, false, BOTH },
		{ "veth", 1, 0, 0, true, true, BOTH } } },
	{ "two bridges joined by a veth", {
		{ "bridge", 0, 0, 0, true, false, OVER },
		{ "bridge", 0, 0, 0, true, false, OVER },
		{ "veth", 4, 1, 0, true, false, OVER | EG },
		{ "veth", 3, 2, 0, true, false, OVER | EG },
		{ "veth", 0, 1, 0, true, false, BOTH } } },
	{ "a tunnel bound to a monitored device observes, and so does its bridge", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "vxlan", 1, 4, 0, true, false, OVER | TUN },
		{ "gre", 1, 0, ARPHRD_IPGRE, true, false, OVER | L3 | TUN },
		{ "bridge", 0, 0, 0, true, false, OVER } } },
	{ "a tunnel over a VLAN of a monitored device", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "vlan", 1, 0, 0, false, false, OVER },
		{ "ip6gretap", 2, 0, 0, true, false, OVER | TUN } } },
	{ "a tunnel bound to an unmonitored device counts", {
		{ "", 0, 0, 0, false, false, OUT },
		{ "", 0, 0, 0, true, false, BOTH },
		{ "vxlan", 1, 0, 0, true, false, BOTH | TUN } } },
	{ "tunnels bound to no device lie on the cards", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "geneve", 0, 0, 0, true, false, OVER | TUN },
		{ "ipip", 0, 0, ARPHRD_TUNNEL, true, false, OVER | L3 | TUN },
		{ "sit", 0, 0, ARPHRD_SIT, false, false, OVER | L3 | TUN },
		{ "ip6tnl", 0, 0, ARPHRD_TUNNEL6, true, false, OVER | L3 | TUN } } },
	{ "a pod's veth is no underlay where there is a card", {
		{ "", 0, 0, 0, false, false, OUT },
		{ "veth", ELSEWHERE, 0, 0, true, false, BOTH },
		{ "geneve", 0, 0, 0, true, false, BOTH | TUN } } },
	{ "in a container the underlay is a veth", {
		{ "", 0, 0, ARPHRD_LOOPBACK, false, false, OUT },
		{ "veth", ELSEWHERE, 0, 0, true, false, BOTH },
		{ "gre", 0, 0, ARPHRD_IPGRE, true, false, OVER | L3 | TUN } } },
	{ "tunnels do not carry each other unless bound", {
		{ "geneve", 0, 0, 0, true, false, BOTH | TUN },
		{ "gretap", 0, 0, 0, true, false, BOTH | TUN },
		{ "vxlan", 1, 0, 0, true, false, OVER | TUN } } },
	{ "a tunnel whose underlay is another namespace's counts", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "vxlan", ELSEWHERE, 0, 0, true, false, BOTH | TUN } } },
	{ "what is encrypted counts, and so does what carries it", {
		{ "", 0, 0, 0, true, false, BOTH },
		{ "wireguard", 0, 0, ARPHRD_NONE, true, false, BOTH | L3 },
		{ "tun", 0, 0, ARPHRD_NONE, true, false, BOTH | L3 } } },
	{ "a veth's peer is not below it", {
		{ "veth", 2, 0, 0, false, false, OUT },
		{ "veth", 1, 0, 0, true, false, BOTH } } },
	{ "names of what is not there", {
		{ "vlan", 7, 8, 0, true, false, BOTH } } },
	{ "devices that lie on each other", {
		{ "macvlan", 2, 2, 0, false, false, OUT },
		{ "macvlan", 1, 1, 0, false, false, OUT } } },
};
/* clang-format on */

/* Numbers with gaps, so that an index is not taken for an ifindex. */
static uint32_t number(uint32_t position)
{
	return position ? position * 10 + 3 : 0;
}

static size_t describe(const struct role_case *row, struct role_device *devices)
{
	size_t count = 0;

	for (; count < DEVICES_MAX && row->devices[count].kind; count++) {
		const struct device_row *device = &row->devices[count];

		devices[count] = (struct role_device){
			.ifindex = number((uint32_t)count + 1),
			.kind = device->kind,
			.link = device->link == ELSEWHERE ? 0 : number(device->link),
			.link_elsewhere = device->link == ELSEWHERE,
			.master = number(device->master),
			.link_type = device->link_type ? device->link_type : ARPHRD_ETHER,
			.monitored = device->monitored,
			.egress = device->monitored && !device->no_egress,
		};
	}
	return count;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct role_device devices[DEVICES_MAX];
		uint32_t roles[DEVICES_MAX];
		size_t count = describe(&cases[i], devices);

		roles_compute(devices, count, roles);
		for (size_t j = 0; j < count; j++)
			if (roles[j] != cases[i].devices[j].expected)
				fail_msg("%s: device %zu: role 0x%x, expected 0x%x", cases[i].name,
					 j + 1, roles[j], cases[i].devices[j].expected);
	}
}

static void test_link_types(void **state)
{
	static const uint32_t read[] = { ARPHRD_ETHER,	ARPHRD_LOOPBACK, ARPHRD_NONE,
					 ARPHRD_TUNNEL, ARPHRD_SIT,	 ARPHRD_PPP };
	static const uint32_t not_read[] = { ARPHRD_IEEE80211_RADIOTAP, 280 /* CAN */,
					     ARPHRD_INFINIBAND, 824 /* netlink */ };

	(void)state;
	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		assert_true(roles_link_type_supported(read[i]));
	for (size_t i = 0; i < sizeof(not_read) / sizeof(not_read[0]); i++)
		assert_false(roles_link_type_supported(not_read[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_link_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
