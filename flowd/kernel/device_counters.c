/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/device_counters.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/kernel/net_space.h"

#define DEVICES_MAX 1024
#define QDISC_KINDS 1024 /* of all devices together */

struct device_name {
	int ifindex;
	char text[IFNAMSIZ];
};

/* Qdiscs of one kind at one device. */
struct qdisc_sum {
	int ifindex;
	char kind[IFNAMSIZ];
	uint64_t drops;
};

struct device_dump {
	device_counter_fn visit;
	void *context;
	size_t device_count, qdisc_count;
	struct device_name devices[DEVICES_MAX];
	struct qdisc_sum qdiscs[QDISC_KINDS];
};

/* ---- links ---------------------------------------------------------------------------------- */

static void dump_statistics(const struct device_dump *dump, const char *device,
			    const struct rtnl_link_stats64 *all)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "rx_errors", all->rx_errors },	{ "rx_dropped", all->rx_dropped },
		{ "rx_missed", all->rx_missed_errors }, { "rx_fifo", all->rx_fifo_errors },
		{ "tx_errors", all->tx_errors },	{ "tx_dropped", all->tx_dropped },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		dump->visit(dump->context, device, rows[i].name, rows[i].value);
}

static int dump_link(struct nl_msg *message, void *context)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct ifinfomsg *link = nlmsg_data(header);
	struct rtnl_link_stats64 all = { 0 };
	struct device_dump *dump = context;
	struct nlattr *attrs[IFLA_MAX + 1];
	struct device_name *device;

	if (header->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(header, sizeof(*link), attrs, IFLA_MAX, NULL) || !attrs[IFLA_IFNAME] ||
	    dump->device_count == DEVICES_MAX)
		return NL_OK;
	device = &dump->devices[dump->device_count++];
	device->ifindex = link->ifi_index;
	snprintf(device->text, sizeof(device->text), "%s", nla_get_string(attrs[IFLA_IFNAME]));
	if (attrs[IFLA_STATS64]) /* older kernels tell fewer */
		nla_memcpy(&all, attrs[IFLA_STATS64], sizeof(all));
	dump_statistics(dump, device->text, &all);
	return NL_OK;
}

/* ---- qdiscs --------------------------------------------------------------------------------- */

static void qdisc_add(struct device_dump *dump, int ifindex, const char *kind, uint64_t drops)
{
	struct qdisc_sum *sum = dump->qdiscs;

	for (size_t i = 0; i < dump->qdisc_count; i++, sum++) {
		if (sum->ifindex == ifindex && !strcmp(sum->kind, kind)) {
			sum->drops += drops;
			return;
		}
	}
	if (dump->qdisc_count == QDISC_KINDS)
		return;
	dump->qdisc_count++;
	*sum = (struct qdisc_sum){ .ifindex = ifindex, .drops = drops };
	snprintf(sum->kind, sizeof(sum->kind), "%s", kind);
}

static int dump_qdisc(struct nl_msg *message, void *context)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct tcmsg *qdisc = nlmsg_data(header);
	struct nlattr *attrs[TCA_MAX + 1], *stats[TCA_STATS_MAX + 1];
	struct gnet_stats_queue queue = { 0 };

	if (header->nlmsg_type != RTM_NEWQDISC ||
	    nlmsg_parse(header, sizeof(*qdisc), attrs, TCA_MAX, NULL) || !attrs[TCA_KIND] ||
	    !attrs[TCA_STATS2] || nla_parse_nested(stats, TCA_STATS_MAX, attrs[TCA_STATS2], NULL) ||
	    !stats[TCA_STATS_QUEUE])
		return NL_OK;
	nla_memcpy(&queue, stats[TCA_STATS_QUEUE], sizeof(queue));
	qdisc_add(context, qdisc->tcm_ifindex, nla_get_string(attrs[TCA_KIND]), queue.drops);
	return NL_OK;
}

static void dump_tell_qdiscs(const struct device_dump *dump)
{
	char counter[40];

	for (size_t i = 0; i < dump->qdisc_count; i++) {
		const struct qdisc_sum *sum = &dump->qdiscs[i];

		snprintf(counter, sizeof(counter), "qdisc.%s.drops", sum->kind);
		for (size_t j = 0; j < dump->device_count; j++)
			if (dump->devices[j].ifindex == sum->ifindex)
				dump->visit(dump->context, dump->devices[j].text, counter,
					    sum->drops);
	}
}

/* ---- sockets -------------------------------------------------------------------------------- */

static int dump_ask(struct nl_sock *socket, int type, nl_recvmsg_msg_cb_t take,
		    struct device_dump *dump)
{
	struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	struct tcmsg qdisc = { .tcm_family = AF_UNSPEC };
	int code = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take, dump);

	if (!code)
		code = type == RTM_GETLINK
			       ? nl_send_simple(socket, type, NLM_F_DUMP, &link, sizeof(link))
			       : nl_send_simple(socket, type, NLM_F_DUMP, &qdisc, sizeof(qdisc));
	if (code >= 0)
		code = nl_recvmsgs_default(socket);
	return code < 0 ? -EIO : 0;
}

static int dump_socket(struct nl_sock **out, pid_t process)
{
	int home = net_space_enter(process), code;
	struct nl_sock *socket;

	if (home < 0)
		return home;
	socket = nl_socket_alloc();
	code = socket ? nl_connect(socket, NETLINK_ROUTE) : -1;
	net_space_leave(home);
	if (code) {
		nl_socket_free(socket);
		return -EIO;
	}
	nl_socket_enable_msg_peek(socket);
	*out = socket;
	return 0;
}

int device_counters_read(pid_t process, device_counter_fn visit, void *context)
{
	struct device_dump *dump = calloc(1, sizeof(*dump));
	struct nl_sock *socket = NULL;
	int error = dump ? dump_socket(&socket, process) : -ENOMEM;

	if (!error) {
		dump->visit = visit;
		dump->context = context;
		error = dump_ask(socket, RTM_GETLINK, dump_link, dump);
	}
	if (!error)
		error = dump_ask(socket, RTM_GETQDISC, dump_qdisc, dump);
	if (!error)
		dump_tell_qdiscs(dump);
	nl_socket_free(socket);
	free(dump);
	return error;
}
