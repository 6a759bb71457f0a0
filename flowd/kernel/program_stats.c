/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/program_stats.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_program(int directory, const char *name)
{
	char target[64];
	ssize_t length = readlinkat(directory, name, target, sizeof(target) - 1);

	target[length > 0 ? length : 0] = 0;
	return strstr(target, "bpf-prog");
}

static bool read_program(int fd, struct program_stats *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	memcpy(program->name, info.name, sizeof(program->name));
	program->name[sizeof(program->name) - 1] = 0;
	program->id = info.id;
	program->run_ns = info.run_time_ns;
	program->runs = info.run_cnt;
	return true;
}

static bool is_listed(const struct program_stats *list, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].id == id)
			return true;
	return false;
}

size_t program_stats(struct program_stats *out, size_t max)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t count = 0;

	while (directory && count < max && (entry = readdir(directory))) {
		if (is_program(dirfd(directory), entry->d_name) &&
		    read_program(atoi(entry->d_name), &out[count]) &&
		    !is_listed(out, count, out[count].id))
			count++;
	}
	if (directory)
		closedir(directory);
	return count;
}
