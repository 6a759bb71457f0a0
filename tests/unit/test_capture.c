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

#define LINK_ETHERNET 1
#define LINK_NULL     0
#define LINK_PPP      9
#define LINK_RAW      101
#define LINK_LOOP     108
#define LINK_SLL      113
#define LINK_IPV4     228
#define LINK_SLL2     276

#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO  0xa1b23c4du

/* ---- files ---------------------------------------------------------------------------------- */

struct file {
	uint8_t bytes[4096];
	size_t size;
};

static void put(struct file *file, const void *bytes, size_t size)
{
	assert_true(file->size + size <= sizeof(file->bytes));
	memcpy(file->bytes + file->size, bytes, size);
	file->size += size;
}

static void put32(struct file *file, uint32_t value)
{
	put(file, &value, sizeof(value));
}

static void put_swapped32(struct file *file, uint32_t value)
{
	put32(file, __builtin_bswap32(value));
}

static void put_pcap(struct file *file, uint32_t magic, uint32_t link)
{
	const uint32_t header[6] = { magic, 2 | 4u << 16, 0, 0, 65535, link };

	put(file, header, sizeof(header));
}

static void put_frame(struct file *file, uint32_t seconds, uint32_t fraction, const void *frame,
		      uint32_t captured, uint32_t original)
{
	const uint32_t header[4] = { seconds, fraction, captured, original };

	put(file, header, sizeof(header));
	put(file, frame, captured);
}

/* UDP 10.0.0.1:1000 > 10.0.0.2:53, 28 bytes. */
static const uint8_t udp[] = { 0x45, 0, 0,  28, 0, 1, 0, 0,   64, 17, 0, 0, 10, 0,
			       0,    1, 10, 0,	0, 2, 3, 232, 0,  53, 0, 8, 0,	0 };
#define ETHERNET "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"

static uint32_t udp_behind(uint8_t *frame, const void *link, size_t link_bytes)
{
	memcpy(frame, link, link_bytes);
	memcpy(frame + link_bytes, udp, sizeof(udp));
	return (uint32_t)(link_bytes + sizeof(udp));
}

static void put_udp(struct file *file, uint32_t seconds, uint32_t fraction)
{
	uint8_t frame[64];
	uint32_t size = udp_behind(frame, ETHERNET, 14);

	put_frame(file, seconds, fraction, frame, size, size);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct told {
	uint64_t records, packets, bytes;
	struct flow_record last;
	volatile sig_atomic_t *stop; /* raised by a record */
};

static void told_add(void *context, const struct flow_record *record)
{
	struct told *told = context;

	told->records++;
	told->packets += record->packets;
	told->bytes += record->bytes;
	told->last = *record;
	if (told->stop)
		*told->stop = 1;
}

static int read_options(const struct file *file, const struct capture_options *options,
			struct told *told, struct capture_summary *summary)
{
	FILE *stream = fmemopen((void *)(uintptr_t)file->bytes, file->size, "rb");

	assert_non_null(stream);
	return capture_read_stream(stream, "test", options, told_add, told, summary);
}

static int read_file(const struct file *file, struct told *told, struct capture_summary *summary)
{
	const struct capture_options options = CAPTURE_OPTIONS_DEFAULT;

	memset(told, 0, sizeof(*told));
	return read_options(file, &options, told, summary);
}

/* Every frame in one record or in one counter. */
static void check_sum(const struct capture_summary *summary, const struct told *told)
{
	struct capture_count all = summary->other_links;

	for (int i = 0; i < PACKET_STATUS_COUNT; i++) {
		all.packets += summary->status[i].packets;
		all.bytes += summary->status[i].bytes;
	}
	assert_int_equal(all.packets, summary->frames.packets);
	assert_int_equal(all.bytes, summary->frames.bytes);
	assert_int_equal(told->packets, summary->status[PACKET_OK].packets);
	assert_int_equal(told->bytes, summary->status[PACKET_OK].bytes);
}

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
	put_pcap(&file, MAGIC_MICRO, LINK_PPP);
	assert_int_equal(read_file(&file, &told, &summary), -EPROTONOSUPPORT);
	assert_non_null(strstr(summary.why, "PPP"));
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

/* ---- pcapng --------------------------------------------------------------------------------- */

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
	ng_interface(&file, put32, LINK_PPP, 0, "", 0);
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
	ng_interface(&file, put32, LINK_PPP, 0, "", 0);
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
		cmocka_unit_test(test_pcapng_interfaces),
		cmocka_unit_test(test_pcapng_swapped),
		cmocka_unit_test(test_pcapng_broken),
		cmocka_unit_test(test_captures_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
