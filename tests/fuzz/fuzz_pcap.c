/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Expressions for the kernel: either a sentence, or eBPF whose jumps stay inside, for every hook.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/kernel/pcap_expression.h"
#include "flowd/kernel/pcap_translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libpcap's question for a host's name: nothing that the fuzzer finds is asked for in a network. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **found)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)found;
	return EAI_NONAME;
}

static void check_code(const struct pcap_code *code)
{
	if (!code->count || code->insns[code->count - 1].code != (BPF_JMP | BPF_EXIT))
		abort();
	for (size_t i = 0; i < code->count; i++) {
		uint8_t class = code->insns[i].code & 7, operation = code->insns[i].code & 0xf0;
		bool jump = class == BPF_JMP32 ||
			    (class == BPF_JMP && operation != BPF_CALL && operation != BPF_EXIT);

		if (jump && (code->insns[i].off < 0 || i + 1 + code->insns[i].off >= code->count))
			abort();
	}
}

static void translate(const struct classic_program *program, struct pcap_target target)
{
	struct pcap_code code = { 0 };
	int err = pcap_translate(&code, program->insns, program->count, &target);

	if (!err)
		check_code(&code);
	else if (err != -E2BIG && !(target.tagged && err == -EOPNOTSUPP))
		abort();
	pcap_code_free(&code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct classic_program program = { 0 };
	char text[512], why[256] = "";
	size_t length = size < sizeof(text) ? size : sizeof(text) - 1;

	memcpy(text, data, length);
	text[length] = '\0';
	for (int link = 0; link < PCAP_LINKS; link++) {
		if (pcap_expression_compile(&program, text, (enum pcap_link)link, why,
					    sizeof(why))) {
			if (!*why)
				abort();
			continue;
		}
		translate(&program, (struct pcap_target){ .pass_verdict = -1 });
		translate(&program, (struct pcap_target){ .xdp = true, .frags = true });
		translate(&program,
			  (struct pcap_target){ .tagged = pcap_expression_names_vlan(text) });
		pcap_expression_free(&program);
	}
	return 0;
}
