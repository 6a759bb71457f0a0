/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The status as keys and values: one table of facts, written as JSON (Hubble's ServerStatusResponse
 * with our keys beside; 64-bit numbers are strings as there) or as lines.
 */
#include "flowcli/status.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "flowcli/terminal.h"
#include "proto/json.h"
#include "proto/time.h"

enum fact_kind { FACT_NUMBER, FACT_REAL, FACT_TEXT, FACT_TIME };
struct fact {
	const char *key;
	enum fact_kind kind;
	size_t offset;
};

#define FACT(key, kind, member)                            \
	{                                                  \
		key, kind, offsetof(struct status, member) \
	}
static const struct fact facts[] = {
	FACT("num_flows", FACT_NUMBER, num_flows),
	FACT("max_flows", FACT_NUMBER, max_flows),
	FACT("seen_flows", FACT_NUMBER, seen_flows),
	FACT("uptime_ns", FACT_NUMBER, uptime_ns),
	FACT("flows_rate", FACT_REAL, flows_rate),
	FACT("version", FACT_TEXT, version),
	FACT("node_name", FACT_TEXT, node_name),
	FACT("epoch", FACT_NUMBER, epoch),
	FACT("live_flows", FACT_NUMBER, live_flows),
	FACT("max_live_flows", FACT_NUMBER, max_live_flows),
	FACT("oldest", FACT_TIME, oldest_ns),
	FACT("cpu_percent", FACT_REAL, cpu_percent),
	FACT("rss_bytes", FACT_NUMBER, rss_bytes),
	FACT("packet_cost_ns", FACT_NUMBER, attached_programs_ns),
	FACT("packets_accounted", FACT_NUMBER, packets_accounted),
	FACT("packets_lost", FACT_NUMBER, packets_lost),
	FACT("scope", FACT_NUMBER, scope),
};
#define FACT_COUNT (sizeof(facts) / sizeof(*facts))

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void fact_text(const struct fact *fact, const struct status *status, char *text, size_t size)
{
	const char *at = (const char *)status + fact->offset;
	struct time_zone zone = { TIME_ZONE_UTC, 0 };

	*text = '\0';
	switch (fact->kind) {
	case FACT_NUMBER:
		snprintf(text, size, "%" PRIu64, *(const uint64_t *)at);
		break;
	case FACT_REAL:
		snprintf(text, size, "%.3f", *(const double *)at);
		break;
	case FACT_TEXT:
		snprintf(text, size, "%s", or_empty(*(const char *const *)at));
		break;
	case FACT_TIME:
		if (*(const uint64_t *)at)
			time_format(*(const uint64_t *)at, TIME_RFC3339_NANO, &zone, text, size);
		break;
	}
}

static void write_string(struct output *output, const char *text)
{
	char escaped[1024];

	json_escape(or_empty(text), escaped, sizeof(escaped));
	output_print(output, "\"%s\"", escaped);
}

static void json_facts(struct output *output, const struct status *status)
{
	char text[512];

	for (size_t i = 0; i < FACT_COUNT; i++) {
		fact_text(&facts[i], status, text, sizeof(text));
		if (!*text)
			continue;
		output_print(output, "\"%s\":", facts[i].key);
		if (facts[i].kind == FACT_REAL)
			output_text(output, text);
		else
			write_string(output, text);
		output_text(output, ",");
	}
}

static void json_ledger(struct output *output, const struct status *status)
{
	output_text(output, "\"ledger\":{");
	for (size_t i = 0; i < status->ledger_count; i++) {
		output_text(output, i ? "," : "");
		write_string(output, status->ledger[i].name);
		output_print(output, ":\"%" PRIu64 "\"", status->ledger[i].value);
	}
	output_text(output, "}");
}

static void json_interfaces(struct output *output, const struct status *status)
{
	output_text(output, ",\"interfaces\":[");
	for (size_t i = 0; i < status->interface_count; i++) {
		const struct interface_status *interface = &status->interfaces[i];
		output_print(output, "%s{\"index\":%" PRIu32 ",\"name\":", i ? "," : "",
			     interface->index);
		write_string(output, interface->name);
		output_text(output, ",\"mode\":");
		write_string(output, interface->mode);
		output_print(output, ",\"counts_ingress\":%s,\"counts_egress\":%s,\"note\":",
			     interface->counts_ingress ? "true" : "false",
			     interface->counts_egress ? "true" : "false");
		write_string(output, interface->note);
		output_text(output, "}");
	}
	output_text(output, "]");
}

static void json_exporter(struct output *output, const struct exporter_status *exporter)
{
	const struct {
		const char *key;
		uint64_t number;
	} counts[] = { { "received", exporter->received },
		       { "sent", exporter->sent },
		       { "acknowledged", exporter->acknowledged },
		       { "retried", exporter->retried },
		       { "spooled", exporter->spooled },
		       { "spooled_bytes", exporter->spooled_bytes },
		       { "waiting", exporter->waiting },
		       { "lost", exporter->lost },
		       { "failures", exporter->failures } };

	output_text(output, "{\"name\":");
	write_string(output, exporter->name);
	output_text(output, ",\"type\":");
	write_string(output, exporter->kind);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		output_print(output, ",\"%s\":\"%" PRIu64 "\"", counts[i].key, counts[i].number);
	output_print(output, ",\"failing\":%s,\"why\":", exporter->failing ? "true" : "false");
	write_string(output, exporter->failing ? exporter->why : "");
	output_text(output, "}");
}

static void json_exporters(struct output *output, const struct status *status)
{
	output_text(output, ",\"exporters\":[");
	for (size_t i = 0; i < status->exporter_count; i++) {
		output_text(output, i ? "," : "");
		json_exporter(output, &status->exporters[i]);
	}
	output_text(output, "]");
}

static void json_time(struct output *output, const char *key, uint64_t ns)
{
	char text[32];

	if (!ns)
		return;
	*time_write_json(text, ns) = '\0';
	output_print(output, ",\"%s\":\"%s\"", key, text);
}

static void json_losses(struct output *output, const struct status *status)
{
	output_text(output, ",\"losses\":[");
	for (size_t i = 0; i < status->loss_count; i++) {
		const struct flow_loss *loss = &status->losses[i];
		output_print(output, "%s{\"source\":", i ? "," : "");
		write_string(output, loss->source);
		output_print(output,
			     ",\"records\":\"%" PRIu64 "\",\"packets\":\"%" PRIu64
			     "\",\"bytes\":\"%" PRIu64 "\"",
			     loss->records, loss->packets, loss->bytes);
		json_time(output, "first", loss->first_ns);
		json_time(output, "last", loss->last_ns);
		output_text(output, "}");
	}
	output_text(output, "]");
}

bool status_is_complete(const struct status *status)
{
	bool complete = !status->packets_lost;

	for (size_t i = 0; i < status->loss_count && complete; i++)
		complete = flow_loss_is_limit(&status->losses[i]);
	return complete;
}

void status_write_json(const struct status_view *view, const struct status *status)
{
	output_text(view->output, "{");
	json_facts(view->output, status);
	output_print(view->output,
		     "\"num_connected_nodes\":1,\"num_unavailable_nodes\":0,"
		     "\"complete\":%s,",
		     status_is_complete(status) ? "true" : "false");
	json_ledger(view->output, status);
	json_interfaces(view->output, status);
	json_losses(view->output, status);
	if (status->exporter_count)
		json_exporters(view->output, status);
	output_text(view->output, "}\n");
}

void status_write_dict(const struct status_view *view, const struct status *status)
{
	char text[512], escaped[512];

	for (size_t i = 0; i < FACT_COUNT; i++) {
		fact_text(&facts[i], status, text, sizeof(text));
		terminal_escape(text, escaped, sizeof(escaped));
		output_print(view->output, "%24s: %s\n", facts[i].key, escaped);
	}
	for (size_t i = 0; i < status->ledger_count; i++) {
		terminal_escape(or_empty(status->ledger[i].name), escaped, sizeof(escaped));
		if (status->ledger[i].value || view->verbose)
			output_print(view->output, "%24s: %" PRIu64 "\n", escaped,
				     status->ledger[i].value);
	}
}
