/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hold_empty DEVICE: an empty program at the device's tcx hooks, both ways, as flowd's would be,
 * for as long as standard input is open. Says "attached" when it is. For namespaces of the
 * benchmarks.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include "flowd/kernel/attach_hook.h"
#include "tests/bench/timing.h"

static int load_empty(void)
{
	const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TC_ACT_UNSPEC },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", instructions,
			     sizeof(instructions) / sizeof(*instructions), NULL);
}

int main(int argc, char **argv)
{
	uint32_t ifindex = argc > 1 ? if_nametoindex(argv[1]) : 0;
	int program;
	char end;

	if (!ifindex) {
		fprintf(stderr, "usage: hold_empty DEVICE\n");
		return 2;
	}
	program = load_empty();
	if (program < 0)
		timing_die("cannot load an empty program (root needed)");
	if (hook_tcx_attach(ifindex, true, program) < 0 ||
	    hook_tcx_attach(ifindex, false, program) < 0)
		timing_die("cannot attach it (tcx needs Linux 6.6)");
	printf("attached\n");
	fflush(stdout);
	return read(STDIN_FILENO, &end, 1) < 0;
}
