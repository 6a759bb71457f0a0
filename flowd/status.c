/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/usage.h"
#include "flowd/kernel/program_stats.h"
#include "flowd/ledger.h"

#define STATUS_COUNTERS	  512
#define STATUS_NET	  192 /* of these, the kernel's own by namespace */
#define STATUS_INTERFACES 1024
#define STATUS_PROGRAMS	  64

struct status_page {
	uint64_t started_ns;
	struct usage_rate cpu, records;
	struct counter counters[STATUS_COUNTERS];
	size_t counter_count;
	struct interface_status interfaces[STATUS_INTERFACES];
	size_t interface_count, interfaces_more;
	struct flow_loss losses[LOSSES_TOLD];
	char net_names[STATUS_NET][80];
	size_t net_count, net_more;
	struct exporter_stats exporting[EXPORTERS_MAX];
	struct exporter_status exporters[EXPORTERS_MAX];
	struct program_stats running[STATUS_PROGRAMS];
	struct program_status programs[STATUS_PROGRAMS];
};

int status_page_open(struct status_page **out)
{
	struct status_page *page = calloc(1, sizeof(*page));

	if (!page)
		return -ENOMEM;
	page->started_ns = clock_monotonic_ns();
	*out = page;
	return 0;
}

void status_page_close(struct status_page *page)
{
	free(page);
}

static uint64_t status_records(const struct status_sources *sources)
{
	struct history_stats stats;

	history_stats(sources->history, &stats);
	return stats.newest;
}

void status_page_sample(struct status_page *page, const struct status_sources *sources)
{
	uint64_t now_ns = clock_monotonic_ns();

	usage_rate_sample(&page->cpu, now_ns, usage_cpu_ns());
	usage_rate_sample(&page->records, now_ns, status_records(sources));
	usage_trim();
}

static void status_count(struct status_page *page, const char *name, uint64_t value,
			 const char *text)
{
	if (page->counter_count < STATUS_COUNTERS)
		page->counters[page->counter_count++] =
			(struct counter){ .name = name, .value = value, .text = text };
}

#define STATUS_KERNEL(name, text) status_count(page, #name, kernel->name, text);
static void status_count_kernel(struct status_page *page, const struct flow_ledger *kernel)
{
	FLOW_COUNTERS(STATUS_KERNEL)
}

#define STATUS_NOTE(name, json_name, text) { json_name "_packets", text },
static const struct {
	const char *name, *text;
} status_notes[] = { PACKET_NOTES(STATUS_NOTE) };

#define STATUS_PACKETS(name, json_name, text) \
	status_count(page, json_name "_packets", kernel->status_packets[PACKET_##name], text);
static void status_count_packets(struct status_page *page, const struct flow_ledger *kernel)
{
	PACKET_STATUSES(STATUS_PACKETS)
	for (int note = PACKET_NOTE_NONE + 1; note < PACKET_NOTE_COUNT; note++)
		status_count(page, status_notes[note].name, kernel->note_packets[note],
			     status_notes[note].text);
}

#define STATUS_BYTES(name, json_name, text) \
	status_count(page, json_name "_bytes", kernel->status_bytes[PACKET_##name], text);
static void status_count_bytes(struct status_page *page, const struct flow_ledger *kernel)
{
	PACKET_STATUSES(STATUS_BYTES)
}

static void status_count_drain(struct status_page *page, const struct datapath_ledger *ledger)
{
	status_count(page, "drained_packets", ledger->drained_packets,
		     "packets taken out of the kernel");
	status_count(page, "drained_bytes", ledger->drained_bytes, "bytes of those");
	status_count(page, "event_gaps", ledger->event_gaps,
		     "ring buffer events missing in a CPU's sequence");
	status_count(page, "events_unknown", ledger->events_unknown,
		     "ring buffer events of unknown type or size");
	status_count(page, "torn_reads", ledger->torn_reads,
		     "entries read again because they were being replaced");
}

static void status_count_table(struct status_page *page, const struct flow_table_stats *table)
{
	status_count(page, "flows_created", table->created, "flows begun");
	status_count(page, "flows_ended", table->ended, "flows ended");
	status_count(page, "flows_evicted", table->evicted,
		     "flows ended because max_flows was reached");
	status_count(page, "troubles_joined", table->troubles_joined,
		     "drops and TCP events told with their flow");
	status_count(page, "troubles_unjoined", table->troubles_unjoined,
		     "drops and TCP events whose flow is not known");
	status_count(page, "table_packets", table->packets, "packets taken into the flow table");
	status_count(page, "emitted_packets", table->packets_emitted, "packets in records so far");
	status_count(page, "emitted_bytes", table->bytes_emitted, "bytes in records so far");
	status_count(page, "table_carrier_packets", table->carrier_packets,
		     "packets of outer flows beside their inner ones; in none of the above");
	status_count(page, "table_carrier_bytes", table->carrier_bytes, "bytes of those");
	status_count(page, "icmp_errors_joined", table->errors_joined,
		     "ICMP errors told with the flow they quote");
	status_count(page, "icmp_errors_unjoined", table->errors_unjoined,
		     "ICMP errors whose quoted flow is not known");
}

#define STATUS_DNS(name, text) status_count(page, #name, stats.name, text);
static void status_count_dns(struct status_page *page, const struct dns *dns)
{
	struct dns_stats stats;

	if (!dns)
		return;
	dns_stats(dns, &stats);
	DNS_COUNTERS(STATUS_DNS)
}

static void status_count_bus(struct status_page *page, const struct status_sources *sources)
{
	struct publisher_stats publisher;
	struct query_stats queries;

	publisher_stats(sources->publisher, &publisher);
	query_service_stats(sources->queries, &queries);
	status_count(page, "subscribers", publisher.subscribers, "subscribers connected");
	status_count(page, "published_batches", publisher.batches, "batches published");
	status_count(page, "published_records", publisher.records, "records of those");
	status_count(page, "publish_missed_records", publisher.missed,
		     "records that left history before they were published");
	status_count(page, "requests", queries.requests, "requests to the query service");
	status_count(page, "requests_refused", queries.refused, "requests answered by an error");
	status_count(page, "requests_waiting", queries.waiting,
		     "queries that wait for new records");
}

static void status_count_part(void *context, const char *name, uint64_t value, const char *text)
{
	status_count(context, name, value, text);
}

static void status_count_net(void *context, uint32_t netns, const char *name, uint64_t value)
{
	struct status_page *page = context;
	char *text;

	if (page->net_count == STATUS_NET) {
		page->net_more++;
		return;
	}
	text = page->net_names[page->net_count++];
	snprintf(text, sizeof(page->net_names[0]), netns ? "netns.%u.%s" : "net.%.0u%s", netns,
		 name);
	status_count(page, text, value, "counted by the kernel");
}

static void status_visit(void *context, const struct interface_info *info)
{
	struct status_page *page = context;

	if (!info->wanted)
		return;
	if (page->interface_count == STATUS_INTERFACES) {
		page->interfaces_more++;
		return;
	}
	page->interfaces[page->interface_count++] = (struct interface_status){
		.index = info->ifindex,
		.name = info->name,
		.mode = interfaces_mode_name(info->mode),
		.counts_ingress = info->role & FLOW_DEVICE_COUNT_INGRESS,
		.counts_egress = info->role & FLOW_DEVICE_COUNT_EGRESS,
		.note = info->note,
	};
}

static void status_fill_kernel(struct status_page *page, const struct status_sources *sources,
			       struct status *status)
{
	struct datapath_ledger ledger;
	uint64_t run_ns, run_count;

	if (!datapath_ledger(sources->datapath, &ledger)) {
		status_count_kernel(page, &ledger.kernel);
		status_count_packets(page, &ledger.kernel);
		status_count_bytes(page, &ledger.kernel);
		status_count_drain(page, &ledger);
		status->packets_lost = ledger_packets_lost(&ledger);
	}
	datapath_run_stats(sources->datapath, &run_ns, &run_count);
	status->attached_programs_ns = run_count ? run_ns / run_count : 0;
	page->interface_count = page->interfaces_more = 0;
	interfaces_each(sources->interfaces, status_visit, page);
	status_count(page, "interfaces_not_listed", page->interfaces_more,
		     "interfaces beyond what a status message holds");
}

static void status_fill_flows(struct status_page *page, const struct status_sources *sources,
			      struct status *status)
{
	struct flow_table_stats table;
	struct history_stats history;

	flow_table_stats(sources->table, &table);
	history_stats(sources->history, &history);
	status_count_table(page, &table);
	status_count_dns(page, sources->dns);
	status_count(page, "history_bytes", history.bytes, "memory of the history");
	status->num_flows = history.count;
	status->seen_flows = history.newest;
	status->oldest_ns = history.oldest_ns;
	status->live_flows = table.live;
	status->packets_accounted = table.packets;
}

static void status_fill_cost(struct status_page *page, const struct status_sources *sources,
			     struct status *status)
{
	uint64_t now_ns = clock_monotonic_ns();

	status->uptime_ns = now_ns - page->started_ns;
	status->cpu_percent = usage_rate_get(&page->cpu, now_ns, usage_cpu_ns()) * 100 / CLOCK_S;
	status->flows_rate = usage_rate_get(&page->records, now_ns, status_records(sources));
	status->rss_bytes = usage_rss_bytes();
}

static size_t status_fill_exporters(struct status_page *page, struct exporters *exporters)
{
	size_t count = exporters_stats(exporters, page->exporting);

	for (size_t i = 0; i < count; i++) {
		const struct exporter_stats *stats = &page->exporting[i];

		page->exporters[i] =
			(struct exporter_status){ .name = stats->name,
						  .kind = stats->kind,
						  .received = stats->received,
						  .sent = stats->sent,
						  .acknowledged = stats->acknowledged,
						  .retried = stats->retried,
						  .spooled = stats->spooled,
						  .spooled_bytes = stats->spooled_bytes,
						  .lost = stats->lost,
						  .waiting = stats->waiting,
						  .failures = stats->failures,
						  .failing = stats->failing,
						  .why = stats->why };
	}
	return count;
}

static size_t status_fill_programs(struct status_page *page)
{
	size_t count = program_stats(page->running, STATUS_PROGRAMS);

	for (size_t i = 0; i < count; i++)
		page->programs[i] = (struct program_status){ .name = page->running[i].name,
							     .id = page->running[i].id,
							     .run_ns = page->running[i].run_ns,
							     .runs = page->running[i].runs };
	return count;
}

void status_page_fill(struct status_page *page, const struct status_sources *sources,
		      struct status *status)
{
	*status = (struct status){ .version = FLOWD_VERSION,
				   .node_name = sources->node_name,
				   .epoch = sources->epoch,
				   .max_flows = sources->max_flows,
				   .max_live_flows = sources->max_live_flows };
	page->counter_count = 0;
	status_fill_kernel(page, sources, status);
	status_fill_flows(page, sources, status);
	status_fill_cost(page, sources, status);
	status_count_bus(page, sources);
	status_count(page, "budget_sampling", sources->thrift,
		     "1 in so many packets is looked at because of budget.cpu");
	status->exporters = page->exporters;
	status->exporter_count = status_fill_exporters(page, sources->exporters);
	status->programs = page->programs;
	status->program_count = status_fill_programs(page);
	trouble_counters(sources->trouble, status_count_part, page);
	forwarded_counters(sources->forwarded, status_count_part, page);
	identification_counters(sources->identification, status_count_part, page);
	status_count(page, "out_of_scope_events", scope_events_left(sources->scope),
		     "drops and TCP events outside the scope");
	status->scope = scope_entries(sources->scope);
	page->net_count = page->net_more = 0;
	trouble_net_counters(sources->trouble, status_count_net, page);
	status_count(page, "kernel_counters_not_listed", page->net_more,
		     "counters of devices and namespaces beyond what a status message holds");
	status->ledger = page->counters;
	status->ledger_count = page->counter_count;
	status->interfaces = page->interfaces;
	status->interface_count = page->interface_count;
	status->losses = page->losses;
	status->loss_count = losses_after(sources->losses, 0, 0, page->losses);
}
