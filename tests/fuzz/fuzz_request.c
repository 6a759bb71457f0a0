/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes from the bus, taken as each message that either side reads. What is accepted must survive
 * its own use: a filter judges, prints, packs and reads back as itself; records print as JSON
 * within the bound and pack again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/json.h"
#include "tests/unit/sample_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool held, const char *what)
{
	if (held)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static char *filter_text(const struct filter *filter)
{
	size_t size = (size_t)filter_format(filter, NULL, 0) + 1;
	char *text = malloc(size);

	demand(text && filter_format(filter, text, size) == (int)size - 1, "length of the text");
	return text;
}

/* Same text both ways: the wire and the tree say the same. */
static void use_request(struct request *request)
{
	struct flow_record record = sample_record();
	struct buffer buffer = { 0 };
	struct request again;
	char why[256];

	(void)filter_match(request->query.filter, &record);
	demand(codec_pack_request(request, &buffer) == 0, "packing what was unpacked");
	demand(codec_unpack_request(buffer.data, buffer.size, &again, why, sizeof(why)) == 0,
	       "unpacking what was packed");
	char *before = filter_text(request->query.filter), *after = filter_text(again.query.filter);
	demand(strcmp(before, after) == 0, "a filter that comes back as itself");
	free(before);
	free(after);
	request_fini(&again);
	buffer_fini(&buffer);
}

static void use_answer(const struct answer *answer)
{
	struct buffer buffer = { 0 };
	char line[JSON_LINE_MAX], why[256];
	struct reply again;

	for (size_t i = 0; i < answer->record_count; i++)
		demand(json_format_flow(&answer->records[i], line, sizeof(line)) < JSON_LINE_MAX,
		       "the bound of a line");
	for (size_t i = 0; i < answer->loss_count; i++)
		demand(json_format_loss(&answer->losses[i], line, sizeof(line)) < JSON_LINE_MAX,
		       "the bound of a loss");
	demand(codec_pack_answer(answer, &buffer) == 0, "packing an answer");
	demand(codec_unpack_reply(buffer.data, buffer.size, &again, why, sizeof(why)) == 0,
	       "unpacking an answer");
	demand(again.answer.record_count == answer->record_count, "as many records");
	reply_fini(&again);
	buffer_fini(&buffer);
}

static void use_listing(const struct listing *listing)
{
	struct buffer buffer = { 0 };
	struct reply again;
	char why[256];

	demand(codec_pack_listing(listing, &buffer) == 0, "packing a table");
	demand(codec_unpack_reply(buffer.data, buffer.size, &again, why, sizeof(why)) == 0,
	       "unpacking a table");
	demand(again.listing.row_count == listing->row_count &&
		       again.listing.column_count == listing->column_count,
	       "as many rows and columns");
	for (size_t i = 0; i < listing->row_count * listing->column_count; i++)
		demand(!strcmp(again.listing.cells[i], listing->cells[i]), "the same cells");
	reply_fini(&again);
	buffer_fini(&buffer);
}

/* The filter's other door: what a user types, for every field. */
static void try_operands(const uint8_t *data, size_t size)
{
	struct flow_record record = sample_record();
	char text[256], why[256];
	size_t count, length = size < sizeof(text) ? size : sizeof(text) - 1;
	const struct field *rows = field_rows(&count);

	memcpy(text, data, length);
	text[length] = '\0';
	for (size_t i = 0; i < count; i++) {
		struct filter *filter = NULL;
		if (filter_test(&rows[i], text, &filter, why, sizeof(why)) == 0)
			(void)filter_match(filter, &record);
		filter_free(filter);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request;
	struct reply reply;
	struct answer batch;
	uint64_t sequence;
	char why[256];

	if (codec_unpack_request(data, size, &request, why, sizeof(why)) == 0) {
		use_request(&request);
		request_fini(&request);
	}
	if (codec_unpack_reply(data, size, &reply, why, sizeof(why)) == 0) {
		if (reply.type == REPLY_LISTING)
			use_listing(&reply.listing);
		else
			use_answer(&reply.answer);
		reply_fini(&reply);
	}
	if (codec_unpack_batch(data, size, &sequence, &batch, why, sizeof(why)) == 0) {
		use_answer(&batch);
		answer_fini(&batch);
	}
	if (size)
		try_operands(data, size);
	return 0;
}
