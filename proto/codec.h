/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records and messages between memory and the wire (protobuf, flow.proto). The daemon packs, the
 * CLI unpacks; both see struct flow_record only, never generated types. Nothing here does I/O or
 * logs. A function that unpacks returns -EBADMSG for bytes that are no such message and fills
 * `why`.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/filter.h"
#include "proto/flow_record.h"
#include "proto/listing.h"

#define PROTO_VERSION	  1
#define PROTO_REQUEST_MAX (256 * 1024) /* bytes of a request; the service refuses more */

enum query_start { QUERY_AFTER_POSITION, QUERY_OLDEST, QUERY_NOW, QUERY_LAST, QUERY_FIRST };

struct query {
	enum query_start start;
	uint64_t epoch;
	uint64_t position;
	uint64_t number;
	struct filter *filter; /* owned; NULL = everything */
	uint64_t since_ns;
	uint64_t until_ns;
	uint32_t max_records;
	uint32_t wait_ms;
};

struct answer {
	uint64_t epoch;
	uint64_t position; /* opaque: for the next query; a record's own position is valid there too
			    */
	const struct flow_record *records;
	size_t record_count;
	const struct flow_loss *losses;
	size_t loss_count;
	bool at_end;
	uint64_t oldest_ns;
	const char *node_name;
	uint32_t scope; /* entries of the scope that is active; 0: everything is looked at */
	void *owner;	/* the decoded message that strings point into; NULL when packing */
};

struct counter {
	const char *name;
	uint64_t value;
	const char *text;
};

struct interface_status {
	uint32_t index;
	const char *name;
	const char *mode;
	bool counts_ingress;
	bool counts_egress;
	const char *note;
};

/* Counts are records since the start; `spooled` and `waiting` are those of now. */
struct exporter_status {
	const char *name, *kind;
	uint64_t received, sent, acknowledged, retried, spooled, spooled_bytes, lost, waiting,
		failures;
	bool failing;
	const char *why;
};

/* Of a kernel program; in memory only. */
struct program_status {
	const char *name;
	uint32_t id;
	uint64_t run_ns, runs;
};

struct status {
	const char *version;
	const char *node_name;
	uint64_t epoch, uptime_ns;
	uint64_t num_flows, max_flows, seen_flows, live_flows, max_live_flows;
	double flows_rate;
	double cpu_percent;
	uint64_t rss_bytes;
	uint64_t oldest_ns;
	uint64_t packets_accounted, packets_lost;
	uint64_t attached_programs_ns;
	uint64_t scope; /* as in struct answer */
	const struct counter *ledger;
	size_t ledger_count;
	const struct interface_status *interfaces;
	size_t interface_count;
	const struct flow_loss *losses;
	size_t loss_count;
	const struct exporter_status *exporters;
	size_t exporter_count;
	const struct program_status *programs;
	size_t program_count;
	void *owner;
};

enum scope_operation { SCOPE_LIST, SCOPE_ADD, SCOPE_REMOVE, SCOPE_CLEAR };
struct scope_change {
	enum scope_operation operation;
	char kind[16], name[LISTING_NAME_MAX]; /* SCOPE_ADD, SCOPE_REMOVE */
};

enum request_type { REQUEST_QUERY, REQUEST_STATUS, REQUEST_LIST, REQUEST_SCOPE };
struct request {
	enum request_type type;
	struct query query;	   /* REQUEST_QUERY */
	char what[32];		   /* REQUEST_LIST */
	struct scope_change scope; /* REQUEST_SCOPE */
};

enum reply_type { REPLY_ANSWER, REPLY_STATUS, REPLY_ERROR, REPLY_LISTING };
enum error_code {
	ERROR_UNKNOWN,
	ERROR_MALFORMED,
	ERROR_UNSUPPORTED,
	ERROR_BAD_FILTER,
	ERROR_OVERLOADED,
	ERROR_INTERNAL
};
struct reply {
	enum reply_type type;
	struct answer answer;
	struct status status;
	struct listing listing;
	enum error_code error;
	const char *error_message;
	void *owner;
};

/* 0 or -ENOMEM. The message is appended to `out` (for a batch: after topic and newline). */
int codec_pack_request(const struct request *request, struct buffer *out);
int codec_pack_answer(const struct answer *answer, struct buffer *out);
int codec_pack_status(const struct status *status, struct buffer *out);
int codec_pack_listing(const struct listing *listing, struct buffer *out);
int codec_pack_error(enum error_code code, const char *message, struct buffer *out);
int codec_pack_batch(uint64_t sequence, const struct answer *batch, struct buffer *out);

/*
 * 0, -ENOMEM, or with a sentence in `why`: -EBADMSG (no such message), -EPROTONOSUPPORT (another
 * version or a body this one does not know), -EINVAL (the filter names a field or an operand that
 * cannot be judged). On success the result is released by the _fini.
 */
int codec_unpack_request(const uint8_t *data, size_t size, struct request *out, char *why,
			 size_t why_size);
int codec_unpack_reply(const uint8_t *data, size_t size, struct reply *out, char *why,
		       size_t why_size);
int codec_unpack_batch(const uint8_t *data, size_t size, uint64_t *sequence, struct answer *out,
		       char *why, size_t why_size);
void request_fini(struct request *request);
void reply_fini(struct reply *reply);
void answer_fini(struct answer *answer);

#endif
