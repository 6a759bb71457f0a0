/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/cgroup_path.h"

#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int cgroup_path_mount(char *mount, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;
	int error = -ENODEV;

	if (!mounts)
		return -errno;
	while (error && (entry = getmntent(mounts))) {
		if (!strcmp(entry->mnt_type, "cgroup2") &&
		    snprintf(mount, size, "%s", entry->mnt_dir) < (int)size)
			error = 0;
	}
	endmntent(mounts);
	return error;
}

/* The number is the directory's inode, since kernel 5.5. */
int cgroup_path_id(const char *path, uint64_t *id)
{
	char mount[PATH_MAX / 2], full[PATH_MAX];
	struct stat status;
	int error = cgroup_path_mount(mount, sizeof(mount));

	if (error)
		return error;
	if (snprintf(full, sizeof(full), "%s%s", mount, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	if (stat(full, &status))
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	*id = status.st_ino;
	return 0;
}

unsigned int cgroup_path_level(const char *path)
{
	unsigned int level = 0;

	for (; *path; path++) {
		if (*path == '/' && path[1])
			level++;
	}
	return level;
}
