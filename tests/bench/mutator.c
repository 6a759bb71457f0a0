/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bench/mutator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bpf-common/packet.h"
#include "bench_bpf.skel.h"
#include "flowd/flow/packet_rules.h"
#include "tests/bench/timing.h"

#define POSITION_WORDS 32 /* LINE of bench.bpf.c */

struct mutator {
	struct bench_bpf *skeleton;
	uint32_t *sequence; /* mapped */
	struct packet_sample sample;
};

struct mutator *mutator_open(uint32_t lru_entries)
{
	struct mutator *mutator = calloc(1, sizeof(*mutator));

	if (!mutator)
		timing_die("no memory");
	mutator->skeleton = bench_bpf__open();
	if (!mutator->skeleton ||
	    bpf_map__set_max_entries(mutator->skeleton->maps.lru_flows, lru_entries) ||
	    bench_bpf__load(mutator->skeleton))
		timing_die("cannot load the mutator (root needed)");
	mutator->sequence =
		mmap(NULL, MUTATOR_SEQUENCE_MAX * sizeof(uint32_t), PROT_READ | PROT_WRITE,
		     MAP_SHARED, bpf_map__fd(mutator->skeleton->maps.sequence), 0);
	if (mutator->sequence == MAP_FAILED)
		timing_die("cannot map the sequence");
	packet_rules_default(&mutator->skeleton->bss->lru_rules);
	return mutator;
}

void mutator_close(struct mutator *mutator)
{
	munmap(mutator->sequence, MUTATOR_SEQUENCE_MAX * sizeof(uint32_t));
	bench_bpf__destroy(mutator->skeleton);
	free(mutator);
}

/* xorshift64 (Marsaglia 2003): the same order in each run of the benchmark. */
static uint32_t mutator_random(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) * below >> 32);
}

void mutator_draw(struct mutator *mutator, uint32_t length, uint32_t flows)
{
	uint64_t state = 88172645463325252ull;

	for (uint32_t i = 0; i < length; i++)
		mutator->sequence[i] = mutator_random(&state, flows);
	mutator->skeleton->bss->sequence_mask = length - 1;
}

void mutator_shuffle(struct mutator *mutator, uint32_t length)
{
	uint64_t state = 88172645463325252ull;

	for (uint32_t i = 0; i < length; i++) {
		uint32_t other = mutator_random(&state, i + 1);

		mutator->sequence[i] = mutator->sequence[other];
		mutator->sequence[other] = i;
	}
	mutator->skeleton->bss->sequence_mask = length - 1;
}

uint32_t mutator_flow_at(const struct mutator *mutator, uint32_t position)
{
	return mutator->sequence[position & mutator->skeleton->bss->sequence_mask];
}

void mutator_packet(struct mutator *mutator, const struct packet_sample *sample)
{
	struct bench_bpf__bss *bss = mutator->skeleton->bss;

	mutator->sample = *sample;
	bss->address_at = sample->address_at;
	bss->port_at = sample->port_at;
	bss->address_base = sample->address_base;
	bss->address_mask = sample->address_mask;
}

static int mutator_program_fd(const struct mutator *mutator, enum mutator_hook hook,
			      enum mutator_subject subject, const struct datapath *datapath)
{
	int xdp = hook == MUTATOR_XDP;

	switch (subject) {
	case MUTATOR_EMPTY:
		return bpf_program__fd(xdp ? mutator->skeleton->progs.empty_xdp
					   : mutator->skeleton->progs.empty_tc);
	case MUTATOR_OURS:
		return xdp ? datapath_xdp_fd(datapath) : datapath_tc_ingress_fd(datapath);
	case MUTATOR_LRU:
		return bpf_program__fd(xdp ? mutator->skeleton->progs.lru_xdp
					   : mutator->skeleton->progs.lru_tc);
	case MUTATOR_SUBJECTS:
		break;
	}
	return -1;
}

void mutator_target(struct mutator *mutator, enum mutator_hook hook, enum mutator_subject subject,
		    const struct datapath *datapath)
{
	struct bpf_map *jump = hook == MUTATOR_XDP ? mutator->skeleton->maps.jump_xdp
						   : mutator->skeleton->maps.jump_tc;
	int fd = mutator_program_fd(mutator, hook, subject, datapath);
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(jump), &zero, &fd, BPF_ANY))
		timing_die("cannot set the program under test");
}

double mutator_run(struct mutator *mutator, enum mutator_hook hook, uint32_t from, uint32_t count)
{
	const struct bpf_program *program = hook == MUTATOR_XDP
						    ? mutator->skeleton->progs.mutate_xdp
						    : mutator->skeleton->progs.mutate_tc;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = mutator->sample.frame.bytes,
		    .data_size_in = mutator->sample.frame.size, .repeat = (int)count);
	double started;

	mutator->skeleton->bss->positions[(sched_getcpu() & 63) * POSITION_WORDS] = from;
	started = timing_thread_ns();
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &options))
		timing_die("test run");
	/* TC_ACT_UNSPEC and XDP_PASS; anything else means that the target was not reached */
	if (options.retval != (hook == MUTATOR_XDP ? 2 : (uint32_t)-1))
		timing_die("the program under test was not reached");
	return (timing_thread_ns() - started) / count;
}

struct datapath *mutator_open_datapath(uint32_t table_flows, uint32_t ring_bytes)
{
	struct datapath_options options = { .table_flows = table_flows, .ring_bytes = ring_bytes };
	const uint16_t dns_port = 53;
	struct datapath *datapath;

	packet_rules_default(&options.rules);
	packet_rules_set_dns(&options.rules, &dns_port, 1);
	errno = -datapath_open(&datapath, &options);
	if (errno)
		timing_die("cannot open the datapath (root needed)");
	errno = -datapath_device_role(
		datapath, 1,
		FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS, 1);
	if (errno)
		timing_die("cannot set the device's role");
	return datapath;
}
