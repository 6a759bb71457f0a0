/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unpacking: a decoded message, and the records read from it, live in one arena (the owner). */
#include <errno.h>
#include <string.h>

#include "proto/codec_parts.h"

/* What a message may unfold to, in bytes of memory for each byte of message, and at least. */
#define UNFOLD_FACTOR 96
#define UNFOLD_LEAST  ((size_t)1 << 20)

static void *take_memory(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void give_memory(void *arena, void *memory)
{
	arena_recycle(arena, memory);
}

ProtobufCAllocator codec_allocator(struct arena *arena)
{
	return (ProtobufCAllocator){ take_memory, give_memory, arena };
}

static struct arena *open_arena(size_t size)
{
	size_t limit = size > SIZE_MAX / UNFOLD_FACTOR / 2 ? SIZE_MAX / 2 : size * UNFOLD_FACTOR;

	return arena_open(size * 4, limit < UNFOLD_LEAST ? UNFOLD_LEAST : limit);
}

/* Why protobuf-c, or we, did not get through. */
static int refuse(const struct arena *arena, const struct reason *reason)
{
	if (!arena || arena_failure(arena) == -ENOMEM)
		return reason_set(reason, -ENOMEM, "no memory");
	if (arena_failure(arena) == -EMSGSIZE)
		return reason_set(reason, -EBADMSG, "the message unfolds to too much");
	return reason_set(reason, -EBADMSG, "the bytes are no protobuf message of this kind");
}

static const void *unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
			  size_t size, struct arena *arena)
{
	ProtobufCAllocator allocator = codec_allocator(arena);

	return protobuf_c_message_unpack(descriptor, &allocator, size, data);
}

static int check_version(uint32_t version, const struct reason *reason)
{
	if (version == PROTO_VERSION)
		return 0;
	return reason_set(reason, -EPROTONOSUPPORT,
			  "protocol version %u; this side speaks version %d", version,
			  PROTO_VERSION);
}

/* ---- request -------------------------------------------------------------------------------- */

static int read_query(const Flowd__Query *image, struct query *query, const struct reason *reason)
{
	if ((unsigned)image->start > QUERY_FIRST)
		return reason_set(reason, -EBADMSG, "query: start %d is not known", image->start);
	*query = (struct query){ .start = (enum query_start)image->start,
				 .epoch = image->epoch,
				 .position = image->position,
				 .number = image->number,
				 .since_ns = image->since_ns,
				 .until_ns = image->until_ns,
				 .max_records = image->max_records,
				 .wait_ms = image->wait_ms };
	return image->filter ? codec_filter_read(image->filter, &query->filter, reason) : 0;
}

static int read_request(const Flowd__Request *image, struct request *out,
			const struct reason *reason)
{
	int err = check_version(image->version, reason);
	if (err)
		return err;
	switch (image->body_case) {
	case FLOWD__REQUEST__BODY_QUERY:
		out->type = REQUEST_QUERY;
		return read_query(image->query, &out->query, reason);
	case FLOWD__REQUEST__BODY_STATUS:
		out->type = REQUEST_STATUS;
		return 0;
	case FLOWD__REQUEST__BODY_LIST:
		return codec_list_read(image->list, out, reason);
	case FLOWD__REQUEST__BODY_SCOPE:
		return codec_scope_read(image->scope, out, reason);
	case FLOWD__REQUEST__BODY__NOT_SET:
	default:
		return reason_set(reason, -EPROTONOSUPPORT, "request: asks nothing that is known");
	}
}

int codec_unpack_request(const uint8_t *data, size_t size, struct request *out, char *why,
			 size_t why_size)
{
	struct reason reason = { why, why_size };
	int err = codec_scan_request(data, size, &reason);

	if (err)
		return err;
	struct request request = { 0 };
	struct arena *arena = open_arena(size);
	const Flowd__Request *image =
		arena ? unpack(&flowd__request__descriptor, data, size, arena) : NULL;
	err = image ? read_request(image, &request, &reason) : refuse(arena, &reason);
	arena_close(arena);
	if (!err)
		*out = request;
	return err;
}

void request_fini(struct request *request)
{
	if (!request)
		return;
	filter_free(request->query.filter);
	*request = (struct request){ 0 };
}

/* ---- answer and batch ----------------------------------------------------------------------- */

static int read_flows(Flowd__Flow *const *flows, size_t count, struct answer *out,
		      struct arena *arena, const struct reason *reason)
{
	struct flow_record *records = arena_alloc(arena, count * sizeof(*records));

	if (!records)
		return refuse(arena, reason);
	for (size_t i = 0; i < count; i++) {
		int err = codec_flow_read(flows[i], &records[i], arena, reason);
		if (err)
			return err == -ENOMEM ? refuse(arena, reason) : err;
	}
	out->records = records;
	out->record_count = count;
	return 0;
}

static int read_losses(Flowd__Loss *const *images, size_t count, const struct flow_loss **out,
		       struct arena *arena, const struct reason *reason)
{
	struct flow_loss *losses = arena_alloc(arena, count * sizeof(*losses));

	if (!losses)
		return refuse(arena, reason);
	for (size_t i = 0; i < count; i++)
		losses[i] = (struct flow_loss){ .source = images[i]->source,
						.records = images[i]->records,
						.packets = images[i]->packets,
						.bytes = images[i]->bytes,
						.first_ns = images[i]->first_ns,
						.last_ns = images[i]->last_ns,
						.node_name = codec_text(images[i]->node_name) };
	*out = losses;
	return 0;
}

static int read_answer(const Flowd__Answer *image, struct answer *out, struct arena *arena,
		       const struct reason *reason)
{
	out->epoch = image->epoch;
	out->position = image->position;
	out->at_end = image->at_end;
	out->oldest_ns = image->oldest_ns;
	out->node_name = codec_text(image->node_name);
	out->scope = image->scope;
	out->loss_count = image->n_losses;
	int err = read_losses(image->losses, image->n_losses, &out->losses, arena, reason);
	return err ? err : read_flows(image->flows, image->n_flows, out, arena, reason);
}

static int read_batch(const Flowd__Batch *image, struct answer *out, struct arena *arena,
		      const struct reason *reason)
{
	out->epoch = image->epoch;
	out->node_name = codec_text(image->publisher);
	out->loss_count = image->n_losses;
	int err = read_losses(image->losses, image->n_losses, &out->losses, arena, reason);
	return err ? err : read_flows(image->flows, image->n_flows, out, arena, reason);
}

int codec_unpack_batch(const uint8_t *data, size_t size, uint64_t *sequence, struct answer *out,
		       char *why, size_t why_size)
{
	struct reason reason = { why, why_size };
	struct arena *arena = open_arena(size);
	const Flowd__Batch *image =
		arena ? unpack(&flowd__batch__descriptor, data, size, arena) : NULL;
	struct answer answer = { .owner = arena };
	int err = image ? read_batch(image, &answer, arena, &reason) : refuse(arena, &reason);

	if (err) {
		arena_close(arena);
		return err;
	}
	*sequence = image->sequence;
	*out = answer;
	return 0;
}

void answer_fini(struct answer *answer)
{
	if (!answer)
		return;
	arena_close(answer->owner);
	*answer = (struct answer){ 0 };
}

/* ---- status --------------------------------------------------------------------------------- */

static int read_ledger(const Flowd__Status *image, struct status *out, struct arena *arena)
{
	struct counter *ledger = arena_alloc(arena, image->n_ledger * sizeof(*ledger));

	if (!ledger)
		return -ENOMEM;
	for (size_t i = 0; i < image->n_ledger; i++)
		ledger[i] = (struct counter){ image->ledger[i]->name, image->ledger[i]->value,
					      image->ledger[i]->text };
	out->ledger = ledger;
	out->ledger_count = image->n_ledger;
	return 0;
}

static int read_interfaces(const Flowd__Status *image, struct status *out, struct arena *arena)
{
	struct interface_status *list = arena_alloc(arena, image->n_interfaces * sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < image->n_interfaces; i++) {
		const Flowd__InterfaceStatus *interface = image->interfaces[i];
		list[i] = (struct interface_status){ .index = interface->index,
						     .name = interface->name,
						     .mode = interface->mode,
						     .counts_ingress = interface->counts_ingress,
						     .counts_egress = interface->counts_egress,
						     .note = interface->note };
	}
	out->interfaces = list;
	out->interface_count = image->n_interfaces;
	return 0;
}

static void read_status_numbers(const Flowd__Status *image, struct status *out)
{
	out->epoch = image->epoch;
	out->uptime_ns = image->uptime_ns;
	out->num_flows = image->num_flows;
	out->max_flows = image->max_flows;
	out->seen_flows = image->seen_flows;
	out->live_flows = image->live_flows;
	out->max_live_flows = image->max_live_flows;
	out->flows_rate = image->flows_rate;
	out->cpu_percent = image->cpu_percent;
	out->rss_bytes = image->rss_bytes;
	out->oldest_ns = image->oldest_ns;
	out->packets_accounted = image->packets_accounted;
	out->packets_lost = image->packets_lost;
	out->attached_programs_ns = image->attached_programs_ns;
	out->scope = image->scope;
}

static int read_status(const Flowd__Status *image, struct status *out, struct arena *arena,
		       const struct reason *reason)
{
	read_status_numbers(image, out);
	out->version = image->version;
	out->node_name = image->node_name;
	out->loss_count = image->n_losses;
	if (read_ledger(image, out, arena) || read_interfaces(image, out, arena) ||
	    !codec_exporters_read(image, out, arena))
		return refuse(arena, reason);
	return read_losses(image->losses, image->n_losses, &out->losses, arena, reason);
}

/* ---- reply ---------------------------------------------------------------------------------- */

static void read_error(const Flowd__Error *image, struct reply *out)
{
	out->type = REPLY_ERROR;
	out->error = (unsigned)image->code <= ERROR_INTERNAL ? (enum error_code)image->code
							     : ERROR_UNKNOWN;
	out->error_message = image->message;
}

static int read_reply(const Flowd__Reply *image, struct reply *out, struct arena *arena,
		      const struct reason *reason)
{
	int err = check_version(image->version, reason);
	if (err)
		return err;
	switch (image->body_case) {
	case FLOWD__REPLY__BODY_ANSWER:
		out->type = REPLY_ANSWER;
		return read_answer(image->answer, &out->answer, arena, reason);
	case FLOWD__REPLY__BODY_STATUS:
		out->type = REPLY_STATUS;
		return read_status(image->status, &out->status, arena, reason);
	case FLOWD__REPLY__BODY_ERROR:
		read_error(image->error, out);
		return 0;
	case FLOWD__REPLY__BODY_LISTING:
		out->type = REPLY_LISTING;
		err = codec_listing_read(image->listing, &out->listing, arena, reason);
		return err == -ENOMEM ? refuse(arena, reason) : err;
	case FLOWD__REPLY__BODY__NOT_SET:
	default:
		return reason_set(reason, -EPROTONOSUPPORT, "reply: answers nothing that is known");
	}
}

int codec_unpack_reply(const uint8_t *data, size_t size, struct reply *out, char *why,
		       size_t why_size)
{
	struct reason reason = { why, why_size };
	struct arena *arena = open_arena(size);
	const Flowd__Reply *image =
		arena ? unpack(&flowd__reply__descriptor, data, size, arena) : NULL;
	struct reply reply = { .owner = arena };
	int err = image ? read_reply(image, &reply, arena, &reason) : refuse(arena, &reason);

	if (err) {
		arena_close(arena);
		return err;
	}
	*out = reply;
	return 0;
}

void reply_fini(struct reply *reply)
{
	if (!reply)
		return;
	arena_close(reply->owner);
	*reply = (struct reply){ 0 };
}
