/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a black box that is always on would cost each packet: ns of copying its first bytes into a
 * ring, above an empty program. docs/decisions/black-box.md rests on it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>

#include "ring_copy.skel.h"
#include "tests/bench/timing.h"

#define RING_ROUNDS 31
#define RING_REPEAT 200000

/* ns a packet. */
static double run(int fd)
{
	static uint8_t packet[512];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = RING_REPEAT);

	if (bpf_prog_test_run_opts(fd, &options))
		timing_die("bench_ring: running a program; root is needed");
	return (double)options.duration;
}

int main(void)
{
	struct ring_copy *programs = ring_copy__open_and_load();
	double small[RING_ROUNDS], large[RING_ROUNDS];

	if (!programs)
		timing_die("bench_ring: loading; root is needed");
	timing_pin(timing_cpus() - 1);
	for (int round = 0; round < RING_ROUNDS; round++) {
		double empty = run(bpf_program__fd(programs->progs.ring_empty));

		small[round] = run(bpf_program__fd(programs->progs.ring_copy_128)) - empty;
		large[round] = run(bpf_program__fd(programs->progs.ring_copy_256)) - empty;
	}
	printf("128 bytes %6.1f ns a packet above an empty program\n",
	       timing_median(small, RING_ROUNDS));
	printf("256 bytes %6.1f ns a packet above an empty program\n",
	       timing_median(large, RING_ROUNDS));
	ring_copy__destroy(programs);
	return 0;
}
