/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/packet_rules.h"

#include <errno.h>
#include <string.h>

static const struct packet_udp_rule defaults[] = {
	{ 4789, FLOW_TUNNEL_VXLAN, 0 },	 { 8472, FLOW_TUNNEL_VXLAN, 0 }, /* Linux, flannel */
	{ 6081, FLOW_TUNNEL_GENEVE, 0 }, { 2152, FLOW_TUNNEL_GTP_U, 0 },
	{ 6080, FLOW_TUNNEL_GUE, 0 },	 { 6635, FLOW_TUNNEL_MPLS_IP, 0 },
	{ 4754, FLOW_TUNNEL_GRE, 0 },	 { 3544, FLOW_TUNNEL_TEREDO, 0 },
	{ 4341, FLOW_TUNNEL_LISP, 0 },	 { 4342, FLOW_TUNNEL_LISP, 1 },
	{ 1701, FLOW_TUNNEL_L2TP, 0 },
};

static void ports_add(struct packet_ports *ports, uint16_t port)
{
	ports->bits[port / 8] |= (uint8_t)(1 << port % 8);
	ports->some |= UINT64_C(1) << port % 64;
}

static void rules_mark(struct packet_rules *rules)
{
	rules->udp_ports = rules->dns_ports;
	for (int i = 0; i < PACKET_UDP_TUNNELS && rules->udp[i].port; i++)
		ports_add(&rules->udp_ports, rules->udp[i].port);
}

void packet_rules_none(struct packet_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
}

void packet_rules_default(struct packet_rules *rules)
{
	packet_rules_none(rules);
	rules->tunnels = 1;
	memcpy(rules->udp, defaults, sizeof(defaults));
	rules_mark(rules);
}

int packet_rules_set_ports(struct packet_rules *rules, uint8_t tunnel, const uint16_t *ports,
			   unsigned int count)
{
	struct packet_udp_rule fresh[PACKET_UDP_TUNNELS] = { 0 };
	unsigned int used = 0;

	for (int i = 0; i < PACKET_UDP_TUNNELS && rules->udp[i].port; i++)
		if (rules->udp[i].tunnel != tunnel)
			fresh[used++] = rules->udp[i];
	if (used + count > PACKET_UDP_TUNNELS)
		return -ENOSPC;
	for (unsigned int i = 0; i < used; i++)
		for (unsigned int j = 0; j < count; j++)
			if (fresh[i].port == ports[j])
				return -EEXIST;
	for (unsigned int i = 0; i < count; i++)
		fresh[used++] = (struct packet_udp_rule){ .port = ports[i], .tunnel = tunnel };
	memcpy(rules->udp, fresh, sizeof(fresh));
	rules_mark(rules);
	return 0;
}

void packet_rules_set_dns(struct packet_rules *rules, const uint16_t *ports, unsigned int count)
{
	memset(&rules->dns_ports, 0, sizeof(rules->dns_ports));
	for (unsigned int i = 0; i < count; i++)
		ports_add(&rules->dns_ports, ports[i]);
	rules_mark(rules);
}
