/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prints the JSON of many records, reproducibly; json_lines.py judges it. */
#include <stdio.h>

#include "proto/json.h"
#include "tests/unit/sample_ends.h"

#define RANDOM_RECORDS 3000

static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void fill_random(void *memory, size_t size)
{
	for (uint8_t *at = memory; size--; at++)
		*at = (uint8_t)next_random();
}

static void print_flow(const struct flow_record *record)
{
	char line[JSON_LINE_MAX];

	json_format_flow(record, line, sizeof(line));
	puts(line);
}

static void print_random(void)
{
	static const uint8_t protocols[] = { 1, 6, 17, 47, 58, 132, 253 };
	static char names[FLOW_POINTS + 1][40];
	struct flow_record record;
	const char *name;

	fill_random(&record, sizeof(record));
	fill_random(names, sizeof(names));
	record.key.protocol = protocols[next_random() % sizeof(protocols)];
	if (record.key.protocol == 1 || record.key.protocol == 58) {
		record.key.src_port %= 256;
		record.key.dst_port %= 16;
	}
	record.point_count %= FLOW_POINTS + 1;
	record.kind %= FLOW_KIND_COUNT;
	record.verdict %= FLOW_VERDICT_TRANSLATED + 1;
	record.end_reason %= FLOW_END_COUNT;
	record.direction %= 3;
	record.reply %= 3;
	record.outer.type = (uint8_t)(1 + record.outer.type % (FLOW_TUNNEL_COUNT - 1));
	memset(record.ends, 0, sizeof(record.ends));
	if (next_random() % 2)
		memcpy(record.ends, sample_named().ends, sizeof(record.ends));
	record.dns = NULL;
	record.kind %= FLOW_KIND_DNS;
	record.source_names = record.destination_names = NULL;
	record.node_name = next_random() % 4 ? names[FLOW_POINTS] : NULL;
	name = next_random() % 4 ? names[FLOW_POINTS] : NULL;
	sample_names(&record, name);
	record.dropped = next_random() % 2 ? record.dropped : 0;
	record.incident.retransmit %= TRACE_RETRANSMIT_COUNT;
	record.incident.old_state %= 14;
	record.incident.new_state %= 14;
	for (int i = 0; i <= FLOW_POINTS; i++)
		names[i][sizeof(*names) - 1] = '\0';
	for (int i = 0; i < FLOW_POINTS; i++) {
		record.points[i].direction %= 3;
		record.points[i].hook %= FLOW_HOOK_DROP + 1;
		record.points[i].interface = next_random() % 4 ? names[i] : NULL;
	}
	print_flow(&record);
}

static void print_loss(const char *source)
{
	struct flow_loss loss = {
		source, next_random(), 0, 0, SAMPLE_TIME_NS, SAMPLE_TIME_NS, "n"
	};
	char line[JSON_LINE_MAX];

	json_format_loss(&loss, line, sizeof(line));
	puts(line);
}

int main(void)
{
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		struct flow_record record = sample_of((uint8_t)protocol, 8, 0);
		print_flow(&record);
	}
	for (int i = 0; i < RANDOM_RECORDS; i++)
		print_random();
	print_loss("ring_buffer");
	print_loss("history");
	print_loss("daemon_restart");
	return 0;
}
