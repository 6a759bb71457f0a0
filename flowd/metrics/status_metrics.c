/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/status_metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "flowd/metrics/series.h"

#define LINE_MAX_BYTES 1024
#define COUNT(list)    (sizeof(list) / sizeof((list)[0]))

struct writer {
	struct buffer *page;
	bool openmetrics;
	int error;
};

static void head(struct writer *writer, const char *name, const char *help, const char *type)
{
	if (!writer->error)
		writer->error =
			series_write_head(writer->page, name, help, type, writer->openmetrics);
}

/* `labels` are pairs already, NULL for none. */
static void line(struct writer *writer, const char *name, const char *labels, double value)
{
	if (!writer->error)
		writer->error = buffer_reserve(writer->page, LINE_MAX_BYTES);
	if (writer->error)
		return;
	writer->page->size += (size_t)snprintf(
		(char *)writer->page->data + writer->page->size, LINE_MAX_BYTES, "%s%s%s%s %.15g\n",
		name, labels ? "{" : "", labels ? labels : "", labels ? "}" : "", value);
}

/* name="value" appended to `labels`. */
static void label(char labels[LINE_MAX_BYTES / 2], const char *name, const char *value)
{
	size_t used = strlen(labels);
	char escaped[256], cut[120];

	snprintf(cut, sizeof(cut), "%s", value ? value : "");
	escaped[series_escape(escaped, cut)] = 0;
	snprintf(labels + used, LINE_MAX_BYTES / 2 - used, "%s%s=\"%s\"", used ? "," : "", name,
		 escaped);
}

/* ---- single numbers ---------------------------------------------------------------------------
 */

struct number {
	const char *name, *help, *type;
	size_t offset;
	double scale;
};
#define AT(member) offsetof(struct status, member)
static const struct number numbers[] = {
	{ "flowd_records_total", "Flow records made", "counter", AT(seen_flows), 1 },
	{ "flowd_packets_accounted_total", "Packets in flow records, published or held", "counter",
	  AT(packets_accounted), 1 },
	{ "flowd_packets_lost_total", "Packets seen that are in no record", "counter",
	  AT(packets_lost), 1 },
	{ "flowd_history_records", "Records held for queries", "gauge", AT(num_flows), 1 },
	{ "flowd_history_records_max", "Room for records", "gauge", AT(max_flows), 1 },
	{ "flowd_live_flows", "Flows in the flow table", "gauge", AT(live_flows), 1 },
	{ "flowd_live_flows_max", "Room for flows", "gauge", AT(max_live_flows), 1 },
	{ "flowd_uptime_seconds", "Time since the start", "gauge", AT(uptime_ns), 1e-9 },
	{ "flowd_resident_memory_bytes", "Memory of the daemon", "gauge", AT(rss_bytes), 1 },
	{ "flowd_packet_cost_seconds", "Time of the kernel programs for a packet; 0: not known",
	  "gauge", AT(attached_programs_ns), 1e-9 },
};

static void write_numbers(struct writer *writer, const struct status *status)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		uint64_t value = *(const uint64_t *)((const char *)status + numbers[i].offset);

		head(writer, numbers[i].name, numbers[i].help, numbers[i].type);
		line(writer, numbers[i].name, NULL, (double)value * numbers[i].scale);
	}
	head(writer, "flowd_cpu_ratio", "Share of one CPU over the last minute", "gauge");
	line(writer, "flowd_cpu_ratio", NULL, status->cpu_percent / 100);
}

static void write_build(struct writer *writer, const struct status *status)
{
	char labels[LINE_MAX_BYTES / 2] = "";

	label(labels, "version", status->version);
	label(labels, "node", status->node_name);
	head(writer, "flowd_build_info", "Version of the daemon", "gauge");
	line(writer, "flowd_build_info", labels, 1);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void write_ledger(struct writer *writer, const struct status *status)
{
	head(writer, "flowd_ledger", "The daemon's counters, as flowcli status -v shows them",
	     "untyped");
	for (size_t i = 0; i < status->ledger_count; i++) {
		char labels[LINE_MAX_BYTES / 2] = "";

		label(labels, "counter", status->ledger[i].name);
		line(writer, "flowd_ledger", labels, (double)status->ledger[i].value);
	}
}

static double ledger_value(const struct status *status, const char *name)
{
	for (size_t i = 0; i < status->ledger_count; i++)
		if (!strcmp(status->ledger[i].name, name))
			return (double)status->ledger[i].value;
	return 0;
}

/* An entry is never given back, only replaced. */
static void write_table(struct writer *writer, const struct status *status)
{
	head(writer, "flowd_kernel_table_entries",
	     "Entries of the kernel's flow table that are in use", "gauge");
	line(writer, "flowd_kernel_table_entries", NULL,
	     ledger_value(status, "inserts") - ledger_value(status, "evictions") -
		     ledger_value(status, "evictions_clean"));
}

static void write_interfaces(struct writer *writer, const struct status *status)
{
	head(writer, "flowd_interface_attached", "1: the programs see this interface", "gauge");
	for (size_t i = 0; i < status->interface_count; i++) {
		const struct interface_status *interface = &status->interfaces[i];
		char labels[LINE_MAX_BYTES / 2] = "";

		label(labels, "interface", interface->name);
		label(labels, "mode", interface->mode);
		line(writer, "flowd_interface_attached", labels,
		     interface->mode && strcmp(interface->mode, "none"));
	}
}

#define EXPORTER_AT(member) offsetof(struct exporter_status, member)
static const struct number exporter_numbers[] = {
	{ "flowd_exporter_records_total", "Records that the exporter took", "counter",
	  EXPORTER_AT(received), 1 },
	{ "flowd_exporter_sent_total", "Records handed to the target", "counter", EXPORTER_AT(sent),
	  1 },
	{ "flowd_exporter_acknowledged_total", "Records that are known to have arrived", "counter",
	  EXPORTER_AT(acknowledged), 1 },
	{ "flowd_exporter_retried_total", "Records sent again", "counter", EXPORTER_AT(retried),
	  1 },
	{ "flowd_exporter_lost_total", "Records that the target does not get", "counter",
	  EXPORTER_AT(lost), 1 },
	{ "flowd_exporter_failures_total", "Attempts that failed", "counter", EXPORTER_AT(failures),
	  1 },
	{ "flowd_exporter_queue_records", "Records waiting in memory", "gauge",
	  EXPORTER_AT(waiting), 1 },
	{ "flowd_exporter_spool_records", "Records on disk", "gauge", EXPORTER_AT(spooled), 1 },
	{ "flowd_exporter_spool_bytes", "Size of the spool", "gauge", EXPORTER_AT(spooled_bytes),
	  1 },
};

static void exporter_line(struct writer *writer, const char *name,
			  const struct exporter_status *exporter, double value)
{
	char labels[LINE_MAX_BYTES / 2] = "";

	label(labels, "exporter", exporter->name);
	label(labels, "type", exporter->kind);
	line(writer, name, labels, value);
}

static void write_exporters(struct writer *writer, const struct status *status)
{
	for (size_t i = 0; i < COUNT(exporter_numbers) && status->exporter_count; i++) {
		const struct number *number = &exporter_numbers[i];

		head(writer, number->name, number->help, number->type);
		for (size_t j = 0; j < status->exporter_count; j++) {
			const char *at = (const char *)&status->exporters[j] + number->offset;

			exporter_line(writer, number->name, &status->exporters[j],
				      (double)*(const uint64_t *)at);
		}
	}
	if (status->exporter_count)
		head(writer, "flowd_exporter_up", "0: the last attempt failed", "gauge");
	for (size_t j = 0; j < status->exporter_count; j++)
		exporter_line(writer, "flowd_exporter_up", &status->exporters[j],
			      !status->exporters[j].failing);
}

/* Zeros while kernel.bpf_stats_enabled is not set. */
static void write_programs(struct writer *writer, const struct status *status)
{
	static const char *const names[] = { "flowd_program_run_seconds_total",
					     "flowd_program_runs_total" };

	for (int what = 0; what < 2; what++) {
		head(writer, names[what],
		     what ? "Runs of a kernel program, while BPF statistics are enabled"
			  : "Time in a kernel program, while BPF statistics are enabled",
		     "counter");
		for (size_t i = 0; i < status->program_count; i++) {
			const struct program_status *program = &status->programs[i];
			char labels[LINE_MAX_BYTES / 2] = "", id[16];

			snprintf(id, sizeof(id), "%u", program->id);
			label(labels, "program", program->name);
			label(labels, "id", id);
			line(writer, names[what], labels,
			     what ? (double)program->runs : (double)program->run_ns * 1e-9);
		}
	}
}

/* As Hubble tells of its exporters. */
static void write_hubble_exporters(struct writer *writer, const struct status *status)
{
	if (status->exporter_count)
		head(writer, "hubble_dynamic_exporter_up", "0: the last attempt failed", "gauge");
	for (size_t i = 0; i < status->exporter_count; i++) {
		char labels[LINE_MAX_BYTES / 2] = "";

		label(labels, "name", status->exporters[i].name);
		line(writer, "hubble_dynamic_exporter_up", labels, !status->exporters[i].failing);
	}
}

int status_metrics_write(const struct status *status, bool openmetrics, struct buffer *page)
{
	struct writer writer = { page, openmetrics, 0 };

	write_build(&writer, status);
	write_numbers(&writer, status);
	write_ledger(&writer, status);
	write_table(&writer, status);
	write_interfaces(&writer, status);
	write_exporters(&writer, status);
	write_hubble_exporters(&writer, status);
	write_programs(&writer, status);
	return writer.error;
}
