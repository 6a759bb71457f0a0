/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet filter in the kernel: its verdicts are those of the rules read one by one; a reload
 * under way is the old filter or the new one and nothing between; devices and cgroups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bpf/filter_stage.h"

static struct filter_stage stage;
static struct filter_rules rules[2];
static struct reference_texts texts[2];

/* How many of the verdicts that the last run left are these rules'. */
static size_t agreeing(const struct filter_rules *by)
{
	size_t count = 0;

	for (size_t i = 0; i < FILTER_CASES; i++)
		count += stage.cases[i].verdict == reference_verdict(by, &stage.packets[i]);
	return count;
}

static void test_verdicts_of_random_rules(void **state)
{
	size_t denied = 0;

	(void)state;
	for (int round = 0; round < 60; round++) {
		reference_rules(&rules[0], &texts[0], 1 + reference_random(FLOW_FILTER_RULES),
				false);
		assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
		filter_stage_deal(&stage);
		assert_true(filter_stage_run(&stage, FILTER_RUN_CASES, 1) >= 0);
		assert_int_equal(agreeing(&rules[0]), FILTER_CASES);
		for (size_t i = 0; i < FILTER_CASES; i++)
			denied += !stage.cases[i].verdict;
	}
	assert_in_range(denied, 60 * FILTER_CASES / 5, 60 * FILTER_CASES / 5 * 4);
}

static void add(uint32_t rule, enum filter_key key, const char *text)
{
	char why[256];

	assert_int_equal(filter_rules_condition(&rules[0], rule, key, text, why, sizeof(why)), 0);
}

static void test_devices_come_and_go(void **state)
{
	(void)state;
	memset(&rules[0], 0, sizeof(rules[0]));
	filter_rules_add(&rules[0], false);
	add(0, FILTER_KEY_INTERFACE, "tun*");
	assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
	filter_stage_deal(&stage);
	stage.cases[0].ifindex = 77;
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(stage.cases[0].verdict, 1);
	assert_int_equal(filter_load_device(stage.load, 77, "tun0"), 0);
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(stage.cases[0].verdict, 0);
	assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0); /* the other bank */
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(stage.cases[0].verdict, 0);
	assert_int_equal(filter_load_device(stage.load, 77, "lan0"), 0);
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(stage.cases[0].verdict, 1);
	assert_int_equal(filter_load_device(stage.load, 77, "tun1"), 0);
	assert_int_equal(filter_load_device(stage.load, 77, NULL), 0);
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(stage.cases[0].verdict, 1);
}

static void test_without_rules_everything_counts(void **state)
{
	(void)state;
	memset(&rules[0], 0, sizeof(rules[0]));
	assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
	filter_stage_deal(&stage);
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(agreeing(&rules[0]), FILTER_CASES);
	rules[0].deny_others = true;
	assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_int_equal(agreeing(&rules[0]), FILTER_CASES);
}

/* Whichever bank is in use: the hooks ask every packet by the same bit whether there are rules, and
 * their short way is for packets without. */
static void test_without_rules_nothing_is_asked(void **state)
{
	(void)state;
	for (int load = 0; load < 4; load++) {
		memset(&rules[0], 0, sizeof(rules[0]));
		if (load % 2)
			rules[0].deny_others = true;
		assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
		assert_int_equal(filter_stage_state(&stage) & FLOW_FILTER_ON,
				 load % 2 ? FLOW_FILTER_ON : 0);
		assert_int_equal(filter_stage_state(&stage) & FLOW_FILTER_FIRST, 0);
	}
}

/* ---- reload --------------------------------------------------------------------------------- */

static struct {
	size_t runs[2], torn;
	int stop;
} watched;

static void *watch(void *argument)
{
	(void)argument;
	while (!__atomic_load_n(&watched.stop, __ATOMIC_ACQUIRE)) {
		if (filter_stage_run(&stage, FILTER_RUN_CASES, 1) < 0)
			break;
		if (agreeing(&rules[0]) == FILTER_CASES)
			__atomic_add_fetch(&watched.runs[0], 1, __ATOMIC_RELAXED);
		else if (agreeing(&rules[1]) == FILTER_CASES)
			__atomic_add_fetch(&watched.runs[1], 1, __ATOMIC_RELAXED);
		else
			watched.torn++;
	}
	return NULL;
}

static void test_reload_is_one_or_the_other(void **state)
{
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		reference_rules(&rules[i], &texts[i], FLOW_FILTER_RULES, false);
	filter_stage_deal(&stage);
	assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
	filter_stage_run(&stage, FILTER_RUN_CASES, 1);
	assert_true(agreeing(&rules[1]) < FILTER_CASES); /* the two can be told apart */
	assert_int_equal(pthread_create(&thread, NULL, watch, NULL), 0);
	for (int i = 1; i <= 100; i++)
		assert_int_equal(filter_load_rules(stage.load, &rules[i % 2]), 0);
	__atomic_store_n(&watched.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(watched.torn, 0);
	assert_true(watched.runs[0] > 0);
	assert_true(watched.runs[1] > 0);
}

/* ---- cgroups -------------------------------------------------------------------------------- */

static void find_hierarchy(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;

	assert_non_null(mounts);
	*path = 0;
	while ((entry = getmntent(mounts))) {
		if (!strcmp(entry->mnt_type, "cgroup2"))
			snprintf(path, size, "%s", entry->mnt_dir);
	}
	endmntent(mounts);
	assert_true(*path);
}

static void enter(const char *cgroup)
{
	char path[PATH_MAX];
	int file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(write(file, "0", 1), 1);
	close(file);
}

static void test_cgroup_subtree(void **state)
{
	char root[256], above[512], below[1024], names[2][64];

	(void)state;
	find_hierarchy(root, sizeof(root));
	snprintf(names[0], sizeof(names[0]), "/flowd-test-%d", getpid());
	snprintf(names[1], sizeof(names[1]), "%.40s/below", names[0]);
	snprintf(above, sizeof(above), "%s%s", root, names[0]);
	snprintf(below, sizeof(below), "%s%s", root, names[1]);
	memset(&rules[0], 0, sizeof(rules[0]));
	for (int i = 0; i < 4; i++)
		filter_rules_add(&rules[0], false);
	add(0, FILTER_KEY_CGROUP, names[0]);
	add(1, FILTER_KEY_CGROUP, names[1]);
	add(2, FILTER_KEY_CGROUP, "/");
	add(3, FILTER_KEY_CGROUP, "/flowd-test-is-not-there");
	assert_int_equal(mkdir(above, 0755), 0);
	assert_int_equal(mkdir(below, 0755), 0);
	assert_int_equal(filter_load_rules(stage.load, &rules[0]), 0);
	enter(below);
	filter_stage_run(&stage, FILTER_RUN_CGROUPS, 1);
	assert_int_equal(filter_stage_cgroups(&stage), 7);
	enter(above);
	filter_stage_run(&stage, FILTER_RUN_CGROUPS, 1);
	assert_int_equal(filter_stage_cgroups(&stage), 5);
	enter(root);
	filter_stage_run(&stage, FILTER_RUN_CGROUPS, 1);
	assert_int_equal(filter_stage_cgroups(&stage), 4);
	rmdir(below);
	rmdir(above);
}

static int open_stage(void **state)
{
	(void)state;
	return filter_stage_open(&stage);
}

static int close_stage(void **state)
{
	(void)state;
	filter_stage_close(&stage);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts_of_random_rules),
		cmocka_unit_test(test_devices_come_and_go),
		cmocka_unit_test(test_without_rules_everything_counts),
		cmocka_unit_test(test_without_rules_nothing_is_asked),
		cmocka_unit_test(test_reload_is_one_or_the_other),
		cmocka_unit_test(test_cgroup_subtree),
	};

	return cmocka_run_group_tests(tests, open_stage, close_stage);
}
