/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packing. Flows are many, so they are appended to their message one by one from a single image on
 * the stack; protobuf allows a repeated field to stand anywhere and in pieces. The lengths in front
 * are written afterwards, in five bytes: a varint may be padded.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/codec_parts.h"

/* Field numbers of flow.proto. */
#define FIELD_REPLY_ANSWER 2
#define FIELD_ANSWER_FLOWS 3
#define FIELD_BATCH_FLOWS  4

#define LENGTH_PADDED 5
#define VARINT_MAX    10
#define TAG(number)   ((uint8_t)((number) << 3 | 2))

int reason_set(const struct reason *reason, int err, const char *format, ...)
{
	va_list args;

	if (!reason->size)
		return err;
	va_start(args, format);
	vsnprintf(reason->text, reason->size, format, args);
	va_end(args);
	return err;
}

int codec_pack_message(const ProtobufCMessage *message, struct buffer *out)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	if (buffer_reserve(out, size))
		return -ENOMEM;
	out->size += protobuf_c_message_pack(message, out->data + out->size);
	return 0;
}

static size_t put_varint(uint8_t *at, uint64_t value)
{
	size_t used = 0;

	for (; value >= 0x80; value >>= 7)
		at[used++] = (uint8_t)(value | 0x80);
	at[used++] = (uint8_t)value;
	return used;
}

static int pack_flow(const struct flow_record *record, uint8_t tag, struct buffer *out)
{
	struct flow_image image;

	codec_flow_image(&image, record);
	size_t size = protobuf_c_message_get_packed_size(&image.flow.base);
	if (buffer_reserve(out, 1 + VARINT_MAX + size))
		return -ENOMEM;
	out->data[out->size++] = tag;
	out->size += put_varint(out->data + out->size, size);
	out->size += protobuf_c_message_pack(&image.flow.base, out->data + out->size);
	return 0;
}

static int pack_flows(const struct answer *answer, uint8_t tag, struct buffer *out)
{
	for (size_t i = 0; i < answer->record_count; i++)
		if (pack_flow(&answer->records[i], tag, out))
			return -ENOMEM;
	return 0;
}

static void image_loss(Flowd__Loss *image, const struct flow_loss *loss)
{
	flowd__loss__init(image);
	image->source = codec_string(loss->source);
	image->records = loss->records;
	image->packets = loss->packets;
	image->bytes = loss->bytes;
	image->first_ns = loss->first_ns;
	image->last_ns = loss->last_ns;
	image->node_name = codec_string(loss->node_name);
}

void *codec_image_array(struct arena *arena, size_t count, size_t size)
{
	void **list = arena_alloc(arena, count * (sizeof(void *) + size));

	for (size_t i = 0; list && i < count; i++)
		list[i] = (char *)(list + count) + i * size;
	return list;
}

static Flowd__Loss **image_losses(const struct flow_loss *losses, size_t count, struct arena *arena)
{
	Flowd__Loss **list = codec_image_array(arena, count, sizeof(**list));

	for (size_t i = 0; list && i < count; i++)
		image_loss(list[i], &losses[i]);
	return list;
}

/* The answer without its flows. */
static int pack_answer_head(const struct answer *answer, struct arena *arena, struct buffer *out)
{
	Flowd__Answer image;

	flowd__answer__init(&image);
	image.epoch = answer->epoch;
	image.position = answer->position;
	image.n_losses = answer->loss_count;
	image.losses = image_losses(answer->losses, answer->loss_count, arena);
	image.at_end = answer->at_end;
	image.oldest_ns = answer->oldest_ns;
	image.node_name = codec_string(answer->node_name);
	image.scope = answer->scope;
	return image.losses ? codec_pack_message(&image.base, out) : -ENOMEM;
}

static int pack_batch_head(uint64_t sequence, const struct answer *batch, struct arena *arena,
			   struct buffer *out)
{
	Flowd__Batch image;

	flowd__batch__init(&image);
	image.publisher = codec_string(batch->node_name);
	image.epoch = batch->epoch;
	image.sequence = sequence;
	image.n_losses = batch->loss_count;
	if (arena)
		image.losses = image_losses(batch->losses, batch->loss_count, arena);
	return image.losses || !batch->loss_count ? codec_pack_message(&image.base, out) : -ENOMEM;
}

static int pack_reply_version(struct buffer *out)
{
	Flowd__Reply image;

	flowd__reply__init(&image);
	image.version = PROTO_VERSION;
	return codec_pack_message(&image.base, out);
}

/* Leaves room for a length; its place is returned in *at. */
static int open_length(struct buffer *out, uint8_t tag, size_t *at)
{
	if (buffer_reserve(out, 1 + LENGTH_PADDED))
		return -ENOMEM;
	out->data[out->size] = tag;
	*at = out->size + 1;
	out->size += 1 + LENGTH_PADDED;
	return 0;
}

static int close_length(struct buffer *out, size_t at)
{
	uint64_t length = out->size - at - LENGTH_PADDED;

	if (length > UINT32_MAX)
		return -ENOMEM;
	for (int i = 0; i < LENGTH_PADDED; i++, length >>= 7)
		out->data[at + (size_t)i] =
			(uint8_t)((length & 0x7f) | (i < LENGTH_PADDED - 1 ? 0x80 : 0));
	return 0;
}

struct arena *codec_pack_arena(void)
{
	return arena_open(4096, SIZE_MAX / 4);
}

int codec_pack_answer(const struct answer *answer, struct buffer *out)
{
	size_t start = out->size, length_at = 0;
	struct arena *arena = codec_pack_arena();
	int err = arena ? pack_reply_version(out) : -ENOMEM;

	if (!err)
		err = open_length(out, TAG(FIELD_REPLY_ANSWER), &length_at);
	if (!err)
		err = pack_answer_head(answer, arena, out);
	if (!err)
		err = pack_flows(answer, TAG(FIELD_ANSWER_FLOWS), out);
	if (!err)
		err = close_length(out, length_at);
	arena_close(arena);
	if (err)
		out->size = start;
	return err;
}

int codec_pack_batch(uint64_t sequence, const struct answer *batch, struct buffer *out)
{
	size_t start = out->size;
	/* exporters pack records one by one: none for what has no losses */
	struct arena *arena = batch->loss_count ? codec_pack_arena() : NULL;
	int err = pack_batch_head(sequence, batch, arena, out);

	if (!err)
		err = pack_flows(batch, TAG(FIELD_BATCH_FLOWS), out);
	arena_close(arena);
	if (err)
		out->size = start;
	return err;
}

static int image_query(Flowd__Query *image, const struct query *query, struct arena *arena)
{
	flowd__query__init(image);
	image->start = (Flowd__Query__Start)query->start;
	image->epoch = query->epoch;
	image->position = query->position;
	image->number = query->number;
	image->since_ns = query->since_ns;
	image->until_ns = query->until_ns;
	image->max_records = query->max_records;
	image->wait_ms = query->wait_ms;
	if (query->filter)
		image->filter = codec_filter_image(query->filter, arena);
	return query->filter && !image->filter ? -ENOMEM : 0;
}

int codec_pack_request(const struct request *request, struct buffer *out)
{
	Flowd__Request image;
	Flowd__Query query;
	Flowd__StatusQuery status;
	Flowd__ListQuery list;
	Flowd__ScopeQuery scope;
	struct arena *arena = codec_pack_arena();
	int err = arena ? 0 : -ENOMEM;

	flowd__request__init(&image);
	flowd__status_query__init(&status);
	image.version = PROTO_VERSION;
	switch (request->type) {
	case REQUEST_QUERY:
		image.body_case = FLOWD__REQUEST__BODY_QUERY;
		image.query = &query;
		err = err ? err : image_query(&query, &request->query, arena);
		break;
	case REQUEST_STATUS:
		image.body_case = FLOWD__REQUEST__BODY_STATUS;
		image.status = &status;
		break;
	case REQUEST_LIST:
		image.body_case = FLOWD__REQUEST__BODY_LIST;
		image.list = &list;
		codec_list_image(&list, request);
		break;
	case REQUEST_SCOPE:
		image.body_case = FLOWD__REQUEST__BODY_SCOPE;
		image.scope = &scope;
		codec_scope_image(&scope, request);
		break;
	}
	if (!err)
		err = codec_pack_message(&image.base, out);
	arena_close(arena);
	return err;
}

static Flowd__Counter **image_ledger(const struct status *status, struct arena *arena)
{
	Flowd__Counter **list = codec_image_array(arena, status->ledger_count, sizeof(**list));

	for (size_t i = 0; list && i < status->ledger_count; i++) {
		flowd__counter__init(list[i]);
		list[i]->name = codec_string(status->ledger[i].name);
		list[i]->value = status->ledger[i].value;
		list[i]->text = codec_string(status->ledger[i].text);
	}
	return list;
}

static Flowd__InterfaceStatus **image_interfaces(const struct status *status, struct arena *arena)
{
	Flowd__InterfaceStatus **list =
		codec_image_array(arena, status->interface_count, sizeof(**list));

	for (size_t i = 0; list && i < status->interface_count; i++) {
		const struct interface_status *interface = &status->interfaces[i];
		flowd__interface_status__init(list[i]);
		list[i]->index = interface->index;
		list[i]->name = codec_string(interface->name);
		list[i]->mode = codec_string(interface->mode);
		list[i]->counts_ingress = interface->counts_ingress;
		list[i]->counts_egress = interface->counts_egress;
		list[i]->note = codec_string(interface->note);
	}
	return list;
}

static void image_status_numbers(Flowd__Status *image, const struct status *status)
{
	image->epoch = status->epoch;
	image->uptime_ns = status->uptime_ns;
	image->num_flows = status->num_flows;
	image->max_flows = status->max_flows;
	image->seen_flows = status->seen_flows;
	image->live_flows = status->live_flows;
	image->max_live_flows = status->max_live_flows;
	image->flows_rate = status->flows_rate;
	image->cpu_percent = status->cpu_percent;
	image->rss_bytes = status->rss_bytes;
	image->oldest_ns = status->oldest_ns;
	image->packets_accounted = status->packets_accounted;
	image->packets_lost = status->packets_lost;
	image->attached_programs_ns = status->attached_programs_ns;
	image->scope = (uint32_t)status->scope;
}

static int image_status(Flowd__Status *image, const struct status *status, struct arena *arena)
{
	flowd__status__init(image);
	image_status_numbers(image, status);
	image->version = codec_string(status->version);
	image->node_name = codec_string(status->node_name);
	image->n_ledger = status->ledger_count;
	image->ledger = image_ledger(status, arena);
	image->n_interfaces = status->interface_count;
	image->interfaces = image_interfaces(status, arena);
	image->n_losses = status->loss_count;
	image->losses = image_losses(status->losses, status->loss_count, arena);
	image->n_exporters = status->exporter_count;
	image->exporters = codec_exporters_image(status, arena);
	return image->ledger && image->interfaces && image->losses && image->exporters ? 0
										       : -ENOMEM;
}

int codec_pack_status(const struct status *status, struct buffer *out)
{
	Flowd__Status image;
	Flowd__Reply reply;
	struct arena *arena = codec_pack_arena();
	int err = arena ? image_status(&image, status, arena) : -ENOMEM;

	flowd__reply__init(&reply);
	reply.version = PROTO_VERSION;
	reply.body_case = FLOWD__REPLY__BODY_STATUS;
	reply.status = &image;
	if (!err)
		err = codec_pack_message(&reply.base, out);
	arena_close(arena);
	return err;
}

int codec_pack_error(enum error_code code, const char *message, struct buffer *out)
{
	Flowd__Error image;
	Flowd__Reply reply;

	flowd__error__init(&image);
	image.code = (Flowd__Error__Code)code;
	image.message = codec_string(message);
	flowd__reply__init(&reply);
	reply.version = PROTO_VERSION;
	reply.body_case = FLOWD__REPLY__BODY_ERROR;
	reply.error = &image;
	return codec_pack_message(&reply.base, out);
}
