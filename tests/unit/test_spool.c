// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The spool: what is not acknowledged is there after any end of the process; torn and damaged
 * files; bounds of size and age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flowd/export/item.h"
#include "flowd/export/spool.h"

#define MIB (1u << 20)

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "spool-test-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static void each_file(void (*what)(const char *path))
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	char path[400];

	assert_non_null(list);
	while ((entry = readdir(list))) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] != '.')
			what(path);
	}
	closedir(list);
}

static void remove_file(const char *path)
{
	unlink(path);
}

static int remove_directory(void **state)
{
	(void)state;
	each_file(remove_file);
	return rmdir(directory);
}

static struct spool *open_spool(uint64_t size)
{
	struct spool *spool;

	assert_int_equal(spool_open(&spool, directory, size, 0), 0);
	return spool;
}

/* Items first .. last, each with `size` bytes. */
static void append(struct spool *spool, uint64_t first, uint64_t last, size_t size)
{
	struct buffer items = { 0 };
	uint8_t *body = calloc(1, size);

	for (uint64_t i = first; i <= last; i++) {
		const struct export_item item = { .epoch = 7, .position = i };
		size_t start = items.size;

		memset(body, (int)i, size);
		assert_int_equal(item_begin(&items), 0);
		assert_int_equal(buffer_append(&items, body, size), 0);
		item_end(&items, start, &item, true);
	}
	assert_int_equal(spool_append(spool, &items, last - first + 1), 0);
	buffer_fini(&items);
	free(body);
}

/* Takes up to `most`, which must be first, first + 1 ...; returns how many. */
static size_t take(struct spool *spool, size_t most, uint64_t first)
{
	struct buffer items = { 0 };
	size_t count = spool_take(spool, most, &items), at = 0;

	for (size_t i = 0; i < count; i++) {
		struct export_item item;
		int64_t length = item_read(items.data + at, items.size - at, &item);

		assert_true(length > 0);
		assert_int_equal(item.position, first + i);
		assert_int_equal(item.body[0], (uint8_t)item.position);
		at += (size_t)length;
	}
	assert_int_equal(at, items.size);
	buffer_fini(&items);
	return count;
}

static void test_in_and_out(void **state)
{
	struct spool *spool = open_spool(64 * MIB);
	uint64_t items, bytes;

	(void)state;
	assert_int_equal(take(spool, 10, 1), 0);
	append(spool, 1, 100, 50);
	assert_int_equal(spool_waiting(spool), 100);
	assert_int_equal(take(spool, 30, 1), 30);
	assert_int_equal(take(spool, 1000, 31), 70);
	spool_acknowledge(spool, 100);
	spool_size(spool, &items, &bytes);
	assert_int_equal(items, 0);
	assert_int_equal(spool_given_up(spool), 0);
	spool_close(spool);
}

static void test_taken_again(void **state)
{
	struct spool *spool = open_spool(64 * MIB);

	(void)state;
	append(spool, 1, 100, 50);
	assert_int_equal(take(spool, 60, 1), 60);
	spool_acknowledge(spool, 40);
	spool_close(spool);
	spool = open_spool(64 * MIB);
	assert_int_equal(take(spool, 1000, 41), 60);
	append(spool, 101, 120, 50);
	assert_int_equal(take(spool, 1000, 101), 20);
	spool_close(spool);
}

static void test_many_segments(void **state)
{
	struct spool *spool = open_spool(64 * MIB);
	uint64_t items, bytes;

	(void)state;
	for (uint64_t i = 0; i < 40; i++)
		append(spool, 1 + i * 1000, (i + 1) * 1000, 1000);
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(take(spool, 1000, 1 + i * 1000), 1000);
	for (int i = 0; i < 40; i++)
		spool_acknowledge(spool, 1000);
	spool_size(spool, &items, &bytes);
	assert_int_equal(items, 0);
	assert_true(bytes < 9 * MIB); /* whole segments have gone */
	assert_int_equal(spool_given_up(spool), 0);
	spool_close(spool);
}

static void test_size_bound(void **state)
{
	struct spool *spool = open_spool(4 * MIB);
	uint64_t items, bytes, given_up;

	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		append(spool, 1 + i * 1000, (i + 1) * 1000, 1000);
	spool_size(spool, &items, &bytes);
	assert_true(bytes <= 6 * MIB);
	given_up = spool_given_up(spool);
	assert_int_equal(given_up + items, 20000);
	assert_int_equal(take(spool, 20000, given_up + 1), items);
	spool_close(spool);
}

/* A killed writer leaves part of an item. */
static void test_torn_end(void **state)
{
	struct spool *spool = open_spool(64 * MIB);
	char path[128];
	struct stat about;

	(void)state;
	append(spool, 1, 10, 100);
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/%016x.items", directory, 1);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(truncate(path, about.st_size - 50), 0);
	spool = open_spool(64 * MIB);
	assert_int_equal(spool_waiting(spool), 9);
	append(spool, 10, 12, 100);
	assert_int_equal(take(spool, 100, 1), 12);
	spool_close(spool);
}

static void test_damage(void **state)
{
	struct spool *spool = open_spool(4 * MIB);
	char path[128];
	int file;

	(void)state;
	append(spool, 1, 1200, 1000);
	append(spool, 1201, 1300, 1000); /* another segment */
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/%016x.items", directory, 1);
	file = open(path, O_RDWR);
	assert_int_equal(pwrite(file, "damage", 6, 600 * 1048), 6);
	close(file);
	spool = open_spool(4 * MIB);
	assert_int_equal(take(spool, 5000, 1), 600);
	assert_int_equal(take(spool, 5000, 1201), 100);
	assert_int_equal(spool_given_up(spool), 600);
	spool_close(spool);
}

static void test_age(void **state)
{
	const struct timespec then[2] = { { .tv_sec = time(NULL) - 100 },
					  { .tv_sec = time(NULL) - 100 } };
	struct spool *spool = open_spool(64 * MIB);
	char path[128];

	(void)state;
	append(spool, 1, 3, 100);
	spool_close(spool);
	snprintf(path, sizeof(path), "%s/%016x.items", directory, 1);
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
	assert_int_equal(spool_open(&spool, directory, MIB, UINT64_C(200000000000)), 0);
	assert_int_equal(spool_waiting(spool), 3);
	spool_close(spool);
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
	assert_int_equal(spool_open(&spool, directory, MIB, UINT64_C(60000000000)), 0);
	assert_int_equal(take(spool, 10, 1), 0);
	assert_int_equal(spool_given_up(spool), 3);
	append(spool, 4, 5, 100);
	assert_int_equal(take(spool, 10, 4), 2);
	spool_acknowledge(spool, 2);
	assert_int_equal(spool_waiting(spool), 0);
	spool_close(spool);
}

static void test_one_user(void **state)
{
	struct spool *spool = open_spool(64 * MIB), *second;

	(void)state;
	assert_int_equal(spool_open(&second, directory, MIB, 0), -EBUSY);
	spool_close(spool);
}

static void test_ids(void **state)
{
	char one[ITEM_ID_MAX], same[ITEM_ID_MAX], other[ITEM_ID_MAX];

	(void)state;
	item_id("node", 1, 0x1234, one);
	item_id("node", 1, 0x1234, same);
	item_id("mode", 1, 0x1234, other);
	assert_string_equal(one, same);
	assert_string_not_equal(one, other);
	assert_int_equal(strlen(one), 36);
	assert_int_equal(one[14], '8');
	assert_string_equal(one + 24, "000000001234");
}

#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(test_in_and_out),	SPOOL_TEST(test_taken_again),
		SPOOL_TEST(test_many_segments), SPOOL_TEST(test_size_bound),
		SPOOL_TEST(test_torn_end),	SPOOL_TEST(test_damage),
		SPOOL_TEST(test_age),		SPOOL_TEST(test_one_user),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
