/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/tcp_watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf-common/packet_parse.h"
#include "bpf-common/tcp_watch_abi.h"
#include "flow_bpf.skel.h"
#include "flowd/base/log.h"
#include "flowd/kernel/bpf_log.h"
#include "flowd/kernel/jiffies.h"
#include "flowd/kernel/map_memory.h"
#include "watch_bpf.skel.h"

/* What has been told of a side. */
struct told_side {
	uint32_t repeats[TCP_WATCH_REPEATS], late, duplicate_acks, no_windows, rtt_samples;
};

struct told {
	uint32_t seen_jiffies, generation;
	bool again; /* packets may have come after the look, in the same tick */
	struct told_side side[2];
};

struct tcp_watch_table {
	struct watch_bpf *skeleton;
	struct map_memory watches, seen, sums;
	struct told *told;
	uint32_t slots, cpus;
};

/* ---- opening -------------------------------------------------------------------------------- */

static int watch_configure(struct tcp_watch_table *table, const struct flow_bpf *programs)
{
	struct watch_bpf__rodata *rodata = table->skeleton->rodata;
	uint32_t tick_ns = 0;
	int error = jiffies_tick(&tick_ns);

	if (error || !tick_ns)
		return error ? error : -EINVAL;
	rodata->cfg_watch_hz = 1000000000u / tick_ns;
	rodata->cfg_watch_slots = table->slots;
	if (getrandom((void *)(uintptr_t)&rodata->cfg_watch_seed, sizeof(rodata->cfg_watch_seed),
		      0) != sizeof(rodata->cfg_watch_seed))
		return -EIO;
	bpf_program__set_flags(table->skeleton->progs.xdp_tcp_watch,
			       bpf_program__flags(programs->progs.xdp_ingress));
	error = bpf_map__set_max_entries(table->skeleton->maps.tcp_watches, table->slots);
	if (!error)
		error = bpf_map__set_max_entries(table->skeleton->maps.tcp_watch_seen,
						 table->slots);
	if (!error)
		error = bpf_map__set_max_entries(table->skeleton->maps.tcp_watch_sums, table->cpus);
	return error;
}

static int watch_enter(const struct bpf_map *hook, const struct bpf_program *program)
{
	int fd = bpf_program__fd(program);
	uint32_t only = 0;

	return bpf_map_update_elem(bpf_map__fd(hook), &only, &fd, BPF_ANY);
}

static int watch_load(struct tcp_watch_table *table, const struct flow_bpf *programs)
{
	int error;

	bpf_log_install();
	table->skeleton = watch_bpf__open();
	if (!table->skeleton)
		return -ENOMEM;
	error = watch_configure(table, programs);
	if (!error)
		error = watch_bpf__load(table->skeleton);
	if (!error)
		error = map_memory_open(&table->watches, table->skeleton->maps.tcp_watches);
	if (!error)
		error = map_memory_open(&table->seen, table->skeleton->maps.tcp_watch_seen);
	if (!error)
		error = map_memory_open(&table->sums, table->skeleton->maps.tcp_watch_sums);
	if (!error)
		error = watch_enter(programs->maps.tc_watchers,
				    table->skeleton->progs.tc_tcp_watch);
	if (!error)
		error = watch_enter(programs->maps.xdp_watchers,
				    table->skeleton->progs.xdp_tcp_watch);
	return error;
}

static uint32_t watch_slots(uint32_t connections)
{
	uint32_t slots = 2 * TCP_WATCH_WAYS;

	while (slots < connections)
		slots *= 2;
	return slots;
}

int tcp_watch_open(struct tcp_watch_table **out, const struct datapath *datapath,
		   uint32_t connections)
{
	struct tcp_watch_table *table = calloc(1, sizeof(*table));
	int error = -ENOMEM, cpus = libbpf_num_possible_cpus();

	if (table && cpus > 0) {
		table->cpus = (uint32_t)cpus;
		table->slots = watch_slots(connections);
		table->told = calloc(table->slots, sizeof(*table->told));
	}
	if (table && table->told)
		error = watch_load(table, datapath_programs(datapath));
	if (error) {
		log_warning("flow.tcp_connections: %s; connections are not analysed, rows tell "
			    "what sockets know; -d prints what the kernel said",
			    strerror(-error));
		tcp_watch_close(table);
		return error;
	}
	*out = table;
	return 0;
}

void tcp_watch_close(struct tcp_watch_table *table)
{
	if (!table)
		return;
	map_memory_close(&table->watches);
	map_memory_close(&table->seen);
	map_memory_close(&table->sums);
	watch_bpf__destroy(table->skeleton);
	free(table->told);
	free(table);
}

/* ---- reading -------------------------------------------------------------------------------- */

static const enum trace_retransmit repeat_kinds[TCP_WATCH_REPEATS] = {
	[TCP_REPEAT_PLAIN - TCP_REPEAT_PLAIN] = TRACE_RETRANSMIT_NONE,
	[TCP_REPEAT_FAST - TCP_REPEAT_PLAIN] = TRACE_RETRANSMIT_FAST,
	[TCP_REPEAT_SYN - TCP_REPEAT_PLAIN] = TRACE_RETRANSMIT_SYN,
	[TCP_REPEAT_SYNACK - TCP_REPEAT_PLAIN] = TRACE_RETRANSMIT_SYNACK,
};

/* Round trips of what this side sends are those to the other and back. True: there is news. */
static bool side_news(const struct tcp_watch_side *this, const struct tcp_watch_side *other,
		      struct told_side *told, struct told_side *other_told, struct flow_tcp *tcp)
{
	bool news;

	for (int i = 0; i < TCP_WATCH_REPEATS; i++) {
		uint32_t more = this->repeats[i] - told->repeats[i];

		tcp->retransmits_of[repeat_kinds[i]] += more;
		tcp->retransmits += more;
		told->repeats[i] = this->repeats[i];
	}
	tcp->out_of_order = this->late - told->late;
	tcp->duplicate_acks = this->duplicate_acks - told->duplicate_acks;
	tcp->zero_windows = this->no_windows - told->no_windows;
	told->late = this->late;
	told->duplicate_acks = this->duplicate_acks;
	told->no_windows = this->no_windows;
	news = tcp->retransmits || tcp->out_of_order || tcp->duplicate_acks || tcp->zero_windows;
	if (other->rtt_samples == other_told->rtt_samples)
		return news;
	other_told->rtt_samples = other->rtt_samples;
	tcp->srtt_avg_us = other->rtt_us;
	tcp->rtt_min_us = other->rtt_min_us;
	return true;
}

static void watch_tell(const struct tcp_watch *watch, struct told *told, bool is_new,
		       tcp_watch_fn tell, void *context)
{
	for (int who = 0; who < 2; who++) {
		struct flow_key key = watch->key;
		struct flow_tcp tcp = { .analysed = 1 };

		if (!watch->side[who].state.begun)
			continue;
		if (!side_news(&watch->side[who], &watch->side[!who], &told->side[who],
			       &told->side[!who], &tcp) &&
		    !is_new)
			continue;
		if (who) {
			memcpy(key.src, watch->key.dst, sizeof(key.src));
			memcpy(key.dst, watch->key.src, sizeof(key.dst));
			key.src_port = watch->key.dst_port;
			key.dst_port = watch->key.src_port;
		}
		tell(context, &key, &tcp);
	}
}

/* A copy that no change of connections was under way in. */
static bool watch_copy(const volatile struct tcp_watch *from, struct tcp_watch *to)
{
	uint32_t before = from->generation;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(to, (const void *)(uintptr_t)from, sizeof(*to));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(before & 1) && from->generation == before && to->generation == before;
}

void tcp_watch_read(struct tcp_watch_table *table, tcp_watch_fn tell, void *context)
{
	const volatile struct tcp_watch_seen *seen = table->seen.address;
	const volatile struct tcp_watch *watches = table->watches.address;

	for (uint32_t slot = 0; slot < table->slots; slot++) {
		struct told *told = &table->told[slot];
		uint32_t jiffies = seen[slot].jiffies;
		struct tcp_watch watch;
		bool is_new, moved = jiffies != told->seen_jiffies;

		if ((!moved && !told->again) || !watch_copy(&watches[slot], &watch) ||
		    !watch.key.protocol)
			continue;
		is_new = told->generation != watch.generation;
		if (is_new)
			*told = (struct told){ .generation = watch.generation };
		told->seen_jiffies = jiffies;
		told->again = moved;
		watch_tell(&watch, told, is_new, tell, context);
	}
}

void tcp_watch_count(const struct tcp_watch_table *table, uint64_t *packets, uint64_t *unwatched)
{
	const volatile struct tcp_watch_sum *sums = table->sums.address;

	*packets = *unwatched = 0;
	for (uint32_t cpu = 0; cpu < table->cpus; cpu++) {
		*packets += sums[cpu].packets;
		*unwatched += sums[cpu].unwatched;
	}
}
