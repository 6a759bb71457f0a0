/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The scope as it is written: what is taken, what is refused, what a name means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flowd/scope_list.h"

static struct scope_list list;
static char why[256];

static int empty(void **state)
{
	(void)state;
	memset(&list, 0, sizeof(list));
	*why = '\0';
	return 0;
}

static int add(enum scope_kind kind, const char *name)
{
	return scope_list_add(&list, kind, name, why, sizeof(why));
}

static void test_paths(void **state)
{
	static const char *const good[] = { "/a", "/a/b", "/1/2/3/4/5/6/7", "/a..b/..c" };
	static const char *const bad[] = { "",	    "a",   "/",	    "//",   "/a/",
					   "/a//b", "/..", "/a/..", "/./a", "/1/2/3/4/5/6/7/8" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(add(SCOPE_CGROUP, good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(add(SCOPE_CGROUP, bad[i]), -EINVAL);
		assert_non_null(strstr(why, "path from the root"));
	}
	assert_int_equal(list.count, sizeof(good) / sizeof(good[0]));
}

static void test_bounds(void **state)
{
	char name[SCOPE_NAME_MAX + 1];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(add(SCOPE_POD, name), -EINVAL);
	assert_int_equal(add(SCOPE_POD, name + 1), 0);
	assert_int_equal(add(SCOPE_POD, name + 1), -EEXIST);
	assert_int_equal(add(SCOPE_CONTAINER, name + 1), 0);
	while (list.count < SCOPE_ENTRIES_MAX) {
		snprintf(name, sizeof(name), "n%zu", list.count);
		assert_int_equal(add(SCOPE_NETNS, name), 0);
	}
	assert_int_equal(add(SCOPE_NETNS, "one more"), -E2BIG);
	assert_int_equal(scope_list_remove(&list, SCOPE_NETNS, "n9"), 0);
	assert_int_equal(scope_list_remove(&list, SCOPE_NETNS, "n9"), -ENOENT);
	assert_int_equal(scope_list_remove(&list, SCOPE_POD, "n10"), -ENOENT);
	assert_int_equal(add(SCOPE_NETNS, "one more"), 0);
	assert_string_equal(list.entry[SCOPE_ENTRIES_MAX - 1].name, "one more");
}

static void test_meaning(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";

	(void)state;
	assert_true(scope_names_container("web-*", "web-0", id));
	assert_false(scope_names_container("web", "web-0", id));
	assert_true(scope_names_container("0123456789ab", NULL, id));
	assert_false(scope_names_container("0123456789a", "", id));
	assert_false(scope_names_container("0123456789abd", NULL, id));
	assert_false(scope_names_container("*", NULL, NULL));
	assert_true(scope_names_pod("default/web-0", "default", "web-0"));
	assert_false(scope_names_pod("default/web-0", "other", "web-0"));
	assert_true(scope_names_pod("web-?", "other", "web-0"));
	assert_true(scope_names_pod("default/*", "default", "web-0"));
	assert_false(scope_names_pod("*", "default", ""));
	assert_true(scope_names_cgroup("/a/b", "/a/b"));
	assert_true(scope_names_cgroup("/a/b", "/a/b/c"));
	assert_false(scope_names_cgroup("/a/b", "/a/bc"));
	assert_false(scope_names_cgroup("/a/b", "/a"));
}

static void test_records(void **state)
{
	struct flow_endpoint web = { .labels = "", .netns = 4711 };
	struct flow_record record = { .ends[FLOW_DESTINATION].endpoint = &web };

	(void)state;
	web.text[ENDPOINT_NAMESPACE] = "default";
	web.text[ENDPOINT_POD] = "default/web-0";
	web.text[ENDPOINT_CGROUP] = "/kubepods/pod1/abc";
	assert_false(scope_list_covers(&list, &record));
	assert_int_equal(add(SCOPE_CONTAINER, "web"), 0);
	assert_int_equal(add(SCOPE_NETNS, "4712"), 0);
	assert_int_equal(add(SCOPE_POD, "default/web-1"), 0);
	assert_false(scope_list_covers(&list, &record));
	assert_int_equal(add(SCOPE_POD, "default/web-?"), 0);
	assert_true(scope_list_covers(&list, &record));
	assert_int_equal(scope_list_remove(&list, SCOPE_POD, "default/web-?"), 0);
	assert_int_equal(add(SCOPE_NETNS, "4711"), 0);
	assert_true(scope_list_covers(&list, &record));
	assert_int_equal(scope_list_remove(&list, SCOPE_NETNS, "4711"), 0);
	assert_int_equal(add(SCOPE_CGROUP, "/kubepods"), 0);
	assert_true(scope_list_covers(&list, &record));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_paths, empty),
		cmocka_unit_test_setup(test_bounds, empty),
		cmocka_unit_test_setup(test_meaning, empty),
		cmocka_unit_test_setup(test_records, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
