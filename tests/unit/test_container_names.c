/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of kubelets' logs, answers of engines: what they say of a container, and what they do not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowd/identity/container_logs.h"
#include "flowd/identity/engine_answer.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "7c1e3a52-aaaa-4bbb-8ccc-0123456789ab"

static void test_container_logs(void **state)
{
	static const struct {
		const char *file, *pod, *namespace, *name; /* pod NULL: it is not of this one */
	} rows[] = {
		{ "front-0_shop_web-" ID ".log", "front-0", "shop", "web" },
		{ "a_b_c-d-e-" ID ".log", "a", "b", "c-d-e" },
		{ "a_b_-" ID ".log", NULL, NULL, NULL },
		{ "a_b-" ID ".log", NULL, NULL, NULL },
		{ "front-0_shop_web-" ID, NULL, NULL, NULL },
		{ "front-0_shop_web-1" ID ".log", NULL, NULL, NULL },
		{ "front-0_shop_web-fff.log", NULL, NULL, NULL },
		{ "-" ID ".log", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct container_facts facts = { .name = "" };

		assert_int_equal(container_log_name(rows[i].file, ID, &facts), rows[i].pod != NULL);
		assert_string_equal(facts.pod, rows[i].pod ? rows[i].pod : "");
		assert_string_equal(facts.namespace, rows[i].pod ? rows[i].namespace : "");
		assert_string_equal(facts.name, rows[i].pod ? rows[i].name : "");
	}
}

static void test_pod_logs(void **state)
{
	static const struct {
		const char *directory, *uid, *pod, *namespace;
	} rows[] = {
		{ "shop_front-0_" UID, UID, "front-0", "shop" },
		{ "kube-system_etcd-a_0123456789abcdef0123456789abcdef",
		  "0123456789abcdef0123456789abcdef", "etcd-a", "kube-system" },
		{ "shop_front-0_" UID "1", UID, NULL, NULL },
		{ "shop_front-0_", "", NULL, NULL },
		{ "shop__" UID, UID, NULL, NULL },
		{ "_front-0_" UID, UID, NULL, NULL },
		{ UID, UID, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct container_facts facts = { .name = "" };

		assert_int_equal(pod_log_name(rows[i].directory, rows[i].uid, &facts),
				 rows[i].pod != NULL);
		assert_string_equal(facts.pod, rows[i].pod ? rows[i].pod : "");
		assert_string_equal(facts.namespace, rows[i].pod ? rows[i].namespace : "");
	}
}

/* What better sources have told stays. */
static void test_logs_fill(void **state)
{
	struct container_facts facts = { .name = "told", .namespace = "" };

	(void)state;
	assert_true(container_log_name("front-0_shop_web-" ID ".log", ID, &facts));
	assert_string_equal(facts.name, "told");
	assert_string_equal(facts.namespace, "shop");
}

static void test_engine_answer(void **state)
{
	struct container_facts facts;

	(void)state;
	assert_int_equal(engine_answer_read("{\"Id\":\"" ID "\",\"Name\":\"/web\",\"Config\":{"
					    "\"Image\":\"img:1\",\"Labels\":{\"app\":\"web\"}}}",
					    &facts),
			 0);
	assert_string_equal(facts.id, ID);
	assert_string_equal(facts.name, "web");
	assert_string_equal(facts.image, "img:1");
	assert_int_equal(facts.label_count, 1);
	assert_string_equal(facts.labels, "container:app=web");
	assert_int_equal(
		engine_answer_read("{\"Id\":\"" ID "\",\"Name\":\"web\",\"Config\":{}}", &facts),
		0);
	assert_string_equal(facts.name, "web");
	assert_int_equal(facts.label_count, 0);
	assert_int_equal(engine_answer_read("{\"message\":\"no such container\"}", &facts),
			 -EINVAL);
	assert_int_equal(engine_answer_read("[]", &facts), -EINVAL);
	assert_int_equal(engine_answer_read("<html>", &facts), -EINVAL);
	assert_int_equal(engine_answer_read("", &facts), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_logs),
		cmocka_unit_test(test_pod_logs),
		cmocka_unit_test(test_logs_fill),
		cmocka_unit_test(test_engine_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
