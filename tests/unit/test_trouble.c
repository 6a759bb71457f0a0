/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From events to flows: what joins, what waits, what is told once; and the names of things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/flow/flow_table.h"
#include "flowd/symbols/kallsyms.h"
#include "flowd/trouble/firewall.h"
#include "flowd/trouble/repeats.h"

#define MS	    1000000ull
#define S	    1000000000ull
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

#define KEPT 64
struct kept {
	struct flow_record records[KEPT]; /* the last ones */
	size_t count;
};

static void keep(void *context, const struct flow_record *record)
{
	struct kept *kept = context;

	kept->records[kept->count++ % KEPT] = *record;
}

static const struct flow_record *last(const struct kept *kept)
{
	assert_true(kept->count > 0);
	return &kept->records[(kept->count - 1) % KEPT];
}

static struct flow_table *table_open(struct kept *kept, uint32_t max_troubles)
{
	const struct flow_table_options options = { .max_flows = 1000,
						    .max_troubles = max_troubles,
						    .timeouts = FLOW_TIMEOUTS_DEFAULT,
						    .hash_seed = { 1, 2, 3, 4, 5, 6 },
						    .publish_start = 1,
						    .emit = keep,
						    .context = kept };
	struct flow_table *table;

	kept->count = 0;
	assert_int_equal(flow_table_open(&table, &options), 0);
	return table;
}

static struct flow_delta packets_of(uint16_t port, uint64_t packets, uint64_t at_ns)
{
	struct flow_delta delta = { .key = { .protocol = 6, .src_port = 5000, .dst_port = port },
				    .packets = packets,
				    .bytes = packets * 100,
				    .sampling = 1,
				    .flags = FLOW_TCP_SYN,
				    .first_ns = at_ns,
				    .last_ns = at_ns };

	delta.key.src[15] = 'a';
	delta.key.dst[15] = 'b';
	return delta;
}

static struct flow_drop dropped(const char *reason, uint64_t packets, uint64_t at_ns)
{
	return (struct flow_drop){ .reason = reason,
				   .site = "somewhere",
				   .packets = packets,
				   .first_ns = at_ns,
				   .last_ns = at_ns };
}

/* ---- flow table ----------------------------------------------------------------------------- */

static void test_drop_before_its_flow(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	const struct flow_delta delta = packets_of(80, 1, S);
	const struct flow_drop drop = dropped("NO_SOCKET", 1, S);

	(void)state;
	flow_table_drop(table, &delta.key, &drop);
	flow_table_update(table, &delta);
	flow_table_age(table, S + MS);
	assert_int_equal(kept.count, 1);
	assert_int_equal(last(&kept)->kind, FLOW_KIND_START);
	assert_int_equal(last(&kept)->dropped, 1);
	assert_string_equal(last(&kept)->drops[0].reason, "NO_SOCKET");
	assert_int_equal(last(&kept)->verdict, FLOW_VERDICT_DROPPED);
	flow_table_close(table);
}

/* News without packets: a record all the same, an active period later at the most. */
static void test_drop_after_the_record(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	const struct flow_delta delta = packets_of(80, 3, S);
	const struct flow_drop drop = dropped("NO_SOCKET", 1, S);

	(void)state;
	flow_table_update(table, &delta);
	flow_table_age(table, S);
	flow_table_drop(table, &delta.key, &drop);
	assert_int_equal(kept.count, 1);
	flow_table_age(table, 17 * S);
	assert_int_equal(kept.count, 2);
	assert_int_equal(last(&kept)->kind, FLOW_KIND_UPDATE);
	assert_int_equal(last(&kept)->packets, 0);
	assert_int_equal(last(&kept)->dropped, 1);
	assert_int_equal(last(&kept)->verdict, FLOW_VERDICT_FORWARDED);
	flow_table_age(table, 60 * S);
	assert_int_equal(kept.count, 2);
	flow_table_close(table);
}

static void test_drop_of_no_flow(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	const struct flow_delta delta = packets_of(80, 1, S);
	const struct flow_drop drop = dropped("NO_SOCKET", 1, S);
	struct flow_table_stats stats;

	(void)state;
	flow_table_drop(table, &delta.key, &drop);
	flow_table_age(table, S);
	flow_table_stats(table, &stats);
	assert_int_equal(stats.troubles_unjoined, 0);
	flow_table_age(table, 2 * S);
	flow_table_stats(table, &stats);
	assert_int_equal(stats.troubles_unjoined, 1);
	assert_int_equal(stats.troubles_joined, 0);
	flow_table_close(table);
}

/* A flood that waits for its flow, or for many, leaves room for what is rare. */
static void test_flood_waits(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	const struct flow_delta one = packets_of(80, 2000, S), rare = packets_of(81, 1, S);
	struct flow_drop drop = dropped("FLOOD", 1, S);

	(void)state;
	for (int i = 0; i < 2000; i++)
		flow_table_drop(table, &one.key, &drop);
	for (uint16_t port = 1000; port < 3000; port++) {
		const struct flow_delta other = packets_of(port, 1, S);

		flow_table_drop(table, &other.key, &drop);
	}
	drop = dropped("RARE", 1, S);
	flow_table_drop(table, &rare.key, &drop);
	flow_table_update(table, &one);
	flow_table_update(table, &rare);
	flow_table_age(table, S + MS);
	assert_int_equal(kept.count, 2);
	assert_int_equal(kept.records[0].dropped, 2000);
	assert_int_equal(kept.records[1].dropped, 1);
	assert_string_equal(kept.records[1].drops[0].reason, "RARE");
	flow_table_close(table);
}

static void test_many_reasons(void **state)
{
	static const char *const reasons[] = { "A", "B", "A", "C", "D", "D" };
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	const struct flow_delta delta = packets_of(80, 100, S);

	(void)state;
	flow_table_update(table, &delta);
	for (size_t i = 0; i < COUNT(reasons); i++) {
		const struct flow_drop drop = dropped(reasons[i], 2, S + i);

		flow_table_drop(table, &delta.key, &drop);
	}
	flow_table_age(table, S);
	assert_int_equal(last(&kept)->dropped, 12);
	assert_string_equal(last(&kept)->drops[0].reason, "A");
	assert_int_equal(last(&kept)->drops[0].packets, 4);
	assert_int_equal(last(&kept)->drops[0].last_ns, S + 2);
	assert_string_equal(last(&kept)->drops[2].reason, "C");
	assert_int_equal(last(&kept)->verdict, FLOW_VERDICT_FORWARDED);
	flow_table_close(table);
}

/* Counts are told once, samples over the flow's life. */
static void test_tcp(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	struct flow_delta delta = packets_of(80, 10, S);
	struct flow_tcp tcp = { .retransmits = 2, .srtt_avg_us = 100, .rtt_min_us = 90 };

	(void)state;
	tcp.retransmits_of[TRACE_RETRANSMIT_RTO] = 2;
	flow_table_update(table, &delta);
	flow_table_tcp(table, &delta.key, &tcp);
	flow_table_age(table, S);
	assert_int_equal(last(&kept)->tcp.retransmits, 2);
	tcp = (struct flow_tcp){ .retransmits = 1, .srtt_avg_us = 300, .rtt_min_us = 80 };
	flow_table_tcp(table, &delta.key, &tcp);
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	assert_int_equal(last(&kept)->tcp.retransmits, 1);
	assert_int_equal(last(&kept)->tcp.retransmits_of[TRACE_RETRANSMIT_RTO], 0);
	assert_int_equal(last(&kept)->tcp.total_retransmits, 3);
	assert_int_equal(last(&kept)->tcp.srtt_min_us, 100);
	assert_int_equal(last(&kept)->tcp.srtt_avg_us, 200);
	assert_int_equal(last(&kept)->tcp.srtt_max_us, 300);
	assert_int_equal(last(&kept)->tcp.rtt_min_us, 80);
	flow_table_close(table);
}

static void test_bound(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 2);
	struct flow_table_stats stats;

	(void)state;
	for (uint16_t port = 1; port <= 3; port++) {
		const struct flow_delta delta = packets_of(port, 1, S);
		const struct flow_drop drop = dropped("A", 1, S);

		flow_table_update(table, &delta);
		flow_table_drop(table, &delta.key, &drop);
	}
	flow_table_stats(table, &stats);
	assert_int_equal(stats.troubles_joined, 2);
	assert_int_equal(stats.troubles_unjoined, 1);
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_close(table);
}

static void test_handshake(void **state)
{
	struct kept kept;
	struct flow_table *table = table_open(&kept, 0);
	struct flow_delta there = packets_of(80, 1, S), back = packets_of(5000, 1, S + 7 * MS);

	(void)state;
	back.key.src_port = 80;
	back.key.dst_port = 5000;
	back.key.src[15] = 'b';
	back.key.dst[15] = 'a';
	back.flags = FLOW_TCP_SYN | FLOW_TCP_ACK;
	flow_table_update(table, &there);
	flow_table_update(table, &back);
	flow_table_age(table, 2 * S);
	assert_int_equal(kept.count, 2);
	assert_int_equal(kept.records[0].tcp.handshake_ns, 7 * MS);
	assert_int_equal(kept.records[1].tcp.handshake_ns, 0);
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	assert_int_equal(kept.records[2].tcp.handshake_ns, 7 * MS);
	flow_table_close(table);
}

/* ---- repeats -------------------------------------------------------------------------------- */

static struct flow_record drop_record(uint16_t port, const char *reason, uint64_t at_ns)
{
	struct flow_record record = { .kind = FLOW_KIND_DROP, .dropped = 1, .time_ns = at_ns };

	record.key.dst_port = port;
	record.drops[0] = dropped(reason, 1, at_ns);
	return record;
}

static void test_repeats(void **state)
{
	static const char reason[] = "A";
	struct repeats *repeats;
	struct kept kept = { .count = 0 };
	struct flow_record record;

	(void)state;
	assert_int_equal(repeats_open(&repeats, keep, &kept), 0);
	for (uint64_t i = 1; i <= 5; i++) {
		record = drop_record(7, reason, i);
		repeats_take(repeats, &record);
	}
	assert_int_equal(kept.count, 1);
	repeats_flush(repeats, 100);
	assert_int_equal(kept.count, 2);
	assert_int_equal(last(&kept)->dropped, 4);
	assert_int_equal(last(&kept)->drops[0].first_ns, 2);
	assert_int_equal(last(&kept)->drops[0].last_ns, 5);
	assert_int_equal(last(&kept)->time_ns, 100);
	repeats_flush(repeats, 200);
	assert_int_equal(kept.count, 2);
	record = drop_record(7, reason, 201);
	repeats_take(repeats, &record);
	assert_int_equal(kept.count, 3);
	repeats_close(repeats);
}

/* More than there is room for: each is told, none twice. */
static void test_repeats_crowd(void **state)
{
	static const char reason[] = "A";
	struct repeats *repeats;
	struct kept kept = { .count = 0 };

	(void)state;
	assert_int_equal(repeats_open(&repeats, keep, &kept), 0);
	for (uint16_t port = 0; port < 5000; port++) {
		const struct flow_record record = drop_record(port, reason, port);

		repeats_take(repeats, &record);
	}
	assert_int_equal(kept.count, 5000);
	repeats_flush(repeats, 1);
	assert_int_equal(kept.count, 5000);
	repeats_close(repeats);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void test_firewall(void **state)
{
	static const struct {
		uint32_t iif, ifindex;
		uint64_t dst_input;
		const char *device, *next, *hook;
	} rows[] = {
		{ 0, 0, 1, "", "ip_local_deliver", "output" },
		{ 0, 2, 1, "eth0", "ip_output", "postrouting" },
		{ 2, 2, 0, "eth0", NULL, "prerouting" },
		{ 2, 2, 1, "eth0", "ip_local_deliver", "input" },
		{ 2, 2, 1, "eth0", "ip6_input", "input" },
		{ 2, 2, 1, "eth0", "ip_forward", "forward" },
		{ 2, 3, 1, "eth1", "ip6_forward", "postrouting" },
		{ 2, 2, 1, "eth0", "ip_error", NULL },
		{ 2, 2, 1, "eth0", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct trace_drop drop = { .iif = rows[i].iif,
					   .ifindex = rows[i].ifindex,
					   .dst_input = rows[i].dst_input };
		const char *hook;

		memcpy(drop.device, rows[i].device, strlen(rows[i].device));
		hook = firewall_hook(&drop, "NETFILTER_DROP", rows[i].next);
		assert_true(hook == rows[i].hook || (hook && !strcmp(hook, rows[i].hook)));
		assert_null(firewall_hook(&drop, "NO_SOCKET", rows[i].next));
		drop.firewall = TRACE_FIREWALL_NFTABLES;
		drop.hook = 2;
		assert_string_equal(firewall_hook(&drop, "NETFILTER_DROP", NULL), "forward");
	}
}

static void test_kallsyms(void **state)
{
	static const char text[] = "0000000000001000 T first\n0000000000003000 t third.isra.0\n"
				   "0000000000002000 D data\n0000000000002800 t second\t[module]\n";
	char path[] = "/tmp/flowd-kallsyms-XXXXXX";
	struct kallsyms *symbols;
	const char *kept;
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	fputs(text, file);
	fclose(file);
	assert_int_equal(kallsyms_open(&symbols, path), 0);
	assert_string_equal(kallsyms_name(symbols, 0x1010), "first");
	assert_string_equal(kallsyms_name(symbols, 0x2801), "second");
	assert_string_equal(kallsyms_name(symbols, 0x3abc), "third");
	assert_null(kallsyms_name(symbols, 0x10));
	assert_null(kallsyms_name(symbols, 0));
	assert_null(kallsyms_name(symbols, 0x3000 + 65537));
	assert_true(kallsyms_has(symbols, "second"));
	assert_false(kallsyms_has(symbols, "data"));
	kept = kallsyms_name(symbols, 0x1010);
	unlink(path);
	for (int i = 0; i < 100; i++)
		kallsyms_rest(symbols);
	assert_ptr_equal(kallsyms_name(symbols, 0x1010), kept); /* given back, and this kept */
	assert_string_equal(kept, "first");
	assert_null(kallsyms_name(symbols, 0x1020)); /* read again, and not there any more */
	kallsyms_close(symbols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop_before_its_flow),
		cmocka_unit_test(test_drop_after_the_record),
		cmocka_unit_test(test_drop_of_no_flow),
		cmocka_unit_test(test_flood_waits),
		cmocka_unit_test(test_many_reasons),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_repeats_crowd),
		cmocka_unit_test(test_firewall),
		cmocka_unit_test(test_kallsyms),
	};

	return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}
