/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/socket_scan.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_SPACES_MAX 1024
#define SCAN_TCP_LISTEN 10 /* net/tcp_states.h */
#define SCAN_TIME_NS	1

/* An open socket of some process. */
struct scan_holder {
	uint64_t inode;
	uint32_t pid;
};

/* By whatever leads to it: a process inside, a descriptor of one outside, a mount. */
struct scan_space {
	uint32_t netns;
	char path[64];
};

struct scan {
	const char *proc;
	socket_scan_fn take;
	void *context;
	struct scan_holder *holders;
	size_t holder_count, holder_room;
	struct scan_space spaces[SCAN_SPACES_MAX];
	size_t space_count;
	uint32_t netns; /* of the one being dumped */
	int result;
};

/* ---- who holds which socket ----------------------------------------------------------------- */

static int scan_add_holder(struct scan *scan, uint64_t inode, uint32_t pid)
{
	if (scan->holder_count == scan->holder_room) {
		size_t room = scan->holder_room ? scan->holder_room * 2 : 1024;
		struct scan_holder *more = realloc(scan->holders, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		scan->holders = more;
		scan->holder_room = room;
	}
	scan->holders[scan->holder_count++] = (struct scan_holder){ inode, pid };
	return 0;
}

static void scan_add_space(struct scan *scan, uint32_t netns, const char *path)
{
	struct scan_space *space = &scan->spaces[scan->space_count];

	if (scan->space_count == SCAN_SPACES_MAX || strlen(path) >= sizeof(space->path))
		return;
	for (size_t i = 0; i < scan->space_count; i++)
		if (scan->spaces[i].netns == netns)
			return;
	space->netns = netns;
	strcpy(space->path, path);
	scan->space_count++;
}

static void scan_add_path(struct scan *scan, const char *path)
{
	struct stat status;

	if (!stat(path, &status))
		scan_add_space(scan, (uint32_t)status.st_ino, path);
}

static void scan_descriptor(struct scan *scan, uint32_t pid, int directory, const char *name)
{
	char link[64], path[PATH_MAX];
	ssize_t length = readlinkat(directory, name, link, sizeof(link) - 1);
	unsigned long long inode;

	if (length <= 0)
		return;
	link[length] = '\0';
	if (sscanf(link, "socket:[%llu]", &inode) == 1) {
		scan_add_holder(scan, inode, pid);
	} else if (sscanf(link, "net:[%llu]", &inode) == 1) {
		snprintf(path, sizeof(path), "%s/%u/fd/%s", scan->proc, pid, name);
		scan_add_space(scan, (uint32_t)inode, path);
	}
}

static void scan_process(struct scan *scan, uint32_t pid)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/%u/ns/net", scan->proc, pid);
	scan_add_path(scan, path);
	snprintf(path, sizeof(path), "%s/%u/fd", scan->proc, pid);
	directory = opendir(path);
	while (directory && (entry = readdir(directory)))
		scan_descriptor(scan, pid, dirfd(directory), entry->d_name);
	if (directory)
		closedir(directory);
}

/* Namespaces that are mounted and may have no process: of iproute2, CNI and dockerd. */
static void scan_mounts(struct scan *scan)
{
	static const char *const places[] = { "run/netns", "run/docker/netns", "var/run/netns" };
	char directory_path[PATH_MAX], path[PATH_MAX + 256];
	struct dirent *entry;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		DIR *directory;

		/* through process 1's root: the host's, whatever ours is */
		snprintf(directory_path, sizeof(directory_path), "%s/1/root/%s", scan->proc,
			 places[i]);
		directory = opendir(directory_path);
		while (directory && (entry = readdir(directory))) {
			snprintf(path, sizeof(path), "%s/%s", directory_path, entry->d_name);
			if (entry->d_name[0] != '.')
				scan_add_path(scan, path);
		}
		if (directory)
			closedir(directory);
	}
}

static int scan_compare(const void *left, const void *right)
{
	const struct scan_holder *a = left, *b = right;

	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static int scan_processes(struct scan *scan)
{
	DIR *directory = opendir(scan->proc);
	struct dirent *entry;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		uint32_t pid = (uint32_t)strtoul(entry->d_name, NULL, 10);

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		scan_process(scan, pid);
	}
	closedir(directory);
	if (scan->holder_count)
		qsort(scan->holders, scan->holder_count, sizeof(*scan->holders), scan_compare);
	return 0;
}

static uint32_t scan_holder_of(const struct scan *scan, uint64_t inode)
{
	const struct scan_holder wanted = { .inode = inode };
	const struct scan_holder *found =
		scan->holder_count ? bsearch(&wanted, scan->holders, scan->holder_count,
					     sizeof(wanted), scan_compare)
				   : NULL;

	return found ? found->pid : 0;
}

/* ---- the sockets of one namespace ----------------------------------------------------------- */

static void scan_comm(const struct scan *scan, struct owner_socket *socket)
{
	char path[PATH_MAX], comm[OWNER_COMM + 1] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%u/comm", scan->proc, socket->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(comm, sizeof(comm), file)) {
		comm[strcspn(comm, "\n")] = '\0';
		memcpy(socket->comm, comm, sizeof(socket->comm));
	}
	fclose(file);
}

static void scan_address(uint8_t to[16], const __be32 from[4], bool ipv6)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (ipv6) {
		memcpy(to, from, 16);
	} else if (from[0]) {
		memcpy(to, mapped, 12);
		memcpy(to + 12, from, 4);
	}
}

static uint64_t scan_cgroup(const struct inet_diag_msg *message, size_t length)
{
	const struct rtattr *attribute = (const struct rtattr *)(message + 1);
	int left = (int)(length - NLMSG_ALIGN(sizeof(*message)));
	uint64_t cgroup = 0;

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == INET_DIAG_CGROUP_ID &&
		    RTA_PAYLOAD(attribute) >= sizeof(cgroup))
			memcpy(&cgroup, RTA_DATA(attribute), sizeof(cgroup));
	return cgroup;
}

static void scan_take(struct scan *scan, const struct inet_diag_msg *message, size_t length,
		      uint8_t protocol)
{
	struct owner_socket socket = {
		.event = { .time_ns = SCAN_TIME_NS, .size = sizeof(socket) },
		.cookie = (uint64_t)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0],
		.netns = scan->netns,
		.uid = message->idiag_uid,
		.local_port = ntohs(message->id.idiag_sport),
		.remote_port = ntohs(message->id.idiag_dport),
		.protocol = protocol,
		.ipv6 = message->idiag_family == AF_INET6,
	};

	socket.pid = scan_holder_of(scan, message->idiag_inode);
	if (!socket.pid)
		return;
	scan_address(socket.local, message->id.idiag_src, socket.ipv6);
	scan_address(socket.remote, message->id.idiag_dst, socket.ipv6);
	socket.cgroup_id = scan_cgroup(message, length);
	socket.event.type = socket.remote_port			      ? OWNER_EVENT_CONNECT
			    : message->idiag_state == SCAN_TCP_LISTEN ? OWNER_EVENT_LISTEN
								      : OWNER_EVENT_BIND;
	scan_comm(scan, &socket);
	scan->take(scan->context, &socket);
	scan->result++;
}

static int scan_ask(int netlink, uint8_t family, uint8_t protocol)
{
	const struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message = {
		.header = { .nlmsg_len = sizeof(message),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.request = { .sdiag_family = family,
			     .sdiag_protocol = protocol,
			     .idiag_states = UINT32_MAX },
	};

	return send(netlink, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

/* True: there is more to come. */
static bool scan_read(struct scan *scan, const void *buffer, ssize_t length, uint8_t protocol)
{
	const struct nlmsghdr *header = buffer;
	size_t left = (size_t)length;

	for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return false;
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			scan_take(scan, NLMSG_DATA(header), header->nlmsg_len - NLMSG_HDRLEN,
				  protocol);
	}
	return length > 0;
}

static void scan_dump(struct scan *scan, int netlink, uint8_t family, uint8_t protocol)
{
	static __thread char buffer[32768] __attribute__((aligned(8)));
	ssize_t length;

	if (scan_ask(netlink, family, protocol))
		return;
	do {
		length = recv(netlink, buffer, sizeof(buffer), 0);
	} while (length > 0 && scan_read(scan, buffer, length, protocol));
}

static void scan_space(struct scan *scan, const struct scan_space *space)
{
	int netlink, fd = open(space->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	close(fd);
	scan->netns = space->netns;
	netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0)
		return;
	scan_dump(scan, netlink, AF_INET, IPPROTO_TCP);
	scan_dump(scan, netlink, AF_INET6, IPPROTO_TCP);
	scan_dump(scan, netlink, AF_INET, IPPROTO_UDP);
	scan_dump(scan, netlink, AF_INET6, IPPROTO_UDP);
	close(netlink);
}

/* ---- all ------------------------------------------------------------------------------------ */

static void *scan_run(void *context)
{
	struct scan *scan = context;
	int err = scan_processes(scan);

	scan_mounts(scan);
	for (size_t i = 0; !err && i < scan->space_count; i++)
		scan_space(scan, &scan->spaces[i]);
	if (err)
		scan->result = err;
	return NULL;
}

int socket_scan(const char *proc, socket_scan_fn take, void *context)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	pthread_t thread;
	int result;

	if (!scan)
		return -ENOMEM;
	scan->proc = proc;
	scan->take = take;
	scan->context = context;
	result = -pthread_create(&thread, NULL, scan_run, scan);
	if (!result) {
		pthread_join(thread, NULL);
		result = scan->result;
	}
	free(scan->holders);
	free(scan);
	return result;
}
