/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-common/packet_parse.h"
#include "flow_bpf.skel.h"
#include "flowd/base/log.h"
#include "flowd/kernel/datapath_load.h"
#include "flowd/kernel/drain.h"
#include "flowd/kernel/jiffies.h"
#include "flowd/kernel/malformed.h"
#include "flowd/kernel/ring.h"
#include "flowd/kernel/table_growth.h"

struct datapath {
	struct flow_bpf *skeleton;
	struct datapath_sizes sizes;
	struct datapath_mapped mapped;
	struct drain *drain;
	struct table_growth *growth; /* or NULL */
	struct ring ring;
	uint32_t tick_ns;
};

static const struct flow_extra_set *datapath_extras(void *context)
{
	struct datapath *datapath = context;

	return datapath_map_extras(&datapath->mapped, datapath->skeleton);
}

static struct flow_cpus datapath_cpus(const struct datapath *datapath)
{
	return (struct flow_cpus){
		.address = datapath->mapped.cpus.address,
		.count = datapath->sizes.cpus,
		.sets_bits = (uint32_t)__builtin_ctz(datapath->sizes.sets_per_cpu),
	};
}

static int datapath_open_readers(struct datapath *datapath)
{
	const struct drain_tables tables = {
		.cpus = datapath_cpus(datapath),
		.colds = datapath->mapped.colds.address,
		.extras = datapath_extras,
		.context = datapath,
	};
	int err = jiffies_tick(&datapath->tick_ns);

	if (!err)
		err = ring_open(&datapath->ring, bpf_map__fd(datapath->skeleton->maps.events),
				datapath->sizes.ring_bytes);
	if (!err)
		err = drain_open(&datapath->drain, &tables);
	if (err)
		log_error("datapath: reading the flow table: %s", strerror(-err));
	return err;
}

static int datapath_open_growth(struct datapath *datapath)
{
	const struct flow_cpus cpus = datapath_cpus(datapath);
	int err = table_growth_open(&datapath->growth, &datapath->skeleton->data->flow_sets_mask,
				    &cpus);

	if (err)
		log_error("datapath: no memory");
	return err;
}

int datapath_open(struct datapath **out, const struct datapath_options *options)
{
	struct datapath *datapath = calloc(1, sizeof(*datapath));
	int err;

	if (!datapath)
		return -ENOMEM;
	err = datapath_load(&datapath->skeleton, &datapath->sizes, options);
	if (!err)
		err = datapath_map(&datapath->mapped, datapath->skeleton);
	if (!err)
		err = datapath_open_readers(datapath);
	if (!err && options->table_grows)
		err = datapath_open_growth(datapath);
	if (err) {
		datapath_close(datapath);
		return err;
	}
	datapath_follow_log(datapath);
	*out = datapath;
	return 0;
}

void datapath_follow_log(struct datapath *datapath)
{
	uint8_t *show = &datapath->skeleton->bss->flow_show_malformed;

	__atomic_store_n(show, log_level_get() >= LOG_LEVEL_DEBUG, __ATOMIC_RELAXED);
}

void datapath_close(struct datapath *datapath)
{
	if (!datapath)
		return;
	table_growth_close(datapath->growth);
	drain_close(datapath->drain);
	ring_close(&datapath->ring);
	datapath_unmap(&datapath->mapped);
	flow_bpf__destroy(datapath->skeleton);
	free(datapath);
}

/* ---- drain ---------------------------------------------------------------------------------- */

/* Both kernel clocks at this moment. */
static int datapath_sample(const struct datapath *datapath, struct jiffies_sample *sample)
{
	static const uint8_t packet[64];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	int err = bpf_prog_test_run_opts(bpf_program__fd(datapath->skeleton->progs.clock_probe),
					 &run);

	if (err)
		return err;
	jiffies_take(sample, datapath->mapped.clocks.address, datapath->tick_ns);
	return 0;
}

static void datapath_take_event(void *context, const void *sample, uint32_t size)
{
	drain_event(context, sample, size);
	if (size >= sizeof(struct flow_event) && malformed_fits(sample, size))
		malformed_log(sample);
}

static bool datapath_read_events(struct datapath *datapath)
{
	return ring_read(&datapath->ring, ring_head(&datapath->ring), datapath_take_event,
			 datapath->drain);
}

static void datapath_grow(struct datapath *datapath, uint64_t monotonic_ns)
{
	if (datapath->growth && table_growth_look(datapath->growth, monotonic_ns))
		log_debug("flow table: entries do not stay: %u a CPU from now on",
			  table_growth_sets(datapath->growth) * FLOW_WAYS);
}

static int datapath_begin(struct datapath *datapath, datapath_delta_fn emit, void *context)
{
	struct jiffies_sample now;
	int err = datapath_sample(datapath, &now);

	if (err) {
		log_error("datapath: reading the kernel's clocks: %s", strerror(-err));
		return err;
	}
	datapath_grow(datapath, now.monotonic_ns);
	drain_begin(datapath->drain, &now, emit, context);
	return 0;
}

static uint64_t datapath_delta_count(const struct datapath *datapath)
{
	struct drain_stats stats;

	drain_stats(datapath->drain, &stats);
	return stats.deltas;
}

int datapath_drain(struct datapath *datapath, bool everything, datapath_delta_fn emit,
		   void *context)
{
	uint64_t before = datapath_delta_count(datapath);
	bool more;
	int err = datapath_begin(datapath, emit, context);

	if (err)
		return err;
	do {
		more = drain_collect(datapath->drain, everything);
		drain_apply(datapath->drain, datapath_read_events(datapath));
	} while (more);
	datapath_unmap_extras(&datapath->mapped);
	return (int)(datapath_delta_count(datapath) - before);
}

int datapath_drain_events(struct datapath *datapath, datapath_delta_fn emit, void *context)
{
	uint64_t before = datapath_delta_count(datapath);
	int err = datapath_begin(datapath, emit, context);

	if (err)
		return err;
	datapath_read_events(datapath);
	return (int)(datapath_delta_count(datapath) - before);
}

void datapath_set_listener(struct datapath *datapath, datapath_event_fn listen, void *context)
{
	drain_set_listener(datapath->drain, (struct drain_listener){ listen, context });
}

int datapath_event_fd(const struct datapath *datapath)
{
	return bpf_map__fd(datapath->skeleton->maps.events);
}

/* ---- counters ------------------------------------------------------------------------------- */

static void datapath_add_ledger(struct flow_ledger *sum, const volatile struct flow_ledger *ledger)
{
	const volatile uint64_t *from = (const volatile uint64_t *)ledger;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

int datapath_ledger(struct datapath *datapath, struct datapath_ledger *ledger)
{
	const struct flow_cpus cpus = datapath_cpus(datapath);
	struct drain_stats stats;

	memset(ledger, 0, sizeof(*ledger));
	for (uint32_t cpu = 0; cpu < datapath->sizes.cpus; cpu++)
		datapath_add_ledger(&ledger->kernel, &flow_cpus_one(&cpus, cpu)->ledger);
	drain_stats(datapath->drain, &stats);
	ledger->drained_packets = stats.packets;
	ledger->drained_bytes = stats.bytes;
	ledger->event_gaps = stats.event_gaps;
	ledger->events_unknown = stats.events_unknown;
	ledger->torn_reads = stats.torn_reads;
	return 0;
}

static void datapath_add_run_stats(const struct bpf_program *program, uint64_t *run_ns,
				   uint64_t *run_count)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return;
	*run_ns += info.run_time_ns;
	*run_count += info.run_cnt;
}

void datapath_run_stats(const struct datapath *datapath, uint64_t *run_ns, uint64_t *run_count)
{
	*run_ns = *run_count = 0;
	datapath_add_run_stats(datapath->skeleton->progs.tc_ingress, run_ns, run_count);
	datapath_add_run_stats(datapath->skeleton->progs.tc_egress, run_ns, run_count);
	datapath_add_run_stats(datapath->skeleton->progs.xdp_ingress, run_ns, run_count);
}

/* ---- devices -------------------------------------------------------------------------------- */

/* One store, so that a program never reads the role of one device for another. */
static void datapath_store_device(struct flow_device *slot, const struct flow_device *device)
{
	uint64_t word;

	memcpy(&word, device, sizeof(word));
	__atomic_store_n((uint64_t *)slot, word, __ATOMIC_RELEASE);
}

/* Where the slot is another's. */
static int datapath_extra_device(const struct datapath *datapath, const struct flow_device *device)
{
	int map_fd = bpf_map__fd(datapath->skeleton->maps.device_extra);
	int err = device->role ? bpf_map_update_elem(map_fd, &device->ifindex, device, BPF_ANY)
			       : bpf_map_delete_elem(map_fd, &device->ifindex);

	return err == -ENOENT ? 0 : err;
}

int datapath_device_role(struct datapath *datapath, uint32_t ifindex, uint16_t role,
			 uint16_t sampling)
{
	static const struct flow_device nobody;
	const struct flow_device device = { .ifindex = ifindex,
					    .role = role,
					    .sampling = sampling },
				 none = { .ifindex = ifindex };
	struct flow_device *slot =
		&datapath->skeleton->bss->device_slots[ifindex % FLOW_DEVICE_SLOTS];

	if (slot->ifindex && slot->ifindex != ifindex)
		return datapath_extra_device(datapath, &device);
	datapath_store_device(slot, role ? &device : &nobody);
	return datapath_extra_device(datapath, &none);
}

struct flow_bpf *datapath_programs(const struct datapath *datapath)
{
	return datapath->skeleton;
}

int datapath_tc_ingress_fd(const struct datapath *datapath)
{
	return bpf_program__fd(datapath->skeleton->progs.tc_ingress);
}

int datapath_tc_egress_fd(const struct datapath *datapath)
{
	return bpf_program__fd(datapath->skeleton->progs.tc_egress);
}

int datapath_xdp_fd(const struct datapath *datapath)
{
	return bpf_program__fd(datapath->skeleton->progs.xdp_ingress);
}

struct datapath_owner_maps datapath_owner_maps(const struct datapath *datapath)
{
	return (struct datapath_owner_maps){
		.events_fd = bpf_map__fd(datapath->skeleton->maps.owner_events),
		.counters_fd = bpf_map__fd(datapath->skeleton->maps.owner_counters),
		.ring_bytes = bpf_map__max_entries(datapath->skeleton->maps.owner_events),
	};
}
