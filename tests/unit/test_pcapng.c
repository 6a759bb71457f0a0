/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pcapng files: several interfaces, byte orders, clocks; and broken ones. */
#include <errno.h>

#include "tests/unit/capture_file.h"

typedef void (*put32_fn)(struct file *file, uint32_t value);

static void ng_block(struct file *file, put32_fn put_word, uint32_t type, const struct file *body)
{
	uint32_t size = (uint32_t)(body->size + 3) & ~3u;

	put_word(file, type);
	put_word(file, size + 12);
	put(file, body->bytes, body->size);
	put(file, "\0\0\0", size - body->size);
	put_word(file, size + 12);
}

static void ng_section(struct file *file, put32_fn put_word)
{
	struct file body = { .size = 0 };

	put_word(&body, 0x1a2b3c4d);
	put_word(&body, put_word == put32 ? 1 : 1u << 16);
	put_word(&body, ~0u);
	put_word(&body, ~0u);
	ng_block(file, put_word, 0x0a0d0d0a, &body);
}

/* `link` and 0 as two 16-bit words of either byte order. */
static void ng_interface(struct file *file, put32_fn put_word, uint32_t link, uint32_t snaplen,
			 const void *options, size_t size)
{
	struct file body = { .size = 0 };

	put_word(&body, put_word == put32 ? link : link << 16);
	put_word(&body, snaplen);
	put(&body, options, size);
	ng_block(file, put_word, 1, &body);
}

static void ng_packet(struct file *file, put32_fn put_word, uint32_t interface, uint64_t stamp,
		      const void *frame, uint32_t size)
{
	struct file body = { .size = 0 };

	put_word(&body, interface);
	put_word(&body, (uint32_t)(stamp >> 32));
	put_word(&body, (uint32_t)stamp);
	put_word(&body, size);
	put_word(&body, size);
	put(&body, frame, size);
	ng_block(file, put_word, 6, &body);
}

#define RESOLUTION_NANO "\x09\0\x01\0\x09\0\0\0"
#define OFFSET_10S	"\x0e\0\x08\0\x0a\0\0\0\0\0\0\0"

/* Interfaces of different link types, snapshot lengths and clocks, one of them not read. */
static void test_pcapng_interfaces(void **state)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told;
	uint8_t frame[64];
	uint32_t size = udp_behind(frame, ETHERNET, 14);

	(void)state;
	ng_section(&file, put32);
	ng_interface(&file, put32, LINK_ETHERNET, 65535, "", 0);
	ng_interface(&file, put32, LINK_RAW, 262144, RESOLUTION_NANO OFFSET_10S, 20);
	ng_interface(&file, put32, LINK_WLAN, 0, "", 0);
	ng_packet(&file, put32, 0, 1700000000123456ull, frame, size);
	ng_packet(&file, put32, 1, 1699999991123456789ull, udp, sizeof(udp));
	ng_packet(&file, put32, 2, 1700000000123456ull, udp, sizeof(udp));
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_string_equal(summary.link, "mixed");
	assert_int_equal(told.packets, 2);
	assert_int_equal(told.last.first_ns, 1700000000123456000ull);
	assert_int_equal(told.last.last_ns, 1700000001123456789ull);
	assert_int_equal(summary.other_links.packets, 1);
	check_sum(&summary, &told);
}

static void test_pcapng_swapped(void **state)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told;

	(void)state;
	ng_section(&file, put_swapped32);
	ng_interface(&file, put_swapped32, LINK_RAW, 0, "", 0);
	ng_packet(&file, put_swapped32, 0, 5000000, udp, sizeof(udp));
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_int_equal(told.packets, 1);
	assert_int_equal(told.last.first_ns, 5000000000ull);
}

static void test_pcapng_broken(void **state)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told;

	(void)state;
	ng_section(&file, put32);
	ng_interface(&file, put32, LINK_WLAN, 0, "", 0);
	ng_packet(&file, put32, 0, 1, udp, sizeof(udp));
	assert_int_equal(read_file(&file, &told, &summary), -EPROTONOSUPPORT);
	assert_non_null(strstr(summary.why, "PPP"));
	ng_interface(&file, put32, LINK_RAW, 0, "", 0);
	ng_packet(&file, put32, 1, 1, udp, sizeof(udp));
	ng_packet(&file, put32, 7, 1, udp, sizeof(udp));
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_true(summary.truncated);
	assert_non_null(strstr(summary.why, "interface 7"));
	assert_int_equal(told.packets, 1);
	check_sum(&summary, &told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcapng_interfaces),
		cmocka_unit_test(test_pcapng_swapped),
		cmocka_unit_test(test_pcapng_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
