/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/pcap_classic.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>

/* Those that bpf_filter() knows. */
static const uint8_t classic_codes[] = {
	BPF_LD | BPF_ABS | BPF_W,
	BPF_LD | BPF_ABS | BPF_H,
	BPF_LD | BPF_ABS | BPF_B,
	BPF_LD | BPF_IND | BPF_W,
	BPF_LD | BPF_IND | BPF_H,
	BPF_LD | BPF_IND | BPF_B,
	BPF_LD | BPF_IMM,
	BPF_LD | BPF_MEM,
	BPF_LD | BPF_LEN,
	BPF_LDX | BPF_MSH | BPF_B,
	BPF_LDX | BPF_IMM,
	BPF_LDX | BPF_MEM,
	BPF_LDX | BPF_LEN,
	BPF_ST,
	BPF_STX,
	BPF_ALU | BPF_ADD | BPF_K,
	BPF_ALU | BPF_ADD | BPF_X,
	BPF_ALU | BPF_SUB | BPF_K,
	BPF_ALU | BPF_SUB | BPF_X,
	BPF_ALU | BPF_MUL | BPF_K,
	BPF_ALU | BPF_MUL | BPF_X,
	BPF_ALU | BPF_DIV | BPF_K,
	BPF_ALU | BPF_DIV | BPF_X,
	BPF_ALU | BPF_MOD | BPF_K,
	BPF_ALU | BPF_MOD | BPF_X,
	BPF_ALU | BPF_OR | BPF_K,
	BPF_ALU | BPF_OR | BPF_X,
	BPF_ALU | BPF_AND | BPF_K,
	BPF_ALU | BPF_AND | BPF_X,
	BPF_ALU | BPF_XOR | BPF_K,
	BPF_ALU | BPF_XOR | BPF_X,
	BPF_ALU | BPF_LSH | BPF_K,
	BPF_ALU | BPF_LSH | BPF_X,
	BPF_ALU | BPF_RSH | BPF_K,
	BPF_ALU | BPF_RSH | BPF_X,
	BPF_ALU | BPF_NEG,
	BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JEQ | BPF_K,
	BPF_JMP | BPF_JEQ | BPF_X,
	BPF_JMP | BPF_JGT | BPF_K,
	BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JGE | BPF_K,
	BPF_JMP | BPF_JGE | BPF_X,
	BPF_JMP | BPF_JSET | BPF_K,
	BPF_JMP | BPF_JSET | BPF_X,
	BPF_RET | BPF_K,
	BPF_RET | BPF_A,
	BPF_MISC | BPF_TAX,
	BPF_MISC | BPF_TXA,
};

static bool classic_code_is_known(uint16_t code)
{
	for (size_t i = 0; i < sizeof(classic_codes); i++)
		if (classic_codes[i] == code)
			return true;
	return false;
}

static bool classic_is_valid(const struct classic_insn *insn)
{
	uint8_t operation = BPF_OP(insn->code);

	if (!classic_code_is_known(insn->code))
		return false;
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
	case BPF_LDX:
		return BPF_MODE(insn->code) != BPF_MEM || insn->k < CLASSIC_WORDS;
	case BPF_ST:
	case BPF_STX:
		return insn->k < CLASSIC_WORDS;
	case BPF_ALU:
		return (operation != BPF_DIV && operation != BPF_MOD) ||
		       BPF_SRC(insn->code) == BPF_X || insn->k;
	}
	return true;
}

static bool classic_is_load(const struct classic_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LD || BPF_CLASS(insn->code) == BPF_LDX;
}

static bool classic_reads_packet(const struct classic_insn *insn)
{
	uint8_t mode = BPF_MODE(insn->code);

	return classic_is_load(insn) && (mode == BPF_ABS || mode == BPF_IND || mode == BPF_MSH);
}

uint32_t pcap_classic_load_size(const struct classic_insn *load)
{
	switch (BPF_SIZE(load->code)) {
	case BPF_W:
		return 4;
	case BPF_H:
		return 2;
	}
	return 1;
}

bool pcap_classic_is_hopeless(const struct classic_insn *load)
{
	return load->k > CLASSIC_BYTES_MAX - pcap_classic_load_size(load);
}

bool pcap_classic_is_metadata(const struct classic_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS &&
	       insn->k >= (uint32_t)SKF_AD_OFF;
}

static int classic_reach(bool *reached, uint32_t count, uint32_t at, uint32_t distance)
{
	if (distance >= count || at + 1 + distance >= count)
		return -EINVAL;
	reached[at + 1 + distance] = true;
	return 0;
}

/* Marks where `at` may lead to. */
static int classic_follow(const struct classic_insn *insn, bool *reached, uint32_t count,
			  uint32_t at)
{
	int err;

	if (BPF_CLASS(insn->code) == BPF_RET ||
	    (classic_reads_packet(insn) && pcap_classic_is_hopeless(insn)))
		return 0;
	if (BPF_CLASS(insn->code) != BPF_JMP)
		return classic_reach(reached, count, at, 0);
	if (BPF_OP(insn->code) == BPF_JA)
		return insn->k > INT32_MAX ? -ELOOP : classic_reach(reached, count, at, insn->k);
	err = classic_reach(reached, count, at, insn->jt);
	return err ? err : classic_reach(reached, count, at, insn->jf);
}

int pcap_classic_reach(const struct classic_insn *program, uint32_t count, bool *reached,
		       uint32_t *words_read)
{
	int err = count ? 0 : -EINVAL;

	*words_read = 0;
	for (uint32_t at = 0; at < count && !err; at++) {
		reached[at] |= !at;
		if (!reached[at])
			continue;
		if (!classic_is_valid(&program[at]))
			return -EINVAL;
		if (classic_is_load(&program[at]) && BPF_MODE(program[at].code) == BPF_MEM)
			*words_read |= 1u << program[at].k;
		err = classic_follow(&program[at], reached, count, at);
	}
	return err;
}
