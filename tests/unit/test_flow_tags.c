/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The arithmetic on a set's head, beside loops over its ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bpf-common/flow_tags.h"

#define ROUNDS 200000

/* xorshift64 (Marsaglia 2003) */
static uint64_t number(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t tag_of(uint64_t head, uint32_t way)
{
	return head >> way * FLOW_TAG_BITS & 0x7f;
}

/* A head with few different tags, so that some are alike or differ by one; some ways unused. */
static uint64_t random_head(void)
{
	uint64_t head = number() & FLOW_HEAD_TOUCHED;

	for (uint32_t way = 0; way < FLOW_WAYS; way++) {
		uint64_t choice = number() >> 32;

		head = flow_tags_set(head, way, choice % 3 ? choice % 5 * 31 : choice % 128);
	}
	return head;
}

static void test_tags_are_never_unused(void **state)
{
	uint64_t least = ~0ull, most = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t tag = flow_tag((uint32_t)number());

		least = tag < least ? tag : least;
		most = tag > most ? tag : most;
	}
	assert_int_equal(least, 1);
	assert_int_equal(most, 127);
}

/* Each way that has the tag is named, and no other below the first that has it. */
static void test_equal(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t head = random_head(), tag = tag_of(head, number() % FLOW_WAYS);
		uint64_t equal = flow_tags_equal(head, tag);
		int found = 0;

		for (uint32_t way = 0; way < FLOW_WAYS; way++) {
			int named = (int)(equal >> (way * FLOW_TAG_BITS + FLOW_TAG_BITS - 1) & 1);

			if (tag_of(head, way) == tag)
				assert_true(named);
			else if (!found)
				assert_false(named);
			found |= tag_of(head, way) == tag;
		}
		assert_true(found);
		assert_int_equal(tag_of(head, flow_tags_first(equal)), tag);
	}
}

static void test_unused(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t head = random_head(), unused = flow_tags_unused(head);
		uint32_t wanted = number() % FLOW_WAYS, way;

		for (way = 0; way < FLOW_WAYS; way++)
			assert_int_equal(unused >> (way * FLOW_TAG_BITS + FLOW_TAG_BITS - 1) & 1,
					 !tag_of(head, way));
		if (!unused)
			continue;
		way = flow_tags_nearest(unused, wanted);
		assert_int_equal(tag_of(head, way), 0);
		if (!tag_of(head, wanted))
			assert_int_equal(way, wanted);
		else if (!tag_of(head, wanted ^ 1))
			assert_int_equal(way, wanted ^ 1);
	}
}

static void test_set(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before = random_head(), tag = number() % 128, after;
		uint32_t changed = number() % FLOW_WAYS;

		after = flow_tags_set(before, changed, tag);
		for (uint32_t way = 0; way < FLOW_WAYS; way++)
			assert_int_equal(tag_of(after, way),
					 way == changed ? tag : tag_of(before, way));
		assert_int_equal(after & FLOW_HEAD_TOUCHED, before & FLOW_HEAD_TOUCHED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags_are_never_unused),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
