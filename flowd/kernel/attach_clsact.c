/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/attach_hook.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "flowd/kernel/bpf_log.h"

/* By handle and program name a later flowd knows what an earlier one left behind. */
#define HOOK_FILTER_HANDLE   0xf10d
#define HOOK_FILTER_PRIORITY 1 /* in front, because most verdicts end the chain */
#define HOOK_FILTERS_MAX     16

struct hook_filter_list {
	bool ingress;
	uint32_t total; /* filters of anybody */
	uint32_t count; /* of ours */
	struct hook_filter ours[HOOK_FILTERS_MAX];
};

static struct bpf_tc_hook hook_of(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
				     .ifindex = (int)ifindex,
				     .attach_point = point };
}

static enum bpf_tc_attach_point hook_point(bool ingress)
{
	return ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

/* ---- looking -------------------------------------------------------------------------------- */

static bool hook_filter_name_is_ours(const struct nlattr *options, bool ingress)
{
	struct nlattr *attrs[TCA_BPF_MAX + 1];
	const char *prefix = ingress ? "tc_ingress" : "tc_egress", *name;

	if (!options || nla_parse_nested(attrs, TCA_BPF_MAX, (struct nlattr *)options, NULL))
		return false;
	name = attrs[TCA_BPF_NAME] ? nla_get_string(attrs[TCA_BPF_NAME]) : "";
	return !strncmp(name, prefix, strlen(prefix));
}

/* One tcf_proto is told once without a handle, then with each of its filters. */
static int hook_filter_visit(struct nl_msg *message, void *context)
{
	struct hook_filter_list *list = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct tcmsg *tc = nlmsg_data(header);
	struct nlattr *attrs[TCA_MAX + 1];

	if (nlmsg_parse(header, sizeof(*tc), attrs, TCA_MAX, NULL) || !tc->tcm_handle)
		return NL_OK;
	list->total++;
	if (tc->tcm_handle != HOOK_FILTER_HANDLE || !attrs[TCA_KIND] ||
	    strcmp(nla_get_string(attrs[TCA_KIND]), "bpf") || list->count == HOOK_FILTERS_MAX ||
	    !hook_filter_name_is_ours(attrs[TCA_OPTIONS], list->ingress))
		return NL_OK;
	list->ours[list->count++] =
		(struct hook_filter){ .handle = tc->tcm_handle, .priority = tc->tcm_info >> 16 };
	return NL_OK;
}

static int hook_filter_dump(struct nl_sock *socket, uint32_t ifindex, struct hook_filter_list *list)
{
	struct tcmsg request = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_parent =
			TC_H_MAKE(TC_H_CLSACT, list->ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS),
	};
	int err = nl_connect(socket, NETLINK_ROUTE);

	if (!err)
		err = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, hook_filter_visit,
					  list);
	if (!err)
		err = nl_send_simple(socket, RTM_GETTFILTER, NLM_F_DUMP, &request, sizeof(request));
	if (err >= 0)
		err = nl_recvmsgs_default(socket);
	return err < 0 ? -EIO : 0;
}

static int hook_filter_list(struct hook_filter_list *list, uint32_t ifindex, bool ingress)
{
	struct nl_sock *socket = nl_socket_alloc();
	int err;

	memset(list, 0, sizeof(*list));
	list->ingress = ingress;
	if (!socket)
		return -ENOMEM;
	err = hook_filter_dump(socket, ifindex, list);
	nl_socket_free(socket);
	return err;
}

/* ---- the qdisc ------------------------------------------------------------------------------ */

int hook_clsact_open(uint32_t ifindex, bool *created)
{
	struct bpf_tc_hook hook = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err;

	bpf_log_quiet(true);
	err = bpf_tc_hook_create(&hook);
	bpf_log_quiet(false);
	*created = !err;
	return err == -EEXIST ? 0 : err;
}

void hook_clsact_close(uint32_t ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct hook_filter_list list;

	if (hook_filter_list(&list, ifindex, true) || list.total ||
	    hook_filter_list(&list, ifindex, false) || list.total)
		return;
	bpf_log_quiet(true);
	bpf_tc_hook_destroy(&hook);
	bpf_log_quiet(false);
}

/* ---- filters -------------------------------------------------------------------------------- */

static int hook_filter_add(struct hook_filter *filter, uint32_t ifindex, bool ingress,
			   int program_fd, uint32_t priority)
{
	struct bpf_tc_hook hook = hook_of(ifindex, hook_point(ingress));
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program_fd, .handle = HOOK_FILTER_HANDLE,
		    .priority = priority);
	int err;

	bpf_log_quiet(true);
	err = bpf_tc_attach(&hook, &opts);
	bpf_log_quiet(false);
	if (!err)
		*filter = (struct hook_filter){ .handle = opts.handle, .priority = opts.priority };
	return err;
}

/* Where the first priority is taken by another kind of filter, the kernel chooses one before it. */
int hook_filter_attach(struct hook_filter *filter, uint32_t ifindex, bool ingress, int program_fd)
{
	int err = hook_filter_add(filter, ifindex, ingress, program_fd, HOOK_FILTER_PRIORITY);

	if (err && err != -ENODEV && err != -EPERM)
		err = hook_filter_add(filter, ifindex, ingress, program_fd, 0);
	return err;
}

void hook_filter_detach(const struct hook_filter *filter, uint32_t ifindex, bool ingress)
{
	struct bpf_tc_hook hook = hook_of(ifindex, hook_point(ingress));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = filter->handle, .priority = filter->priority);

	if (!filter->priority)
		return;
	bpf_log_quiet(true);
	bpf_tc_detach(&hook, &opts);
	bpf_log_quiet(false);
}

bool hook_filter_alive(const struct hook_filter *filter, uint32_t ifindex, bool ingress)
{
	struct bpf_tc_hook hook = hook_of(ifindex, hook_point(ingress));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = filter->handle, .priority = filter->priority);
	int err;

	if (!filter->priority)
		return true;
	bpf_log_quiet(true);
	err = bpf_tc_query(&hook, &opts);
	bpf_log_quiet(false);
	return !err;
}

int hook_filter_clean(uint32_t ifindex, bool ingress)
{
	struct hook_filter_list list;

	if (hook_filter_list(&list, ifindex, ingress))
		return 0;
	for (uint32_t i = 0; i < list.count; i++)
		hook_filter_detach(&list.ours[i], ifindex, ingress);
	return (int)list.count;
}
