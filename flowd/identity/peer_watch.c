/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/peer_watch.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flowd/identity/netns_read.h"
#include "proto/address.h"

#define PEER_BUFFER    (1 << 20)
#define PEER_MESSAGE   32768 /* the kernel's dumps use at most this */
#define PEER_ANSWER_S  2
#define PEER_DUMP_ONCE 4 /* tries for a dump that no change interrupts */

struct peer_watch {
	int socket;
	int32_t own; /* number that the own namespace has to itself; PEER_OWN: none, as a rule */
	char message[PEER_MESSAGE] __attribute__((aligned(8)));
};

/* ---- messages ------------------------------------------------------------------------------- */

/* The attribute's data, at least `size` bytes of it; NULL: there is none. */
static const void *peer_attribute(const struct nlmsghdr *header, size_t skip, unsigned short type,
				  size_t size)
{
	size_t at = NLMSG_LENGTH(NLMSG_ALIGN(skip));

	while (at + sizeof(struct rtattr) <= header->nlmsg_len) {
		const struct rtattr *attribute = (const struct rtattr *)((const char *)header + at);

		if (attribute->rta_len < sizeof(*attribute) ||
		    attribute->rta_len > header->nlmsg_len - at)
			return NULL;
		if ((attribute->rta_type & NLA_TYPE_MASK) == type)
			return attribute->rta_len >= RTA_LENGTH(size) ? RTA_DATA(attribute) : NULL;
		at += RTA_ALIGN(attribute->rta_len);
	}
	return NULL;
}

static bool peer_take_link(const struct nlmsghdr *header, int32_t nsid, struct peer_news *news)
{
	const struct ifinfomsg *link = NLMSG_DATA(header);
	const void *number = peer_attribute(header, sizeof(*link), IFLA_LINK_NETNSID, 4);

	/* Messages of the bridge family are about ports. */
	if (nsid != PEER_OWN || link->ifi_family != AF_UNSPEC || link->ifi_index <= 0)
		return false;
	news->type = header->nlmsg_type == RTM_NEWLINK ? PEER_LINK : PEER_LINK_GONE;
	news->ifindex = (uint32_t)link->ifi_index;
	if (number)
		memcpy(&news->nsid, number, sizeof(news->nsid));
	return true;
}

/* IFA_LOCAL where there is one: of a point-to-point link IFA_ADDRESS is the other end's. */
static bool peer_take_address(const struct nlmsghdr *header, int32_t nsid, struct peer_news *news)
{
	const struct ifaddrmsg *message = NLMSG_DATA(header);
	const bool v4 = message->ifa_family == AF_INET;
	const size_t size = v4 ? 4 : 16;
	const void *address = peer_attribute(header, sizeof(*message), IFA_LOCAL, size);

	if (!address)
		address = peer_attribute(header, sizeof(*message), IFA_ADDRESS, size);
	if (!address || (!v4 && message->ifa_family != AF_INET6))
		return false;
	news->type = header->nlmsg_type == RTM_NEWADDR ? PEER_ADDRESS : PEER_ADDRESS_GONE;
	news->nsid = nsid;
	memcpy(news->address, address_mapped_prefix, 12);
	memcpy(v4 ? news->address + 12 : news->address, address, size);
	return true;
}

static bool peer_take_space(const struct nlmsghdr *header, int32_t nsid, struct peer_news *news)
{
	const void *number = peer_attribute(header, sizeof(struct rtgenmsg), NETNSA_NSID, 4);

	if (nsid != PEER_OWN || !number)
		return false;
	news->type = PEER_SPACE_GONE;
	memcpy(&news->nsid, number, sizeof(news->nsid));
	return true;
}

/* `nsid`: of the namespace that the message is from. */
static bool peer_take(const struct nlmsghdr *header, int32_t nsid, struct peer_news *news)
{
	*news = (struct peer_news){ .nsid = PEER_OWN };
	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)) &&
		       peer_take_link(header, nsid, news);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)) &&
		       peer_take_address(header, nsid, news);
	case RTM_DELNSID:
		return peer_take_space(header, nsid, news);
	}
	return false;
}

/* ---- sockets -------------------------------------------------------------------------------- */

static int peer_socket(uint32_t groups, int flags)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = groups };
	const int on = 1, buffer = PEER_BUFFER;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int peer_watch_open(struct peer_watch **out)
{
	struct peer_watch *watch = calloc(1, sizeof(*watch));
	const int on = 1, spaces = RTNLGRP_NSID;
	int err = 0;

	if (!watch)
		return -ENOMEM;
	watch->own = netns_read_number("/proc/self/ns/net");
	watch->socket =
		peer_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, SOCK_NONBLOCK);
	if (watch->socket < 0)
		err = watch->socket;
	else if (setsockopt(watch->socket, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) ||
		 setsockopt(watch->socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &spaces,
			    sizeof(spaces)))
		err = -errno;
	if (err) {
		peer_watch_close(watch);
		return err;
	}
	*out = watch;
	return 0;
}

void peer_watch_close(struct peer_watch *watch)
{
	if (!watch)
		return;
	if (watch->socket >= 0)
		close(watch->socket);
	free(watch);
}

int peer_watch_fd(const struct peer_watch *watch)
{
	return watch->socket;
}

/* ---- events --------------------------------------------------------------------------------- */

/* Where a message comes from another namespace, its number comes beside it. */
static int32_t peer_origin(const struct peer_watch *watch, struct msghdr *message)
{
	int32_t nsid = PEER_OWN;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
		if (part->cmsg_level == SOL_NETLINK && part->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(&nsid, CMSG_DATA(part), sizeof(nsid));
	return nsid == watch->own ? PEER_OWN : nsid;
}

int peer_watch_dispatch(struct peer_watch *watch, peer_news_fn tell, void *context)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec room = { watch->message, sizeof(watch->message) };
	struct peer_news news;
	bool lost = false;

	for (;;) {
		struct msghdr message = { .msg_iov = &room,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(watch->socket, &message, 0);
		struct nlmsghdr *header = (struct nlmsghdr *)watch->message;

		if (length < 0 && errno != ENOBUFS && errno != EINTR)
			return lost ? -ENOBUFS : 0;
		lost |= length < 0 && errno == ENOBUFS;
		for (; length > 0 && NLMSG_OK(header, length); header = NLMSG_NEXT(header, length))
			if (peer_take(header, peer_origin(watch, &message), &news))
				tell(context, &news);
	}
}

/* ---- what there is -------------------------------------------------------------------------- */

struct peer_dump {
	int32_t nsid;
	peer_news_fn tell;
	void *context;
	char message[PEER_MESSAGE] __attribute__((aligned(8)));
};

/* 1: that was the last message. */
static int peer_dump_read(int fd, struct peer_dump *dump)
{
	ssize_t length = recv(fd, dump->message, sizeof(dump->message), 0);
	struct nlmsghdr *header = (struct nlmsghdr *)dump->message;
	struct peer_news news;

	if (length < 0)
		return errno == EINTR ? 0 : -errno;
	for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
		if (header->nlmsg_type == NLMSG_DONE)
			return header->nlmsg_flags & NLM_F_DUMP_INTR ? -EINTR : 1;
		if (header->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(header))->error;
		if (header->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EINTR;
		if (peer_take(header, dump->nsid, &news))
			dump->tell(dump->context, &news);
	}
	return 0;
}

static int peer_dump_once(const void *request, size_t size, struct peer_dump *dump)
{
	const struct timeval patience = { .tv_sec = PEER_ANSWER_S };
	int fd = peer_socket(0, 0), err = fd < 0 ? fd : 0;

	if (fd < 0)
		return err;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, request, size, 0) < 0)
		err = -errno;
	while (!err)
		err = peer_dump_read(fd, dump);
	close(fd);
	return err < 0 ? err : 0;
}

static int peer_dump(const void *request, size_t size, int32_t nsid, peer_news_fn tell,
		     void *context)
{
	struct peer_dump *dump = malloc(sizeof(*dump));
	int err = -EINTR;

	if (!dump)
		return -ENOMEM;
	dump->nsid = nsid;
	dump->tell = tell;
	dump->context = context;
	for (int i = 0; i < PEER_DUMP_ONCE && err == -EINTR; i++)
		err = peer_dump_once(request, size, dump);
	free(dump);
	return err;
}

int peer_watch_links(peer_news_fn tell, void *context)
{
	const struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.link = { .ifi_family = AF_UNSPEC },
	};

	return peer_dump(&request, sizeof(request), PEER_OWN, tell, context);
}

/* IFA_TARGET_NETNSID is Linux 4.20's. */
int peer_watch_addresses(int32_t nsid, peer_news_fn tell, void *context)
{
	const struct {
		struct nlmsghdr header;
		struct ifaddrmsg address;
		struct rtattr attribute;
		int32_t nsid;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_GETADDR,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(nsid)),
			       .rta_type = IFA_TARGET_NETNSID },
		.nsid = nsid,
	};

	return peer_dump(&request, sizeof(request), nsid, tell, context);
}
