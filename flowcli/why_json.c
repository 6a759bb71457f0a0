/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_json.h"

#include <inttypes.h>
#include <string.h>

#include "flowcli/json_line.h"
#include "proto/time.h"

static const char *outcome_word(enum why_outcome outcome)
{
	switch (outcome) {
	case WHY_FOUND:
		return "found";
	case WHY_NOTHING_WRONG:
		return "nothing wrong";
	case WHY_NO_DATA:
		break;
	}
	return "no data";
}

/* ,"name":"value", or nothing where the value is empty. */
static void write_text(struct output *output, const char *name, const char *value)
{
	if (*value)
		json_line_member(output, name, value, strlen(value));
}

static void write_time(struct output *output, const char *name, uint64_t ns)
{
	char text[TIME_TEXT_MAX];

	time_format(ns, TIME_RFC3339_NANO, NULL, text, sizeof(text));
	write_text(output, name, text);
}

static void write_count(struct output *output, const char *name, uint64_t count)
{
	output_print(output, ",\"%s\":\"%" PRIu64 "\"", name, count);
}

static void write_matches(struct output *output, const char *name, const struct why_side *side)
{
	json_line_list(output, name);
	for (unsigned i = 0; i < side->match_count; i++)
		json_line_item(output, i, side->matches[i]);
	output_text(output, "]");
}

static void write_way(struct output *output, const char *name, const struct evidence_way *way)
{
	output_print(output, ",\"%s\":{\"packets\":\"%" PRIu64 "\"", name, way->packets);
	write_count(output, "bytes", way->bytes);
	write_count(output, "flows", way->flows);
	write_count(output, "retransmits", way->retransmits);
	write_count(output, "resets",
		    way->resets > way->resets_told ? way->resets : way->resets_told);
	write_count(output, "zero_windows", way->zero_windows);
	write_count(output, "icmp_errors", way->icmp_errors);
	write_count(output, "handshake_ns", way->handshake_max_ns);
	write_count(output, "rtt_max_ns", way->rtt_max_ns);
	output_text(output, "}");
}

static void write_drop(struct output *output, const struct evidence_drop *drop)
{
	output_print(output, "{\"packets\":\"%" PRIu64 "\"", drop->packets);
	write_text(output, "direction", drop->back ? "back" : "there");
	write_text(output, "reason", drop->reason);
	write_text(output, "site", drop->site);
	write_text(output, "hook", drop->hook);
	write_text(output, "table", drop->table);
	write_text(output, "chain", drop->chain);
	write_text(output, "interface", drop->device);
	if (drop->netns)
		output_print(output, ",\"netns\":%" PRIu32, drop->netns);
	write_time(output, "first", drop->first_ns);
	write_time(output, "last", drop->last_ns);
	output_text(output, "}");
}

static void write_dns(struct output *output, const struct why_dns *dns)
{
	if (!dns->slowest)
		return;
	output_print(output, ",\"dns\":{\"latency_ns\":\"%" PRIu64 "\"", dns->dns_ns);
	write_count(output, "total_ns", dns->total_ns);
	write_text(output, "query", dns->slowest->query);
	output_text(output, "}");
}

static void write_evidence(struct output *output, const struct evidence *evidence)
{
	output_print(output, ",\"evidence\":{\"records\":\"%" PRIu64 "\"", evidence->records);
	if (evidence->records) {
		write_time(output, "first", evidence->first_ns);
		write_time(output, "last", evidence->last_ns);
	}
	write_way(output, "there", &evidence->there);
	write_way(output, "back", &evidence->back);
	write_count(output, "connect_failures", evidence->connect_failures);
	write_count(output, "overflows", evidence->overflows);
	json_line_list(output, "drops");
	for (uint32_t i = 0; i < evidence->drop_count; i++) {
		output_text(output, i ? "," : "");
		write_drop(output, &evidence->drops[i]);
	}
	output_text(output, "]");
	write_dns(output, &evidence->dns);
	output_text(output, "}");
}

static void write_time_line(struct output *output, const struct evidence *evidence)
{
	char time[TIME_TEXT_MAX];

	json_line_list(output, "time_line");
	for (uint32_t i = 0; i < evidence->moment_count; i++) {
		const struct evidence_moment *moment = &evidence->moments[i];

		time_format(moment->time_ns, TIME_RFC3339_NANO, NULL, time, sizeof(time));
		output_print(output, "%s{\"time\":\"%s\"", i ? "," : "", time);
		write_text(output, "text", moment->text);
		output_text(output, "}");
	}
	output_text(output, "]");
}

void why_write_json(const struct why_side *source, const struct why_side *destination,
		    const struct evidence *evidence, const struct why_verdict *verdict,
		    struct output *output)
{
	output_print(output, "{\"outcome\":\"%s\"", outcome_word(verdict->outcome));
	write_text(output, "source", source->text);
	write_text(output, "destination", destination->text);
	write_matches(output, "source_matches", source);
	write_matches(output, "destination_matches", destination);
	json_line_list(output, "sentences");
	for (unsigned i = 0; i < verdict->count; i++)
		json_line_item(output, i, verdict->sentences[i]);
	output_text(output, "]");
	write_evidence(output, evidence);
	write_time_line(output, evidence);
	output_text(output, "}\n");
}
