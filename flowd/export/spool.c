/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "flowd/export/item.h"

#define SPOOL_SEGMENT_MAX (8u << 20)
#define SPOOL_READ	  (1u << 20)

/* A file; items first .. first + count - 1. The last one is being written. */
struct spool_segment {
	uint64_t first, count, bytes;
	time_t written;
};

/* The file `acknowledged`. */
struct spool_mark {
	uint64_t next; /* number of the first item that is not acknowledged */
	uint64_t crc;
};

struct spool {
	int directory, writer, reader, mark;
	uint64_t size_max, age_s;
	struct spool_segment *segments; /* oldest first; never empty */
	size_t segment_count, segment_room;
	uint64_t taken, acknowledged;	  /* numbers of the next item */
	uint64_t read_first, read_offset; /* the segment that `reader` is, and where in it */
	uint64_t bytes, given_up;
	struct buffer page; /* read ahead; `page_head` bytes of it are used */
	size_t page_head;
};

static void spool_name(uint64_t first, char name[32])
{
	snprintf(name, 32, "%016" PRIx64 ".items", first);
}

static struct spool_segment *spool_last(struct spool *spool)
{
	return &spool->segments[spool->segment_count - 1];
}

static uint64_t spool_end(const struct spool *spool)
{
	const struct spool_segment *last = &spool->segments[spool->segment_count - 1];

	return last->first + last->count;
}

static int spool_add_segment(struct spool *spool, const struct spool_segment *segment)
{
	if (spool->segment_count == spool->segment_room) {
		size_t room = spool->segment_room * 2 + 16;
		void *grown = realloc(spool->segments, room * sizeof(*spool->segments));

		if (!grown)
			return -ENOMEM;
		spool->segments = grown;
		spool->segment_room = room;
	}
	spool->segments[spool->segment_count++] = *segment;
	spool->bytes += segment->bytes;
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int spool_compare(const void *a, const void *b)
{
	const struct spool_segment *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

static int spool_list(struct spool *spool)
{
	int copy = dup(spool->directory), error = 0;
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!list) {
		if (copy >= 0)
			close(copy);
		return -errno;
	}
	while (!error && (entry = readdir(list))) {
		struct spool_segment segment = { 0 };
		struct stat about;
		int end = 0;

		if (sscanf(entry->d_name, "%16" SCNx64 ".items%n", &segment.first, &end) != 1 ||
		    end != (int)strlen(entry->d_name) ||
		    fstatat(spool->directory, entry->d_name, &about, 0))
			continue;
		segment.bytes = (uint64_t)about.st_size;
		segment.written = about.st_mtime;
		error = spool_add_segment(spool, &segment);
	}
	closedir(list);
	if (spool->segment_count)
		qsort(spool->segments, spool->segment_count, sizeof(*spool->segments),
		      spool_compare);
	for (size_t i = 0; i + 1 < spool->segment_count; i++)
		spool->segments[i].count = spool->segments[i + 1].first - spool->segments[i].first;
	return error;
}

/* Counts the last segment's items and cuts off what a killed writer left behind them. */
static int spool_repair(struct spool *spool, struct spool_segment *segment, int file)
{
	uint8_t *data = malloc(segment->bytes + 1);
	ssize_t size = data ? pread(file, data, segment->bytes, 0) : -1;
	struct export_item item;
	size_t good = 0;
	int64_t length;

	if (size < 0) {
		free(data);
		return data ? -errno : -ENOMEM;
	}
	while ((length = item_read(data + good, (size_t)size - good, &item)) > 0) {
		good += (size_t)length;
		segment->count++;
	}
	free(data);
	spool->bytes -= segment->bytes - good;
	segment->bytes = good;
	return ftruncate(file, (off_t)good) ? -errno : 0;
}

static int spool_open_segment(struct spool *spool, uint64_t first, int flags)
{
	char name[32];

	spool_name(first, name);
	return openat(spool->directory, name, flags | O_CLOEXEC, 0600);
}

static uint64_t spool_mark_crc(uint64_t next)
{
	return crc32_z(0, (const Bytef *)&next, sizeof(next));
}

static void spool_read_mark(struct spool *spool)
{
	struct spool_mark mark = { 0 };

	if (pread(spool->mark, &mark, sizeof(mark), 0) == sizeof(mark) &&
	    mark.crc == spool_mark_crc(mark.next) && mark.next <= spool_end(spool))
		spool->acknowledged = mark.next;
	if (spool->acknowledged < spool->segments[0].first)
		spool->acknowledged = spool->segments[0].first;
	spool->taken = spool->acknowledged;
}

static int spool_open_files(struct spool *spool)
{
	int error;

	spool->mark = openat(spool->directory, "acknowledged", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (spool->mark < 0)
		return -errno;
	if (flock(spool->mark, LOCK_EX | LOCK_NB))
		return -EBUSY;
	error = spool_list(spool);
	if (!error && !spool->segment_count)
		error = spool_add_segment(spool, &(struct spool_segment){ .first = 1 });
	if (error)
		return error;
	spool->writer =
		spool_open_segment(spool, spool_last(spool)->first, O_RDWR | O_CREAT | O_APPEND);
	if (spool->writer < 0)
		return -errno;
	error = spool_repair(spool, spool_last(spool), spool->writer);
	if (!error)
		spool_read_mark(spool);
	return error;
}

int spool_open(struct spool **out, const char *directory, uint64_t size, uint64_t age_ns)
{
	struct spool *spool = calloc(1, sizeof(*spool));
	int error = 0;

	if (!spool)
		return -ENOMEM;
	spool->size_max = size;
	spool->age_s = age_ns / UINT64_C(1000000000);
	spool->writer = spool->reader = spool->mark = spool->directory = -1;
	if (mkdir(directory, 0700) && errno != EEXIST)
		error = -errno;
	if (!error)
		spool->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!error && spool->directory < 0)
		error = -errno;
	if (!error)
		error = spool_open_files(spool);
	if (error) {
		spool_close(spool);
		return error;
	}
	*out = spool;
	return 0;
}

static void spool_close_file(int file)
{
	if (file >= 0)
		close(file);
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	spool_close_file(spool->reader);
	spool_close_file(spool->writer);
	spool_close_file(spool->mark);
	spool_close_file(spool->directory);
	buffer_fini(&spool->page);
	free(spool->segments);
	free(spool);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void spool_forget_page(struct spool *spool)
{
	spool_close_file(spool->reader);
	spool->reader = -1;
	spool->page.size = spool->page_head = 0;
}

/* Removes the oldest segment, never the last; what of it was not taken is given up. */
static void spool_drop_oldest(struct spool *spool)
{
	struct spool_segment oldest = spool->segments[0];
	uint64_t end = oldest.first + oldest.count;
	char name[32];

	if (spool->reader >= 0 && spool->read_first == oldest.first)
		spool_forget_page(spool);
	if (spool->taken < end) {
		uint64_t from = spool->taken > oldest.first ? spool->taken : oldest.first;

		spool->given_up += end - from;
		spool->acknowledged += end - spool->taken;
		spool->taken = end;
	}
	spool->bytes -= oldest.bytes;
	spool->segment_count--;
	memmove(spool->segments, spool->segments + 1,
		spool->segment_count * sizeof(*spool->segments));
	spool_name(oldest.first, name);
	unlinkat(spool->directory, name, 0);
}

static bool spool_is_old(const struct spool *spool, const struct spool_segment *segment)
{
	return spool->age_s && segment->count &&
	       time(NULL) - segment->written > (time_t)spool->age_s;
}

static void spool_keep_bounds(struct spool *spool)
{
	while (spool->segment_count > 1) {
		const struct spool_segment *oldest = &spool->segments[0];
		bool done = oldest->first + oldest->count <= spool->acknowledged;

		if (!done && !spool_is_old(spool, oldest) && spool->bytes <= spool->size_max)
			return;
		spool_drop_oldest(spool);
	}
}

/* ---- in and out ------------------------------------------------------------------------------ */

static int spool_next_segment(struct spool *spool)
{
	struct spool_segment next = { .first = spool_end(spool) };
	int file = spool_open_segment(spool, next.first, O_RDWR | O_CREAT | O_APPEND | O_TRUNC);
	int error = file < 0 ? -errno : spool_add_segment(spool, &next);

	if (error) {
		spool_close_file(file);
		return error;
	}
	close(spool->writer);
	spool->writer = file;
	return 0;
}

static uint64_t spool_segment_max(const struct spool *spool)
{
	return spool->size_max / 4 < SPOOL_SEGMENT_MAX ? spool->size_max / 4 : SPOOL_SEGMENT_MAX;
}

/* When the segment is large; or everything in it has arrived, and it need not be kept. */
static bool spool_is_to_rotate(struct spool *spool)
{
	uint64_t bytes = spool_last(spool)->bytes;

	return bytes >= spool_segment_max(spool) ||
	       (bytes >= SPOOL_READ && spool->acknowledged == spool_end(spool));
}

int spool_append(struct spool *spool, const struct buffer *items, size_t count)
{
	struct spool_segment *last;
	ssize_t written;
	int error = 0;

	if (spool_is_to_rotate(spool))
		error = spool_next_segment(spool);
	if (error)
		return error;
	spool_keep_bounds(spool);
	last = spool_last(spool);
	written = write(spool->writer, items->data, items->size);
	if (written != (ssize_t)items->size) {
		error = written < 0 ? -errno : -ENOSPC;
		if (ftruncate(spool->writer, (off_t)last->bytes))
			return -EIO;
		return error;
	}
	last->bytes += items->size;
	last->count += count;
	last->written = time(NULL);
	spool->bytes += items->size;
	return 0;
}

/* The segment that holds the next item to take; NULL: there is none. */
static const struct spool_segment *spool_segment_of(const struct spool *spool, uint64_t item)
{
	for (size_t i = 0; i < spool->segment_count; i++) {
		const struct spool_segment *segment = &spool->segments[i];

		if (item >= segment->first && item < segment->first + segment->count)
			return segment;
	}
	return NULL;
}

/* Bytes of the read page that follow; 0 at the end of what is written. */
static size_t spool_fill(struct spool *spool, const struct spool_segment *segment)
{
	size_t left = spool->page.size - spool->page_head;
	ssize_t got;

	if (left)
		memmove(spool->page.data, spool->page.data + spool->page_head, left);
	spool->page.size = left;
	spool->page_head = 0;
	if (buffer_reserve(&spool->page, SPOOL_READ))
		return 0;
	got = pread(spool->reader, spool->page.data + left, SPOOL_READ, (off_t)spool->read_offset);
	if (got <= 0 || spool->read_offset >= segment->bytes)
		return 0;
	spool->read_offset += (size_t)got;
	spool->page.size += (size_t)got;
	return (size_t)got;
}

/* One item of the segment: its bytes at page_head, or 0: damaged, or no memory. */
static size_t spool_read_item(struct spool *spool, const struct spool_segment *segment)
{
	struct export_item item;

	for (;;) {
		size_t left = spool->page.size - spool->page_head;
		int64_t length =
			left ? item_read(spool->page.data + spool->page_head, left, &item) : 0;

		if (length > 0)
			return (size_t)length;
		if (length < 0 || !spool_fill(spool, segment))
			return 0;
	}
}

/* Places the reader at item `taken`, which the segment holds. */
static bool spool_seek(struct spool *spool, const struct spool_segment *segment)
{
	if (spool->reader >= 0 && spool->read_first == segment->first)
		return true;
	spool_forget_page(spool);
	spool->reader = spool_open_segment(spool, segment->first, O_RDONLY);
	spool->read_first = segment->first;
	spool->read_offset = 0;
	for (uint64_t skip = segment->first; spool->reader >= 0 && skip < spool->taken; skip++) {
		size_t length = spool_read_item(spool, segment);

		if (!length)
			return false;
		spool->page_head += length;
	}
	return spool->reader >= 0;
}

/* A damaged segment: the rest of it cannot be read. */
static void spool_skip(struct spool *spool, const struct spool_segment *segment)
{
	uint64_t end = segment->first + segment->count;

	spool->given_up += end - spool->taken;
	spool->acknowledged += end - spool->taken;
	spool->taken = end;
	spool_forget_page(spool);
}

/* The last segment too may be old: nothing came since. */
static void spool_forget_old(struct spool *spool)
{
	if (spool_is_old(spool, spool_last(spool)) && spool_waiting(spool) &&
	    !spool_next_segment(spool))
		spool_keep_bounds(spool);
}

size_t spool_take(struct spool *spool, size_t most, struct buffer *out)
{
	const struct spool_segment *segment;
	size_t count = 0;

	spool_forget_old(spool);
	segment = spool_segment_of(spool, spool->taken);
	while (segment && count < most) {
		size_t length = spool_seek(spool, segment) ? spool_read_item(spool, segment) : 0;

		if (!length) {
			spool_skip(spool, segment);
			break;
		}
		if (buffer_append(out, spool->page.data + spool->page_head, length))
			break;
		spool->page_head += length;
		spool->taken++;
		count++;
		if (spool->taken == segment->first + segment->count)
			segment = spool_segment_of(spool, spool->taken);
	}
	return count;
}

void spool_acknowledge(struct spool *spool, size_t count)
{
	struct spool_mark mark;

	spool->acknowledged += count;
	mark = (struct spool_mark){ spool->acknowledged, spool_mark_crc(spool->acknowledged) };
	if (pwrite(spool->mark, &mark, sizeof(mark), 0) != sizeof(mark))
		return; /* sent again after a restart: at least once */
	spool_keep_bounds(spool);
}

uint64_t spool_waiting(const struct spool *spool)
{
	return spool_end(spool) - spool->taken;
}

uint64_t spool_given_up(struct spool *spool)
{
	uint64_t given_up = spool->given_up;

	spool->given_up = 0;
	return given_up;
}

void spool_size(const struct spool *spool, uint64_t *items, uint64_t *bytes)
{
	*items = spool_end(spool) - spool->acknowledged;
	*bytes = spool->bytes;
}
