/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a capture file. Beside not crashing: every frame is in one record or in one counter,
 * however broken the file and however small the flow table.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "flowcli/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_record(void *context, const struct flow_record *record)
{
	struct capture_count *told = context;

	told->packets += record->packets;
	told->bytes += record->bytes;
}

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check(const struct capture_summary *summary, const struct capture_count *told)
{
	struct capture_count all = summary->other_links;

	for (int i = 0; i < PACKET_STATUS_COUNT; i++) {
		all.packets += summary->status[i].packets;
		all.bytes += summary->status[i].bytes;
	}
	require(all.packets == summary->frames.packets, "packets: frames = sum of the outcomes");
	require(all.bytes == summary->frames.bytes, "bytes: frames = sum of the outcomes");
	require(told->packets == summary->status[PACKET_OK].packets, "packets in records");
	require(told->bytes == summary->status[PACKET_OK].bytes, "bytes in records");
	require(summary->first_ns <= summary->last_ns, "first before last");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_options options = CAPTURE_OPTIONS_DEFAULT;
	struct capture_count told = { 0, 0 };
	struct capture_summary summary;
	FILE *stream = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;

	if (!stream)
		return 0;
	options.max_flows = 1 + data[size - 1] % 8;
	options.publish_start = data[size - 1] & 0x80;
	int error = capture_read_stream(stream, "input", &options, add_record, &told, &summary);
	require(!error || summary.why[0], "an error has a sentence");
	check(&summary, &told);
	return 0;
}
