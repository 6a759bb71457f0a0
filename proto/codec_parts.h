/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the codec share; generated types are seen nowhere else. */
#ifndef PROTO_CODEC_PARTS_H
#define PROTO_CODEC_PARTS_H

#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/dns_words.h"
#include "proto/flow.pb-c.h"

/* Where a sentence about bad input goes. */
struct reason {
	char *text;
	size_t size;
};
/* Writes the sentence, returns `err`. */
__attribute__((format(printf, 3, 4))) int reason_set(const struct reason *reason, int err,
						     const char *format, ...);

/* One end of a record, likewise. */
struct end_image {
	Flowd__Endpoint endpoint;
	Flowd__Workload workload;
	Flowd__Workload *workloads[1];
	Flowd__Service service;
	char *labels[ENDPOINT_LABELS_MAX];
	char workload_kind[ENDPOINT_TEXT_MAX + 1];
	char service_namespace[ENDPOINT_TEXT_MAX + 1];
	char xlated[64];
};

/* A DNS message and the names of a flow's ends, as parts of the image. */
struct dns_image {
	Flowd__Layer7 l7;
	Flowd__DNS dns;
	Flowd__DnsFacts facts;
	char ip[FLOW_DNS_IPS][46];
	char type[FLOW_DNS_QTYPES + FLOW_DNS_RRTYPES][DNS_TYPE_TEXT_MAX];
	char *ips[FLOW_DNS_IPS], *types[FLOW_DNS_QTYPES + FLOW_DNS_RRTYPES];
	char *cnames[FLOW_DNS_CNAMES];
	char server[46];
	char *names[2][FLOW_NAMES_MAX];
};

/* A record as generated messages that point at each other; stays where it is while packed. */
struct flow_image {
	Flowd__Flow flow;
	Flowd__Timestamp time;
	Flowd__Ethernet ethernet;
	Flowd__IP ip;
	Flowd__Layer4 l4;
	union {
		Flowd__TCP tcp;
		Flowd__UDP udp;
		Flowd__SCTP sctp;
		Flowd__ICMPv4 icmpv4;
		Flowd__ICMPv6 icmpv6;
	};
	Flowd__TCPFlags tcp_flags;
	Flowd__EventType event_type;
	Flowd__BoolValue is_reply;
	Flowd__NetworkInterface interface;
	Flowd__Point points[FLOW_POINTS];
	Flowd__Point *point_list[FLOW_POINTS];
	uint32_t vlan[2];
	char mac[2][18];
	char address[2][46];
	Flowd__Tunnel tunnel;
	Flowd__Quoted quoted;
	Flowd__IP extra_ip; /* of `tunnel` or `quoted` */
	char extra_address[2][46];
	Flowd__IcmpError icmp_error;
	char reporter[46];
	Flowd__Drop drops[FLOW_DROP_REASONS];
	Flowd__Drop *drop_list[FLOW_DROP_REASONS];
	Flowd__TcpFacts tcp_facts;
	uint32_t retransmits_of[TRACE_RETRANSMIT_COUNT];
	Flowd__Incident incident;
	struct end_image ends[2];
	char source_xlated[46];
	struct dns_image dns;
};
void codec_flow_image(struct flow_image *image, const struct flow_record *record);
/* Strings of the record point into `flow`, the rest of it that is borrowed into the arena. 0,
 * -EBADMSG or -ENOMEM (arena_failure() tells why). */
int codec_flow_read(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
		    const struct reason *reason);

/* codec_dns.c: the DNS message and the names, where the record has them. */
void codec_dns_image(struct flow_image *image, const struct flow_record *record);
int codec_dns_read(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
		   const struct reason *reason);

/* codec_extra.c: tunnel, quoted packet, ICMP errors, sampling; each where the record has it. */
void codec_extra_image(struct flow_image *image, const struct flow_record *record);
/* Address, flags and protocol of `record` are read already. 0 or -EBADMSG. */
int codec_extra_read(const Flowd__Flow *flow, struct flow_record *record,
		     const struct reason *reason);

/* codec_trouble.c: drops, TCP facts, where an event happened. */
void codec_trouble_image(struct flow_image *image, const struct flow_record *record);
/* 0 or -EBADMSG. */
int codec_trouble_read(const Flowd__Flow *flow, struct flow_record *record,
		       const struct reason *reason);
/* codec_identity.c: who the ends are. 0 or -EBADMSG. */
void codec_identity_image(struct flow_image *image, const struct flow_record *record);
int codec_identity_read(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
			const struct reason *reason);

/* codec_flow.c. A number that must fit its place: 0 or -EBADMSG. */
int codec_narrow(uint64_t value, uint64_t max, const char *name, const struct reason *reason);
void codec_ip_image(Flowd__IP *ip, char text[2][46], const uint8_t src[16], const uint8_t dst[16],
		    bool ipv6);
/* *version is 4 or 6. 0 or -EBADMSG. */
int codec_ip_read(const Flowd__IP *ip, uint8_t src[16], uint8_t dst[16], int *version,
		  const struct reason *reason);

/* codec_status.c. NULL, or false: no memory. */
Flowd__ExporterStatus **codec_exporters_image(const struct status *status, struct arena *arena);
bool codec_exporters_read(const Flowd__Status *image, struct status *out, struct arena *arena);
/* codec_list.c: what is no query for flows. The images of the requests borrow from them. */
void codec_list_image(Flowd__ListQuery *image, const struct request *request);
int codec_list_read(const Flowd__ListQuery *image, struct request *out,
		    const struct reason *reason);
void codec_scope_image(Flowd__ScopeQuery *image, const struct request *request);
int codec_scope_read(const Flowd__ScopeQuery *image, struct request *out,
		     const struct reason *reason);
int codec_listing_read(const Flowd__Listing *image, struct listing *out, struct arena *arena,
		       const struct reason *reason);
int codec_pack_message(const ProtobufCMessage *message, struct buffer *out);
struct arena *codec_pack_arena(void);

/* An array of pointers to `count` elements of `size` bytes behind it; NULL = no memory. */
void *codec_image_array(struct arena *arena, size_t count, size_t size);

/* NULL = no memory; the result borrows from the filter. */
Flowd__Expr *codec_filter_image(const struct filter *filter, struct arena *arena);
/* 0, -ENOMEM, -EBADMSG or -EINVAL. */
int codec_filter_read(const Flowd__Expr *expr, struct filter **out, const struct reason *reason);

/*
 * Before a request is decoded: its filter is no deeper and no larger than allowed. protobuf-c
 * decodes nested messages by recursion without a bound, so this stands between it and the stack.
 * 0 or -EBADMSG.
 */
int codec_scan_request(const uint8_t *data, size_t size, const struct reason *reason);

/* An allocator for protobuf-c over the arena. */
ProtobufCAllocator codec_allocator(struct arena *arena);

/* proto3 has no null strings. */
static inline char *codec_string(const char *text)
{
	return text ? (char *)(uintptr_t)text : (char *)(uintptr_t)protobuf_c_empty_string;
}

static inline const char *codec_text(const char *text)
{
	return text && *text ? text : NULL;
}

#endif
