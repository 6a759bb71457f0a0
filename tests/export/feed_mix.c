// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tests/export/feed_mix.h"

#include "flowd/export/record_turn.h"
#include "tests/unit/sample_dns.h"
#include "tests/unit/sample_ends.h"

static struct flow_record sample_troubled(void)
{
	struct flow_record record = sample_named();

	sample_tcp(&record);
	record.sampling = 4;
	return record;
}

void feed_mix(struct flow_record *record, uint64_t n)
{
	static struct flow_record (*const samples[8])(void) = {
		[1] = sample_drop,
		[3] = sample_dns_response,
		[5] = sample_dns_timeout,
		[7] = sample_troubled,
	};
	struct flow_record given = *record;

	if (!samples[n % 8])
		return;
	*record = samples[n % 8]();
	record->time_ns = given.time_ns;
	record->first_ns = given.first_ns;
	record->last_ns = given.last_ns;
	record->flow_id = given.flow_id;
	record->node_name = given.node_name;
	memcpy(record->key.src, given.key.src, sizeof(given.key.src));
}

void feed_pair(struct flow_record *record, uint64_t n)
{
	struct flow_record forward = *record;

	forward.reply = FLOW_REPLY_YES;
	forward.kind = FLOW_KIND_END;
	forward.key.protocol = n / 2 % 2 ? 6 : 17;
	forward.key.icmp_id = 0;
	forward.key.src_port = (uint16_t)(1024 + n / 2 % 60000);
	forward.key.dst_port = 443;
	if (n % 2) {
		record_turn(&forward, record);
		record->reply = FLOW_REPLY_YES;
		record->bytes *= 10;
		record->l3_bytes *= 10;
		return;
	}
	*record = forward;
	record->reply = FLOW_REPLY_NO;
}
