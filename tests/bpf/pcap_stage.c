/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bpf/pcap_stage.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS	(STAGE_HOOKS * PCAP_LINKS)
#define ACCEPT	3 /* indexes of the verdicts, not the first ones */
#define EXCLUDE 5
#define INSNS	16

enum { TYPE_TC, TYPE_XDP, TYPES };

static int jumps[TYPES], verdicts[TYPES], entries[SLOTS], linear_probe, tagged_entry;
static uint16_t tag_now;
static bool frags;
static struct pcap_filter_hook hooks[STAGE_HOOKS], mixed[STAGE_HOOKS];

static int type_of(enum stage_hook hook)
{
	return hook == STAGE_XDP ? TYPE_XDP : TYPE_TC;
}

static int load(int type, const struct bpf_insn *insns, size_t count, char *log, uint32_t size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .log_buf = log, .log_size = size,
		    .log_level = log ? 1 : 0,
		    .expected_attach_type = type == TYPE_XDP ? BPF_XDP : 0,
		    .prog_flags = type == TYPE_XDP && frags ? BPF_F_XDP_HAS_FRAGS : 0);

	return bpf_prog_load(type == TYPE_XDP ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS,
			     "stage", "Dual BSD/GPL", insns, count, &options);
}

/* ---- programs ------------------------------------------------------------------------------- */

static size_t put(struct bpf_insn *at, uint8_t code, uint8_t dst, uint8_t src, int32_t imm)
{
	*at = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .imm = imm };
	return 1;
}

static size_t put_return(struct bpf_insn *at, int32_t value)
{
	size_t count = put(at, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, value);

	return count + put(at + count, BPF_JMP | BPF_EXIT, 0, 0, 0);
}

/*
 * The context is in register 6. Where the kernel knows the slot, it makes the call a direct jump,
 * and patches the running program at each update of the array; in emulation a CPU then sometimes
 * dies of a stale breakpoint. It does not know that the field added here is 0 in a test run.
 */
static size_t put_jump(struct bpf_insn *at, int type, int32_t slot)
{
	size_t count = put(at, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_6, 0);

	at->off = type == TYPE_XDP ? offsetof(struct xdp_md, rx_queue_index)
				   : offsetof(struct __sk_buff, mark);
	count += put(at + count, BPF_ALU | BPF_ADD | BPF_K, BPF_REG_3, 0, slot);
	count += put(at + count, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0);

	count += put(at + count, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_FD,
		     jumps[type]);
	count += put(at + count, 0, 0, 0, 0);
	count += put(at + count, BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_tail_call);
	return count + put_return(at + count, STAGE_EMPTY);
}

static int load_entry(int type, int32_t slot)
{
	struct bpf_insn insns[INSNS];
	size_t count = put(insns, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0);

	count += put_jump(insns + count, type, slot);
	return load(type, insns, count, NULL, 0);
}

static int load_tagged_entry(uint16_t tag)
{
	struct bpf_insn insns[INSNS];
	size_t count = put(insns, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0);

	count += put(insns + count, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_2, 0, 0x0081);
	count += put(insns + count, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, tag);
	count += put(insns + count, BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_skb_vlan_push);
	count += put_jump(insns + count, TYPE_TC, 0);
	return load(TYPE_TC, insns, count, NULL, 0);
}

static int load_linear_probe(void)
{
	struct bpf_insn insns[INSNS];
	size_t count = put(insns, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, 0);

	insns[0].off = offsetof(struct xdp_md, data_end);
	count += put(insns + count, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0);
	insns[1].off = offsetof(struct xdp_md, data);
	count += put(insns + count, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_0, BPF_REG_2, 0);
	count += put(insns + count, BPF_JMP | BPF_EXIT, 0, 0, 0);
	return load(TYPE_XDP, insns, count, NULL, 0);
}

static int put_verdict(int type, uint32_t index, int32_t value)
{
	struct bpf_insn insns[INSNS];
	int fd = load(type, insns, put_return(insns, value), NULL, 0), err;

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(verdicts[type], &index, &fd, BPF_ANY) ? -errno : 0;
	close(fd);
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int open_type(int type)
{
	int err;

	jumps[type] = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "jumps", 4, 4, SLOTS, NULL);
	verdicts[type] = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "verdicts", 4, 4, 8, NULL);
	if (jumps[type] < 0 || verdicts[type] < 0)
		return -errno;
	err = put_verdict(type, ACCEPT, STAGE_ACCEPTED);
	return err ? err : put_verdict(type, EXCLUDE, STAGE_EXCLUDED);
}

static void set_hook(enum stage_hook hook)
{
	static const char *const names[] = { "tc ingress", "tc egress", "XDP" };
	int type = type_of(hook);

	hooks[hook] = (struct pcap_filter_hook){
		.name = names[hook],
		.xdp = type == TYPE_XDP,
		.xdp_frags = frags,
		.jumps_fd = jumps[type],
		.slots = { (uint32_t)hook * PCAP_LINKS, (uint32_t)hook * PCAP_LINKS + 1 },
		.verdicts_fd = verdicts[type],
		.accept = ACCEPT,
		.exclude = EXCLUDE,
	};
	mixed[hook] = hooks[hook];
	if (hook == STAGE_TC_EGRESS)
		mixed[hook].jumps_fd = jumps[TYPE_XDP];
}

int stage_open(bool xdp_frags)
{
	int err;

	frags = xdp_frags;
	linear_probe = load_linear_probe();
	err = linear_probe < 0 ? linear_probe : 0;
	for (int type = 0; type < TYPES && !err; type++)
		err = open_type(type);
	for (int slot = 0; slot < SLOTS && !err; slot++) {
		entries[slot] = load_entry(type_of((enum stage_hook)(slot / PCAP_LINKS)), slot);
		err = entries[slot] < 0 ? entries[slot] : 0;
	}
	for (int hook = 0; hook < STAGE_HOOKS; hook++)
		set_hook((enum stage_hook)hook);
	return err;
}

void stage_close(void)
{
	for (int type = 0; type < TYPES; type++) {
		close(jumps[type]);
		close(verdicts[type]);
	}
	for (int slot = 0; slot < SLOTS; slot++)
		close(entries[slot]);
	close(linear_probe);
	if (tagged_entry)
		close(tagged_entry);
	tagged_entry = 0;
}

const struct pcap_filter_hook *stage_hooks(void)
{
	return hooks;
}

const struct pcap_filter_hook *stage_hooks_mixed(void)
{
	return mixed;
}

struct pcap_target stage_target(enum stage_hook hook)
{
	return (struct pcap_target){ .xdp = hook == STAGE_XDP,
				     .frags = frags,
				     .verdicts_fd = verdicts[type_of(hook)],
				     .accept = ACCEPT,
				     .exclude = EXCLUDE,
				     .pass_verdict = STAGE_EMPTY };
}

/* The line before the verifier's statistics. */
static void last_line(const char *text, char *line, uint32_t size)
{
	const char *end = strstr(text, "\nprocessed "), *start;

	end = end ? end : text + strlen(text);
	for (start = end; start > text && start[-1] != '\n'; start--)
		;
	size = size - 1 < (uint32_t)(end - start) ? size - 1 : (uint32_t)(end - start);
	memcpy(line, start, size);
	line[size] = '\0';
}

int stage_load(enum stage_hook hook, const struct pcap_code *code, char *log, uint32_t size)
{
	int fd = load(type_of(hook), code->insns, code->count, NULL, 0);
	const uint32_t text_size = 1 << 20;
	char *text;

	if (fd >= 0)
		return fd;
	text = calloc(1, text_size);
	if (!text)
		return -ENOMEM;
	(void)load(type_of(hook), code->insns, code->count, text, text_size);
	last_line(text, log, size);
	free(text);
	return fd;
}

int stage_place(enum stage_hook hook, int program)
{
	uint32_t slot = (uint32_t)hook * PCAP_LINKS;

	return bpf_map_update_elem(jumps[type_of(hook)], &slot, &program, BPF_ANY) ? -errno : 0;
}

int stage_run(int program, const void *bytes, uint32_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = size,
		    .repeat = 1);

	return bpf_prog_test_run_opts(program, &options) ? -errno : (int)options.retval;
}

int stage_enter(enum stage_hook hook, enum pcap_link link, const void *bytes, uint32_t size)
{
	return stage_run(entries[(int)hook * PCAP_LINKS + (int)link], bytes, size);
}

int stage_xdp_linear(const void *bytes, uint32_t size)
{
	return stage_run(linear_probe, bytes, size);
}

int stage_enter_tagged(const void *bytes, uint32_t size, uint16_t tag)
{
	if (!tagged_entry || tag != tag_now) {
		if (tagged_entry > 0)
			close(tagged_entry);
		tagged_entry = load_tagged_entry(tag);
		tag_now = tag;
	}
	return tagged_entry < 0 ? tagged_entry : stage_run(tagged_entry, bytes, size);
}
