/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flowd/base/log.h"

struct lock {
	int fd;
	char path[PATH_MAX];
};

static int lock_refuse(const struct lock *lock, const char *socket_path)
{
	char holder[24] = "";
	ssize_t length = pread(lock->fd, holder, sizeof(holder) - 1, 0);

	holder[length > 0 ? strcspn(holder, "\n") : 0] = 0;
	log_error(
		"another flowd (process %s) serves %s; stop it, or serve elsewhere with --run-dir",
		*holder ? holder : "unknown", socket_path);
	return -EADDRINUSE;
}

/* False when the file was removed by its last holder between our open and our lock. */
static bool lock_is_current(const struct lock *lock)
{
	struct stat ours, named;

	return !fstat(lock->fd, &ours) && !stat(lock->path, &named) &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

static int lock_file(struct lock *lock, const char *socket_path)
{
	do {
		if (lock->fd >= 0)
			close(lock->fd);
		lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (lock->fd < 0) {
			int error = -errno;

			log_error("cannot lock %s: %s", lock->path, strerror(-error));
			return error;
		}
		if (flock(lock->fd, LOCK_EX | LOCK_NB))
			return lock_refuse(lock, socket_path);
	} while (!lock_is_current(lock));
	return 0;
}

int lock_take(struct lock **out, const char *socket_path)
{
	struct lock *lock = malloc(sizeof(*lock));
	int error;

	if (!lock)
		return -ENOMEM;
	lock->fd = -1;
	error = snprintf(lock->path, sizeof(lock->path), "%s.lock", socket_path) <
				(int)sizeof(lock->path)
			? lock_file(lock, socket_path)
			: -ENAMETOOLONG;
	if (error) {
		if (lock->fd >= 0)
			close(lock->fd);
		free(lock);
		return error;
	}
	if (ftruncate(lock->fd, 0) || dprintf(lock->fd, "%d\n", (int)getpid()) < 0)
		log_warning("cannot write the process id to %s: %s", lock->path, strerror(errno));
	*out = lock;
	return 0;
}

void lock_release(struct lock *lock)
{
	if (!lock)
		return;
	unlink(lock->path);
	close(lock->fd);
	free(lock);
}
