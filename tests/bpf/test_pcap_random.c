/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random programs of classic BPF, valid by libpcap's bpf_validate(): each one must be translated
 * and loaded, and decide on random packets as bpf_filter() does. The seed is fixed.
 *
 * Not generated, because bpf_filter() leaves it open: shifts by constants above 31, and words of
 * memory that are read before they are written. Two cases of their own say what we make of them.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/bpf/pcap_stage.h"

#define PROGRAMS      3000
#define INSNS_MAX     48
#define PACKETS	      6
#define PACKET_BYTES  160
#define PACKET_LEAST  15 /* that the kernel's test run takes at tc */
#define ADDRESS_BYTES 12
#define TAG	      0x6005

static uint64_t state = 88172645463325252ull;
static uint8_t packet[PACKET_BYTES], wire[PACKET_BYTES + 4];
static uint32_t packet_size;
static uint64_t accepted, excluded;

static uint32_t random_below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * limit >> 32);
}

/* Values at which something changes are more frequent than others. */
static uint32_t random_value(void)
{
	static const uint32_t edges[] = { 0,	   1,	       2,	   31,
					  32,	   33,	       0xff,	   0xffff,
					  0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
					  0xfff7,  0xfffb,     0xfffffff0, 0xffffff80 };

	switch (random_below(4)) {
	case 0:
		return edges[random_below(sizeof(edges) / sizeof(*edges))];
	case 1:
		return (uint32_t)(state >> 13);
	}
	return random_below(64);
}

static uint32_t random_offset(void)
{
	return random_below(24) ? random_below(PACKET_BYTES / 2) : random_value();
}

/* ---- programs ------------------------------------------------------------------------------- */

static struct bpf_insn random_load(void)
{
	static const u_short sizes[] = { BPF_W, BPF_H, BPF_B };
	u_short size = sizes[random_below(3)];

	switch (random_below(8)) {
	case 0:
	case 1:
		return (struct bpf_insn)BPF_STMT(BPF_LD | BPF_ABS | size, random_offset());
	case 2:
		return (struct bpf_insn)BPF_STMT(BPF_LD | BPF_IND | size, random_offset());
	case 3:
		return (struct bpf_insn)BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, random_offset());
	case 4:
		return (struct bpf_insn)BPF_STMT(BPF_LD | BPF_IMM, random_value());
	case 5:
		return (struct bpf_insn)BPF_STMT(BPF_LDX | BPF_IMM, random_value());
	case 6:
		return (struct bpf_insn)BPF_STMT((random_below(2) ? BPF_LD : BPF_LDX) | BPF_MEM,
						 random_below(BPF_MEMWORDS));
	}
	return (struct bpf_insn)BPF_STMT((random_below(2) ? BPF_LD : BPF_LDX) | BPF_LEN, 0);
}

static struct bpf_insn random_alu(void)
{
	u_short operation = (u_short)(random_below(11) << 4);
	uint32_t k = random_value();

	if (operation == BPF_NEG)
		return (struct bpf_insn)BPF_STMT(BPF_ALU | BPF_NEG, 0);
	if (random_below(2))
		return (struct bpf_insn)BPF_STMT(BPF_ALU | operation | BPF_X, 0);
	if (operation == BPF_LSH || operation == BPF_RSH)
		k &= 31;
	if (operation == BPF_DIV || operation == BPF_MOD)
		k |= !k;
	return (struct bpf_insn)BPF_STMT(BPF_ALU | operation | BPF_K, k);
}

/* `room`: instructions that follow the next one. */
static struct bpf_insn random_jump(uint32_t room)
{
	static const u_short operations[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	uint32_t far = room < 6 ? room : 6;
	u_short code = BPF_JMP | operations[random_below(4)];
	u_char yes = (u_char)random_below(far + 1), no = (u_char)random_below(far + 1);

	if (!random_below(8))
		return (struct bpf_insn)BPF_STMT(BPF_JMP | BPF_JA, random_below(far + 1));
	if (random_below(2))
		return (struct bpf_insn)BPF_JUMP(code | BPF_X, 0, yes, no);
	return (struct bpf_insn)BPF_JUMP(code | BPF_K, random_value(), yes, no);
}

static struct bpf_insn random_insn(uint32_t room)
{
	switch (random_below(8)) {
	case 0:
	case 1:
	case 2:
		return random_load();
	case 3:
	case 4:
		return random_alu();
	case 5:
		return random_jump(room);
	case 6:
		return (struct bpf_insn)BPF_STMT(random_below(2) ? BPF_ST : BPF_STX,
						 random_below(BPF_MEMWORDS));
	}
	if (!random_below(24))
		return (struct bpf_insn)BPF_STMT(BPF_RET | (random_below(2) ? BPF_A : BPF_K),
						 random_below(2));
	return (struct bpf_insn)BPF_STMT(BPF_MISC | (random_below(2) ? BPF_TAX : BPF_TXA), 0);
}

/* All words written, then chance, then one bit of A decides. */
static uint32_t random_program(struct bpf_insn *program)
{
	uint32_t count = 0, body = 4 + random_below(INSNS_MAX - 3);

	for (uint32_t word = 0; word < BPF_MEMWORDS; word++) {
		program[count++] = (struct bpf_insn)BPF_STMT(BPF_LD | BPF_IMM, random_value());
		program[count++] = (struct bpf_insn)BPF_STMT(BPF_ST, word);
	}
	for (uint32_t i = 0; i < body; i++)
		program[count++] = random_insn(body - i - 1);
	program[count++] =
		(struct bpf_insn)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1u << random_below(32), 0, 1);
	program[count++] = (struct bpf_insn)BPF_STMT(BPF_RET | BPF_K, 262144);
	program[count++] = (struct bpf_insn)BPF_STMT(BPF_RET | BPF_K, 0);
	assert_true(bpf_validate(program, (int)count));
	return count;
}

static void random_packet(void)
{
	packet_size = PACKET_LEAST + random_below(PACKET_BYTES - PACKET_LEAST + 1);
	for (uint32_t i = 0; i < packet_size; i++)
		packet[i] = (uint8_t)(random_below(3) ? random_below(40) : random_below(256));
	packet[ADDRESS_BYTES] |=
		0xc0; /* not IP: the test run refuses it without its whole header */
	memcpy(wire, packet, ADDRESS_BYTES);
	memcpy(wire + ADDRESS_BYTES, (const uint8_t[]){ 0x81, 0, TAG >> 8, TAG & 0xff }, 4);
	memcpy(wire + ADDRESS_BYTES + 4, packet + ADDRESS_BYTES, packet_size - ADDRESS_BYTES);
}

/* ---- judging -------------------------------------------------------------------------------- */

/* -EOPNOTSUPP where that is what pcap_translate() says. */
static int load(enum stage_hook hook, bool tagged, const struct bpf_insn *program, uint32_t count)
{
	struct classic_insn copy[2 * BPF_MEMWORDS + INSNS_MAX + 4];
	struct pcap_target target = stage_target(hook);
	struct pcap_code code = { 0 };
	char log[256] = "";
	int fd;

	for (uint32_t i = 0; i < count; i++)
		copy[i] = (struct classic_insn){ program[i].code, program[i].jt, program[i].jf,
						 program[i].k };
	target.tagged = tagged;
	fd = pcap_translate(&code, copy, count, &target);
	if (fd)
		return fd;
	fd = stage_load(hook, &code, log, sizeof(log));
	if (fd < 0)
		print_error("not loaded: %s\n", log);
	pcap_code_free(&code);
	return fd;
}

static void judge(const struct bpf_insn *program, int result, const uint8_t *bytes, uint32_t size)
{
	bool matches = bpf_filter(program, bytes, size, size);

	accepted += matches;
	excluded += !matches;
	assert_int_equal(result, matches ? STAGE_ACCEPTED : STAGE_EXCLUDED);
}

static void run_random(enum stage_hook hook)
{
	struct bpf_insn program[2 * BPF_MEMWORDS + INSNS_MAX + 4];

	accepted = excluded = 0;
	for (int i = 0; i < PROGRAMS; i++) {
		uint32_t count = random_program(program);
		int fd = load(hook, false, program, count);

		assert_true(fd >= 0);
		for (int j = 0; j < PACKETS; j++) {
			random_packet();
			judge(program, stage_run(fd, packet, packet_size), packet, packet_size);
		}
		close(fd);
	}
	assert_true(accepted > PROGRAMS / 10 && excluded > PROGRAMS / 10);
}

static void test_random_tc(void **context)
{
	(void)context;
	run_random(STAGE_TC_INGRESS);
}

static void test_random_xdp(void **context)
{
	(void)context;
	run_random(STAGE_XDP);
}

static void test_random_tagged(void **context)
{
	struct bpf_insn program[2 * BPF_MEMWORDS + INSNS_MAX + 4];
	int tried = 0;

	(void)context;
	accepted = excluded = 0;
	while (tried < PROGRAMS / 2) {
		uint32_t count = random_program(program);
		int fd = load(STAGE_TC_INGRESS, true, program, count);

		if (fd == -EOPNOTSUPP)
			continue;
		assert_true(fd >= 0);
		assert_int_equal(stage_place(STAGE_TC_INGRESS, fd), 0);
		for (int j = 0; j < PACKETS; j++) {
			random_packet();
			judge(program, stage_run(fd, packet, packet_size), packet, packet_size);
			judge(program, stage_enter_tagged(packet, packet_size, TAG), wire,
			      packet_size + 4);
		}
		close(fd);
		tried++;
	}
	assert_true(accepted > PROGRAMS / 10 && excluded > PROGRAMS / 10);
}

/* ---- what bpf_filter() leaves open ---------------------------------------------------------- */

static int decide(const struct bpf_insn *program, uint32_t count)
{
	int fd = load(STAGE_TC_INGRESS, false, program, count), result;

	assert_true(fd >= 0);
	random_packet();
	result = stage_run(fd, packet, packet_size);
	close(fd);
	return result;
}

static void test_memory_begins_as_zero(void **context)
{
	struct bpf_insn program[] = { BPF_STMT(BPF_LDX | BPF_MEM, 15),
				      BPF_STMT(BPF_MISC | BPF_TXA, 0),
				      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
				      BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 0) };

	(void)context;
	assert_int_equal(decide(program, 5), STAGE_ACCEPTED);
}

static void test_long_shifts_give_zero(void **context)
{
	struct bpf_insn program[] = { BPF_STMT(BPF_LD | BPF_IMM, 0xffffffff),
				      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32),
				      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
				      BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 0) };

	(void)context;
	assert_int_equal(decide(program, 5), STAGE_ACCEPTED);
}

static int set_up(void **context)
{
	(void)context;
	return stage_open(false);
}

static int tear_down(void **context)
{
	(void)context;
	stage_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_tc),
		cmocka_unit_test(test_random_xdp),
		cmocka_unit_test(test_random_tagged),
		cmocka_unit_test(test_memory_begins_as_zero),
		cmocka_unit_test(test_long_shifts_give_zero),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
