/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One packet at one hook: what the hook found out, and the quantities that follow from it. The
 * struct is passed by pointer, so that what only an insertion needs is computed there.
 */
#ifndef FLOW_SIGHTING_BPF_H
#define FLOW_SIGHTING_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/packet_encap.h"

#define FLOW_INLINE	    static __attribute__((always_inline)) inline
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/*
 * Encapsulation makes a packet forget the device that it entered through, so that it would be
 * counted again where it leaves in its tunnel. But it leaves from within the tunnel device's
 * transmission, on the same CPU: what that device took last is remembered.
 */
enum sighting_carry {
	CARRY_NONE,
	CARRY_UNCOUNTED, /* a tunnel device takes a packet that nobody has counted */
	CARRY_COUNTED,	 /* and one that was counted where it entered */
	CARRY_WRAPPED,	 /* leaves, entered nowhere; in a tunnel, it may be that one */
	CARRY_SAME,	 /* and it is */
};

/* One packet at one hook: what the hook hands to flow_account(). */
struct sighting {
	struct packet packet;
	__u32 status;	/* enum packet_status */
	__u32 length;	/* with the link header and `vlan`'s tag; a GSO packet counts as one here */
	__u32 segments; /* packets on the wire that it stands for, at least 1 */
	__u32 ifindex;
	__u32 eth[3]; /* destination and source link address as in the packet; zeros without */
	__u16 vlan;  /* a tag that the card or the stack took off: id | FLOW_VLAN_PRESENT, else 0 */
	__u8 hook;   /* enum flow_hook */
	__u8 counts; /* this point counts the packet; else it observes */
	__u8 known;  /* user space has classified the device */
	__u8 pulled; /* 1: its headers had to be made linear */
	__u8 carrier;	    /* the outer packet, a second time: not counted in the ledger's sums */
	__u8 made;	    /* the packet made an entry */
	__u8 flow_sampling; /* `sampling` chooses flows, not packets */
	__u16 sampling;	    /* 1 in N is counted; 0 and 1: all */
	__u16 left_out;	    /* sampling has not chosen it: counted only where it makes an entry */
	__u32 filter;	    /* FLOW_FILTER_*, read once: one packet sees one set of rules */
	__u8 excluded;	    /* by the pcap filter, then by the rules */
	__u8 carry;	    /* enum sighting_carry */
	__u8 hashed;	    /* `hash` is known */
	__u8 link;	    /* enum packet_link */
	__u32 hash;	    /* flow_hash() of packet.key */
	__u64 cgroups;	    /* rules that its socket satisfies */
};

/* The link addresses, where the packet has them. */
FLOW_INLINE void sighting_set_link(struct sighting *sighting, const void *data, const void *end,
				   __u32 link)
{
	const __u32 *words = data;

	if (likely(link == PACKET_LINK_ETHERNET && data + 12 <= end)) {
		packet_put(sighting, offsetof(struct sighting, eth),
			   packet_halves(words[0], words[1]));
		sighting->eth[2] = words[2];
	} else {
		sighting->eth[0] = sighting->eth[1] = sighting->eth[2] = 0;
	}
}

/* The bytes at hand into the sighting, by the general parser. Returns 1 when packet_parse_step()
 * has to go on. */
FLOW_INLINE int sighting_parse(struct sighting *sighting, const void *data, const void *end,
			       __u32 link, const struct packet_rules *rules)
{
	sighting_set_link(sighting, data, end, link);
	sighting->status = packet_parse_any(data, end, link, rules, &sighting->packet);
	return sighting->status == PACKET_MORE;
}

/* A plain packet has been read into sighting->packet already. */
FLOW_INLINE void sighting_take_plain(struct sighting *sighting, const void *data, const void *end)
{
	sighting_set_link(sighting, data, end, PACKET_LINK_ETHERNET);
	sighting->status = PACKET_OK;
}

/* What the device's slot says of this point. */
FLOW_INLINE void sighting_set_device(struct sighting *sighting, struct flow_device device,
				     __u32 counting_role)
{
	sighting->counts = !!(device.role & counting_role);
	sighting->known = !!(device.role & FLOW_DEVICE_KNOWN);
	sighting->carrier = 0;
	sighting->made = 0;
	sighting->sampling = device.sampling;
	sighting->flow_sampling = !!(device.role & FLOW_DEVICE_SAMPLE_FLOWS);
	sighting->left_out = 0;
	sighting->carry = CARRY_NONE;
}

/* The outer packet is to be entered, too; what decided for the inner one has decided for both. */
FLOW_INLINE void sighting_set_carrier(struct sighting *sighting)
{
	sighting->status = PACKET_OK;
	sighting->packet.next = PACKET_NEXT_NONE;
	sighting->packet.key.scope |= FLOW_SCOPE_CARRIER;
	sighting->hashed = 0;
	sighting->carrier = 1;
	sighting->filter = 0;
	sighting->counts |= sighting->carry == CARRY_SAME; /* the outer packet is new */
	sighting->carry = CARRY_NONE;
}

/* Bytes on the wire: each further segment of a GSO packet has its own copy of the headers. */
FLOW_INLINE __u32 sighting_bytes(const struct sighting *sighting)
{
	__u32 headers;

	if (likely(sighting->segments == 1))
		return sighting->length;
	headers = sighting->packet.payload_offset + (sighting->vlan ? 4 : 0);
	return sighting->length + (sighting->segments - 1) * headers;
}

/* The share of `bytes` that is not IP. Where the header does not say its length, all behind the
 * link is. */
FLOW_INLINE __u32 sighting_l2_bytes(const struct sighting *sighting, __u32 bytes)
{
	const struct packet *packet = &sighting->packet;

	if (likely(sighting->segments == 1 && packet->l3_bytes - 1 < bytes))
		return bytes - packet->l3_bytes;
	return (packet->l3_offset + (sighting->vlan ? 4 : 0)) * sighting->segments;
}

/* A TCP packet that was counted here, without tunnel or tag. */
FLOW_INLINE int sighting_is_watched(const struct sighting *sighting)
{
	const struct packet *packet = &sighting->packet;

	return sighting->counts && !sighting->excluded && sighting->status == PACKET_OK &&
	       packet->key.protocol == IPPROTO_TCP && packet->l3_offset == ETH_HLEN &&
	       !(packet->flags & FLOW_FLAG_TUNNEL) && packet->fragment == PACKET_WHOLE;
}

FLOW_INLINE __u32 sighting_point(const struct sighting *sighting)
{
	return FLOW_POINT(sighting->ifindex, sighting->hook);
}

/* The tag in the metadata was the outermost. */
FLOW_INLINE void sighting_vlan(const struct sighting *sighting, __u16 vlan[2])
{
	vlan[0] = sighting->vlan ? sighting->vlan : sighting->packet.vlan[0];
	vlan[1] = sighting->vlan ? sighting->packet.vlan[0] : sighting->packet.vlan[1];
}

#endif
