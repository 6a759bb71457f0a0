/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What only some records have, between struct flow_record and message Flow. */
#include <errno.h>

#include "proto/address.h"
#include "proto/codec_parts.h"

/* ---- record to message ---------------------------------------------------------------------- */

static Flowd__Tunnel__Protocol tunnel_protocol(uint8_t type)
{
	if (type == FLOW_TUNNEL_VXLAN)
		return FLOWD__TUNNEL__PROTOCOL__VXLAN;
	if (type == FLOW_TUNNEL_GENEVE)
		return FLOWD__TUNNEL__PROTOCOL__GENEVE;
	return FLOWD__TUNNEL__PROTOCOL__UNKNOWN;
}

static void image_tunnel(struct flow_image *image, const struct flow_outer *outer)
{
	flowd__tunnel__init(&image->tunnel);
	codec_ip_image(&image->extra_ip, image->extra_address, outer->src, outer->dst,
		       outer->scope & FLOW_SCOPE_IPV6);
	image->tunnel.protocol = tunnel_protocol(outer->type);
	image->tunnel.ip = &image->extra_ip;
	image->tunnel.vni = outer->id;
	image->flow.tunnel = &image->tunnel;
	image->flow.tunnel_type = outer->type;
}

static void image_quoted(struct flow_image *image, const struct flow_key *key)
{
	flowd__quoted__init(&image->quoted);
	codec_ip_image(&image->extra_ip, image->extra_address, key->src, key->dst,
		       key->scope & FLOW_SCOPE_IPV6);
	image->quoted.ip = &image->extra_ip;
	image->quoted.protocol = key->protocol;
	image->quoted.source_port = key->src_port;
	image->quoted.destination_port = key->dst_port;
	image->quoted.icmp_id = key->icmp_id;
	image->quoted.scope = key->scope & ~FLOW_SCOPE_IPV6;
	image->flow.quoted = &image->quoted;
}

static void image_error(struct flow_image *image, const struct flow_record *record)
{
	const struct flow_icmp_error *error = &record->icmp_error;

	flowd__icmp_error__init(&image->icmp_error);
	address_write(image->reporter, error->reporter, !(record->key.scope & FLOW_SCOPE_IPV6));
	image->icmp_error.packets = error->packets;
	image->icmp_error.type = error->type;
	image->icmp_error.code = error->code;
	image->icmp_error.reporter = image->reporter;
	image->flow.icmp_error = &image->icmp_error;
}

void codec_extra_image(struct flow_image *image, const struct flow_record *record)
{
	if (record->flags & FLOW_FLAG_QUOTE)
		image_quoted(image, &record->quoted);
	else if (record->flags & FLOW_FLAG_TUNNEL)
		image_tunnel(image, &record->outer);
	if (record->icmp_error.packets)
		image_error(image, record);
	if (record->sampling <= 1)
		return;
	image->flow.certain_packets = record->certain_packets;
	image->flow.certain_bytes = record->certain_bytes;
	image->flow.total_certain_packets = record->total_certain_packets;
	image->flow.total_certain_bytes = record->total_certain_bytes;
}

/* ---- message to record ---------------------------------------------------------------------- */

static int read_tunnel(const Flowd__Flow *flow, struct flow_outer *outer,
		       const struct reason *reason)
{
	const Flowd__Tunnel *tunnel = flow->tunnel;
	int version;

	if (!tunnel || flow->tunnel_type == FLOW_TUNNEL_NONE)
		return reason_set(reason, -EBADMSG, "flow: in a tunnel, but not which");
	if (codec_narrow(flow->tunnel_type, FLOW_TUNNEL_COUNT - 1, "tunnel_type", reason) ||
	    codec_ip_read(tunnel->ip, outer->src, outer->dst, &version, reason))
		return -EBADMSG;
	outer->id = tunnel->vni;
	outer->type = (uint8_t)flow->tunnel_type;
	outer->scope = version == 6 ? FLOW_SCOPE_IPV6 : 0;
	return 0;
}

static int read_quoted(const Flowd__Quoted *quoted, struct flow_key *key,
		       const struct reason *reason)
{
	int version;

	if (!quoted)
		return reason_set(reason, -EBADMSG, "flow: quotes a packet, but not which");
	if (codec_ip_read(quoted->ip, key->src, key->dst, &version, reason) ||
	    codec_narrow(quoted->protocol, UINT8_MAX, "quoted protocol", reason) ||
	    codec_narrow(quoted->source_port, UINT16_MAX, "quoted source port", reason) ||
	    codec_narrow(quoted->destination_port, UINT16_MAX, "quoted destination port", reason) ||
	    codec_narrow(quoted->icmp_id, UINT16_MAX, "quoted icmp_id", reason) ||
	    codec_narrow(quoted->scope, UINT8_MAX, "quoted scope", reason))
		return -EBADMSG;
	key->protocol = (uint8_t)quoted->protocol;
	key->src_port = (uint16_t)quoted->source_port;
	key->dst_port = (uint16_t)quoted->destination_port;
	key->icmp_id = (uint16_t)quoted->icmp_id;
	key->scope = (uint8_t)(quoted->scope | (version == 6 ? FLOW_SCOPE_IPV6 : 0));
	return 0;
}

static int read_error(const Flowd__IcmpError *image, struct flow_record *record,
		      const struct reason *reason)
{
	struct flow_icmp_error *error = &record->icmp_error;
	int version;

	if (!image)
		return 0;
	if (codec_narrow(image->type, UINT8_MAX, "ICMP error type", reason) ||
	    codec_narrow(image->code, UINT8_MAX, "ICMP error code", reason))
		return -EBADMSG;
	if (!image->packets || address_parse(image->reporter, error->reporter, &version) ||
	    version != (record->key.scope & FLOW_SCOPE_IPV6 ? 6 : 4))
		return reason_set(reason, -EBADMSG, "flow: ICMP error of no packets or sender");
	error->packets = image->packets;
	error->type = (uint8_t)image->type;
	error->code = (uint8_t)image->code;
	return 0;
}

int codec_extra_read(const Flowd__Flow *flow, struct flow_record *record,
		     const struct reason *reason)
{
	uint16_t which = record->flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE);
	int err = 0;

	if (which == (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE))
		return reason_set(reason, -EBADMSG, "flow: flags of a tunnel and of a quote");
	if (which == FLOW_FLAG_QUOTE)
		err = read_quoted(flow->quoted, &record->quoted, reason);
	else if (which == FLOW_FLAG_TUNNEL)
		err = read_tunnel(flow, &record->outer, reason);
	if (err || read_error(flow->icmp_error, record, reason))
		return -EBADMSG;
	record->certain_packets = flow->certain_packets;
	record->certain_bytes = flow->certain_bytes;
	record->total_certain_packets = flow->total_certain_packets;
	record->total_certain_bytes = flow->total_certain_bytes;
	return 0;
}
