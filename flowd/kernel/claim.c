/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/claim.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t claim_address(struct sockaddr_un *address, uint32_t ifindex)
{
	int length;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	length = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "flowd/device/%u",
			  ifindex);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* Who listens there, if it may be a flowd: root, or who we are. */
static int claim_owner(const struct sockaddr_un *address, socklen_t length, pid_t *owner)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	int err = -EADDRINUSE;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, length) &&
	    !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	    (peer.uid == 0 || peer.uid == geteuid())) {
		*owner = peer.pid;
		err = -EBUSY;
	}
	close(fd);
	return err;
}

int claim_take(uint32_t ifindex, pid_t *owner)
{
	struct sockaddr_un address;
	socklen_t length = claim_address(&address, ifindex);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)&address, length) && !listen(fd, SOMAXCONN))
		return fd;
	err = -errno;
	close(fd);
	return err == -EADDRINUSE ? claim_owner(&address, length, owner) : err;
}
