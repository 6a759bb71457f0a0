/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines to a file or to standard output. The file is rotated by size and time (NAME.1 is the newest
 * old one, with .gz when compressed) and opened again on SIGHUP, so that logrotate may move it. A
 * line is written whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/export_kind.h"

enum sync_policy { SYNC_NEVER, SYNC_SECOND, SYNC_BATCH };

struct file_settings {
	struct export_settings common;
	const char *path; /* NULL: standard output */
	uint64_t max_size, max_age, backups, compress, sync;
};

struct export_target {
	const struct file_settings *settings;
	int file; /* -1: not open */
	uint64_t size, opened_ns, synced_ns;
	bool dirty;
	struct buffer lines;
};

#define AT(member) offsetof(struct file_settings, member)
#define HOURS(n)   ((n)*UINT64_C(3600000000000))
static const char *const policies[] = { "never", "second", "batch", NULL };
static const struct option rows[] = {
	{ "path", OPTION_PATH, AT(path), 0, 0, NULL, NULL, false,
	  "file that lines are added to; empty: standard output" },
	{ "max_size", OPTION_BYTES, AT(max_size), 4096, UINT64_C(1) << 40, "16MiB", NULL, false,
	  "size at which the file is put aside" },
	{ "max_age", OPTION_DURATION, AT(max_age), 0, HOURS(24 * 365), "0s", NULL, false,
	  "age at which the file is put aside; 0s: any" },
	{ "backups", OPTION_COUNT, AT(backups), 0, 1000, "5", NULL, false,
	  "old files kept; 0: the file is never put aside" },
	{ "compress", OPTION_SWITCH, AT(compress), 0, 0, "false", NULL, false,
	  "compress old files with gzip" },
	{ "sync", OPTION_NAME, AT(sync), 0, 0, "never", policies, false,
	  "when lines are forced to disk" },
};

static int file_open_target(struct export_target **out, const struct export_setup *setup, char *why,
			    size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));

	(void)why;
	(void)why_size;
	if (!target)
		return -ENOMEM;
	target->settings = (const struct file_settings *)setup->settings;
	target->file = target->settings->path ? -1 : dup(STDOUT_FILENO);
	*out = target;
	return 0;
}

/* ---- rotation -------------------------------------------------------------------------------- */

static void backup_name(const struct file_settings *settings, uint64_t number, bool packed,
			char name[PATH_MAX])
{
	snprintf(name, PATH_MAX, "%s.%llu%s", settings->path, (unsigned long long)number,
		 packed ? ".gz" : "");
}

static void backup_shift(const struct file_settings *settings, bool packed)
{
	char from[PATH_MAX], to[PATH_MAX];

	backup_name(settings, settings->backups, packed, from);
	unlink(from);
	for (uint64_t i = settings->backups; i-- > 1;) {
		backup_name(settings, i, packed, from);
		backup_name(settings, i + 1, packed, to);
		rename(from, to);
	}
}

static int copy_packed(FILE *in, gzFile out)
{
	char block[65536];
	size_t size;

	while ((size = fread(block, 1, sizeof(block), in)))
		if (gzwrite(out, block, (unsigned int)size) != (int)size)
			return -EIO;
	return ferror(in) ? -EIO : 0;
}

/* The uncompressed file stays when it cannot be compressed. */
static void backup_compress(const char *plain)
{
	char packed[PATH_MAX];
	FILE *in = fopen(plain, "re");
	gzFile out = NULL;
	int error = in ? 0 : -errno;

	snprintf(packed, sizeof(packed), "%.*s.gz", PATH_MAX - 4, plain);
	if (!error && !(out = gzopen(packed, "we3")))
		error = -EIO;
	if (!error)
		error = copy_packed(in, out);
	if (out && gzclose(out) != Z_OK)
		error = -EIO;
	if (in)
		fclose(in);
	if (error)
		log_warning("%s: cannot be compressed: %s; it stays as it is", plain,
			    strerror(-error));
	unlink(error ? packed : plain);
}

static void file_shut(struct export_target *target)
{
	if (target->file >= 0)
		close(target->file);
	target->file = -1;
}

static void file_rotate(struct export_target *target)
{
	const struct file_settings *settings = target->settings;
	char first[PATH_MAX];

	file_shut(target);
	backup_shift(settings, false);
	backup_shift(settings, true);
	backup_name(settings, 1, false, first);
	if (rename(settings->path, first))
		log_warning("%s: cannot be put aside as %s: %s", settings->path, first,
			    strerror(errno));
	else if (settings->compress)
		backup_compress(first);
}

static bool file_is_due(const struct export_target *target)
{
	const struct file_settings *settings = target->settings;

	if (!settings->path || !settings->backups || !target->size || target->file < 0)
		return false;
	return target->size >= settings->max_size ||
	       (settings->max_age && clock_realtime_ns() >= target->opened_ns + settings->max_age);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int file_ensure(struct export_target *target, char *why, size_t why_size)
{
	const char *path = target->settings->path;
	struct stat about;

	if (file_is_due(target))
		file_rotate(target);
	if (target->file >= 0)
		return 0;
	if (path)
		target->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (target->file < 0 || fstat(target->file, &about)) {
		snprintf(why, why_size, "%s: cannot be opened: %s", path ? path : "standard output",
			 strerror(errno));
		return -errno;
	}
	target->size = (uint64_t)about.st_size;
	target->opened_ns =
		target->size ? (uint64_t)about.st_ctim.tv_sec * CLOCK_S : clock_realtime_ns();
	return 0;
}

static void file_sync(struct export_target *target)
{
	if (target->dirty && target->file >= 0)
		fdatasync(target->file);
	target->dirty = false;
	target->synced_ns = clock_monotonic_ns();
}

static void file_sync_when_due(struct export_target *target)
{
	if (target->settings->sync == SYNC_BATCH ||
	    (target->settings->sync == SYNC_SECOND &&
	     clock_monotonic_ns() - target->synced_ns >= CLOCK_S))
		file_sync(target);
}

/* A regular file's short write is taken back, so that a line is not there in part. */
static int file_write(struct export_target *target, char *why, size_t why_size)
{
	const char *name = target->settings->path ? target->settings->path : "standard output";
	size_t done = 0;

	while (done < target->lines.size) {
		ssize_t written =
			write(target->file, target->lines.data + done, target->lines.size - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			int error = -errno;

			snprintf(why, why_size, "%s: cannot be written: %s; make room", name,
				 strerror(errno));
			if (done && target->settings->path &&
			    ftruncate(target->file, (off_t)target->size))
				file_shut(target);
			return error;
		}
		done += (size_t)written;
	}
	target->size += done;
	target->dirty = true;
	return 0;
}

/* As many items as fit in the file before it is put aside; at least one. */
static size_t file_gather(struct export_target *target, const struct export_item *items,
			  size_t count)
{
	const struct file_settings *settings = target->settings;
	bool bounded = settings->path && settings->backups;
	size_t taken = 0;

	target->lines.size = 0;
	for (; taken < count; taken++) {
		if (bounded && taken &&
		    target->size + target->lines.size + items[taken].size + 1 > settings->max_size)
			break;
		if (buffer_append(&target->lines, items[taken].body, items[taken].size) ||
		    buffer_append(&target->lines, "\n", 1))
			break;
	}
	return taken;
}

static int file_send(struct export_target *target, const struct export_item *items, size_t count,
		     size_t *done, char *why, size_t why_size)
{
	while (*done < count) {
		int error = file_ensure(target, why, why_size);
		size_t taken = error ? 0 : file_gather(target, items + *done, count - *done);

		if (!error && !taken)
			error = -ENOMEM;
		if (!error)
			error = file_write(target, why, why_size);
		if (error)
			return error;
		*done += taken;
	}
	file_sync_when_due(target);
	return 0;
}

static void file_idle(struct export_target *target)
{
	file_sync_when_due(target);
	if (file_is_due(target))
		file_rotate(target);
}

static void file_reopen(struct export_target *target)
{
	if (target->settings->path)
		file_shut(target);
}

static void file_close(struct export_target *target)
{
	if (target->settings->sync != SYNC_NEVER)
		file_sync(target);
	file_shut(target);
	buffer_fini(&target->lines);
	free(target);
}

const struct export_kind export_kind_file = {
	.name = "file",
	.help = "lines in a file or on standard output",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct file_settings),
	.open = file_open_target,
	.send = file_send,
	.idle = file_idle,
	.reopen = file_reopen,
	.close = file_close,
};
