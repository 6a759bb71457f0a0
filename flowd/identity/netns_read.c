/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/netns_read.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * "  |-- 10.0.0.1" is a leaf; the line below says of what kind: "/32 host LOCAL" is an address of
 * the namespace's own (net/ipv4/fib_trie.c, fib_trie_seq_show).
 */
int netns_read_trie_line(struct netns_trie *state, const char *line)
{
	const char *leaf = strstr(line, "|-- ");
	struct in_addr address = { 0 };
	char text[32];

	if (leaf) {
		state->leaf = sscanf(leaf + 4, "%31s", text) == 1 &&
			      inet_pton(AF_INET, text, &address) == 1;
		memset(state->address, 0, 10);
		memset(state->address + 10, 0xff, 2);
		memcpy(state->address + 12, &address, 4);
		return 0;
	}
	return state->leaf && strstr(line, "/32 host LOCAL") != NULL;
}

/* "fe80...01 02 40 20 80 eth0", the address as 32 digits. */
int netns_read_inet6_line(const char *line, uint8_t address[16])
{
	unsigned byte;

	for (int i = 0; i < 16; i++) {
		if (sscanf(line + 2 * i, "%2x", &byte) != 1)
			return 0;
		address[i] = (uint8_t)byte;
	}
	return 1;
}

static void read_trie(FILE *file, netns_address_fn take, void *context)
{
	struct netns_trie state = { .leaf = 0 };
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (netns_read_trie_line(&state, line))
			take(context, state.address);
}

static void read_inet6(FILE *file, netns_address_fn take, void *context)
{
	uint8_t address[16];
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (strlen(line) > 32 && netns_read_inet6_line(line, address))
			take(context, address);
}

static void read_one(const char *directory, const char *name,
		     void (*read)(FILE *, netns_address_fn, void *), netns_address_fn take,
		     void *context)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file)
		return;
	read(file, take, context);
	fclose(file);
}

void netns_read_addresses(const char *directory, netns_address_fn take, void *context)
{
	read_one(directory, "fib_trie", read_trie, take, context);
	read_one(directory, "if_inet6", read_inet6, take, context);
}

static int read_nsid(int netlink, int netns)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg family;
		char pad[NLMSG_ALIGN(sizeof(struct rtgenmsg)) - sizeof(struct rtgenmsg)];
		struct rtattr attribute;
		int fd;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_GETNSID,
			    .nlmsg_flags = NLM_F_REQUEST },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = NETNSA_FD },
		.fd = netns,
	};
	char answer[512] __attribute__((aligned(8)));
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
	const struct rtattr *attribute;
	int number = NETNSA_NSID_NOT_ASSIGNED;
	ssize_t length;

	if (send(netlink, &request, sizeof(request), 0) < 0)
		return number;
	length = recv(netlink, answer, sizeof(answer), 0);
	attribute = (const struct rtattr *)((const char *)NLMSG_DATA(header) +
					    NLMSG_ALIGN(sizeof(struct rtgenmsg)));
	if (length >= (ssize_t)NLMSG_SPACE(sizeof(struct rtgenmsg)) + (ssize_t)RTA_SPACE(4) &&
	    header->nlmsg_type == RTM_NEWNSID && attribute->rta_type == NETNSA_NSID)
		memcpy(&number, RTA_DATA(attribute), sizeof(number));
	return number;
}

int netns_read_number(const char *path)
{
	int netns = open(path, O_RDONLY | O_CLOEXEC);
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int number =
		netns >= 0 && netlink >= 0 ? read_nsid(netlink, netns) : NETNSA_NSID_NOT_ASSIGNED;

	if (netns >= 0)
		close(netns);
	if (netlink >= 0)
		close(netlink);
	return number;
}
