/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/cgroup_table.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "flowd/base/clock.h"

#define TABLE_BUCKETS  4096
#define TABLE_YOUNG_NS (500 * CLOCK_MS) /* metadata may still be on its way */
#define TABLE_YOUNG    64
#define TABLE_DEPTH    16
#define TABLE_PARENTS  3    /* how far above a cgroup its container may lie */
#define KERNFS_HANDLE  0xfe /* FILEID_KERNFS of linux/exportfs.h */

struct cgroup_table {
	struct cgroup_table_options options;
	struct cgroup_entry *buckets[TABLE_BUCKETS];
	uint32_t count;
	int root_fd;
	uint64_t missed;	     /* ids that were not there any more */
	uint64_t young[TABLE_YOUNG]; /* made of late, without metadata; 0: free */
};

int cgroup_table_root(const char *host_root, char *root, size_t size)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs status;

	for (size_t i = 0; i < 2; i++) {
		snprintf(root, size, "%s%s", host_root, places[i]);
		if (!statfs(root, &status) && status.f_type == CGROUP2_SUPER_MAGIC)
			return 0;
	}
	return -ENODEV;
}

int cgroup_table_open(struct cgroup_table **out, const struct cgroup_table_options *options)
{
	struct cgroup_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->options = *options;
	table->root_fd = open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*out = table;
	return 0;
}

static void table_free(struct cgroup_entry *entry)
{
	free(entry->path);
	free(entry->facts);
	free(entry);
}

void cgroup_table_close(struct cgroup_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < TABLE_BUCKETS; i++) {
		while (table->buckets[i]) {
			struct cgroup_entry *entry = table->buckets[i];

			table->buckets[i] = entry->next;
			table_free(entry);
		}
	}
	if (table->root_fd >= 0)
		close(table->root_fd);
	free(table);
}

static struct cgroup_entry **table_place(struct cgroup_table *table, uint64_t id)
{
	struct cgroup_entry **link = &table->buckets[id % TABLE_BUCKETS];

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

/* ---- what it is ----------------------------------------------------------------------------- */

/* The cgroup's own path first, then those above it, for engines whose paths have no grammar. */
static int table_read_facts(const struct cgroup_table *table, const struct cgroup_entry *entry,
			    struct container_facts *facts)
{
	char path[PATH_MAX];
	int err = container_files_read(&table->options.paths, &entry->name, entry->path, facts);

	snprintf(path, sizeof(path), "%s", entry->path);
	for (int i = 0; err && i < TABLE_PARENTS && !*entry->name.container; i++) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			break;
		*slash = '\0';
		err = container_files_read(&table->options.paths, &entry->name, path, facts);
	}
	return err;
}

static void table_read(const struct cgroup_table *table, struct cgroup_entry *entry,
		       uint64_t now_ns)
{
	struct container_facts facts;
	int err = table_read_facts(table, entry, &facts);

	entry->read_ns = now_ns;
	entry->known = !err;
	if (err && !*entry->name.container && !*entry->name.pod_uid)
		return;
	free(entry->facts);
	entry->facts = malloc(offsetof(struct container_facts, labels) + facts.labels_used + 1);
	if (entry->facts)
		memcpy(entry->facts, &facts,
		       offsetof(struct container_facts, labels) + facts.labels_used);
	if (entry->facts && table->options.met)
		table->options.met(table->options.met_context, entry);
}

/* The longest unused one that has gone, else the longest unused one. */
static void table_make_room(struct cgroup_table *table)
{
	struct cgroup_entry **victim = NULL;

	for (size_t i = 0; i < TABLE_BUCKETS; i++) {
		for (struct cgroup_entry **link = &table->buckets[i]; *link;
		     link = &(*link)->next) {
			if (!victim || (!!(*link)->gone_ns > !!(*victim)->gone_ns) ||
			    (!!(*link)->gone_ns == !!(*victim)->gone_ns &&
			     (*link)->used_ns < (*victim)->used_ns))
				victim = link;
		}
	}
	if (victim) {
		struct cgroup_entry *entry = *victim;

		*victim = entry->next;
		table_free(entry);
		table->count--;
	}
}

static struct cgroup_entry *table_enter(struct cgroup_table *table, uint64_t id, const char *path,
					uint64_t born_ns, uint64_t now_ns)
{
	struct cgroup_entry **link = table_place(table, id), *entry = *link;

	if (entry)
		return entry;
	if (table->count >= table->options.most)
		table_make_room(table);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->path = strdup(path);
	if (!entry->path) {
		free(entry);
		return NULL;
	}
	entry->id = id;
	entry->born_ns = born_ns;
	entry->used_ns = now_ns;
	cgroup_grammar_parse(path, &entry->name);
	table_read(table, entry, now_ns);
	entry->next = table->buckets[id % TABLE_BUCKETS];
	table->buckets[id % TABLE_BUCKETS] = entry;
	table->count++;
	return entry;
}

void cgroup_table_made(struct cgroup_table *table, uint64_t id, const char *path, uint64_t time_ns)
{
	const struct cgroup_entry *entry = table_enter(table, id, path, time_ns, time_ns);

	for (int i = 0; entry && !entry->known && i < TABLE_YOUNG; i++) {
		if (!table->young[i]) {
			table->young[i] = id;
			return;
		}
	}
}

bool cgroup_table_retry(struct cgroup_table *table, uint64_t now_ns)
{
	bool more = false;

	for (int i = 0; i < TABLE_YOUNG; i++) {
		struct cgroup_entry *entry =
			table->young[i] ? *table_place(table, table->young[i]) : NULL;

		if (entry && !entry->known && !entry->gone_ns &&
		    now_ns >= entry->read_ns + (now_ns - entry->born_ns) / 8)
			table_read(table, entry, now_ns);
		if (!entry || entry->known || entry->gone_ns ||
		    now_ns > entry->born_ns + TABLE_YOUNG_NS)
			table->young[i] = 0;
		more |= table->young[i] != 0;
	}
	return more;
}

void cgroup_table_gone(struct cgroup_table *table, uint64_t id, uint64_t time_ns)
{
	struct cgroup_entry *entry = *table_place(table, id);

	if (!entry)
		return;
	if (!entry->known)
		table_read(table, entry, time_ns); /* the last chance */
	entry->gone_ns = time_ns;
}

/* ---- looking for it ------------------------------------------------------------------------- */

/* The kernel opens a cgroup's directory by its id, without a search. */
static int table_path_of(const struct cgroup_table *table, uint64_t id, char *path, size_t size)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} wanted = { .handle = { .handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE } };
	char link[64];
	ssize_t length;
	size_t root = strlen(table->options.root);
	int fd;

	memcpy(wanted.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(table->root_fd, &wanted.handle, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, size - 1);
	close(fd);
	if (length < 0)
		return -errno;
	path[length] = '\0';
	if (strncmp(path, table->options.root, root))
		return -ENOENT;
	memmove(path, path[root] ? path + root : "/", strlen(path[root] ? path + root : "/") + 1);
	return 0;
}

const struct cgroup_entry *cgroup_table_find(struct cgroup_table *table, uint64_t id,
					     uint64_t now_ns)
{
	struct cgroup_entry *entry = *table_place(table, id);
	char path[PATH_MAX];

	if (!entry && table->root_fd >= 0 && id) {
		if (table_path_of(table, id, path, sizeof(path)))
			table->missed++;
		else
			entry = table_enter(table, id, path, 0, now_ns);
	}
	if (entry)
		entry->used_ns = now_ns;
	return entry;
}

/* ---- the hierarchy as it is ----------------------------------------------------------------- */

/* nftw() has no place for a context. */
static __thread struct {
	struct cgroup_table *table;
	uint64_t now_ns;
} table_scan;

static int table_scan_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	const char *below = path + strlen(table_scan.table->options.root);

	(void)walk;
	if (type == FTW_D && *below)
		table_enter(table_scan.table, status->st_ino, below, 0, table_scan.now_ns);
	return table_scan.table->count >= table_scan.table->options.most;
}

void cgroup_table_scan(struct cgroup_table *table, uint64_t now_ns)
{
	table_scan.table = table;
	table_scan.now_ns = now_ns;
	nftw(table->options.root, table_scan_one, TABLE_DEPTH, FTW_PHYS | FTW_MOUNT);
}

uint32_t cgroup_table_process(const struct cgroup_table *table, const struct cgroup_entry *entry)
{
	char path[PATH_MAX];
	uint32_t pid = 0;
	FILE *file;

	if (snprintf(path, sizeof(path), "%s%s/cgroup.procs", table->options.root, entry->path) >=
	    (int)sizeof(path))
		return 0;
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%u", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

void cgroup_table_inhabit(struct cgroup_table *table, cgroup_inhabited_fn visit, void *context)
{
	for (size_t i = 0; i < TABLE_BUCKETS; i++) {
		for (struct cgroup_entry *entry = table->buckets[i]; entry; entry = entry->next) {
			if (!entry->facts || entry->gone_ns || entry->inside)
				continue;
			entry->inside = cgroup_table_process(table, entry);
			if (entry->inside)
				visit(context, entry);
		}
	}
}

void cgroup_table_sweep(struct cgroup_table *table, uint64_t now_ns)
{
	for (size_t i = 0; i < TABLE_BUCKETS; i++) {
		struct cgroup_entry **link = &table->buckets[i], *entry;

		while ((entry = *link)) {
			if (!entry->gone_ns || now_ns < entry->gone_ns + table->options.keep_ns) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			table_free(entry);
			table->count--;
		}
	}
}

void cgroup_table_each(const struct cgroup_table *table, cgroup_visit_fn visit, void *context)
{
	for (size_t i = 0; i < TABLE_BUCKETS; i++)
		for (struct cgroup_entry *entry = table->buckets[i]; entry; entry = entry->next)
			visit(context, entry);
}
