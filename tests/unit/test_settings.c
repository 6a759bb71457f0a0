/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the configuration tells the kernel's side: by default what --pcap does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flowd/base/log.h"
#include "flowd/flow/packet_rules.h"
#include "flowd/settings.h"

/* The rules under one setting more than the defaults; NULL: the defaults. */
static int rules_of(const char *key, const char *value, struct packet_rules *rules)
{
	struct datapath_options options;
	struct config *config;
	char why[256] = "";
	int err;

	assert_int_equal(config_open(&config), 0);
	if (key && config_set(config, key, value, why, sizeof(why)))
		fail_msg("%s", why);
	err = settings_datapath(config, &options);
	*rules = options.rules;
	config_close(config);
	return err;
}

static const uint16_t dns_ports[] = DNS_PORTS_DEFAULT;

static void test_defaults_are_those_of_captures(void **state)
{
	struct packet_rules rules, captures;

	(void)state;
	packet_rules_default(&captures);
	packet_rules_set_dns(&captures, dns_ports, sizeof(dns_ports) / sizeof(*dns_ports));
	assert_int_equal(rules_of(NULL, NULL, &rules), 0);
	assert_memory_equal(&rules.udp_ports, &captures.udp_ports, sizeof(rules.udp_ports));
	assert_memory_equal(&rules.dns_ports, &captures.dns_ports, sizeof(rules.dns_ports));
	assert_int_equal(rules.tunnels, captures.tunnels);
	assert_false(rules.both);
}

static void test_tunnel(void **state)
{
	struct packet_rules rules, none;

	(void)state;
	packet_rules_none(&none);
	packet_rules_set_dns(&none, dns_ports, sizeof(dns_ports) / sizeof(*dns_ports));
	assert_int_equal(rules_of("tunnel", "outer", &rules), 0);
	assert_memory_equal(&rules, &none, sizeof(none));
	assert_int_equal(rules_of("tunnel", "both", &rules), 0);
	assert_true(rules.tunnels && rules.both);
}

static bool is_tunnel_port(const struct packet_rules *rules, unsigned int port)
{
	return rules->udp_ports.bits[port / 8] >> port % 8 & 1;
}

static void test_ports(void **state)
{
	struct packet_rules rules;

	(void)state;
	assert_int_equal(rules_of("tunnel_ports.vxlan", "4789,14789", &rules), 0);
	assert_true(is_tunnel_port(&rules, 4789));
	assert_true(is_tunnel_port(&rules, 14789));
	assert_false(is_tunnel_port(&rules, 8472));
	assert_true(is_tunnel_port(&rules, 6081));
	assert_int_equal(rules_of("tunnel_ports.vxlan", "6081", &rules), -EEXIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_those_of_captures),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_ports),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
