/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/roles.h"

#include <net/if_arp.h>
#include <string.h>

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif
#ifndef ARPHRD_IP6GRE
#define ARPHRD_IP6GRE 823
#endif
#ifndef ARPHRD_NONE
#define ARPHRD_NONE 0xFFFE
#endif

#define ROLES_DEPTH_MAX 8 /* the kernel's MAX_NEST_DEV */

static bool roles_is_l3(uint32_t link_type)
{
	switch (link_type) {
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return true;
	}
	return false;
}

bool roles_link_type_supported(uint32_t link_type)
{
	return link_type == ARPHRD_ETHER || link_type == ARPHRD_LOOPBACK || roles_is_l3(link_type);
}

static bool roles_is_one_of(const char *kind, const char *const *kinds)
{
	for (; *kinds; kinds++)
		if (!strcmp(kind, *kinds))
			return true;
	return false;
}

/* Kinds whose packets are those of the device that `link` names, once more. */
static bool roles_is_upper_kind(const char *kind)
{
	static const char *const kinds[] = { "vlan",   "macvlan", "macvtap", "ipvlan",
					     "ipvtap", "macsec",  "dsa",     NULL };

	return roles_is_one_of(kind, kinds);
}

/* Kinds whose packets travel readable inside those of another device. wireguard and tun are not
 * of them: nobody can tell there which packet carries which. */
static bool roles_is_tunnel(const char *kind)
{
	static const char *const kinds[] = { "vxlan",	  "geneve", "gre",	 "gretap", "ip6gre",
					     "ip6gretap", "erspan", "ip6erspan", "ipip",   "sit",
					     "ip6tnl",	  "gtp",    NULL };

	return roles_is_one_of(kind, kinds);
}

static const struct role_device *roles_find(const struct role_device *devices, size_t count,
					    uint32_t ifindex)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (devices[middle].ifindex == ifindex)
			return &devices[middle];
		if (devices[middle].ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool roles_mark(uint32_t *stacked, bool lies_on_monitored)
{
	if (*stacked || !lies_on_monitored)
		return false;
	*stacked = 1;
	return true;
}

/* Whether a monitored device carries the packets of tunnels that are bound to none: where they
 * leave is a matter of routes, and the cards are what routes end at; where there is no card, as in
 * a container, any Ethernet device may be it. */
static bool roles_underlay_monitored(const struct role_device *devices, size_t count)
{
	bool cards = false, card = false, any = false;

	for (size_t i = 0; i < count; i++) {
		const struct role_device *device = &devices[i];

		if (device->link_type != ARPHRD_ETHER || roles_is_tunnel(device->kind))
			continue;
		any |= device->monitored;
		if (!device->kind[0]) {
			cards = true;
			card |= device->monitored;
		}
	}
	return cards ? card : any;
}

/* Its packets go where routes lead, in this namespace. */
static bool roles_is_routed_tunnel(const struct role_device *device)
{
	return !device->link && !device->link_elsewhere && roles_is_tunnel(device->kind);
}

/* Marks, in `stacked`, what lies directly on a monitored or a marked device. */
static bool roles_mark_storey(const struct role_device *devices, size_t count, bool underlay,
			      uint32_t *stacked)
{
	bool changed = false;

	for (size_t i = 0; i < count; i++) {
		const struct role_device *device = &devices[i], *upper, *lower;

		lower = roles_find(devices, count, device->link);
		if (lower && (roles_is_upper_kind(device->kind) || roles_is_tunnel(device->kind)))
			changed |= roles_mark(&stacked[i],
					      lower->monitored || stacked[lower - devices]);
		if (roles_is_routed_tunnel(device))
			changed |= roles_mark(&stacked[i], underlay);
		upper = roles_find(devices, count, device->master);
		if (upper)
			changed |= roles_mark(&stacked[upper - devices],
					      device->monitored || stacked[i]);
	}
	return changed;
}

/* Both ends of a veth pair are read here: what enters one has left the other. */
static bool roles_pair_monitored(const struct role_device *devices, size_t count,
				 const struct role_device *device)
{
	const struct role_device *peer = roles_find(devices, count, device->link);

	return peer && !strcmp(device->kind, "veth") && !strcmp(peer->kind, "veth") &&
	       peer->link == device->ifindex && device->monitored && device->egress &&
	       peer->monitored && peer->egress;
}

static uint32_t roles_counting(const struct role_device *devices, size_t count,
			       const struct role_device *device)
{
	if (device->link_type == ARPHRD_LOOPBACK)
		return FLOW_DEVICE_COUNT_INGRESS;
	if (roles_pair_monitored(devices, count, device))
		return FLOW_DEVICE_COUNT_EGRESS;
	return FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS;
}

/* `roles` holds whether the device is stacked, until its role takes that place. */
void roles_compute(const struct role_device *devices, size_t count, uint32_t *roles)
{
	bool underlay = roles_underlay_monitored(devices, count);

	memset(roles, 0, count * sizeof(*roles));
	for (int i = 0; i < ROLES_DEPTH_MAX && roles_mark_storey(devices, count, underlay, roles);
	     i++)
		;
	for (size_t i = 0; i < count; i++) {
		const struct role_device *device = &devices[i];
		uint32_t role = FLOW_DEVICE_KNOWN;

		if (device->monitored || roles[i])
			role |= FLOW_DEVICE_COVERED;
		if (device->monitored && !roles[i])
			role |= roles_counting(devices, count, device);
		if (roles_is_l3(device->link_type))
			role |= FLOW_DEVICE_L3;
		if (roles_is_tunnel(device->kind))
			role |= FLOW_DEVICE_TUNNEL;
		roles[i] = role;
	}
}
