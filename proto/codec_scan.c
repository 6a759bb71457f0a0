/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A look at a request's outline, on the wire format itself, before anything is decoded. */
#include <errno.h>

#include "proto/codec_parts.h"

/* Field numbers of flow.proto on the way from a request to the leaves of its filter. */
#define FIELD_REQUEST_QUERY 2
#define FIELD_QUERY_FILTER  5
#define FIELD_EXPR_CHILDREN 2
#define FIELD_EXPR_OPERANDS 4

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct span {
	const uint8_t *at;
	const uint8_t *end;
};

struct scan {
	size_t nodes;
	const struct reason *reason;
};

static int take_varint(struct span *span, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (span->at == span->end)
			return -EBADMSG;
		uint8_t byte = *span->at++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return 0;
	}
	return -EBADMSG;
}

static int skip(struct span *span, uint64_t bytes)
{
	if (bytes > (size_t)(span->end - span->at))
		return -EBADMSG;
	span->at += bytes;
	return 0;
}

/* The next field: its number, and its content where that has a length (else empty). */
static int take_field(struct span *span, uint64_t *number, struct span *content)
{
	uint64_t tag, length;

	if (take_varint(span, &tag))
		return -EBADMSG;
	*number = tag >> 3;
	*content = (struct span){ span->end, span->end };
	switch (tag & 7) {
	case WIRE_VARINT:
		return take_varint(span, &length);
	case WIRE_64:
		return skip(span, 8);
	case WIRE_32:
		return skip(span, 4);
	case WIRE_BYTES:
		if (take_varint(span, &length) || length > (size_t)(span->end - span->at))
			return -EBADMSG;
		*content = (struct span){ span->at, span->at + length };
		return skip(span, length);
	default:
		return -EBADMSG;
	}
}

static int broken(const struct scan *scan)
{
	return reason_set(scan->reason, -EBADMSG, "request: the bytes are no protobuf message");
}

static int count_node(struct scan *scan)
{
	if (++scan->nodes <= FILTER_NODES_MAX)
		return 0;
	return reason_set(scan->reason, -EBADMSG, "request: the filter has more than %d parts",
			  FILTER_NODES_MAX);
}

static int scan_expr(struct scan *scan, struct span span, unsigned depth)
{
	struct span content;
	uint64_t number;

	if (depth > FILTER_DEPTH_MAX)
		return reason_set(scan->reason, -EBADMSG,
				  "request: the filter is nested deeper than %d", FILTER_DEPTH_MAX);
	if (count_node(scan))
		return -EBADMSG;
	while (span.at < span.end) {
		if (take_field(&span, &number, &content))
			return broken(scan);
		if (number == FIELD_EXPR_CHILDREN && scan_expr(scan, content, depth + 1))
			return -EBADMSG;
		if (number == FIELD_EXPR_OPERANDS && count_node(scan))
			return -EBADMSG;
	}
	return 0;
}

static int scan_query(struct scan *scan, struct span span)
{
	struct span content;
	uint64_t number;

	while (span.at < span.end) {
		if (take_field(&span, &number, &content))
			return broken(scan);
		if (number == FIELD_QUERY_FILTER && scan_expr(scan, content, 1))
			return -EBADMSG;
	}
	return 0;
}

int codec_scan_request(const uint8_t *data, size_t size, const struct reason *reason)
{
	struct scan scan = { .reason = reason };
	struct span span = { data, data + size }, content;
	uint64_t number;

	while (span.at < span.end) {
		if (take_field(&span, &number, &content))
			return broken(&scan);
		if (number == FIELD_REQUEST_QUERY && scan_query(&scan, content))
			return -EBADMSG;
	}
	return 0;
}
