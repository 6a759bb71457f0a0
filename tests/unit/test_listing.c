/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables of texts: rows in order, over the wire and back; the requests for them; bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/codec.h"

static const char *const columns[] = { "name", "why", NULL };

static void test_rows(void **state)
{
	struct listing listing = { .note = "all" };
	struct buffer buffer = { 0 };
	struct reply reply;
	char name[16], why[128];

	(void)state;
	listing_begin(&listing, columns);
	for (int i = 999; i >= 0; i--) {
		snprintf(name, sizeof(name), "n%03d", i);
		listing_add(&listing, (const char *const[]){ name, i % 2 ? NULL : "even" });
	}
	listing_sort(&listing);
	assert_int_equal(codec_pack_listing(&listing, &buffer), 0);
	listing_fini(&listing);
	assert_int_equal(codec_unpack_reply(buffer.data, buffer.size, &reply, why, sizeof(why)), 0);
	assert_int_equal(reply.type, REPLY_LISTING);
	assert_int_equal(reply.listing.row_count, 1000);
	assert_string_equal(reply.listing.columns[1], "why");
	assert_string_equal(listing_cell(&reply.listing, 998, 0), "n998");
	assert_string_equal(listing_cell(&reply.listing, 998, 1), "even");
	assert_string_equal(listing_cell(&reply.listing, 999, 1), "");
	assert_string_equal(reply.listing.note, "all");
	reply_fini(&reply);
	buffer_fini(&buffer);
}

static void test_requests(void **state)
{
	struct request list = { .type = REQUEST_LIST, .what = "containers" }, got;
	struct request scope = { .type = REQUEST_SCOPE,
				 .scope = { SCOPE_REMOVE, "pod", "default/web-0" } };
	struct buffer buffer = { 0 };
	char why[128];

	(void)state;
	assert_int_equal(codec_pack_request(&list, &buffer), 0);
	assert_int_equal(codec_unpack_request(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	assert_int_equal(got.type, REQUEST_LIST);
	assert_string_equal(got.what, "containers");
	buffer.size = 0;
	assert_int_equal(codec_pack_request(&scope, &buffer), 0);
	assert_int_equal(codec_unpack_request(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	assert_int_equal(got.type, REQUEST_SCOPE);
	assert_int_equal(got.scope.operation, SCOPE_REMOVE);
	assert_string_equal(got.scope.kind, "pod");
	assert_string_equal(got.scope.name, "default/web-0");
	buffer_fini(&buffer);
}

static void refused(const void *bytes, size_t size, const char *told)
{
	struct reply reply;
	char why[128];

	assert_int_equal(codec_unpack_reply(bytes, size, &reply, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, told));
}

/* {version: 1, listing: ...}; the tag of field 200080 is 0x82 0xd9 0x61. */
static void test_broken(void **state)
{
	static const uint8_t no_columns[] = { 8, 1, 0x82, 0xd9, 0x61, 0 };
	static const uint8_t short_row[] = { 8,	   1, 0x82, 0xd9, 0x61, 11,   0x0a, 1,	'a',
					     0x0a, 1, 'b',  0x12, 3,	0x0a, 1,    'x' };
	struct request got, put = { .type = REQUEST_LIST };
	struct buffer buffer = { 0 };
	char why[128];

	(void)state;
	refused(no_columns, sizeof(no_columns), "columns");
	refused(short_row, sizeof(short_row), "not one for each column");
	memset(put.what, 'x', sizeof(put.what) - 1);
	assert_int_equal(codec_pack_request(&put, &buffer), 0);
	assert_int_equal(codec_unpack_request(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	buffer_fini(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
