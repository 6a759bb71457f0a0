/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Read this first. A packet is counted by the kernel programs (bpf-common/); every drain_interval,
 * or when the ring buffer signals, what has changed is taken out of the kernel (kernel/datapath.h)
 * into the flow table (flow/flow_table.h), which makes records as flows start, go on and end. Each
 * record goes into history (store/history.h), from where it is delivered (delivery.h): published
 * (serve/publish.h) and queried (serve/query.h). What is lost on the way is noted (store/losses.h)
 * and told with every answer.
 */
#include "flowd/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/budget_watch.h"
#include "flowd/delivery.h"
#include "flowd/device_names.h"
#include "flowd/dns_feed.h"
#include "flowd/entrances.h"
#include "flowd/flow/flow_table.h"
#include "flowd/forwarded.h"
#include "flowd/identification.h"
#include "flowd/inventory.h"
#include "flowd/kernel/datapath.h"
#include "flowd/kernel/interfaces.h"
#include "flowd/kernel/packet_filter.h"
#include "flowd/ledger.h"
#include "flowd/scope.h"
#include "flowd/settings.h"
#include "flowd/status.h"
#include "flowd/store/history.h"
#include "flowd/store/losses.h"
#include "flowd/troubles.h"

#define PIPELINE_SAMPLE_NS	(5 * CLOCK_S)
#define PIPELINE_FULL_DRAIN	120  /* drains; a look at every set, where memory order is weak */
#define PIPELINE_ANNOUNCE_MANY	1024 /* new flows between two looks at the ring buffer */
#define PIPELINE_ANNOUNCE_TURNS 1024 /* then others have their turn */
#define PIPELINE_LAST_QUIET_NS	(10 * CLOCK_MS)
#define PIPELINE_LAST_BURST	4096 /* records; on the way down there is time to deliver them */

struct pipeline {
	const struct config *config;
	struct loop *loop;
	uint64_t epoch;
	int64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC, as the records have it */
	struct device_names *names;
	struct history *history;
	struct losses *losses;
	struct flow_table *table;
	struct dns_feed *dns;
	struct delivery *delivery;
	struct datapath *datapath;
	struct packet_filter *filter;
	struct interfaces *interfaces;
	struct trouble *trouble;
	struct forwarded *forwarded;
	struct identification *identification;
	struct scope *scope;
	struct ledger_watch ledger;
	struct status_page *status;
	struct budget_watch *budget;
	struct loop_source *drain_timer, *ring_ready, *devices_ready, *sample_timer;
	uint64_t drains, loss_logged_ns;
	bool drain_failing, finishing;
};

/* ---- from the kernel to history ------------------------------------------------------------- */

static void pipeline_record(void *context, const struct flow_record *record)
{
	struct pipeline *pipeline = context;
	uint64_t undelivered;

	record = dns_feed_name(pipeline->dns, record);
	record = identification_name(pipeline->identification, record, pipeline->wall_offset_ns);
	if (flow_kind_is_event(record->kind) && !scope_takes_event(pipeline->scope, record))
		return;
	identification_stored(pipeline->identification, history_append(pipeline->history, record));
	undelivered = delivery_add(pipeline->delivery);
	if (pipeline->finishing && undelivered >= PIPELINE_LAST_BURST)
		delivery_serve_rest(pipeline->delivery, PIPELINE_LAST_QUIET_NS,
				    10 * PIPELINE_LAST_QUIET_NS);
	else if (undelivered >= pipeline->config->history_records / 2)
		delivery_publish(pipeline->delivery);
}

static void pipeline_incident(void *context, const struct flow_record *record)
{
	struct pipeline *pipeline = context;

	pipeline_record(pipeline, record);
	delivery_need(pipeline->delivery);
}

static void pipeline_delta(void *context, const struct flow_delta *delta)
{
	struct pipeline *pipeline = context;

	flow_table_update(pipeline->table, delta);
}

/* Records keep the names they were made with, whatever becomes of the devices. */
static const char *pipeline_device_name(void *context, uint32_t ifindex)
{
	struct pipeline *pipeline = context;

	return device_names_keep(
		pipeline->names, ifindex,
		pipeline->interfaces ? interfaces_name(pipeline->interfaces, ifindex) : NULL);
}

static void pipeline_loss(void *context, const struct flow_loss *loss)
{
	struct pipeline *pipeline = context;

	losses_note(pipeline->losses, history_newest(pipeline->history), loss);
	delivery_loss(pipeline->delivery, loss);
	ledger_log(loss, &pipeline->loss_logged_ns);
}

static void pipeline_check_ledger(struct pipeline *pipeline)
{
	struct datapath_ledger ledger;

	if (!datapath_ledger(pipeline->datapath, &ledger))
		ledger_watch_look(&pipeline->ledger, &ledger, clock_realtime_ns(), pipeline_loss,
				  pipeline);
}

static void pipeline_drained(struct pipeline *pipeline, int result)
{
	if (result < 0 && !pipeline->drain_failing)
		log_error("cannot read the kernel's flow table: %s; trying again",
			  strerror(-result));
	pipeline->drain_failing = result < 0;
	if (result >= 0)
		pipeline_check_ledger(pipeline);
}

static bool pipeline_drains_all(struct pipeline *pipeline)
{
#if defined(__x86_64__) || defined(__i386__)
	(void)pipeline;
	return false;
#else
	return ++pipeline->drains % PIPELINE_FULL_DRAIN == 0;
#endif
}

/* A burst of new flows takes time to publish: the ring buffer is emptied now and then meanwhile. */
static void pipeline_announce(struct pipeline *pipeline)
{
	for (int turn = 0; turn < PIPELINE_ANNOUNCE_TURNS; turn++) {
		if (flow_table_announce(pipeline->table, clock_monotonic_ns(),
					PIPELINE_ANNOUNCE_MANY) < PIPELINE_ANNOUNCE_MANY)
			return;
		pipeline_drained(pipeline, datapath_drain_events(pipeline->datapath, pipeline_delta,
								 pipeline));
	}
}

static void pipeline_follow_clock(struct pipeline *pipeline)
{
	if (!clock_wall_offset_moved(&pipeline->wall_offset_ns))
		return;
	flow_table_set_wall_offset(pipeline->table, pipeline->wall_offset_ns);
	dns_feed_set_wall_offset(pipeline->dns, pipeline->wall_offset_ns);
}

static void pipeline_drain(void *context)
{
	struct pipeline *pipeline = context;
	bool everything = pipeline_drains_all(pipeline);

	pipeline_follow_clock(pipeline);
	forwarded_take(pipeline->forwarded);
	trouble_read(pipeline->trouble);
	pipeline_drained(pipeline,
			 datapath_drain(pipeline->datapath, everything, pipeline_delta, pipeline));
	identification_held(pipeline->identification,
			    outlets_oldest(delivery_outlets(pipeline->delivery)));
	identification_drain(pipeline->identification);
	dns_feed_age(pipeline->dns, clock_monotonic_ns(), pipeline_loss, pipeline);
	pipeline_announce(pipeline);
	forwarded_tell(pipeline->forwarded);
	flow_table_age(pipeline->table, clock_monotonic_ns());
	delivery_need(pipeline->delivery);
}

static void pipeline_drain_ring(void *context)
{
	struct pipeline *pipeline = context;

	pipeline_drained(pipeline,
			 datapath_drain_events(pipeline->datapath, pipeline_delta, pipeline));
	delivery_need(pipeline->delivery);
}

static void pipeline_devices(void *context)
{
	struct pipeline *pipeline = context;
	int error = interfaces_dispatch(pipeline->interfaces);

	if (error)
		log_error("cannot follow the network devices: %s", strerror(-error));
	scope_need(pipeline->scope);
}

/* ---- from history to who asks ---------------------------------------------------------------- */

static struct status_sources pipeline_sources(const struct pipeline *pipeline)
{
	return (struct status_sources){
		.epoch = pipeline->epoch,
		.node_name = pipeline->config->node_name,
		.max_flows = pipeline->config->history_records,
		.max_live_flows = pipeline->config->flow.max_flows,
		.history = pipeline->history,
		.losses = pipeline->losses,
		.table = pipeline->table,
		.dns = dns_feed_source(pipeline->dns),
		.datapath = pipeline->datapath,
		.interfaces = pipeline->interfaces,
		.publisher = delivery_publisher(pipeline->delivery),
		.queries = delivery_queries(pipeline->delivery),
		.thrift = budget_watch_factor(pipeline->budget),
		.exporters = outlets_exporters(delivery_outlets(pipeline->delivery)),
		.trouble = pipeline->trouble,
		.forwarded = pipeline->forwarded,
		.identification = pipeline->identification,
		.scope = pipeline->scope,
	};
}

static void pipeline_status(void *context, struct status *status)
{
	struct pipeline *pipeline = context;
	struct status_sources sources = pipeline_sources(pipeline);

	status_page_fill(pipeline->status, &sources, status);
}

static int pipeline_listing(void *context, const struct request *asked, bool local,
			    struct listing *out, char *why, size_t why_size)
{
	struct pipeline *pipeline = context;
	struct status status;
	const struct inventory_sources sources = { pipeline->identification, pipeline->interfaces,
						   pipeline->scope, &status };

	pipeline_status(pipeline, &status);
	return inventory_answer(&sources, asked, local, out, why, why_size);
}

static void pipeline_sample(void *context)
{
	struct pipeline *pipeline = context;
	struct status_sources sources = pipeline_sources(pipeline);

	status_page_sample(pipeline->status, &sources);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int pipeline_open_store(struct pipeline *pipeline)
{
	const struct config *config = pipeline->config;
	int error = device_names_open(&pipeline->names);

	if (!error)
		error = history_open(&pipeline->history, config->history_records,
				     config->history_parts);
	if (!error)
		error = losses_open(&pipeline->losses);
	if (!error)
		error = status_page_open(&pipeline->status);
	return error;
}

static int pipeline_open_table(struct pipeline *pipeline)
{
	struct flow_table_options options;
	int error;

	settings_flow_table(pipeline->config, &options);
	options.emit = pipeline_record;
	options.context = pipeline;
	if (getrandom(options.hash_seed, sizeof(options.hash_seed), 0) != sizeof(options.hash_seed))
		return -EIO;
	error = flow_table_open(&pipeline->table, &options);
	if (error)
		return error;
	flow_table_set_names(pipeline->table, pipeline_device_name, pipeline,
			     pipeline->config->node_name);
	error = dns_feed_open(&pipeline->dns, pipeline->config, pipeline_record,
			      pipeline_device_name, pipeline);
	pipeline_follow_clock(pipeline);
	return error;
}

static int pipeline_open_delivery(struct pipeline *pipeline)
{
	const struct delivery_options options = {
		.config = pipeline->config,
		.history = pipeline->history,
		.losses = pipeline->losses,
		.epoch = pipeline->epoch,
		.status = pipeline_status,
		.listing = pipeline_listing,
		.context = pipeline,
	};

	return delivery_open(&pipeline->delivery, pipeline->loop, &options);
}

static int pipeline_set_filter(struct pipeline *pipeline)
{
	return packet_filter_set(pipeline->filter, &pipeline->config->filter.rules,
				 pipeline->config->filter.pcap);
}

/* The filter comes before the devices: no packet is counted that it excludes. */
static int pipeline_open_kernel(struct pipeline *pipeline)
{
	struct datapath_options datapath;
	struct interfaces_options interfaces;
	int error = settings_datapath(pipeline->config, &datapath);

	if (!error)
		error = datapath_open(&pipeline->datapath, &datapath);
	if (!error)
		datapath_set_listener(pipeline->datapath, dns_feed_event, pipeline->dns);
	if (!error)
		error = forwarded_open(&pipeline->forwarded, pipeline->config, pipeline->datapath,
				       pipeline->table);
	if (!error)
		error = packet_filter_open(&pipeline->filter, pipeline->datapath);
	if (!error)
		error = pipeline_set_filter(pipeline);
	settings_interfaces(pipeline->config, &interfaces);
	interfaces.filter = pipeline->filter;
	if (!error)
		error = interfaces_open(&pipeline->interfaces, pipeline->datapath, &interfaces);
	return error;
}

static int pipeline_open_scope(struct pipeline *pipeline)
{
	const struct scope_options scope = { pipeline->config, pipeline->identification,
					     pipeline->interfaces, pipeline->filter,
					     delivery_queries(pipeline->delivery) };

	return scope_open(&pipeline->scope, pipeline->loop, &scope);
}

static int pipeline_open_sources(struct pipeline *pipeline)
{
	struct loop *loop = pipeline->loop;
	int error = loop_add_timer(loop, pipeline->config->flow.drain_interval, pipeline_drain,
				   pipeline, &pipeline->drain_timer);

	if (!error)
		error = loop_add_wakeups(loop, datapath_event_fd(pipeline->datapath),
					 pipeline_drain_ring, pipeline, &pipeline->ring_ready);
	if (!error)
		error = loop_add_readable(loop, interfaces_fd(pipeline->interfaces),
					  pipeline_devices, pipeline, &pipeline->devices_ready);
	if (!error)
		error = loop_add_timer(loop, PIPELINE_SAMPLE_NS, pipeline_sample, pipeline,
				       &pipeline->sample_timer);
	if (!error)
		error = budget_watch_open(&pipeline->budget, loop, pipeline->config,
					  pipeline->interfaces);
	return error;
}

/* The sockets come before the kernel: a second daemon is refused before it loads anything. */
static int pipeline_open_all(struct pipeline *pipeline)
{
	int error = pipeline_open_store(pipeline);

	if (!error)
		error = pipeline_open_table(pipeline);
	if (!error)
		error = pipeline_open_delivery(pipeline);
	if (!error)
		error = pipeline_open_kernel(pipeline);
	if (!error)
		error = identification_open(&pipeline->identification, pipeline->loop,
					    pipeline->config, pipeline->datapath);
	if (!error)
		error = pipeline_open_scope(pipeline);
	if (!error)
		error = pipeline_open_sources(pipeline);
	if (!error)
		error = troubles_open(&pipeline->trouble, pipeline->loop, pipeline->config,
				      pipeline->table, pipeline_incident, pipeline_loss, pipeline);
	return error;
}

int pipeline_open(struct pipeline **out, struct loop *loop, const struct config *config)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int error;

	if (!pipeline)
		return -ENOMEM;
	pipeline->config = config;
	pipeline->loop = loop;
	pipeline->epoch = clock_realtime_ns();
	pipeline->ledger.node_name = config->node_name;
	pipeline->ledger.last_ns = pipeline->epoch;
	error = pipeline_open_all(pipeline);
	if (error) {
		if (error == -ENOMEM)
			log_error("not enough memory; lower flow.max_flows or flow.table_flows");
		pipeline_close(pipeline);
		return error;
	}
	entrances_tell(config);
	pipeline_sample(pipeline);
	*out = pipeline;
	return 0;
}

void pipeline_reload(struct pipeline *pipeline)
{
	struct loop_source *timer;
	int error = loop_add_timer(pipeline->loop, pipeline->config->flow.drain_interval,
				   pipeline_drain, pipeline, &timer);

	datapath_follow_log(pipeline->datapath);
	if (error) {
		log_error("cannot change the drain interval; it stays as it was");
	} else {
		loop_source_free(pipeline->drain_timer);
		pipeline->drain_timer = timer;
	}
	if (!pipeline_set_filter(pipeline))
		interfaces_warn_of_filter(pipeline->interfaces);
	scope_reload(pipeline->scope);
	outlets_reopen(delivery_outlets(pipeline->delivery));
}

/* ---- closing --------------------------------------------------------------------------------- */

static void pipeline_close_sources(struct pipeline *pipeline)
{
	loop_source_free(pipeline->drain_timer);
	loop_source_free(pipeline->ring_ready);
	loop_source_free(pipeline->devices_ready);
	loop_source_free(pipeline->sample_timer);
	budget_watch_close(pipeline->budget);
	pipeline->budget = NULL;
}

/* Everything that was counted becomes a record: detach, take out the rest, end all flows. */
static void pipeline_finish(struct pipeline *pipeline)
{
	interfaces_close(pipeline->interfaces);
	pipeline->interfaces = NULL;
	pipeline_follow_clock(pipeline);
	forwarded_take(pipeline->forwarded);
	trouble_read(pipeline->trouble);
	pipeline_drained(pipeline,
			 datapath_drain(pipeline->datapath, true, pipeline_delta, pipeline));
	forwarded_tell(pipeline->forwarded);
	pipeline->finishing = true;
	flow_table_flush(pipeline->table, FLOW_END_SHUTDOWN);
	delivery_serve_rest(pipeline->delivery, 5 * PIPELINE_LAST_QUIET_NS, 2 * CLOCK_S);
}

void pipeline_close(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	pipeline_close_sources(pipeline);
	if (pipeline->interfaces)
		pipeline_finish(pipeline);
	delivery_close(pipeline->delivery);
	packet_filter_close(pipeline->filter);
	forwarded_close(pipeline->forwarded);
	datapath_close(pipeline->datapath);
	trouble_close(pipeline->trouble);
	flow_table_close(pipeline->table);
	dns_feed_close(pipeline->dns);
	history_close(pipeline->history);
	losses_close(pipeline->losses);
	scope_close(pipeline->scope);
	identification_close(pipeline->identification);
	status_page_close(pipeline->status);
	device_names_close(pipeline->names);
	free(pipeline);
}
