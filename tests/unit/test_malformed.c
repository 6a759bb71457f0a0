/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Samples of packets as text, whatever the fields hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "flowd/kernel/malformed.h"

#define DEVICE 0x7ffffff0 /* no device has this number */

static struct flow_malformed sample(uint16_t outcome)
{
	return (struct flow_malformed){
		.event = { .type = FLOW_EVENT_FLOW_MALFORMED,
			   .size = sizeof(struct flow_malformed) },
		.ifindex = DEVICE,
		.length = 60,
		.outcome = outcome,
		.captured = 3,
		.hook = FLOW_HOOK_XDP_INGRESS,
		.bytes = { 0x00, 0xab, 0x7f, 0xff },
	};
}

static void test_text(void **state)
{
	struct flow_malformed status = sample(PACKET_L3_TRUNCATED);
	struct flow_malformed note = sample(PACKET_STATUS_COUNT + PACKET_NOTE_L4_SHORT);
	char text[MALFORMED_TEXT_BYTES];

	(void)state;
	malformed_text(&status, text);
	assert_string_equal(text, "packet: l3_truncated (ended inside the IP header), gone "
				  "(2147483632) XDP, 60 bytes: 00ab7f");
	malformed_text(&note, text);
	assert_non_null(strstr(text, "packet: l4_short (ended inside the transport header"));
}

static void test_all_bytes(void **state)
{
	struct flow_malformed malformed = sample(PACKET_ENCAP_TOO_DEEP);
	char text[MALFORMED_TEXT_BYTES], *hex;

	(void)state;
	memset(malformed.bytes, 0xee, sizeof(malformed.bytes));
	malformed.captured = FLOW_MALFORMED_BYTES;
	malformed_text(&malformed, text);
	hex = strrchr(text, ' ') + 1;
	assert_int_equal(strspn(hex, "e"), 2 * FLOW_MALFORMED_BYTES);
}

static void test_lies(void **state)
{
	struct flow_malformed malformed = sample(UINT16_MAX);
	char text[MALFORMED_TEXT_BYTES];

	(void)state;
	malformed.captured = UINT16_MAX;
	malformed.hook = UINT8_MAX;
	malformed_text(&malformed, text);
	assert_non_null(strstr(text, "packet: unknown"));
	assert_non_null(strstr(text, "unknown hook"));
	assert_int_equal(strlen(strrchr(text, ' ') + 1), 2 * FLOW_MALFORMED_BYTES);
}

static void test_fits(void **state)
{
	struct flow_malformed malformed = sample(PACKET_L3_TRUNCATED);

	(void)state;
	assert_true(malformed_fits(&malformed.event, sizeof(malformed)));
	assert_false(malformed_fits(&malformed.event, sizeof(malformed) - 1));
	malformed.event.type = FLOW_EVENT_FLOW_EVICTED;
	assert_false(malformed_fits(&malformed.event, sizeof(malformed)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
