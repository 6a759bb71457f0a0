/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the kernel programs and user space: what a flow key is, what lies in the
 * shared maps, what travels through the ring buffer, and the name of every counter.
 *
 * Only fixed-width types from <linux/types.h>; no pointers, enums, bit-fields or implicit gaps in
 * the structures, and an assertion behind each, so that BPF, gcc and clang agree on every byte.
 * Nothing here runs; it is included by both sides and by the native (offline) build.
 */
#ifndef FLOW_ABI_H
#define FLOW_ABI_H

#include <linux/types.h>

#define FLOW_ABI_ASSERT(cond) _Static_assert(cond, #cond)

/* ---- key ------------------------------------------------------------------------------------ */

/* flow_key.scope: the address family and what sets a flow apart from others of the same tuple; the
 * other bits are kept for a namespace scope. */
#define FLOW_SCOPE_IPV6 0x01
#define FLOW_SCOPE_CARRIER                                                    \
	0x02 /* the outer flow of a tunnel whose inner flow counts the packet \
	      */

/*
 * One direction of one flow. The fields that differ most come first, so that comparing the first
 * eight bytes settles nearly every mismatch. IPv4 addresses are IPv4-mapped (::ffff:a.b.c.d).
 */
struct flow_key {
	__u16 src_port; /* host order; ICMP and ICMPv6: type; 0 where there are no ports */
	__u16 dst_port; /* host order; ICMP and ICMPv6: code */
	__u8 protocol;	/* IP protocol of the upper layer, after IPv6 extension headers */
	__u8 scope;	/* FLOW_SCOPE_* */
	__u16 icmp_id;	/* host order; ICMP queries: identifier; errors: hash of the tuple quoted */
	__u8 src[16];
	__u8 dst[16];
};
FLOW_ABI_ASSERT(sizeof(struct flow_key) == 40);

/* ---- flow table ----------------------------------------------------------------------------- */

#define FLOW_WAYS 8

/*
 * flow_hot.flags: the low nine bits are the TCP header's (FIN 0x001 ... NS 0x100), the rest ours.
 * Both are or-ed over all packets of the entry.
 */
#define FLOW_TCP_FIN	   0x001
#define FLOW_TCP_SYN	   0x002
#define FLOW_TCP_RST	   0x004
#define FLOW_TCP_PSH	   0x008
#define FLOW_TCP_ACK	   0x010
#define FLOW_TCP_URG	   0x020
#define FLOW_TCP_ECE	   0x040
#define FLOW_TCP_CWR	   0x080
#define FLOW_TCP_NS	   0x100
#define FLOW_TCP_MASK	   0x1ff
#define FLOW_FLAG_SAMPLED  0x0200 /* not every packet was counted: flow_cold.sampling */
#define FLOW_FLAG_TUNNEL   0x0400 /* flow_extra.outer is set */
#define FLOW_FLAG_QUOTE	   0x0800 /* flow_extra.quoted is set */
#define FLOW_FLAG_FRAGMENT 0x1000 /* some packets were IP fragments */
#define FLOW_FLAG_L4_SHORT 0x2000 /* some packets ended inside the transport header: ports 0 */
#define FLOW_FLAG_OBSERVED 0x4000 /* the entry was made at a point that observes, not counts */
#define FLOW_FLAG_ORPHAN                                                        \
	0x8000 /* some packets were fragments whose first was not seen: ports 0 \
		*/

/*
 * The part of an entry that every packet touches: one cache line. Counters are cumulative since
 * the entry was made and are never reset by a reader; `packets` and `l2_bytes` may wrap and are
 * read as differences. `packets` is stored last and read first. `generation` is odd while the entry
 * is being replaced and changes by two with each replacement: a reader that sees it change, or odd,
 * has a torn copy and reads again.
 */
struct flow_hot {
	struct flow_key key;
	__u64 bytes;   /* on the wire, layer 2 without FCS; GSO: with the headers of each segment */
	__u32 packets; /* on the wire; GSO: segments */
	__u32 l2_bytes; /* the share of `bytes` outside the IP packet: link headers and padding */
	__u32 last_jiffies; /* low 32 bits of jiffies at the last packet */
	__u16 flags;	    /* FLOW_TCP_*, FLOW_FLAG_* */
	__u16 generation;
};
FLOW_ABI_ASSERT(sizeof(struct flow_hot) == 64);

/* A point on the packet's way: ifindex in the low 28 bits, hook in the high 4. */
#define FLOW_POINTS		  4
#define FLOW_POINT(ifindex, hook) (((__u32)(hook) << 28) | ((ifindex)&0x0fffffffu))
#define FLOW_POINT_IFINDEX(point) ((point)&0x0fffffffu)
#define FLOW_POINT_HOOK(point)	  ((point) >> 28)

/* hook, X(NAME, value, text): where a packet was seen */
#define FLOW_HOOKS(X)            \
	X(NONE, 0, "none")       \
	X(TC_INGRESS, 1, "tc")   \
	X(TC_EGRESS, 2, "tc")    \
	X(XDP_INGRESS, 3, "xdp") \
	X(CAPTURE, 4, "pcap")    \
	X(DROP, 5, "drop")
#define FLOW_HOOK_ENUM(name, value, text) FLOW_HOOK_##name = (value),
enum flow_hook { FLOW_HOOKS(FLOW_HOOK_ENUM) };

/*
 * The part that only insertion, eviction and a first sighting at another point touch.
 *
 * `drained` and `drained_bytes` say what user space has taken of this generation. Each changes
 * hands by itself and atomically: user space stores by compare-and-exchange what it is about to
 * take; the kernel takes both words by an exchange when it replaces the entry, and answers for the
 * rest, by an event or in the ledger. The generation in them keeps one entry's from another's.
 */
#define FLOW_DRAINED(generation, packets) ((__u64)(generation) << 32 | (packets))
#define FLOW_DRAINED_BYTES_MASK		  0xffffffffffffull
#define FLOW_DRAINED_BYTES(generation, bytes) \
	((__u64)(generation) << 48 | ((bytes)&FLOW_DRAINED_BYTES_MASK))
struct flow_cold {
	__u64 first_ns;		   /* CLOCK_MONOTONIC of the first packet */
	__u64 drained;		   /* FLOW_DRAINED() */
	__u64 drained_bytes;	   /* FLOW_DRAINED_BYTES() */
	__u32 points[FLOW_POINTS]; /* FLOW_POINT(); [0] made the entry; 0 ends the list */
	__u8 eth_dst[6];	   /* of the first packet; zeros where the link has no addresses */
	__u8 eth_src[6];
	__u16 vlan[2];	/* VLAN TCI & 0x0fff, outermost first, + FLOW_VLAN_PRESENT */
	__u32 sampling; /* 1 in N; 1 = every packet */
	__u32 pad;
};
FLOW_ABI_ASSERT(sizeof(struct flow_cold) == 64);
#define FLOW_VLAN_PRESENT 0x1000
#define FLOW_VLAN_ID	  0x0fff

/* tunnel, X(NAME, value, json_name): what a packet was wrapped in, outermost */
#define FLOW_TUNNELS(X)           \
	X(NONE, 0, "")            \
	X(VXLAN, 1, "vxlan")      \
	X(GENEVE, 2, "geneve")    \
	X(GRE, 3, "gre")          \
	X(NVGRE, 4, "nvgre")      \
	X(ERSPAN, 5, "erspan")    \
	X(IPIP, 6, "ipip")        \
	X(SIXINFOUR, 7, "6in4")   \
	X(FOURINSIX, 8, "4in6")   \
	X(SIXINSIX, 9, "6in6")    \
	X(GTP_U, 10, "gtp-u")     \
	X(ETHERIP, 11, "etherip") \
	X(MPLS_IP, 12, "mpls")    \
	X(GUE, 13, "gue")         \
	X(TEREDO, 14, "teredo")   \
	X(LISP, 15, "lisp")       \
	X(L2TP, 16, "l2tp")       \
	X(PPTP, 17, "pptp")       \
	X(WCCP, 18, "wccp")       \
	X(NSH, 19, "nsh")         \
	X(VXLAN_GPE, 20, "vxlan-gpe")
#define FLOW_TUNNEL_ENUM(name, value, text) FLOW_TUNNEL_##name = (value),
enum flow_tunnel { FLOW_TUNNELS(FLOW_TUNNEL_ENUM) FLOW_TUNNEL_COUNT };

/* The outermost header around a flow's packets, of the first packet. */
struct flow_outer {
	__u8 src[16]; /* as in struct flow_key */
	__u8 dst[16];
	__u32 id;   /* VXLAN and Geneve VNI, NVGRE VSID, GRE key, GTP-U TEID, ERSPAN session; else 0
		     */
	__u8 type;  /* enum flow_tunnel */
	__u8 scope; /* FLOW_SCOPE_IPV6 */
	__u16 pad;
};
FLOW_ABI_ASSERT(sizeof(struct flow_outer) == 40);

/*
 * The part that only some flows have, as their flags say. Never both `outer` and `quoted`: an ICMP
 * error inside a tunnel tells what it quotes. The certain counts (FLOW_FLAG_SAMPLED) are those
 * among the entry's packets that sampling could not have left out (first of an entry, SYN, FIN,
 * RST): an estimate of all is certain + (counted - certain) * sampling. They may wrap.
 */
struct flow_extra {
	union {
		struct flow_outer outer;
		struct flow_key quoted; /* as its packets would be keyed, direction included */
	};
	__u32 certain_packets;
	__u32 certain_bytes;
};
FLOW_ABI_ASSERT(sizeof(struct flow_extra) == 48);

/* One set. Of the arrays of cold and extra sets, set s of CPU c is element c * sets_per_cpu + s;
 * the hot ones are in struct flow_cpu. */
struct flow_hot_set {
	struct flow_hot way[FLOW_WAYS];
};
struct flow_cold_set {
	struct flow_cold way[FLOW_WAYS];
};
struct flow_extra_set {
	struct flow_extra way[FLOW_WAYS];
};
FLOW_ABI_ASSERT(sizeof(struct flow_hot_set) == 512);
FLOW_ABI_ASSERT(sizeof(struct flow_cold_set) == 512);
FLOW_ABI_ASSERT(sizeof(struct flow_extra_set) == 384);

/*
 * The head of a set, one word: a tag a way (flow_tags.h), which is the kernel's alone, and a bit
 * that every packet sets and user space clears, by an atomic operation, before it reads the set:
 * what to read is known without reading all. sets_per_cpu is a power of two, FLOW_SETS_MIN to
 * FLOW_SETS_MAX.
 */
#define FLOW_HEAD_TOUCHED (1ull << 63)
#define FLOW_SETS_MIN	  32
#define FLOW_SETS_MAX	  (1u << 19) /* the verifier follows offsets of less than 512 MiB */

/* ---- devices -------------------------------------------------------------------------------- */

/*
 * What a device is to the datapath, computed by user space from rtnetlink for every device of the
 * namespace, monitored or not (docs/decisions/ownership.md).
 */
#define FLOW_DEVICE_COUNT_INGRESS 0x01 /* packets that enter here are counted here */
#define FLOW_DEVICE_COUNT_EGRESS  0x02 /* packets made locally that leave here are counted here */
#define FLOW_DEVICE_COVERED	  0x04 /* what enters here has been counted, here or below */
#define FLOW_DEVICE_IN_SCOPE	  0x40 /* it leads to what is looked at, where there is a scope */
#define FLOW_DEVICE_KNOWN	  0x80 /* the slot is in use */
#define FLOW_DEVICE_L3		  0x08 /* no link header: packets start at IP (tun, wireguard, ipip) */
#define FLOW_DEVICE_SAMPLE_FLOWS  0x10 /* `sampling` chooses flows, not packets */
#define FLOW_DEVICE_TUNNEL	  0x20 /* what leaves here leaves once more, in a tunnel */

/* Element ifindex % FLOW_DEVICE_SLOTS of the global `device_slots`; a device whose slot belongs to
 * another one is in the hash `device_extra` (ifindex -> struct flow_device). */
#define FLOW_DEVICE_SLOTS 4096
struct flow_device {
	__u32 ifindex;
	__u16 role;	       /* FLOW_DEVICE_* */
	__u16 sampling;	       /* 1 in N; 0 and 1 = every packet */
} __attribute__((aligned(8))); /* stored and loaded as one word */
FLOW_ABI_ASSERT(sizeof(struct flow_device) == 8);

/* ---- fragments ------------------------------------------------------------------------------ */

/* A datagram in pieces (RFC 791, RFC 8200 4.5), and the ports that its first fragment had. */
struct flow_fragment_id {
	__u8 src[16];
	__u8 dst[16];
	__u32 id;
	__u8 protocol; /* IPv4; 0 for IPv6, where it is not part of the identity */
	__u8 scope;
	__u16 pad;
} __attribute__((aligned(8))); /* the addresses are written as words */
FLOW_ABI_ASSERT(sizeof(struct flow_fragment_id) == 40);
struct flow_fragment {
	__u16 src_port;
	__u16 dst_port;
	__u16 icmp_id;
	__u8 protocol;
	__u8 dns;      /* its ports are DNS's */
	__u32 jiffies; /* when it was seen */
};
FLOW_ABI_ASSERT(sizeof(struct flow_fragment) == 12);
#define FLOW_FRAGMENTS		4096 /* datagrams remembered; the longest unused one is forgotten */
#define FLOW_FRAGMENT_TIMEOUT_S 30   /* as the kernel's ipfrag_time */

/* ---- events --------------------------------------------------------------------------------- */

/* type, X(NAME, value): what travels through the ring buffer. Payloads follow the header. */
#define FLOW_EVENTS(X)            \
	X(FLOW_EVICTED, 1)        \
	X(FLOW_MALFORMED, 2)      \
	X(DNS, 10)                \
	X(DROP, 16)               \
	X(XDP_ERROR, 17)          \
	X(TCP_RETRANSMIT, 18)     \
	X(TCP_RESET_SENT, 19)     \
	X(TCP_RESET_RECEIVED, 20) \
	X(TCP_STATE, 21)          \
	X(TCP_RTT, 22)
#define FLOW_EVENT_ENUM(name, value) FLOW_EVENT_##name = (value),
enum flow_event_type { FLOW_EVENTS(FLOW_EVENT_ENUM) };

struct flow_event {
	__u16 type; /* enum flow_event_type */
	__u16 size; /* of header and payload, bytes */
	__u32 cpu;
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 seq;     /* per CPU, from 1; a gap is a loss */
};
FLOW_ABI_ASSERT(sizeof(struct flow_event) == 24);

/* FLOW_EVENT_FLOW_EVICTED: the whole entry, so that its counts are kept; a struct flow_extra
 * follows where the flags call for it (FLOW_EXTRA_FLAGS). */
#define FLOW_EXTRA_FLAGS (FLOW_FLAG_SAMPLED | FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)
struct flow_evicted {
	struct flow_event event;
	__u32 slot; /* (cpu * sets_per_cpu + set) * FLOW_WAYS + way */
	__u32 pad;
	struct flow_hot hot;
	struct flow_cold cold;
};
FLOW_ABI_ASSERT(sizeof(struct flow_evicted) == 160);
struct flow_evicted_extra {
	struct flow_evicted evicted;
	struct flow_extra extra;
};
FLOW_ABI_ASSERT(sizeof(struct flow_evicted_extra) == 208);

/* FLOW_EVENT_FLOW_MALFORMED: the beginning of a packet that was not understood, or not to its end
 * (FLOW_MALFORMED_STATUSES, FLOW_MALFORMED_NOTES); only while user space asks for it
 * (flow_show_malformed), one a second, CPU and outcome at most. */
#define FLOW_MALFORMED_BYTES 128
struct flow_malformed {
	struct flow_event event;
	__u32 ifindex;
	__u32 length;  /* of the packet */
	__u16 outcome; /* enum packet_status; + PACKET_STATUS_COUNT: enum packet_note */
	__u16 captured;
	__u8 hook; /* enum flow_hook */
	__u8 pad[3];
	__u8 bytes[FLOW_MALFORMED_BYTES];
};
FLOW_ABI_ASSERT(sizeof(struct flow_malformed) == 168);

/*
 * FLOW_EVENT_DNS: what a packet of a DNS port carries, behind the transport header; of a later
 * fragment, behind the IP header. `captured` bytes follow the structure, and room up to event.size:
 * records come in FLOW_DNS_SIZES. A datagram is one event, cut at FLOW_DNS_BYTES; a TCP segment as
 * many as it takes, in order; SYN, FIN and RST are told without bytes too.
 */
#define FLOW_DNS_BYTES	  4096
#define FLOW_DNS_SIZES(X) X(64) X(128) X(256) X(512) X(1024) X(4096)
struct flow_dns_bytes {
	struct flow_event event;
	struct flow_key key;
	__u32 ifindex;
	__u32 length;	   /* of the payload, by the packet's headers; TCP: of this piece */
	__u32 tcp_seq;	   /* of the first byte here */
	__u32 fragment_id; /* of a fragment */
	__u16 captured;	   /* at most `length` */
	__u16 fragment_at; /* as in struct packet; 0: no fragment */
	__u16 flags;	   /* FLOW_TCP_*, of the first piece; FLOW_FLAG_* */
	__u8 hook;	   /* enum flow_hook */
	__u8 pad;
	__u8 eth_src[6];
	__u8 pad2[2];
};
FLOW_ABI_ASSERT(sizeof(struct flow_dns_bytes) == 96);

/* ---- what a packet can turn out to be ----------------------------------------------------------
 */

/*
 * status, X(NAME, json_name, text): the outcome of parsing one packet. OK is a flow; every other
 * outcome is a counter of packets and one of bytes, none is silent. Order is ABI: add at the end.
 */
#define PACKET_STATUSES(X)                                                                 \
	X(OK, "ok", "in a flow record")                                                    \
	X(L2_TRUNCATED, "l2_truncated", "ended inside the link-layer header")              \
	X(VLAN_TRUNCATED, "vlan_truncated", "ended inside a VLAN tag")                     \
	X(VLAN_TOO_DEEP, "vlan_too_deep", "more VLAN tags than are followed")              \
	X(L3_TRUNCATED, "l3_truncated", "ended inside the IP header")                      \
	X(IP_BAD_VERSION, "ip_bad_version", "IP version does not fit the ethertype")       \
	X(IP_BAD_HEADER, "ip_bad_header",                                                  \
	  "IPv4 header length below 20 bytes or beyond the packet")                        \
	X(ARP, "arp", "ARP and RARP")                                                      \
	X(LLDP, "lldp", "link-layer discovery")                                            \
	X(LLC, "llc", "IEEE 802.3 length field: LLC")                                      \
	X(MPLS, "mpls", "MPLS label stack with no IP below")                               \
	X(PPPOE, "pppoe", "PPPoE discovery and PPP control")                               \
	X(ETHERTYPE_OTHER, "ethertype_other", "another ethertype")                         \
	X(STP, "stp", "spanning tree")                                                     \
	X(ISIS, "isis", "IS-IS")                                                           \
	X(SNAP, "snap", "LLC with SNAP: CDP and the like")                                 \
	X(IPX, "ipx", "IPX")                                                               \
	X(LACP, "lacp", "slow protocols: LACP, OAM")                                       \
	X(EAPOL, "eapol", "port authentication (802.1X)")                                  \
	X(PTP, "ptp", "precision time over Ethernet")                                      \
	X(MACSEC, "macsec", "MACsec, encrypted")                                           \
	X(ENCAP_TRUNCATED, "encap_truncated", "ended inside MPLS, PPPoE, LLC or the like") \
	X(ENCAP_TOO_DEEP, "encap_too_deep", "more encapsulations than are followed")
#define PACKET_STATUS_ENUM(name, json_name, text) PACKET_##name,
enum packet_status { PACKET_STATUSES(PACKET_STATUS_ENUM) PACKET_STATUS_COUNT };

/*
 * note, X(NAME, json_name, text): what could not be read of a packet that is in a flow all the
 * same. Counted beside, not instead. Order is ABI.
 */
#define PACKET_NOTES(X)                                                                         \
	X(NONE, "", "")                                                                         \
	X(L4_SHORT, "l4_short", "ended inside the transport header: ports 0")                   \
	X(FRAGMENT_ORPHAN, "fragment_orphan", "fragment whose first was not seen: ports 0")     \
	X(TUNNEL_TRUNCATED, "tunnel_truncated", "ended inside a tunnel: the outer flow")        \
	X(TUNNEL_MALFORMED, "tunnel_malformed", "tunnel header not understood: the outer flow") \
	X(TUNNEL_NOT_IP, "tunnel_not_ip", "tunnel that carries something else: the outer flow") \
	X(TUNNEL_TOO_DEEP, "tunnel_too_deep", "more encapsulations than are followed")          \
	X(EXT_TRUNCATED, "ipv6_ext_truncated",                                                  \
	  "ended inside an IPv6 extension header: protocol 0")                                  \
	X(EXT_MALFORMED, "ipv6_ext_malformed", "IPv6 jumbogram without its option: protocol 0") \
	X(EXT_TOO_DEEP, "ipv6_ext_too_deep",                                                    \
	  "more IPv6 extension headers than are followed: protocol 0")                          \
	X(QUOTE_SHORT, "quote_short", "ICMP error that quotes too little to join it")
#define PACKET_NOTE_ENUM(name, json_name, text) PACKET_NOTE_##name,
enum packet_note { PACKET_NOTES(PACKET_NOTE_ENUM) PACKET_NOTE_COUNT };

/* Of the outcomes, those that are no fact of the network but of a packet or of the parser. */
#define FLOW_MALFORMED_STATUSES                                                                 \
	(1u << PACKET_L2_TRUNCATED | 1u << PACKET_VLAN_TRUNCATED | 1u << PACKET_VLAN_TOO_DEEP | \
	 1u << PACKET_L3_TRUNCATED | 1u << PACKET_IP_BAD_VERSION | 1u << PACKET_IP_BAD_HEADER | \
	 1u << PACKET_ETHERTYPE_OTHER | 1u << PACKET_ENCAP_TRUNCATED |                          \
	 1u << PACKET_ENCAP_TOO_DEEP)
#define FLOW_MALFORMED_NOTES                                                      \
	(1u << PACKET_NOTE_L4_SHORT | 1u << PACKET_NOTE_TUNNEL_TRUNCATED |        \
	 1u << PACKET_NOTE_TUNNEL_MALFORMED | 1u << PACKET_NOTE_TUNNEL_TOO_DEEP | \
	 1u << PACKET_NOTE_EXT_TRUNCATED | 1u << PACKET_NOTE_EXT_MALFORMED |      \
	 1u << PACKET_NOTE_EXT_TOO_DEEP | 1u << PACKET_NOTE_QUOTE_SHORT)
FLOW_ABI_ASSERT(PACKET_STATUS_COUNT <= 32 && PACKET_NOTE_COUNT <= 32);

/* ---- loss ledger -------------------------------------------------------------------------------
 */

/*
 * counter, X(name, text): per CPU, monotonic. The invariant, at rest:
 *   seen_packets = packets in flow records (carriers aside) + sum of status_packets (not OK)
 *                + filtered_packets + sampled_packets + evict_lost_packets
 * Packets in reentered_packets were refused before they were entered in seen_packets; those in
 * out_of_scope_packets were not looked at there, and may be seen at a later point inside the scope.
 */
#define FLOW_COUNTERS(X)                                                                          \
	X(seen_packets, "packets at counting hooks")                                              \
	X(seen_bytes, "bytes at counting hooks, on the wire")                                     \
	X(observed_packets, "packets at hooks that only observe")                                 \
	X(unknown_device_packets, "packets at a hook whose device user space has not classified") \
	X(inserts, "flow table entries made")                                                     \
	X(evictions, "flow table entries replaced while they held undelivered counts")            \
	X(evictions_clean, "flow table entries replaced after delivery")                          \
	X(restarts, "entries closed because a SYN followed FIN or RST")                           \
	X(evict_lost_flows, "evicted entries lost because the ring buffer was full")              \
	X(evict_lost_packets, "packets of those")                                                 \
	X(evict_lost_bytes, "bytes of those")                                                     \
	X(reentered_packets, "packets refused because the CPU's table was in use (PREEMPT_RT)")   \
	X(pulled_packets, "packets whose headers were not linear and were pulled")                \
	X(events, "ring buffer events submitted; also the sequence number")                       \
	X(filtered_packets, "packets that the filter excludes")                                   \
	X(filtered_bytes, "bytes of those")                                                       \
	X(out_of_scope_packets, "packets left alone where they came by outside the scope")        \
	X(out_of_scope_bytes, "bytes of those")                                                   \
	X(sampled_packets, "packets that sampling left out")                                      \
	X(sampled_bytes, "bytes of those")                                                        \
	X(carrier_packets, "packets entered a second time, in the outer flow of their tunnel")    \
	X(carrier_lost_packets,                                                                   \
	  "packets of evicted outer flows lost because the ring buffer was full")                 \
	X(fragments_joined, "fragments whose ports are those of the first one")                   \
	X(fragments_forgotten, "first fragments that could not be remembered")                    \
	X(malformed_suppressed, "packets not understood of which no sample was logged")           \
	X(dns_events, "payloads of DNS ports handed to user space")                               \
	X(dns_cut_events, "those that were longer than what is handed over")                      \
	X(dns_lost_events,                                                                        \
	  "those lost because the ring buffer was full, or XDP cannot read them (before 5.18)")
#define FLOW_COUNTER_FIELD(name, text) __u64 name;
struct flow_ledger {
	FLOW_COUNTERS(FLOW_COUNTER_FIELD)
	__u64 status_packets[PACKET_STATUS_COUNT];
	__u64 status_bytes[PACKET_STATUS_COUNT];
	__u64 note_packets[PACKET_NOTE_COUNT];
	__u64 sampling_state; /* of the choice of packets; not a counter */
	__u64 carried; /* hash of the counted packet that went into a tunnel last; not a counter */
	__u64 busy;    /* guard on PREEMPT_RT; not a counter */
};
FLOW_ABI_ASSERT(sizeof(struct flow_ledger) % 8 == 0);

/* ---- a CPU's own ---------------------------------------------------------------------------- */

/*
 * What a packet touches, behind one look-up: an element of the array `flow_cpus`. Behind the struct
 * lie the heads of the CPU's sets, FLOW_CPU_HEADS bytes from its beginning, and the sets
 * themselves, FLOW_CPU_HOTS(); no line is another CPU's.
 */
#define FLOW_CPU_HEADS 1024
struct flow_cpu {
	struct flow_ledger ledger;
	__u8 scratch[FLOW_CPU_HEADS - sizeof(struct flow_ledger)]; /* the hooks' */
};
FLOW_ABI_ASSERT(sizeof(struct flow_cpu) == FLOW_CPU_HEADS);
#define FLOW_CPU_HOTS(sets)  (FLOW_CPU_HEADS + (sets) * (__u32)sizeof(__u64))
#define FLOW_CPU_BYTES(sets) (FLOW_CPU_HOTS(sets) + (sets) * (__u32)sizeof(struct flow_hot_set))
FLOW_ABI_ASSERT(FLOW_CPU_HOTS(FLOW_SETS_MIN) % 64 == 0);

/* Answer of the program `clock_probe` (BPF_PROG_TEST_RUN): one instant on both kernel clocks. */
struct flow_clock {
	__u64 monotonic_ns;
	__u64 jiffies;
};

#endif
