/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The status as people read it; the first lines are Hubble's. */
#include "flowcli/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/terminal.h"
#include "proto/time.h"

#define NUMBER_BYTES 32

/* 1234567 as "1,234,567". */
static const char *grouped(uint64_t number, char text[NUMBER_BYTES])
{
	char digits[NUMBER_BYTES];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	char *out = text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return text;
}

static const char *clean(const char *text, char *out, size_t size)
{
	terminal_escape(text ? text : "", out, size);
	return out;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void write_occupancy(struct output *output, const struct status *status)
{
	char now[NUMBER_BYTES], max[NUMBER_BYTES];

	output_print(output, "Current/Max Flows: %s/%s (%.2f%%)\n", grouped(status->num_flows, now),
		     grouped(status->max_flows, max),
		     percent(status->num_flows, status->max_flows));
	output_print(output, "Flows/s: %.2f\n", status->flows_rate);
	output_print(output, "Live Flows: %s/%s\n", grouped(status->live_flows, now),
		     grouped(status->max_live_flows, max));
}

static void write_identity(struct output *output, const struct status *status)
{
	char node[256], version[128], uptime[64], oldest[TIME_TEXT_MAX];
	struct time_zone zone = { TIME_ZONE_UTC, 0 };

	time_format_duration(status->uptime_ns / 1000000000ull * 1000000000ull, uptime,
			     sizeof(uptime));
	output_print(output, "Node: %s, flowd %s, up %s\n",
		     clean(status->node_name, node, sizeof(node)),
		     clean(status->version, version, sizeof(version)), uptime);
	if (!status->oldest_ns)
		return;
	time_format(status->oldest_ns, TIME_RFC3339_MILLI, &zone, oldest, sizeof(oldest));
	output_print(output, "Oldest Record: %s\n", oldest);
}

static void write_cost(struct output *output, const struct status *status)
{
	output_print(output, "Own Cost: %.2f%% of a core, %.1f MiB resident", status->cpu_percent,
		     (double)status->rss_bytes / (1 << 20));
	if (status->attached_programs_ns)
		output_print(output, ", %" PRIu64 " ns a packet", status->attached_programs_ns);
	output_text(output, "\n");
}

static const char *counts(const struct interface_status *interface)
{
	if (interface->counts_ingress)
		return interface->counts_egress ? "ingress+egress" : "ingress";
	return interface->counts_egress ? "egress" : "observes";
}

static void write_interfaces(struct output *output, const struct status *status)
{
	char name[64], mode[32], note[512];

	output_print(output, "Interfaces: %zu\n", status->interface_count);
	if (status->interface_count)
		output_print(output, "  %5s  %-15s  %-11s  %-14s  %s\n", "INDEX", "NAME", "MODE",
			     "COUNTS", "NOTE");
	for (size_t i = 0; i < status->interface_count; i++) {
		const struct interface_status *interface = &status->interfaces[i];
		output_print(output, "  %5" PRIu32 "  %-15s  %-11s  %-14s%s%s\n", interface->index,
			     clean(interface->name, name, sizeof(name)),
			     clean(interface->mode, mode, sizeof(mode)), counts(interface),
			     interface->note && *interface->note ? "  " : "",
			     clean(interface->note, note, sizeof(note)));
	}
}

static void write_ledger(const struct status_view *view, const struct status *status)
{
	char name[64], text[256], number[NUMBER_BYTES];

	output_text(view->output, view->verbose ? "Counters:\n" : "Counters (not zero):\n");
	for (size_t i = 0; i < status->ledger_count; i++) {
		const struct counter *counter = &status->ledger[i];
		if (!counter->value && !view->verbose)
			continue;
		output_print(view->output, "  %-24s %19s  %s\n",
			     clean(counter->name, name, sizeof(name)),
			     grouped(counter->value, number),
			     clean(counter->text, text, sizeof(text)));
	}
}

static void write_exporter(struct output *output, const struct exporter_status *exporter)
{
	char name[64], kind[32], why[512], number[NUMBER_BYTES], lost[NUMBER_BYTES],
		spooled[NUMBER_BYTES];

	output_print(output, "  %-15s  %-7s  %15s", clean(exporter->name, name, sizeof(name)),
		     clean(exporter->kind, kind, sizeof(kind)), grouped(exporter->sent, number));
	output_print(output, "  %12s  %12s",
		     grouped(exporter->spooled + exporter->waiting, spooled),
		     grouped(exporter->lost, lost));
	output_print(output, "  %s%s\n", exporter->failing ? "FAILING: " : "ok",
		     clean(exporter->failing ? exporter->why : "", why, sizeof(why)));
}

static void write_exporters(struct output *output, const struct status *status)
{
	if (!status->exporter_count)
		return;
	output_print(output, "Exporters: %zu\n  %-15s  %-7s  %15s  %12s  %12s  %s\n",
		     status->exporter_count, "NAME", "TYPE", "SENT", "WAITING", "LOST", "STATE");
	for (size_t i = 0; i < status->exporter_count; i++)
		write_exporter(output, &status->exporters[i]);
}

static void write_losses(struct output *output, const struct status *status)
{
	struct time_zone zone = { TIME_ZONE_UTC, 0 };
	char source[64], records[NUMBER_BYTES], packets[NUMBER_BYTES], last[TIME_TEXT_MAX];

	if (status->loss_count)
		output_text(output, "Losses since start:\n");
	for (size_t i = 0; i < status->loss_count; i++) {
		const struct flow_loss *loss = &status->losses[i];
		time_format(loss->last_ns, TIME_RFC3339_MILLI, &zone, last, sizeof(last));
		output_print(output, "  %s: %s records, %s packets%s%s\n",
			     clean(loss->source, source, sizeof(source)),
			     grouped(loss->records, records), grouped(loss->packets, packets),
			     loss->last_ns ? ", last at " : "", loss->last_ns ? last : "");
	}
}

static void write_completeness(struct output *output, const struct status *status)
{
	char accounted[NUMBER_BYTES], lost[NUMBER_BYTES];
	bool complete = status_is_complete(status);

	output_print(output, "%s: %s packets in flow records, %s lost%s\n",
		     complete ? "Complete" : "INCOMPLETE",
		     grouped(status->packets_accounted, accounted),
		     grouped(status->packets_lost, lost), complete ? "" : " (named above)");
}

/* What is left alone is in no record, and none of it is missing. */
static void write_scope(struct output *output, const struct status *status)
{
	char left[NUMBER_BYTES];
	uint64_t packets = 0;

	if (!status->scope)
		return;
	for (size_t i = 0; i < status->ledger_count; i++)
		if (status->ledger[i].name &&
		    !strcmp(status->ledger[i].name, "out_of_scope_packets"))
			packets = status->ledger[i].value;
	output_print(output, "Scope: %" PRIu64 " entr%s, %s packets outside left alone\n",
		     status->scope, status->scope == 1 ? "y" : "ies", grouped(packets, left));
}

void status_write_compact(const struct status_view *view, const struct status *status)
{
	char url[256];

	output_print(view->output, "Healthcheck (via %s): Ok\n",
		     clean(view->url, url, sizeof(url)));
	write_occupancy(view->output, status);
	write_identity(view->output, status);
	write_cost(view->output, status);
	write_scope(view->output, status);
	write_interfaces(view->output, status);
	write_exporters(view->output, status);
	write_ledger(view, status);
	write_losses(view->output, status);
	write_completeness(view->output, status);
}
