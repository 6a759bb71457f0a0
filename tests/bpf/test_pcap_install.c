/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A pcap filter's life: installed in all hooks or in none, replaced without a gap, removed; what
 * is refused and in which words.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/bpf/pcap_stage.h"

#define SWAPS 200

/* TCP, 10.0.0.1:443 to 192.0.0.1:1024, SYN and ACK. */
static const uint8_t packet[] = {
	2, 0, 0,  0, 0, 1, 2,	 0,  0, 0, 0,	2, 0x08, 0x00, 0x45, 0,	  0, 40, 0, 0,
	0, 0, 64, 6, 0, 0, 10,	 0,  0, 1, 192, 0, 0,	 1,    1,    187, 4, 0,	 0, 0,
	0, 0, 0,  0, 0, 0, 0x50, 18, 1, 0, 0,	0, 0,	 0,    0,    0,	  0, 0,	 0, 0,
};
#define L3_OFFSET 14

static struct pcap_filter *filter;
static char why[512];

static int install(const char *expression)
{
	return pcap_filter_install(&filter, expression, stage_hooks(), STAGE_HOOKS, why,
				   sizeof(why));
}

static int verdict(enum stage_hook hook)
{
	return stage_enter(hook, PCAP_LINK_ETHERNET, packet, sizeof(packet));
}

static int verdict_ip(enum stage_hook hook)
{
	return stage_enter(hook, PCAP_LINK_IP, packet + L3_OFFSET, sizeof(packet) - L3_OFFSET);
}

static void assert_verdicts(int ethernet, int ip)
{
	for (int hook = 0; hook < STAGE_HOOKS; hook++) {
		assert_int_equal(verdict((enum stage_hook)hook), ethernet);
		assert_int_equal(verdict_ip((enum stage_hook)hook), ip);
	}
}

static void assert_refused(const char *expression, int err, const char *words)
{
	assert_int_equal(install(expression), err);
	if (!strstr(why, words) || !strstr(why, "pcap filter"))
		fail_msg("\"%s\" is not in: %s", words, why);
}

static int begin(void **context)
{
	(void)context;
	return stage_open(true);
}

static int end(void **context)
{
	(void)context;
	pcap_filter_remove(filter);
	filter = NULL;
	stage_close();
	return 0;
}

/* ---- cases ---------------------------------------------------------------------------------- */

static void test_installs_in_all_hooks_and_removes(void **context)
{
	(void)context;
	assert_verdicts(STAGE_EMPTY, STAGE_EMPTY);
	assert_int_equal(install("host 10.0.0.1 and tcp port 443"), 0);
	assert_verdicts(STAGE_ACCEPTED, STAGE_ACCEPTED);
	assert_int_equal(install("udp"), 0);
	assert_verdicts(STAGE_EXCLUDED, STAGE_EXCLUDED);
	pcap_filter_remove(filter);
	filter = NULL;
	pcap_filter_remove(filter);
	assert_verdicts(STAGE_EMPTY, STAGE_EMPTY);
}

static void test_link_header_is_asked_for_where_there_is_none(void **context)
{
	(void)context;
	assert_int_equal(install("ether src 02:00:00:00:00:02"), 0);
	assert_verdicts(STAGE_ACCEPTED, STAGE_EXCLUDED);
	assert_non_null(pcap_filter_note(filter));
	assert_non_null(strstr(pcap_filter_note(filter), "supported only on ethernet"));
	assert_int_equal(install("tcp"), 0);
	assert_null(pcap_filter_note(filter));
}

static void test_refused_expression_changes_nothing(void **context)
{
	(void)context;
	assert_int_equal(install("tcp port 443"), 0);
	assert_refused("tcp prot 443", -EINVAL, "\"tcp prot 443\": ");
	assert_refused("ip and arp", -EINVAL, "expression rejects all packets");
	assert_refused("host 1.2.3.4.5", -EINVAL, "host 1.2.3.4.5");
	assert_refused("inbound", -ENOTSUP, "not in the packet (inbound");
	assert_refused("tcp and not outbound", -ENOTSUP, "not in the packet (inbound");
	assert_refused("ifindex 3", -ENOTSUP, "not in the packet (inbound");
	assert_refused("ether[-4:4] = 0", -ENOTSUP, "negative offset");
	assert_refused("ip6 protochain 6", -ENOTSUP, "(protochain)");
	assert_refused("ip protochain 6", -ENOTSUP, "(protochain)");
	assert_refused("on eth0", -EINVAL, "on eth0");
	assert_refused("gateway x", -EINVAL, "gateway");
	assert_refused("ip broadcast", -EINVAL, "netmask not known");
	assert_refused("vlan and ether[ip[0]] = 1", -EOPNOTSUPP, "vlan and a place");
	assert_verdicts(STAGE_ACCEPTED, STAGE_ACCEPTED);
}

/* tc egress comes second: what ingress had got by then is taken back. */
static void test_failure_half_way_is_undone(void **context)
{
	(void)context;
	assert_int_equal(pcap_filter_install(&filter, "udp", stage_hooks_mixed(), STAGE_HOOKS, why,
					     sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "cannot put it into slot 2"));
	assert_null(filter);
	assert_verdicts(STAGE_EMPTY, STAGE_EMPTY);
	assert_int_equal(install("tcp"), 0);
	assert_int_equal(pcap_filter_install(&filter, "udp", stage_hooks_mixed(), STAGE_HOOKS, why,
					     sizeof(why)),
			 -EINVAL);
	assert_verdicts(STAGE_ACCEPTED, STAGE_ACCEPTED);
}

static char *hosts(const char *qualifier, int count)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	for (int i = 0; i < count; i++)
		fprintf(stream, "%s%shost 10.%d.%d.%d", i ? " or " : "", qualifier, i % 7, i / 100,
			i % 100);
	fclose(stream);
	return text;
}

/* 10.0.0.1 is not in the list, or is the last one. */
static void test_hundreds_of_hosts(void **context)
{
	char *list = hosts("", 200), *longer;

	(void)context;
	assert_int_equal(install(list), 0);
	assert_verdicts(STAGE_EXCLUDED, STAGE_EXCLUDED);
	assert_true(asprintf(&longer, "%s or (host 10.0.0.1 and port 443)", list) > 0);
	assert_int_equal(install(longer), 0);
	assert_verdicts(STAGE_ACCEPTED, STAGE_ACCEPTED);
	free(longer);
	free(list);
	list = hosts("", 250);
	assert_refused(list, -E2BIG, "longer than 4 KiB");
	free(list);
}

/* The largest list that is taken at all. */
static void test_longest_expression(void **context)
{
	char *list = hosts("ip ", 195);

	(void)context;
	assert_true(strlen(list) <= PCAP_EXPRESSION_MAX);
	assert_int_equal(install(list), 0);
	assert_verdicts(STAGE_EXCLUDED, STAGE_EXCLUDED);
	free(list);
}

static void test_vlan_is_a_keyword_only(void **context)
{
	(void)context;
	assert_true(pcap_expression_names_vlan("tcp and(vlan 5)"));
	assert_true(pcap_expression_names_vlan("!vlan&&ip"));
	assert_false(pcap_expression_names_vlan("host vlan5 or host my-vlan"));
	assert_false(pcap_expression_names_vlan("host \\vlan"));
	assert_false(pcap_expression_names_vlan(""));
}

static void test_tag_beside_the_packet(void **context)
{
	(void)context;
	assert_int_equal(install("vlan 5 and host 10.0.0.1"), 0);
	assert_int_equal(stage_enter_tagged(packet, sizeof(packet), 5), STAGE_ACCEPTED);
	assert_int_equal(stage_enter_tagged(packet, sizeof(packet), 6), STAGE_EXCLUDED);
	assert_int_equal(verdict(STAGE_TC_INGRESS), STAGE_EXCLUDED);
	assert_int_equal(install("host 10.0.0.1"), 0);
	assert_int_equal(stage_enter_tagged(packet, sizeof(packet), 5), STAGE_ACCEPTED);
	assert_int_equal(verdict(STAGE_TC_INGRESS), STAGE_ACCEPTED);
}

/* ---- no gap --------------------------------------------------------------------------------- */

struct watch {
	enum stage_hook hook;
	atomic_bool stop;
	atomic_ulong seen;
	atomic_ulong other; /* verdicts that neither filter gives */
};

static void *watch_slot(void *context)
{
	struct watch *watch = context;

	while (!watch->stop) {
		if (verdict(watch->hook) != STAGE_ACCEPTED)
			watch->other++;
		watch->seen++;
	}
	return NULL;
}

static void test_replaced_without_a_gap(void **context)
{
	static const char *const equals[] = { "tcp", "port 443 and not udp" };
	struct watch watch = { .hook = STAGE_TC_INGRESS };
	pthread_t thread;
	int failed = 0;

	(void)context;
	assert_int_equal(install(equals[0]), 0);
	assert_int_equal(pthread_create(&thread, NULL, watch_slot, &watch), 0);
	for (int i = 1; i <= SWAPS; i++) {
		unsigned long before = watch.seen;

		failed += !!install(equals[i % 2]);
		while (watch.seen == before)
			;
	}
	watch.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(failed, 0);
	assert_int_equal(watch.other, 0);
	assert_true(watch.seen >= SWAPS);
	print_message("# %lu packets in %d swaps\n", watch.seen, SWAPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_installs_in_all_hooks_and_removes, begin, end),
		cmocka_unit_test_setup_teardown(test_link_header_is_asked_for_where_there_is_none,
						begin, end),
		cmocka_unit_test_setup_teardown(test_refused_expression_changes_nothing, begin,
						end),
		cmocka_unit_test_setup_teardown(test_failure_half_way_is_undone, begin, end),
		cmocka_unit_test_setup_teardown(test_hundreds_of_hosts, begin, end),
		cmocka_unit_test_setup_teardown(test_longest_expression, begin, end),
		cmocka_unit_test(test_vlan_is_a_keyword_only),
		cmocka_unit_test_setup_teardown(test_tag_beside_the_packet, begin, end),
		cmocka_unit_test_setup_teardown(test_replaced_without_a_gap, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
