/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The offline capture path: files made here in memory, one property each, then every file below
 * FLOWD_CAPTURES (default: shared/captures beside the source tree), where the sum must come out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/capture.h"
#include "tests/unit/capture_file.h"

/* ---- link types ----------------------------------------------------------------------------- */

#define MAC8 "\2\0\0\0\0\1\0\0"

static const struct {
	uint32_t link;
	const char *name;
	const char *header;
	uint32_t header_bytes;
	enum packet_status status;
} link_cases[] = {
	{ LINK_ETHERNET, "EN10MB", ETHERNET, 14, PACKET_OK },
	{ LINK_ETHERNET, "EN10MB", "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\x2a\x08\0", 18, PACKET_OK },
	{ LINK_ETHERNET, "EN10MB", "\2\0\0\0\0\2\2\0\0\0\0\1\x08\6", 14, PACKET_ARP },
	{ LINK_SLL, "LINUX_SLL", "\0\0\0\1\0\6" MAC8 "\x08\0", 16, PACKET_OK },
	{ LINK_SLL, "LINUX_SLL", "\0\0\0\1\0\6" MAC8 "\x08\6", 16, PACKET_ARP },
	{ LINK_SLL, "LINUX_SLL", "\0\0\x03\x38\0\6" MAC8 "\x08\0", 16, PACKET_ETHERTYPE_OTHER },
	{ LINK_SLL2, "LINUX_SLL2", "\x08\0\0\0\0\0\0\3\0\1\0\6" MAC8, 20, PACKET_OK },
	{ LINK_RAW, "RAW", "", 0, PACKET_OK },
	{ LINK_IPV4, "IPV4", "", 0, PACKET_OK },
	{ LINK_NULL, "NULL", "\2\0\0\0", 4, PACKET_OK },
	{ LINK_NULL, "NULL", "\0\0\0\2", 4, PACKET_OK },
	{ LINK_NULL, "NULL", "\x1e\0\0\0", 4, PACKET_L3_TRUNCATED },
	{ LINK_NULL, "NULL", "\x63\0\0\0", 4, PACKET_ETHERTYPE_OTHER },
	{ LINK_LOOP, "LOOP", "\0\0\0\2", 4, PACKET_OK },
	{ LINK_SLL, "LINUX_SLL", "\0\0\x03\x0a\0\0\0\0\0\0\0\0\0\0\x08\0", 16,
	  PACKET_OK }, /* GRE */
	{ LINK_PPP, "PPP", "\xff\3\0\x21", 4, PACKET_OK },
	{ LINK_PPP, "PPP", "\x21", 1, PACKET_OK },
	{ LINK_PPP, "PPP", "\xff\3\xc0\x21", 4, PACKET_PPPOE },
	{ LINK_PPP, "PPP", "\xff\3\2\x81\0\0\1\x40", 8, PACKET_OK }, /* MPLS */
};

static void check_link(size_t number)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	uint8_t frame[64];
	struct told told;
	uint32_t size =
		udp_behind(frame, link_cases[number].header, link_cases[number].header_bytes);

	put_pcap(&file, MAGIC_MICRO, link_cases[number].link);
	put_frame(&file, 1, 0, frame, size, size);
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_string_equal(summary.link, link_cases[number].name);
	if (summary.status[link_cases[number].status].packets != 1)
		fail_msg("case %zu of link_cases", number);
	assert_int_equal(summary.status[link_cases[number].status].bytes, size);
	check_sum(&summary, &told);
	if (link_cases[number].status != PACKET_OK)
		return;
	assert_int_equal(summary.notes[PACKET_NOTE_NONE], 1);
	assert_int_equal(told.last.key.dst_port, 53);
	assert_int_equal(told.last.l3_bytes, sizeof(udp));
	assert_int_equal(told.last.points[0].hook, FLOW_HOOK_CAPTURE);
}

static void test_link_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++)
		check_link(i);
}

/* Shorter than its link header, each link type with one. */
static void test_short_frames(void **state)
{
	static const uint32_t links[] = { LINK_ETHERNET, LINK_SLL, LINK_SLL2, LINK_NULL,
					  LINK_LOOP };

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct file file = { .size = 0 };
		struct capture_summary summary;
		struct told told;

		put_pcap(&file, MAGIC_MICRO, links[i]);
		put_frame(&file, 1, 0, "\0\0", 3, 60);
		put_frame(&file, 1, 0, "", 0, 0);
		assert_int_equal(read_file(&file, &told, &summary), 0);
		assert_int_equal(summary.status[PACKET_L2_TRUNCATED].packets, 2);
		assert_int_equal(summary.status[PACKET_L2_TRUNCATED].bytes, 60);
		assert_int_equal(summary.snapped, 1);
		check_sum(&summary, &told);
	}
}

/* ---- stamps and lengths --------------------------------------------------------------------- */

static void test_stamps(void **state)
{
	struct file micro = { .size = 0 }, nano = { .size = 0 };
	struct capture_summary summary;
	struct told told;

	(void)state;
	put_pcap(&micro, MAGIC_MICRO, LINK_ETHERNET);
	put_udp(&micro, 1700000000, 123456);
	assert_int_equal(read_file(&micro, &told, &summary), 0);
	assert_int_equal(told.last.first_ns, 1700000000123456000ull);
	put_udp(&micro, 4000000000u, 0);
	assert_int_equal(read_file(&micro, &told, &summary), 0);
	assert_int_equal(told.last.last_ns, 4000000000000000000ull);
	put_pcap(&nano, MAGIC_NANO, LINK_ETHERNET);
	put_udp(&nano, 1700000000, 123456789);
	put_udp(&nano, 1600000000, 5);
	assert_int_equal(read_file(&nano, &told, &summary), 0);
	assert_int_equal(told.last.first_ns, 1600000000000000005ull);
	assert_int_equal(told.last.last_ns, 1700000000123456789ull);
	assert_int_equal(told.last.packets, 2);
	assert_int_equal(summary.backwards, 1);
	assert_int_equal(summary.first_ns, 1600000000000000005ull);
	assert_int_equal(summary.last_ns, 1700000000123456789ull);
}

static void test_original_length(void **state)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told;
	uint8_t frame[64];
	uint32_t size = udp_behind(frame, ETHERNET, 14);

	(void)state;
	put_pcap(&file, MAGIC_MICRO, LINK_ETHERNET);
	put_frame(&file, 1, 0, frame, size, 1514);
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_int_equal(told.last.bytes, 1514);
	assert_int_equal(summary.snapped, 1);
}

/* Aged by capture time: the first flow has ended long before the last frame. */
static void test_ages_by_capture_time(void **state)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told;

	(void)state;
	put_pcap(&file, MAGIC_MICRO, LINK_ETHERNET);
	put_udp(&file, 1000, 0);
	put_udp(&file, 1059, 0);
	put_udp(&file, 2000, 0);
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_int_equal(summary.flows.created, 2);
	assert_int_equal(told.last.end_reason, FLOW_END_SHUTDOWN);
	check_sum(&summary, &told);
}

/* ---- broken and foreign files --------------------------------------------------------------- */

static void test_cut_file(void **state)
{
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told;

	(void)state;
	put_pcap(&file, MAGIC_MICRO, LINK_ETHERNET);
	put_udp(&file, 1, 0);
	put_udp(&file, 2, 0);
	file.size -= 5;
	assert_int_equal(read_file(&file, &told, &summary), 0);
	assert_true(summary.truncated);
	assert_non_null(strstr(summary.why, "after packet 1"));
	assert_int_equal(told.packets, 1);
}

static void test_refused_files(void **state)
{
	const struct capture_options options = CAPTURE_OPTIONS_DEFAULT;
	struct file file = { .size = 0 };
	struct capture_summary summary;
	struct told told = { .records = 0 };

	(void)state;
	put(&file, "no capture, but long enough for a header", 40);
	assert_int_equal(read_file(&file, &told, &summary), -EBADMSG);
	assert_non_null(strstr(summary.why, "test is not a capture"));
	file.size = 0;
	put_pcap(&file, MAGIC_MICRO, LINK_WLAN);
	assert_int_equal(read_file(&file, &told, &summary), -EPROTONOSUPPORT);
	assert_non_null(strstr(summary.why, "IEEE802_11 (105)"));
	assert_int_equal(capture_read("/nowhere/x.pcap", &options, told_add, &told, &summary),
			 -ENOENT);
	assert_non_null(strstr(summary.why, "/nowhere/x.pcap"));
	assert_int_equal(capture_read("/", &options, told_add, &told, &summary), -EBADMSG);
	assert_int_equal(told.records, 0);
}

static void test_stop_and_bounds(void **state)
{
	volatile sig_atomic_t stop = 1;
	struct capture_options options = CAPTURE_OPTIONS_DEFAULT;
	struct capture_summary summary;
	struct file file = { .size = 0 };
	struct told told = { .records = 0 };
	uint8_t frame[64];

	(void)state;
	put_pcap(&file, MAGIC_MICRO, LINK_ETHERNET);
	for (uint8_t i = 0; i < 10; i++) {
		uint32_t size = udp_behind(frame, ETHERNET, 14);

		frame[14 + 15] = i; /* the last byte of the source address */
		put_frame(&file, 1u + i, 0, frame, size, size);
	}
	options.max_flows = 3;
	assert_int_equal(read_options(&file, &options, &told, &summary), 0);
	assert_int_equal(summary.flows.evicted, 7);
	check_sum(&summary, &told);
	options.stop = &stop;
	assert_int_equal(read_options(&file, &options, &told, &summary), 0);
	assert_true(summary.stopped);
	assert_int_equal(summary.frames.packets, 0);
	/* Raised while reading: what was read is told all the same. */
	stop = 0;
	told = (struct told){ .stop = &stop };
	assert_int_equal(read_options(&file, &options, &told, &summary), 0);
	assert_true(summary.stopped);
	assert_true(summary.frames.packets > 0 && summary.frames.packets < 10);
	check_sum(&summary, &told);
}

/* ---- everybody's captures ------------------------------------------------------------------- */

static const char *captures_directory(void)
{
	static char path[512];
	const char *given = getenv("FLOWD_CAPTURES");
	const char *slash = strrchr(__FILE__, '/');

	snprintf(path, sizeof(path), "%.*s/../../../shared/captures",
		 slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".");
	return given ? given : path;
}

/* 0 or a link type that is not read: nothing else may come out of a file that tools have written.
 */
static void check_capture(const char *path)
{
	const struct capture_options options = CAPTURE_OPTIONS_DEFAULT;
	struct capture_summary summary;
	struct told told = { .records = 0 };
	int error = capture_read(path, &options, told_add, &told, &summary);

	if (error && error != -EPROTONOSUPPORT)
		fail_msg("%s: %s", path, summary.why);
	check_sum(&summary, &told);
}

static int check_directory(const char *parent, const char *name)
{
	struct dirent *entry;
	char path[1024];
	int files = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/%s", parent, name);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", parent, name, entry->d_name);
		check_capture(path);
		files++;
	}
	if (directory)
		closedir(directory);
	return files;
}

static void test_captures_add_up(void **state)
{
	const char *parent = captures_directory();
	int files = 0;

	(void)state;
	files += check_directory(parent, "tcpdump");
	files += check_directory(parent, "pcapplusplus");
	files += check_directory(parent, "other-links");
	if (files)
		return;
	print_message("# no captures at %s: set FLOWD_CAPTURES\n", parent);
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),
		cmocka_unit_test(test_short_frames),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_original_length),
		cmocka_unit_test(test_ages_by_capture_time),
		cmocka_unit_test(test_cut_file),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_stop_and_bounds),
		cmocka_unit_test(test_captures_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
