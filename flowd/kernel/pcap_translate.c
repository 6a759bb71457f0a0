/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One classic instruction after the other. The verifier is kept content by
 * - packet pointers that live for one load: fetched from the context, checked, used. Nothing about
 *   them has to agree where branches meet, so that states are pruned and long lists stay linear;
 * - no instruction that cannot be reached, and no word of memory that is read before it is written;
 * - 32-bit instructions for A and X, whose upper halves are thus always 0.
 */
#include "flowd/kernel/pcap_translate.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdlib.h>

#define TAG_AT	       12u /* the wire's packet: 12 bytes of addresses, then the tag */
#define TAG_BYTES      4u
#define TAG_END	       (TAG_AT + TAG_BYTES)
#define ETHERNET_BYTES 14u /* no packet of an Ethernet device is shorter at tc */

#define FORGET_OFFSET (-8 * CLASSIC_WORDS - 4) /* below the words; not at a multiple of 8 */

/* Upper bounds of eBPF instructions: a classic one (a load across the tag), and all around them. */
#define INSNS_PER_CLASSIC 40
#define INSNS_AROUND	  (16 + CLASSIC_WORDS + 2 * 7)

/* Registers 0 to 4, and 6 to 10, of which helper calls leave all alone. */
enum { RET, DATA, END, INDEX, BYTE, CTX = BPF_REG_6, A, X, TAG, STACK };
_Static_assert((int)STACK == (int)BPF_REG_10, "the frame pointer is the last one");

/* Where a jump goes while addresses are not known: a classic instruction, or one of both ends. */
#define NO_JUMP	 UINT32_MAX
#define MATCH	 (UINT32_MAX - 1)
#define NO_MATCH (UINT32_MAX - 2)

struct translation {
	const struct classic_insn *program;
	uint32_t program_count;
	const struct pcap_target *target;
	bool *reached;	  /* by classic instruction */
	uint32_t *starts; /* eBPF address of each classic instruction */
	uint32_t words_read;
	struct bpf_insn *insns;
	uint32_t *jumps; /* by eBPF instruction: NO_JUMP or where to */
	uint32_t count;
	int err;
};

/* ---- emitting ------------------------------------------------------------------------------- */

static void emit(struct translation *t, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		 uint32_t imm)
{
	t->jumps[t->count] = NO_JUMP;
	t->insns[t->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = (int32_t)imm
	};
}

static void emit_jump(struct translation *t, uint8_t code, uint8_t dst, uint8_t src, uint32_t imm,
		      uint32_t to)
{
	emit(t, code, dst, src, 0, imm);
	t->jumps[t->count - 1] = to;
}

static void emit_goto(struct translation *t, uint32_t to)
{
	emit_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, to);
}

static void emit_move(struct translation *t, uint8_t dst, uint8_t src)
{
	emit(t, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void emit_alu(struct translation *t, uint8_t operation, uint8_t dst, uint32_t value)
{
	emit(t, BPF_ALU | operation | BPF_K, dst, 0, 0, value);
}

static void emit_context(struct translation *t, uint8_t dst, size_t offset)
{
	emit(t, BPF_LDX | BPF_MEM | BPF_W, dst, CTX, (int16_t)offset, 0);
}

static void emit_packet(struct translation *t)
{
	bool xdp = t->target->xdp;

	emit_context(t, DATA,
		     xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data));
	emit_context(t, END,
		     xdp ? offsetof(struct xdp_md, data_end)
			 : offsetof(struct __sk_buff, data_end));
}

/* Moves the pointer `bytes` on; what lies before it may be read afterwards. */
static void emit_check(struct translation *t, uint32_t bytes)
{
	emit(t, BPF_ALU64 | BPF_ADD | BPF_K, DATA, 0, 0, bytes);
	emit_jump(t, BPF_JMP | BPF_JGT | BPF_X, DATA, END, 0, NO_MATCH);
}

/* The `size` bytes at `offset` from the checked pointer, as a number in network order. */
static void emit_read(struct translation *t, uint8_t dst, uint32_t size, int32_t offset)
{
	static const uint8_t sizes[] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W };

	emit(t, BPF_LDX | BPF_MEM | sizes[size], dst, DATA, (int16_t)offset, 0);
	if (size > 1)
		emit(t, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, size * 8);
}

/* ---- loads ---------------------------------------------------------------------------------- */

/* Bytes of the wire's packet that are, in part, those of the tag in TAG. */
static void load_tag(struct translation *t, uint8_t dst, uint32_t size, uint32_t k)
{
	uint32_t end =
		k + size > ETHERNET_BYTES + TAG_BYTES ? k + size - TAG_BYTES : ETHERNET_BYTES;

	emit_check(t, end);
	emit_alu(t, BPF_MOV, dst, 0);
	for (uint32_t at = k; at < k + size; at++) {
		if (at >= TAG_AT && at < TAG_END) {
			emit_move(t, BYTE, TAG);
			emit_alu(t, BPF_RSH, BYTE, 8 * (TAG_END - 1 - at));
			emit_alu(t, BPF_AND, BYTE, 0xff);
		} else {
			emit_read(t, BYTE, 1,
				  (int32_t)(at < TAG_AT ? at : at - TAG_BYTES) - (int32_t)end);
		}
		emit_alu(t, BPF_LSH, dst, 8);
		emit(t, BPF_ALU | BPF_OR | BPF_X, dst, BYTE, 0, 0);
	}
}

static void load_plain(struct translation *t, uint8_t dst, uint32_t size, uint32_t k)
{
	emit_check(t, k + size);
	emit_read(t, dst, size, -(int32_t)size);
}

/* Where there is a tag: everything behind it lies 4 bytes earlier than on the wire. */
static void load_tagged(struct translation *t, uint8_t dst, uint32_t size, uint32_t k)
{
	uint32_t untagged, done;

	if (k >= TAG_END) {
		emit(t, BPF_JMP32 | BPF_JEQ | BPF_K, TAG, 0, 1, 0);
		emit(t, BPF_ALU64 | BPF_SUB | BPF_K, DATA, 0, 0, TAG_BYTES);
		load_plain(t, dst, size, k);
		return;
	}
	untagged = t->count;
	emit(t, BPF_JMP32 | BPF_JEQ | BPF_K, TAG, 0, 0, 0);
	load_tag(t, dst, size, k);
	done = t->count;
	emit(t, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	t->insns[untagged].off = (int16_t)(t->count - untagged - 1);
	load_plain(t, dst, size, k);
	t->insns[done].off = (int16_t)(t->count - done - 1);
}

static void load_absolute(struct translation *t, uint8_t dst, const struct classic_insn *insn)
{
	uint32_t size = pcap_classic_load_size(insn);

	if (pcap_classic_is_hopeless(insn)) {
		emit_goto(t, NO_MATCH);
		return;
	}
	emit_packet(t);
	if (t->target->tagged && insn->k + size > TAG_AT)
		load_tagged(t, dst, size, insn->k);
	else
		load_plain(t, dst, size, insn->k);
}

/*
 * X + k in 64 bits: a sum that would wrap in 32 is beyond every packet, as in bpf_filter(). X goes
 * through half a stack slot, which makes the verifier forget what it knows of it: in branches that
 * are never taken that may contradict the bound, and it would refuse the load.
 */
static void load_indirect(struct translation *t, const struct classic_insn *insn)
{
	uint32_t size = pcap_classic_load_size(insn);

	if (pcap_classic_is_hopeless(insn)) {
		emit_goto(t, NO_MATCH);
		return;
	}
	if (t->target->tagged && insn->k < TAG_END)
		t->err = -EOPNOTSUPP;
	emit(t, BPF_STX | BPF_MEM | BPF_W, STACK, X, FORGET_OFFSET, 0);
	emit(t, BPF_LDX | BPF_MEM | BPF_W, INDEX, STACK, FORGET_OFFSET, 0);
	emit(t, BPF_ALU64 | BPF_ADD | BPF_K, INDEX, 0, 0, insn->k);
	if (t->target->tagged) {
		emit(t, BPF_JMP32 | BPF_JEQ | BPF_K, TAG, 0, 1, 0);
		emit(t, BPF_ALU64 | BPF_SUB | BPF_K, INDEX, 0, 0, TAG_BYTES);
	}
	emit_jump(t, BPF_JMP | BPF_JGT | BPF_K, INDEX, 0, CLASSIC_BYTES_MAX - size, NO_MATCH);
	emit_packet(t);
	emit(t, BPF_ALU64 | BPF_ADD | BPF_X, DATA, INDEX, 0, 0);
	load_plain(t, A, size, 0);
}

static void load_length(struct translation *t, uint8_t dst)
{
	if (t->target->xdp && t->target->frags) {
		emit(t, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, CTX, 0, 0);
		emit(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_xdp_get_buff_len);
		emit_move(t, dst, RET);
	} else if (t->target->xdp) {
		emit_packet(t);
		emit(t, BPF_ALU64 | BPF_SUB | BPF_X, END, DATA, 0, 0);
		emit_move(t, dst, END);
	} else {
		emit_context(t, dst, offsetof(struct __sk_buff, len));
	}
	if (t->target->tagged) {
		emit(t, BPF_JMP32 | BPF_JEQ | BPF_K, TAG, 0, 1, 0);
		emit_alu(t, BPF_ADD, dst, TAG_BYTES);
	}
}

static int16_t word_offset(uint32_t k)
{
	return (int16_t)(-8 * (int32_t)(k + 1));
}

static void translate_load(struct translation *t, const struct classic_insn *insn)
{
	uint8_t dst = BPF_CLASS(insn->code) == BPF_LD ? A : X;

	switch (BPF_MODE(insn->code)) {
	case BPF_ABS:
		load_absolute(t, A, insn);
		break;
	case BPF_IND:
		load_indirect(t, insn);
		break;
	case BPF_MSH:
		load_absolute(t, X, insn);
		if (pcap_classic_is_hopeless(insn))
			break;
		emit_alu(t, BPF_AND, X, 0xf);
		emit_alu(t, BPF_LSH, X, 2);
		break;
	case BPF_IMM:
		emit_alu(t, BPF_MOV, dst, insn->k);
		break;
	case BPF_MEM:
		emit(t, BPF_LDX | BPF_MEM | BPF_DW, dst, STACK, word_offset(insn->k), 0);
		break;
	case BPF_LEN:
		load_length(t, dst);
		break;
	}
}

/* ---- arithmetic and jumps ------------------------------------------------------------------- */

/* eBPF takes a shift modulo 32, and divides by 0 without ending. */
static void translate_alu_x(struct translation *t, uint8_t operation)
{
	if (operation == BPF_DIV || operation == BPF_MOD)
		emit_jump(t, BPF_JMP32 | BPF_JEQ | BPF_K, X, 0, 0, NO_MATCH);
	if (operation == BPF_LSH || operation == BPF_RSH) {
		emit(t, BPF_JMP32 | BPF_JGT | BPF_K, X, 0, 2, 31);
		emit(t, BPF_ALU | operation | BPF_X, A, X, 0, 0);
		emit(t, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		emit_alu(t, BPF_MOV, A, 0);
		return;
	}
	emit(t, BPF_ALU | operation | BPF_X, A, X, 0, 0);
}

static void translate_alu(struct translation *t, const struct classic_insn *insn)
{
	uint8_t operation = BPF_OP(insn->code);
	bool shift = operation == BPF_LSH || operation == BPF_RSH;

	if (operation == BPF_NEG)
		emit(t, BPF_ALU | BPF_NEG, A, 0, 0, 0);
	else if (BPF_SRC(insn->code) == BPF_X)
		translate_alu_x(t, operation);
	else if (shift && insn->k > 31)
		emit_alu(t, BPF_MOV, A, 0);
	else
		emit_alu(t, operation, A, insn->k);
}

/* 0: has no opposite. */
static uint8_t jump_opposite(uint8_t operation)
{
	switch (operation) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	}
	return 0;
}

static void translate_jump(struct translation *t, const struct classic_insn *insn, uint32_t next)
{
	uint8_t operation = BPF_OP(insn->code), opposite = jump_opposite(operation);
	uint8_t source = BPF_SRC(insn->code) == BPF_X ? BPF_X : BPF_K;
	uint32_t yes = next + insn->jt, no = next + insn->jf;

	if (operation == BPF_JA)
		yes = no = next + insn->k;
	if (yes != no && yes == next && opposite) {
		operation = opposite;
		yes = no;
		no = next;
	}
	if (yes != no)
		emit_jump(t, (uint8_t)(BPF_JMP32 | operation | source), A, source == BPF_X ? X : 0,
			  source == BPF_X ? 0 : insn->k, yes);
	if (no != next)
		emit_goto(t, no);
}

static void translate_return(struct translation *t, const struct classic_insn *insn)
{
	if (BPF_RVAL(insn->code) == BPF_A)
		emit_jump(t, BPF_JMP32 | BPF_JNE | BPF_K, A, 0, 0, MATCH);
	emit_goto(t, BPF_RVAL(insn->code) == BPF_K && insn->k ? MATCH : NO_MATCH);
}

static void translate_insn(struct translation *t, uint32_t at)
{
	const struct classic_insn *insn = &t->program[at];

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
	case BPF_LDX:
		translate_load(t, insn);
		break;
	case BPF_ST:
	case BPF_STX:
		emit(t, BPF_STX | BPF_MEM | BPF_DW, STACK, BPF_CLASS(insn->code) == BPF_ST ? A : X,
		     word_offset(insn->k), 0);
		break;
	case BPF_ALU:
		translate_alu(t, insn);
		break;
	case BPF_JMP:
		translate_jump(t, insn, at + 1);
		break;
	case BPF_RET:
		translate_return(t, insn);
		break;
	case BPF_MISC:
		if (BPF_MISCOP(insn->code) == BPF_TAX)
			emit_move(t, X, A);
		else
			emit_move(t, A, X);
		break;
	}
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* TAG: type and content of the metadata's VLAN tag, as on the wire; 0 where there is none. */
static void translate_tag(struct translation *t)
{
	emit_alu(t, BPF_MOV, TAG, 0);
	emit_context(t, BYTE, offsetof(struct __sk_buff, vlan_present));
	emit(t, BPF_JMP32 | BPF_JEQ | BPF_K, BYTE, 0, 5, 0);
	emit_context(t, TAG, offsetof(struct __sk_buff, vlan_proto));
	emit(t, BPF_ALU | BPF_END | BPF_TO_BE, TAG, 0, 0, 16);
	emit_alu(t, BPF_LSH, TAG, 16);
	emit_context(t, BYTE, offsetof(struct __sk_buff, vlan_tci));
	emit(t, BPF_ALU | BPF_OR | BPF_X, TAG, BYTE, 0, 0);
}

static void translate_start(struct translation *t)
{
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, CTX, BPF_REG_1, 0, 0);
	emit_alu(t, BPF_MOV, A, 0);
	emit_alu(t, BPF_MOV, X, 0);
	for (uint32_t word = 0; word < CLASSIC_WORDS; word++)
		if (t->words_read & 1u << word)
			emit(t, BPF_ST | BPF_MEM | BPF_DW, STACK, 0, word_offset(word), 0);
	if (t->target->tagged)
		translate_tag(t);
}

/* A constant index for each call, so that the kernel can make a direct jump of it. */
static void translate_end(struct translation *t, uint32_t verdict)
{
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, CTX, 0, 0);
	emit(t, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0,
	     (uint32_t)t->target->verdicts_fd);
	emit(t, 0, 0, 0, 0, 0);
	emit_alu(t, BPF_MOV, BPF_REG_3, verdict);
	emit(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call);
	emit(t, BPF_ALU64 | BPF_MOV | BPF_K, RET, 0, 0, (uint32_t)t->target->pass_verdict);
	emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static bool is_jumped_to(const struct translation *t, uint32_t end)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->jumps[i] == end)
			return true;
	return false;
}

static int link_jumps(struct translation *t, uint32_t match, uint32_t no_match)
{
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t to = t->jumps[i], distance;

		if (to == NO_JUMP)
			continue;
		distance = (to == MATCH	     ? match
			    : to == NO_MATCH ? no_match
					     : t->starts[to]) -
			   i - 1;
		if (distance > INT16_MAX)
			return -E2BIG;
		t->insns[i].off = (int16_t)distance;
	}
	return 0;
}

static int translate_program(struct translation *t)
{
	uint32_t match, no_match;
	int err;

	err = pcap_classic_reach(t->program, t->program_count, t->reached, &t->words_read);
	if (err)
		return err;
	translate_start(t);
	for (uint32_t at = 0; at < t->program_count; at++) {
		t->starts[at] = t->count;
		if (t->reached[at])
			translate_insn(t, at);
	}
	if (t->err)
		return t->err;
	match = t->count;
	if (is_jumped_to(t, MATCH))
		translate_end(t, t->target->accept);
	no_match = t->count;
	if (is_jumped_to(t, NO_MATCH))
		translate_end(t, t->target->exclude);
	return link_jumps(t, match, no_match);
}

int pcap_translate(struct pcap_code *out, const struct classic_insn *program, size_t count,
		   const struct pcap_target *target)
{
	size_t room = count * INSNS_PER_CLASSIC + INSNS_AROUND;
	struct translation t = { .program = program,
				 .program_count = (uint32_t)count,
				 .target = target };
	int err = -ENOMEM;

	if (!count || count > CLASSIC_INSNS_MAX)
		return count ? -E2BIG : -EINVAL;
	t.reached = calloc(count, sizeof(*t.reached));
	t.starts = calloc(count, sizeof(*t.starts));
	t.insns = calloc(room, sizeof(*t.insns));
	t.jumps = calloc(room, sizeof(*t.jumps));
	if (t.reached && t.starts && t.insns && t.jumps)
		err = translate_program(&t);
	free(t.reached);
	free(t.starts);
	free(t.jumps);
	if (err) {
		free(t.insns);
		return err;
	}
	*out = (struct pcap_code){ .insns = t.insns, .count = t.count };
	return 0;
}

void pcap_code_free(struct pcap_code *code)
{
	free(code->insns);
	*code = (struct pcap_code){ 0 };
}
