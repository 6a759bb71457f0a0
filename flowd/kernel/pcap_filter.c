/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/pcap_filter.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/kernel/pcap_translate.h"

#define VERIFIER_LOG_BYTES (1 << 20)
#define NOTE_BYTES	   512

struct filter_slot {
	int jumps_fd;
	uint32_t index;
	int program_fd;
};

struct pcap_filter {
	char note[NOTE_BYTES];
	size_t count;
	struct filter_slot slots[];
};

/* What a build needs beside the filter itself. */
struct filter_source {
	struct classic_program programs[PCAP_LINKS];
	bool vlan;
	char *why;
	size_t why_size;
};

/* Matches nothing: for packets to which the expression cannot apply. */
static int filter_nothing(struct classic_program *out)
{
	struct classic_insn *reject = calloc(1, sizeof(*reject));

	if (!reject)
		return -ENOMEM;
	reject->code = BPF_RET | BPF_K;
	*out = (struct classic_program){ .insns = reject, .count = 1 };
	return 0;
}

/* An expression about the link header is a good one, though IP devices have none. */
static int filter_compile(struct filter_source *source, const char *expression, char *note)
{
	int err = pcap_expression_compile(&source->programs[PCAP_LINK_ETHERNET], expression,
					  PCAP_LINK_ETHERNET, source->why, source->why_size);

	if (err)
		return err;
	err = pcap_expression_compile(&source->programs[PCAP_LINK_IP], expression, PCAP_LINK_IP,
				      note, NOTE_BYTES);
	if (err == -EINVAL)
		return filter_nothing(&source->programs[PCAP_LINK_IP]);
	if (err)
		snprintf(source->why, source->why_size, "%s", note);
	return err;
}

static struct pcap_target filter_target(const struct pcap_filter_hook *hook, enum pcap_link link,
					bool vlan)
{
	return (struct pcap_target){
		.xdp = hook->xdp,
		.frags = hook->xdp_frags,
		.tagged = vlan && !hook->xdp && link == PCAP_LINK_ETHERNET,
		.verdicts_fd = hook->verdicts_fd,
		.accept = hook->accept,
		.exclude = hook->exclude,
		.pass_verdict = hook->xdp ? XDP_PASS : TC_ACT_UNSPEC,
	};
}

/* The expected type is libbpf's for SEC("xdp"): program arrays compare it since Linux 6.18. */
static int filter_load(const struct pcap_filter_hook *hook, const struct pcap_code *code, char *log,
		       size_t log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .log_buf = log, .log_size = (uint32_t)log_size,
		    .log_level = log ? 1 : 0);

	if (hook->xdp) {
		options.expected_attach_type = BPF_XDP;
		options.prog_flags = hook->xdp_frags ? BPF_F_XDP_HAS_FRAGS : 0;
	}
	return bpf_prog_load(hook->xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "pcap_filter",
			     "Dual BSD/GPL", code->insns, code->count, &options);
}

/* The verifier's last words before its statistics; "" where there are none. */
static const char *filter_reason(char *log)
{
	char *statistics = strstr(log, "\nprocessed "), *line;

	if (statistics)
		*statistics = '\0';
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

static int filter_refused(int err, const struct pcap_filter_hook *hook,
			  const struct pcap_code *code, const struct filter_source *source)
{
	char *log = calloc(1, VERIFIER_LOG_BYTES);
	int fd = log ? filter_load(hook, code, log, VERIFIER_LOG_BYTES) : -ENOMEM;

	snprintf(source->why, source->why_size,
		 "pcap filter: the kernel refuses to load it for %s (%s): %s; %s", hook->name,
		 strerror(-err), log ? filter_reason(log) : "",
		 err == -EPERM ? "run as root or with CAP_BPF and CAP_NET_ADMIN"
			       : "use a shorter expression");
	if (fd >= 0)
		close(fd);
	free(log);
	return err;
}

static const char *filter_untranslated(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "in the expression vlan and a place in the Ethernet header that is computed from the packet "
		       "cannot be combined; write the place as a number";
	case -E2BIG:
		return "the expression is too long for the kernel; use fewer terms";
	}
	return strerror(-err);
}

/* The descriptor, or a negative errno. */
static int filter_build(const struct pcap_filter_hook *hook, enum pcap_link link,
			const struct filter_source *source)
{
	const struct classic_program *program = &source->programs[link];
	struct pcap_target target = filter_target(hook, link, source->vlan);
	struct pcap_code code = { 0 };
	int fd = pcap_translate(&code, program->insns, program->count, &target);

	if (fd) {
		snprintf(source->why, source->why_size, "pcap filter for %s: %s", hook->name,
			 filter_untranslated(fd));
		return fd;
	}
	fd = filter_load(hook, &code, NULL, 0);
	if (fd < 0)
		filter_refused(fd, hook, &code, source);
	pcap_code_free(&code);
	return fd;
}

static void filter_free(struct pcap_filter *filter)
{
	for (size_t i = 0; filter && i < filter->count; i++)
		close(filter->slots[i].program_fd);
	free(filter);
}

static int filter_build_all(struct pcap_filter *filter, const struct pcap_filter_hook *hooks,
			    size_t count, const struct filter_source *source)
{
	for (size_t i = 0; i < count * PCAP_LINKS; i++) {
		const struct pcap_filter_hook *hook = &hooks[i / PCAP_LINKS];
		int fd = filter_build(hook, (enum pcap_link)(i % PCAP_LINKS), source);

		if (fd < 0)
			return fd;
		filter->slots[filter->count++] =
			(struct filter_slot){ .jumps_fd = hook->jumps_fd,
					      .index = hook->slots[i % PCAP_LINKS],
					      .program_fd = fd };
	}
	return 0;
}

static int filter_put(const struct filter_slot *slot)
{
	return bpf_map_update_elem(slot->jumps_fd, &slot->index, &slot->program_fd, BPF_ANY)
		       ? -errno
		       : 0;
}

static void filter_clear(const struct filter_slot *slot)
{
	(void)bpf_map_delete_elem(slot->jumps_fd, &slot->index);
}

/* All slots, or those that were changed go back to what they held. */
static int filter_swap(const struct pcap_filter *filter, const struct pcap_filter *before,
		       char *why, size_t why_size)
{
	int err = 0;

	for (size_t i = 0; i < filter->count; i++) {
		err = filter_put(&filter->slots[i]);
		if (!err)
			continue;
		snprintf(
			why, why_size,
			"pcap filter: cannot put it into slot %u: %s; is the array of the same kind "
			"as the hook?",
			filter->slots[i].index, strerror(-err));
		while (i--)
			if (before)
				filter_put(&before->slots[i]);
			else
				filter_clear(&filter->slots[i]);
		break;
	}
	return err;
}

int pcap_filter_install(struct pcap_filter **filter, const char *expression,
			const struct pcap_filter_hook *hooks, size_t count, char *why,
			size_t why_size)
{
	size_t slots = count * PCAP_LINKS;
	struct pcap_filter *fresh = calloc(1, sizeof(*fresh) + slots * sizeof(*fresh->slots));
	struct filter_source source = { .vlan = pcap_expression_names_vlan(expression),
					.why = why,
					.why_size = why_size };
	int err = -ENOMEM;

	snprintf(why, why_size, "pcap filter: %s", strerror(ENOMEM));
	if (fresh)
		err = filter_compile(&source, expression, fresh->note);
	if (!err)
		err = filter_build_all(fresh, hooks, count, &source);
	if (!err)
		err = filter_swap(fresh, *filter, why, why_size);
	for (int link = 0; link < PCAP_LINKS; link++)
		pcap_expression_free(&source.programs[link]);
	if (err) {
		filter_free(fresh);
		return err;
	}
	filter_free(*filter);
	*filter = fresh;
	*why = '\0';
	return 0;
}

const char *pcap_filter_note(const struct pcap_filter *filter)
{
	return *filter->note ? filter->note : NULL;
}

void pcap_filter_remove(struct pcap_filter *filter)
{
	for (size_t i = 0; filter && i < filter->count; i++)
		filter_clear(&filter->slots[i]);
	filter_free(filter);
}
