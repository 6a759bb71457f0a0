/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet filter's rules: what the operator may write, and masks that mean what the conditions
 * mean, for random rules and packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "tests/unit/filter_reference.h"

static struct filter_rules rules;
static struct filter_tables tables;
static struct reference_texts texts;

static uint64_t join(uint64_t source, uint64_t destination, uint64_t either)
{
	return (source & destination) | ((source | destination) & either);
}

/* As the kernel's trie: the longest prefix that fits. */
static uint64_t of_address(const struct flow_key *key, const uint8_t address[16], unsigned int side)
{
	uint64_t found = tables.bank.no_address[side];
	uint32_t longest = 0;

	for (size_t i = 0; i < tables.prefix_count; i++) {
		const struct filter_prefix *entry = &tables.prefix[i];
		struct filter_condition prefix = { .ipv6 = entry->key.ipv6,
						   .bits = (uint8_t)(entry->key.length - 32) };

		memcpy(prefix.address, entry->key.address, 16);
		if (entry->key.side == side && entry->key.length > longest &&
		    reference_address(&prefix, key->scope & FLOW_SCOPE_IPV6, address)) {
			longest = entry->key.length;
			found = entry->rules;
		}
	}
	return found;
}

static bool tables_verdict(const struct reference_packet *packet)
{
	const struct flow_filter_bank *bank = &tables.bank;
	const struct flow_key *key = &packet->key;
	uint64_t left = bank->rules & bank->protocol[key->protocol];

	if (key->protocol == 1 || key->protocol == 58)
		left &= join(bank->no_port[0], bank->no_port[1], bank->either_port);
	else
		left &= join(bank->port[bank->port_class[key->src_port]][0],
			     bank->port[bank->port_class[key->dst_port]][1], bank->either_port);
	left &= filter_rules_of_interface(&rules, packet->interface);
	left &= bank->no_cgroup | packet->cgroups;
	left &= join(of_address(key, key->src, 0), of_address(key, key->dst, 1),
		     bank->either_address);
	return left ? !!(left & -left & bank->allow) : !!bank->otherwise;
}

static void test_masks_mean_the_conditions(void **state)
{
	unsigned int allowed = 0, packets = 0;

	(void)state;
	for (int round = 0; round < 400; round++) {
		reference_rules(&rules, &texts, 1 + reference_random(FLOW_FILTER_RULES), true);
		assert_int_equal(filter_rules_compile(&rules, &tables), 0);
		for (int i = 0; i < 200; i++, packets++) {
			struct reference_packet packet;
			bool expected;

			reference_packet_random(&packet);
			packet.cgroups = (uint64_t)reference_random(UINT32_MAX) << 32 |
					 reference_random(UINT32_MAX);
			packet.cgroups &= ~tables.bank.no_cgroup;
			expected = reference_verdict(&rules, &packet);
			allowed += expected;
			assert_int_equal(tables_verdict(&packet), expected);
		}
	}
	assert_in_range(allowed, packets / 5, packets / 5 * 4); /* both verdicts are met */
}

static const struct {
	const char *key, *text, *message;
} words[] = {
	{ "cidr", "10.0.0.0/8", NULL },
	{ "cidr", "::/0", NULL },
	{ "source", "192.0.2.1", NULL },
	{ "port", "1-65535", NULL },
	{ "protocol", "TCP", NULL },
	{ "protocol", "0", NULL },
	{ "cgroup", "/", NULL },
	{ "cgroup", "/system.slice/a.service", NULL },
	{ "cidr", "10.0.0.0/33",
	  "\"10.0.0.0/33\" cannot be used; write an address or a network, such as 10.0.0.0/8, "
	  "192.0.2.1 or 2001:db8::/32" },
	{ "destination", "10.0.0/8",
	  "\"10.0.0/8\" cannot be used; write an address or a network, such as 10.0.0.0/8, "
	  "192.0.2.1 or 2001:db8::/32" },
	{ "port", "0",
	  "\"0\" cannot be used; write a port from 1 to 65535 or a range, such as 443 or "
	  "8000-8099" },
	{ "port", "90-80",
	  "\"90-80\" cannot be used; write a port from 1 to 65535 or a range, such as 443 or "
	  "8000-8099" },
	{ "source_port", "80-",
	  "\"80-\" cannot be used; write a port from 1 to 65535 or a range, such as 443 or "
	  "8000-8099" },
	{ "protocol", "tpc",
	  "\"tpc\" cannot be used; write a protocol by name or number, such as tcp, icmp or 132" },
	{ "protocol", "256",
	  "\"256\" cannot be used; write a protocol by name or number, such as tcp, icmp or 132" },
	{ "cgroup", "system.slice",
	  "\"system.slice\" cannot be used; write a path from the root of the cgroup hierarchy, at "
	  "most 7 deep, such as /system.slice/nginx.service" },
	{ "cgroup", "/a/../b",
	  "\"/a/../b\" cannot be used; write a path from the root of the cgroup hierarchy, at most "
	  "7 deep, such as /system.slice/nginx.service" },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char why[256] = "";
		int key = filter_key_find(words[i].key), error;

		memset(&rules, 0, sizeof(rules));
		filter_rules_add(&rules, true);
		error = filter_rules_condition(&rules, 0, (enum filter_key)key, words[i].text, why,
					       sizeof(why));
		assert_int_equal(!error, !words[i].message);
		assert_string_equal(why, words[i].message ? words[i].message : "");
		assert_int_equal(rules.condition_count, !error);
	}
}

static void test_host_bits_do_not_matter(void **state)
{
	struct reference_packet packet = { .interface = "eth0" };
	const uint8_t address[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 9 };
	char why[256];

	(void)state;
	memset(&rules, 0, sizeof(rules));
	filter_rules_add(&rules, false);
	assert_int_equal(filter_rules_condition(&rules, 0, FILTER_KEY_SOURCE, "10.1.2.3/8", why,
						sizeof(why)),
			 0);
	assert_int_equal(filter_rules_compile(&rules, &tables), 0);
	memcpy(packet.key.src, address, 16);
	assert_false(tables_verdict(&packet));
	packet.key.src[12] = 11;
	assert_true(tables_verdict(&packet));
}

static void test_limits(void **state)
{
	char why[256];

	(void)state;
	memset(&rules, 0, sizeof(rules));
	for (int i = 0; i < FLOW_FILTER_RULES; i++)
		assert_int_equal(filter_rules_add(&rules, true), i);
	assert_int_equal(filter_rules_add(&rules, true), -E2BIG);
	for (int i = 0; i < FILTER_CONDITIONS_MAX; i++)
		assert_int_equal(
			filter_rules_condition(&rules, 63, FILTER_KEY_PORT, "9", why, sizeof(why)),
			0);
	assert_int_equal(filter_rules_condition(&rules, 63, FILTER_KEY_PORT, "9", why, sizeof(why)),
			 -E2BIG);
	assert_string_equal(why, "too many values; all rules together may have 256");
}

static void test_clashes(void **state)
{
	char why[256];

	(void)state;
	memset(&rules, 0, sizeof(rules));
	filter_rules_add(&rules, true);
	filter_rules_add(&rules, true);
	assert_int_equal(filter_rules_condition(&rules, 0, FILTER_KEY_SOURCE, "10.0.0.0/8", why,
						sizeof(why)),
			 0);
	assert_int_equal(filter_rules_condition(&rules, 0, FILTER_KEY_DESTINATION, "10.0.0.0/8",
						why, sizeof(why)),
			 0);
	assert_int_equal(
		filter_rules_condition(&rules, 1, FILTER_KEY_CIDR, "10.0.0.0/8", why, sizeof(why)),
		0);
	assert_int_equal(
		filter_rules_condition(&rules, 0, FILTER_KEY_CIDR, "10.0.0.0/8", why, sizeof(why)),
		-EINVAL);
	assert_string_equal(
		why, "cannot be in one rule with source; keep one of them, or write two rules");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks_mean_the_conditions),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_host_bits_do_not_matter),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_clashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
