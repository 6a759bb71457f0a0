/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/link_watch.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#define LINK_WATCH_BUFFER (1 << 20) /* some thousand messages; the kernel's limit may be lower */
#define LINK_WATCH_DUMPS  8	    /* tries for a dump that no change interrupts */

struct link_watch {
	struct nl_sock *events;
	link_info_fn tell;
	void *context;
};

/* libnl's code, as errno where it matters. */
static int link_watch_errno(int code)
{
	switch (-code) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NOMEM:
		return -ENOBUFS;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_DUMP_INTR:
		return -EINTR;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	}
	return -EIO;
}

/* ---- messages ------------------------------------------------------------------------------- */

/* vxlan is the one tunnel that tells its lower device among its own attributes only. */
static uint32_t link_watch_vxlan_link(struct nlattr *data)
{
	struct nlattr *attrs[IFLA_VXLAN_MAX + 1];

	if (!data || nla_parse_nested(attrs, IFLA_VXLAN_MAX, data, NULL) || !attrs[IFLA_VXLAN_LINK])
		return 0;
	return nla_get_u32(attrs[IFLA_VXLAN_LINK]);
}

static void link_watch_linkinfo(struct nlattr *linkinfo, struct link_info *info)
{
	struct nlattr *attrs[IFLA_INFO_MAX + 1];

	info->kind = "";
	if (!linkinfo || nla_parse_nested(attrs, IFLA_INFO_MAX, linkinfo, NULL) ||
	    !attrs[IFLA_INFO_KIND])
		return;
	info->kind = nla_get_string(attrs[IFLA_INFO_KIND]);
	if (!strcmp(info->kind, "vxlan") && !info->link_elsewhere)
		info->link = link_watch_vxlan_link(attrs[IFLA_INFO_DATA]);
}

/* Messages of the bridge family are about ports, and their RTM_DELLINK is not the device's end. */
static int link_watch_message(struct nl_msg *message, void *context)
{
	struct link_watch *watch = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct ifinfomsg *link = nlmsg_data(header);
	struct nlattr *attrs[IFLA_MAX + 1];
	struct link_info info = { .gone = header->nlmsg_type == RTM_DELLINK };

	if ((header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) ||
	    nlmsg_parse(header, sizeof(*link), attrs, IFLA_MAX, NULL) ||
	    link->ifi_family != AF_UNSPEC || link->ifi_index <= 0 || !attrs[IFLA_IFNAME])
		return NL_OK;
	info.ifindex = (uint32_t)link->ifi_index;
	info.name = nla_get_string(attrs[IFLA_IFNAME]);
	info.link_type = link->ifi_type;
	info.link_elsewhere = attrs[IFLA_LINK_NETNSID];
	info.elsewhere = info.link_elsewhere ? nla_get_s32(attrs[IFLA_LINK_NETNSID]) : -1;
	if (attrs[IFLA_LINK] && !info.link_elsewhere)
		info.link = nla_get_u32(attrs[IFLA_LINK]);
	link_watch_linkinfo(attrs[IFLA_LINKINFO], &info);
	if (attrs[IFLA_MASTER])
		info.master = nla_get_u32(attrs[IFLA_MASTER]);
	watch->tell(watch->context, &info);
	return NL_OK;
}

static int link_watch_socket(struct nl_sock **out, struct link_watch *watch)
{
	struct nl_sock *socket = nl_socket_alloc();
	int code;

	if (!socket)
		return -ENOMEM;
	code = nl_connect(socket, NETLINK_ROUTE);
	if (!code)
		code = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, link_watch_message,
					   watch);
	if (code) {
		nl_socket_free(socket);
		return link_watch_errno(code);
	}
	nl_socket_enable_msg_peek(socket);
	*out = socket;
	return 0;
}

/* ---- dump and events ------------------------------------------------------------------------ */

static int link_watch_dump_once(struct nl_sock *socket)
{
	struct ifinfomsg request = { .ifi_family = AF_UNSPEC };
	int code = nl_send_simple(socket, RTM_GETLINK, NLM_F_DUMP, &request, sizeof(request));

	if (code >= 0)
		code = nl_recvmsgs_default(socket);
	return code < 0 ? link_watch_errno(code) : 0;
}

int link_watch_dump(struct link_watch *watch)
{
	int err = -EINTR;

	for (int i = 0; i < LINK_WATCH_DUMPS && err == -EINTR; i++) {
		struct nl_sock *socket = NULL;

		err = link_watch_socket(&socket, watch);
		if (err)
			return err;
		err = link_watch_dump_once(socket);
		nl_socket_free(socket);
	}
	return err;
}

int link_watch_dispatch(struct link_watch *watch)
{
	bool lost = false;
	int err;

	do {
		err = link_watch_errno(nl_recvmsgs_default(watch->events));
		lost |= err == -ENOBUFS;
	} while (!err || err == -ENOBUFS || err == -EINTR);
	if (err != -EAGAIN)
		return err;
	return lost ? -ENOBUFS : 0;
}

static int link_watch_subscribe(struct nl_sock *socket)
{
	int code;

	nl_socket_disable_seq_check(socket);
	nl_socket_set_buffer_size(socket, LINK_WATCH_BUFFER, 0);
	code = nl_socket_add_membership(socket, RTNLGRP_LINK);
	if (!code)
		code = nl_socket_set_nonblocking(socket);
	return link_watch_errno(code);
}

int link_watch_open(struct link_watch **out, link_info_fn tell, void *context)
{
	struct link_watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return -ENOMEM;
	watch->tell = tell;
	watch->context = context;
	err = link_watch_socket(&watch->events, watch);
	if (!err)
		err = link_watch_subscribe(watch->events);
	if (err) {
		link_watch_close(watch);
		return err;
	}
	*out = watch;
	return 0;
}

void link_watch_close(struct link_watch *watch)
{
	if (!watch)
		return;
	if (watch->events)
		nl_socket_free(watch->events);
	free(watch);
}

int link_watch_fd(const struct link_watch *watch)
{
	return nl_socket_get_fd(watch->events);
}
