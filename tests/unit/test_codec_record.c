/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec.h"
#include "tests/unit/sample_record.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static char why[300];

/* Records that contradict themselves: what is packed of them is not taken. */
static void test_refuses_records(void **state)
{
	struct {
		struct flow_record record;
		const char *says;
	} rows[] = {
		{ sample_record(), "not which" },
		{ sample_record(), "tunnel_type 21" },
		{ sample_quote(), "tunnel and of a quote" },
		{ sample_record(), "verdict 99" },
	};

	(void)state;
	sample_tunnel(&rows[0].record, FLOW_TUNNEL_NONE, 1);
	sample_tunnel(&rows[1].record, FLOW_TUNNEL_COUNT, 1);
	rows[2].record.flags |= FLOW_FLAG_TUNNEL;
	rows[3].record.verdict = 99;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answer answer = { .records = &rows[i].record, .record_count = 1 };
		struct buffer bytes = { 0 };
		struct reply got;

		assert_int_equal(codec_pack_answer(&answer, &bytes), 0);
		why[0] = '\0';
		assert_int_equal(codec_unpack_reply(bytes.data, bytes.size, &got, why, sizeof(why)),
				 -EBADMSG);
		if (!strstr(why, rows[i].says))
			print_error("row %zu: %s\n", i, why);
		assert_non_null(strstr(why, rows[i].says));
		buffer_fini(&bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_refuses_records) };

	return cmocka_run_group_tests_name("codec_record", tests, NULL, NULL);
}
