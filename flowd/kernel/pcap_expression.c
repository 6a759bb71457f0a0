/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/pcap_expression.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_BYTES 262144 /* libpcap's largest */
#define SHOWN_BYTES    100    /* of an expression in a message */

static void expression_complain(const char *expression, const char *reason, char *why,
				size_t why_size)
{
	snprintf(why, why_size, "pcap filter \"%.*s%s\": %s", SHOWN_BYTES, expression,
		 strlen(expression) > SHOWN_BYTES ? "..." : "", reason);
}

static int expression_copy(struct classic_program *out, const struct bpf_program *compiled)
{
	struct classic_insn *insns = calloc(compiled->bf_len, sizeof(*insns));

	if (!insns)
		return -ENOMEM;
	for (u_int i = 0; i < compiled->bf_len; i++) {
		const struct bpf_insn *from = &compiled->bf_insns[i];

		insns[i] = (struct classic_insn){
			.code = from->code, .jt = from->jt, .jf = from->jf, .k = from->k
		};
	}
	*out = (struct classic_program){ .insns = insns, .count = compiled->bf_len };
	return 0;
}

static const char *expression_metadata(const struct classic_program *program, const bool *reached)
{
	for (size_t i = 0; i < program->count; i++)
		if (reached[i] && pcap_classic_is_metadata(&program->insns[i]))
			return "asks for what is not in the packet (inbound, outbound, ifindex or a "
			       "negative offset); leave it out, flows can be filtered by direction "
			       "and interface";
	return NULL;
}

/* What libpcap would hand to the kernel's own interpreter, or run itself. */
static int expression_check(const struct classic_program *program, const char **reason)
{
	bool *reached = calloc(program->count, sizeof(*reached));
	uint32_t words;
	int err;

	*reason = strerror(ENOMEM);
	if (!reached)
		return -ENOMEM;
	err = pcap_classic_reach(program->insns, (uint32_t)program->count, reached, &words);
	*reason = err == -ELOOP ? "loops over headers (protochain), which the kernel cannot check; "
				  "use proto, or the header's own bytes"
		  : err		? "libpcap made a program that is not valid"
				: expression_metadata(program, reached);
	free(reached);
	return *reason ? -ENOTSUP : 0;
}

static int expression_take(struct classic_program *out, const struct bpf_program *compiled,
			   const char **reason)
{
	int err = expression_copy(out, compiled);

	if (!err)
		err = expression_check(out, reason);
	if (err)
		pcap_expression_free(out);
	return err;
}

int pcap_expression_compile(struct classic_program *out, const char *expression,
			    enum pcap_link link, char *why, size_t why_size)
{
	pcap_t *dead = pcap_open_dead(link == PCAP_LINK_IP ? DLT_RAW : DLT_EN10MB, SNAPSHOT_BYTES);
	struct classic_program program = { 0 };
	const char *reason = strerror(ENOMEM);
	struct bpf_program compiled;
	int err = -ENOMEM;

	if (strlen(expression) > PCAP_EXPRESSION_MAX) {
		reason = "is longer than 4 KiB; use fewer terms, or net for neighbouring hosts";
		err = -E2BIG;
	} else if (dead && pcap_compile(dead, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		reason = pcap_geterr(dead);
		err = -EINVAL;
	} else if (dead) {
		err = expression_take(&program, &compiled, &reason);
		pcap_freecode(&compiled);
	}
	if (err)
		expression_complain(expression, reason, why, why_size);
	else
		*out = program;
	if (dead)
		pcap_close(dead);
	return err;
}

void pcap_expression_free(struct classic_program *program)
{
	free(program->insns);
	*program = (struct classic_program){ 0 };
}

/* As libpcap's scanner sees words; one behind a backslash is a name. */
bool pcap_expression_names_vlan(const char *expression)
{
	static const char word[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";

	while (*expression) {
		size_t length = strspn(expression, word);

		if (length == 4 && !memcmp(expression, "vlan", 4))
			return true;
		if (!length && *expression == '\\')
			length = strcspn(expression, " !()\n\t");
		expression += length ? length : 1;
	}
	return false;
}
