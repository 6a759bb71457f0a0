/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/log.h"
#include "flowd/kernel/bpf_log.h"
#include "flowd/kernel/jiffies.h"
#include "flowd/kernel/map_memory.h"
#include "flowd/kernel/ring.h"
#include "flowd/kernel/trace_firewall.h"
#include "trace_bpf.skel.h"

#define TRACE_RTT_EVERY 64

/* Which program hangs where, and what asks for it. */
#define TRACE_HOOKS(X)                                 \
	X(kfree_skb, trace_kfree_skb, drops)           \
	X(xdp_exception, trace_xdp_exception, drops)   \
	X(xdp_redirect_err, trace_xdp_redirect, drops) \
	X(xdp_bulk_tx, trace_xdp_tx, drops)            \
	X(tcp_retransmit_skb, trace_retransmit, tcp)   \
	X(tcp_retransmit_synack, trace_synack, tcp)    \
	X(tcp_send_reset, trace_send_reset, tcp)       \
	X(tcp_receive_reset, trace_receive_reset, tcp) \
	X(inet_sock_set_state, trace_set_state, tcp)   \
	X(tcp_probe, trace_rtt, tcp)
#define TRACE_HOOK_ENUM(tracepoint, program, option) TRACE_HOOK_##program,
enum trace_hook { TRACE_HOOKS(TRACE_HOOK_ENUM) TRACE_HOOK_COUNT };

struct trace {
	struct trace_bpf *skeleton;
	enum trace_manner manner;
	struct bpf_link *links[TRACE_HOOK_COUNT];
	const char *why_not[TRACE_HOOK_COUNT];
	struct trace_firewall_hooks *firewall;
	struct map_memory states, buckets;
	struct ring ring;
	uint32_t cpus;
	uint64_t taken, unknown;
	trace_event_fn take; /* during trace_read() */
	void *context;
};

/* ---- loading -------------------------------------------------------------------------------- */

static const char *const hook_names[] = {
#define TRACE_HOOK_NAME(tracepoint, program, option) #tracepoint,
	TRACE_HOOKS(TRACE_HOOK_NAME)
};

static struct bpf_program *trace_program(const struct trace *trace, enum trace_hook hook)
{
	switch (hook) {
#define TRACE_HOOK_PROGRAM(tracepoint, program, option)                                  \
	case TRACE_HOOK_##program:                                                       \
		return trace->manner == TRACE_RAW ? trace->skeleton->progs.program##_raw \
						  : trace->skeleton->progs.program;
		TRACE_HOOKS(TRACE_HOOK_PROGRAM)
	case TRACE_HOOK_COUNT:
		break;
	}
	return NULL;
}

/* What is switched off or not there is not loaded. Returns how many are. */
static int trace_choose(struct trace *trace, const struct trace_options *options)
{
	int chosen = 0;

#define TRACE_HOOK_CHOOSE(tracepoint, program, option)                 \
	if (!options->option)                                          \
		trace->why_not[TRACE_HOOK_##program] = "switched off"; \
	else if (!btf_names_arguments(options->names, #tracepoint))    \
		trace->why_not[TRACE_HOOK_##program] = "not in this kernel's BTF";
	TRACE_HOOKS(TRACE_HOOK_CHOOSE)
#define TRACE_HOOK_LEAVE(tracepoint, program, option) \
	bpf_program__set_autoload(trace->skeleton->progs.program, false);
	TRACE_HOOKS(TRACE_HOOK_LEAVE)
	for (int hook = 0; hook < TRACE_HOOK_COUNT; hook++) {
		bpf_program__set_autoload(trace_program(trace, (enum trace_hook)hook),
					  !trace->why_not[hook]);
		chosen += !trace->why_not[hook];
	}
	return chosen;
}

static int trace_configure(struct trace *trace, const struct trace_options *options)
{
	struct trace_bpf__rodata *rodata = trace->skeleton->rodata;
	int64_t consumed = options->names ? btf_names_find(options->names, "SKB_CONSUMED") : -1;
	int64_t firewall =
		options->names ? btf_names_find(options->names, "SKB_DROP_REASON_NETFILTER_DROP")
			       : -1;
	uint32_t tick_ns = 0;
	int error = jiffies_tick(&tick_ns);

	if (error || !tick_ns)
		return error ? error : -EINVAL;
	rodata->cfg_hz = 1000000000u / tick_ns;
	rodata->cfg_rate = options->rate;
	rodata->cfg_drop_args = btf_names_arguments(options->names, "kfree_skb");
	rodata->cfg_reset_args = btf_names_arguments(options->names, "tcp_send_reset");
	rodata->cfg_firewall_reason = firewall > 0 ? (uint32_t)firewall : 0;
	rodata->cfg_namespaces = (uint32_t)options->namespace_count;
	rodata->cfg_rtt_every = TRACE_RTT_EVERY;
	rodata->cfg_consumed = consumed > 0 ? (uint32_t)consumed : 0;
	error = bpf_map__set_max_entries(trace->skeleton->maps.trace_states, trace->cpus);
	if (!error)
		error = bpf_map__set_max_entries(trace->skeleton->maps.trace_buckets,
						 trace->cpus * TRACE_BUCKETS);
	if (!error)
		error = bpf_map__set_max_entries(trace->skeleton->maps.trace_events,
						 options->ring_bytes);
	return error;
}

static int trace_map(struct trace *trace)
{
	const struct bpf_map *events = trace->skeleton->maps.trace_events;
	int error = map_memory_open(&trace->states, trace->skeleton->maps.trace_states);

	if (!error)
		error = map_memory_open(&trace->buckets, trace->skeleton->maps.trace_buckets);
	if (!error)
		error = ring_open(&trace->ring, bpf_map__fd(events), bpf_map__max_entries(events));
	return error;
}

static int trace_set_namespaces(struct trace *trace, const struct trace_options *options)
{
	int map_fd = bpf_map__fd(trace->skeleton->maps.trace_namespaces), error = 0;
	const uint8_t yes = 1;

	for (size_t i = 0; i < options->namespace_count && !error; i++)
		error = bpf_map_update_elem(map_fd, &options->namespaces[i], &yes, BPF_ANY);
	return error;
}

static int trace_attach(struct trace *trace)
{
	int attached = 0;

	for (int hook = 0; hook < TRACE_HOOK_COUNT; hook++) {
		if (trace->why_not[hook])
			continue;
		trace->links[hook] =
			bpf_program__attach(trace_program(trace, (enum trace_hook)hook));
		if (!trace->links[hook])
			trace->why_not[hook] = strerror(errno);
		attached += trace->links[hook] != NULL;
	}
	return attached;
}

static int trace_load(struct trace *trace, const struct trace_options *options)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .btf_custom_path = options->btf_path);
	int cpus = libbpf_num_possible_cpus(), error;

	if (cpus < 0)
		return cpus;
	trace->cpus = (uint32_t)cpus;
	bpf_log_install();
	trace->skeleton = trace_bpf__open_opts(&open_options);
	if (!trace->skeleton)
		return -ENOMEM;
	if (!trace_choose(trace, options))
		return -ENOTSUP;
	error = trace_configure(trace, options);
	if (!error)
		error = trace_bpf__load(trace->skeleton);
	return error;
}

static int trace_open_in(struct trace **out, const struct trace_options *options,
			 enum trace_manner manner)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int error;

	if (!trace)
		return -ENOMEM;
	trace->manner = manner;
	error = trace_load(trace, options);
	if (!error)
		error = trace_map(trace);
	if (!error)
		error = trace_set_namespaces(trace, options);
	if (!error && !trace_attach(trace))
		error = -ENOTSUP;
	if (error) {
		trace_close(trace);
		return error;
	}
	*out = trace;
	return 0;
}

/* Raw tracepoints need no BTF in the kernel: a file of it does (--btf). */
static int trace_open_either(struct trace **out, const struct trace_options *options)
{
	enum trace_manner first = options->manner == TRACE_RAW ? TRACE_RAW : TRACE_BTF;
	bool was_quiet = bpf_log_quiet(options->manner == TRACE_AUTO);
	int error = trace_open_in(out, options, first);

	bpf_log_quiet(was_quiet);
	if (!error || options->manner != TRACE_AUTO || !(options->drops || options->tcp))
		return error;
	log_info("events: tp_btf: %s; raw tracepoints are tried", strerror(-error));
	return trace_open_in(out, options, TRACE_RAW);
}

int trace_open(struct trace **out, const struct trace_options *options)
{
	int error = trace_open_either(out, options);

	if (error) {
		log_warning("drops and TCP events are not traced: %s; flowd --check tells what "
			    "this kernel has",
			    strerror(-error));
		return error;
	}
	if (options->drops && options->firewalls)
		(*out)->firewall =
			trace_firewall_open(bpf_map__fd((*out)->skeleton->maps.trace_firewalls),
					    options->btf_path, options->firewalls);
	return 0;
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	for (int hook = 0; hook < TRACE_HOOK_COUNT; hook++)
		bpf_link__destroy(trace->links[hook]);
	trace_firewall_close(trace->firewall);
	ring_close(&trace->ring);
	map_memory_close(&trace->states);
	map_memory_close(&trace->buckets);
	trace_bpf__destroy(trace->skeleton);
	free(trace);
}

void trace_hooks(const struct trace *trace, trace_hook_fn visit, void *context)
{
	for (int hook = 0; hook < TRACE_HOOK_COUNT; hook++)
		visit(context, hook_names[hook], trace->why_not[hook]);
}

enum trace_manner trace_manner(const struct trace *trace)
{
	return trace->manner;
}

unsigned trace_firewall_names(const struct trace *trace)
{
	return trace_firewall_count(trace->firewall);
}

/* ---- events --------------------------------------------------------------------------------- */

static uint32_t trace_size(uint16_t type)
{
	switch ((enum flow_event_type)type) {
	case FLOW_EVENT_DROP:
		return sizeof(struct trace_drop);
	case FLOW_EVENT_XDP_ERROR:
		return sizeof(struct trace_xdp);
	case FLOW_EVENT_TCP_RETRANSMIT:
	case FLOW_EVENT_TCP_RESET_SENT:
	case FLOW_EVENT_TCP_RESET_RECEIVED:
	case FLOW_EVENT_TCP_STATE:
	case FLOW_EVENT_TCP_RTT:
		return sizeof(struct trace_tcp);
	case FLOW_EVENT_FLOW_EVICTED:
	case FLOW_EVENT_FLOW_MALFORMED:
	case FLOW_EVENT_DNS:
		break;
	}
	return 0;
}

static void trace_sample(void *context, const void *sample, uint32_t size)
{
	struct trace *trace = context;
	const struct flow_event *event = sample;

	if (size < sizeof(*event) || event->size != size || trace_size(event->type) != size ||
	    event->cpu >= trace->cpus) {
		trace->unknown++;
		return;
	}
	trace->taken++;
	trace->take(trace->context, event);
}

void trace_read(struct trace *trace, trace_event_fn take, void *context)
{
	trace->take = take;
	trace->context = context;
	ring_read(&trace->ring, ring_head(&trace->ring), trace_sample, trace);
}

/* ---- counters ------------------------------------------------------------------------------- */

void trace_bucket_count(const struct trace *trace, uint32_t bucket, struct trace_bucket *sum)
{
	const volatile struct trace_bucket *buckets = trace->buckets.address;

	*sum = (struct trace_bucket){ 0 };
	for (uint32_t cpu = 0; cpu < trace->cpus; cpu++) {
		const volatile struct trace_bucket *one = &buckets[cpu * TRACE_BUCKETS + bucket];

		sum->seen += one->seen;
		sum->suppressed += one->suppressed;
		sum->lost += one->lost;
	}
}

/* Tracing programs do not run inside themselves: the kernel counts what that left out. */
static uint64_t trace_missed(const struct trace *trace)
{
	uint64_t missed = 0;

	for (int hook = 0; hook < TRACE_HOOK_COUNT; hook++) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (trace->links[hook] &&
		    !bpf_obj_get_info_by_fd(
			    bpf_program__fd(trace_program(trace, (enum trace_hook)hook)), &info,
			    &size))
			missed += info.recursion_misses;
	}
	return missed;
}

void trace_count(const struct trace *trace, struct trace_counts *counts)
{
	const volatile struct trace_state *states = trace->states.address;

	*counts = (struct trace_counts){ .taken = trace->taken, .unknown = trace->unknown };
	for (uint32_t bucket = 0; bucket < TRACE_BUCKETS; bucket++) {
		struct trace_bucket sum;

		trace_bucket_count(trace, bucket, &sum);
		counts->seen += sum.seen;
		counts->suppressed += sum.suppressed;
		counts->lost += sum.lost;
	}
	for (uint32_t cpu = 0; cpu < trace->cpus; cpu++)
		counts->not_packets += states[cpu].not_packets;
	counts->missed = trace_missed(trace);
}
