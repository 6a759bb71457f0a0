/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings: each mistake is one sentence with place, key and remedy; what is printed reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "flowd/command_line.h"
#include "flowd/config.h"

static const struct {
	const char *text, *message;
} mistakes[] = {
	{ "flow:\n  active_timout: 3s\n",
	  "f:2: flow.active_timout: there is no such key; did you mean flow.active_timeout?" },
	{ "flw:\n  active_timeout: 3s\n",
	  "f:1: flw: there is no such key; flowd --help lists them" },
	{ "flow:\n  active_timeout: 3\n",
	  "f:2: flow.active_timeout: \"3\" cannot be used; write a number with a unit, such as "
	  "500ms, 15s or 5m" },
	{ "# one\n\nflow:\n  active_timeout: 2d\n",
	  "f:4: flow.active_timeout: 2d is out of range; write 1s to 24h" },
	{ "flow:\n  ring_bytes: 5000\n",
	  "f:2: flow.ring_bytes: \"5000\" cannot be used; write a power of two in bytes, such as "
	  "1048576, 512KiB or 4MiB" },
	{ "flow:\n  max_flows: 99999999999999999999999\n",
	  "f:2: flow.max_flows: \"99999999999999999999999\" cannot be used; write a whole number" },
	{ "flow:\n  max_flows: -5\n",
	  "f:2: flow.max_flows: \"-5\" cannot be used; write a whole number" },
	{ "flow:\n  max_flows: [1, 2]\n",
	  "f:2: flow.max_flows: one value is expected; write 1024 to 16777216" },
	{ "flow:\n  max_flows:\n",
	  "f:2: flow.max_flows: one value is expected; write 1024 to 16777216" },
	{ "flow: 5\n", "f:1: flow: this is a section; put its settings below, indented" },
	{ "log_level: loud\n",
	  "f:1: log_level: \"loud\" is not known; write error, warning, info or debug" },
	{ "log_level: info\nlog_level: debug\n", "f:2: log_level: given twice; remove one" },
	{ "bus:\n  insecure_tcp: yes\n",
	  "f:2: bus.insecure_tcp: \"yes\" is not known; write false or true" },
	{ "bus:\n  query: /run/x.sock\n",
	  "f:2: bus.query: \"/run/x.sock\" is no address; write ipc:///path, tls+tcp://host:port or "
	  "tcp://127.0.0.1:port" },
	{ "btf: vmlinux\n", "f:1: btf: \"vmlinux\" is a relative path; write an absolute path" },
	{ "interfaces:\n  include: eth0\n",
	  "f:2: interfaces.include: a list is expected; write [eth0, \"veth*\"]" },
	{ "interfaces:\n  include:\n  - eth0\n  - [a]\n",
	  "f:4: interfaces.include: each item is one name or glob; write \"veth*\"" },
	{ "interfaces:\n  modes: {eth0: fast}\n",
	  "f:2: interfaces.modes: \"fast\" is not known; write auto, tc, xdp or xdp-generic" },
	{ "sampling:\n  interfaces: {eth0: 0}\n",
	  "f:2: sampling.interfaces: 0 is out of range; write 1 to 65535" },
	{ "sampling:\n  interfaces: 7\n",
	  "f:2: sampling.interfaces: a mapping is expected; write {eth0: 100, \"veth*\": 1}" },
	{ "sampling:\n  rate: half\n",
	  "f:2: sampling.rate: \"half\" cannot be used; write a whole number" },
	{ "tunnel: outside\n",
	  "f:1: tunnel: \"outside\" is not known; write inner, outer or both" },
	{ "tunnel_ports:\n  vxlan: [4789, 70000]\n",
	  "f:2: tunnel_ports.vxlan: 70000 is out of range; write 1 to 65535" },
	{ "tunnel_ports:\n  vxlan: [1, 2, 3, 4, 5]\n",
	  "f:2: tunnel_ports.vxlan: too many ports; 4 are the most" },
	{ "tunnel_ports:\n  vxlan: [[1]]\n",
	  "f:2: tunnel_ports.vxlan: each item is one port; write [4789, 8472]" },
	{ "bus:\n  listen:\n  - query: tls+tcp://0.0.0.0:1\n    cart: /x\n",
	  "f:4: bus.listen.0.cart: there is no such key; there are query, events, cert, key and ca" },
	{ "bus:\n  listen: 5\n",
	  "f:2: bus.listen: a list of entrances is expected; begin each with a dash" },
	{ "filter:\n  default: drop\n",
	  "f:2: filter.default: \"drop\" is not known; write allow or deny" },
	{ "filter:\n  rules: deny\n",
	  "f:2: filter.rules: a list of rules is expected; begin each with a dash" },
	{ "filter:\n  rules:\n  - port: 22\n",
	  "f:3: filter.rules.0: no action is given; write action: allow or action: deny" },
	{ "filter:\n  rules:\n  - {action: deny}\n  - 10.0.0.0/8\n",
	  "f:4: filter.rules.1: write {action: deny, cidr: 10.0.0.0/8, port: 443}" },
	{ "filter:\n  rules:\n  - action: deny\n    prot: tcp\n",
	  "f:4: filter.rules.0.prot: there is no such key; there are action, cidr, source, "
	  "destination, port, source_port, destination_port, protocol, interface and cgroup" },
	{ "filter:\n  rules:\n  - action: drop\n",
	  "f:3: filter.rules.0.action: \"drop\" is not known; write allow or deny" },
	{ "filter:\n  rules:\n  - action: deny\n    port: [22, 70000]\n",
	  "f:4: filter.rules.0.port: \"70000\" cannot be used; write a port from 1 to 65535 or a "
	  "range, such as 443 or 8000-8099" },
	{ "filter:\n  rules:\n  - action: deny\n    cidr: 10.0.0.0/8\n    source: ::/0\n",
	  "f:5: filter.rules.0.source: cannot be in one rule with cidr; keep one of them, or write "
	  "two rules" },
	{ "filter:\n  rules:\n  - action: deny\n    port: []\n",
	  "f:4: filter.rules.0.port: one value or a list of values is expected; leave the key out to "
	  "ask for nothing" },
	{ "filter:\n  rules:\n  - action: deny\n    port: 1\n    port: 2\n",
	  "f:5: filter.rules.0.port: given twice; write one list" },
	{ "flow: {\n",
	  "f:2: no valid YAML: did not find expected node content; check indentation, quotes and "
	  "brackets" },
	{ "a: 1\n---\nb: 2\n", "f:1: a: there is no such key; flowd --help lists them" },
	{ "log_level: info\n---\nb: 2\n", "f:2: a second document begins; remove the line ---" },
	{ "- a\n", "f:1: settings are expected; write key: value" },
};

static struct config *opened(void)
{
	struct config *config = NULL;

	assert_int_equal(config_open(&config), 0);
	return config;
}

static int read_text(struct config *config, const char *text, char *why, size_t size)
{
	return config_read_text(config, "f", text, strlen(text), why, size);
}

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct config *config = opened();
		char why[512] = "";

		assert_true(read_text(config, mistakes[i].text, why, sizeof(why)) < 0);
		assert_string_equal(why, mistakes[i].message);
		config_close(config);
	}
}

static const char filter_text[] = "filter:\n  default: deny\n  pcap: \"tcp port 80\"\n  rules:\n"
				  "  - {action: allow, cidr: [10.0.0.0/8, \"::1\"], port: 22}\n"
				  "  - action: deny\n    interface: \"eth*\"\n";

static void test_filter_reads_and_sets(void **state)
{
	struct config *config = opened(), *set = opened();
	char why[512] = "";

	(void)state;
	assert_int_equal(read_text(config, filter_text, why, sizeof(why)), 0);
	assert_int_equal(config_finish(config, why, sizeof(why)), 0);
	assert_true(config->filter.rules.deny_others);
	assert_int_equal(config->filter.rules.count, 2);
	assert_int_equal(config->filter.rules.allow, 1);
	assert_int_equal(config->filter.rules.condition_count, 4);
	assert_string_equal(config->filter.pcap, "tcp port 80");
	assert_int_equal(config_set(set, "filter.default", "deny", why, sizeof(why)), 0);
	assert_int_equal(config_set(set, "filter.rules.0.action", "allow", why, sizeof(why)), 0);
	assert_int_equal(config_set(set, "filter.rules.0.cidr", "10.0.0.0/8,::1", why, sizeof(why)),
			 0);
	assert_int_equal(config_set(set, "filter.rules.0.port", "22", why, sizeof(why)), 0);
	assert_int_equal(config_set(set, "filter.rules.1.action", "deny", why, sizeof(why)), 0);
	assert_int_equal(config_set(set, "filter.rules.1.interface", "eth*", why, sizeof(why)), 0);
	assert_int_equal(config_finish(set, why, sizeof(why)), 0);
	assert_true(filter_rules_equal(&config->filter.rules, &set->filter.rules));
	assert_int_equal(config_set(set, "filter.rules.3.port", "22", why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "there is no such rule or key; a new rule begins with "
				 "filter.rules.2.action=deny, and 64 are the most");
	config_close(config);
	config_close(set);
}

/* The texts must outlive the settings that they were read into. */
static void test_filter_reloads(void **state)
{
	struct config *config = opened(), *fresh = opened(), *again = opened();
	char why[512] = "", changed[512];

	(void)state;
	assert_int_equal(read_text(fresh, filter_text, why, sizeof(why)), 0);
	assert_int_equal(config_finish(fresh, why, sizeof(why)), 0);
	assert_int_equal(config_finish(config, why, sizeof(why)), 0);
	config_reload(config, fresh, changed, sizeof(changed));
	config_close(fresh);
	assert_string_equal(changed, "");
	assert_int_equal(read_text(again, filter_text, why, sizeof(why)), 0);
	assert_int_equal(config_finish(again, why, sizeof(why)), 0);
	assert_true(filter_rules_equal(&config->filter.rules, &again->filter.rules));
	assert_string_equal(config->filter.pcap, "tcp port 80");
	config_close(config);
	config_close(again);
}

static void test_filter_prints_what_it_reads(void **state)
{
	struct config *config = opened(), *again = opened();
	char why[512] = "", *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(read_text(config, filter_text, why, sizeof(why)), 0);
	config_print(config, out);
	fclose(out);
	assert_int_equal(read_text(again, text, why, sizeof(why)), 0);
	assert_true(filter_rules_equal(&config->filter.rules, &again->filter.rules));
	assert_string_equal(again->filter.pcap, "tcp port 80");
	free(text);
	config_close(config);
	config_close(again);
}

static void test_all_kinds(void **state)
{
	struct config *config = opened();
	char why[512] = "";

	(void)state;
	assert_int_equal(
		read_text(
			config,
			"interfaces:\n  include: [eth0, \"veth*\"]\n  modes:\n"
			"    eth0: xdp\n    \"*\": tc\n"
			"tunnel: both\ntunnel_ports:\n  vxlan: [4789, 9]\n  geneve: []\n  gue: 7\n"
			"sampling:\n  rate: 10\n  by: flow\n  interfaces: {eth1: 100, \"e*\": 1}\n"
			"flow:\n  active_timeout: 1m30s\n  ring_bytes: 1MiB\n"
			"bus:\n  insecure_tcp: true\n  socket_group:\n  listen:\n"
			"  - {query: \"tls+tcp://0.0.0.0:1\", cert: /c, key: /k, ca: /a}\n"
			"node_name: n1\nlog_level: debug\n",
			why, sizeof(why)),
		0);
	assert_int_equal(config_finish(config, why, sizeof(why)), 0);
	assert_int_equal(config->include.count, 2);
	assert_string_equal(config->include.glob[1], "veth*");
	assert_null(config->include.glob[2]);
	assert_int_equal(config->modes.rule[0].value, ATTACH_XDP);
	assert_int_equal(config->modes.rule[1].value, ATTACH_TC);
	assert_null(config->modes.rule[2].glob);
	assert_int_equal(config->tunnel, CONFIG_TUNNEL_BOTH);
	assert_int_equal(config->tunnel_ports.vxlan.port[1], 9);
	assert_int_equal(config->tunnel_ports.geneve.count, 0);
	assert_int_equal(config->tunnel_ports.gue.port[0], 7);
	assert_int_equal(config->sampling.rate, 10);
	assert_int_equal(config->sampling.flows, 1);
	assert_int_equal(config->sampling.by_glob.rule[0].value, 100);
	assert_string_equal(config->sampling.by_glob.rule[1].glob, "e*");
	assert_int_equal(config->flow.active_timeout, UINT64_C(90000000000));
	assert_int_equal(config->flow.ring_bytes, 1 << 20);
	assert_int_equal(config->bus.insecure_tcp, 1);
	assert_null(config->bus.socket_group);
	assert_string_equal(config->bus.listen[0].ca, "/a");
	assert_string_equal(config->node_name, "n1");
	config_close(config);
}

static void test_entrance_needs_certificates(void **state)
{
	struct config *config = opened();
	char why[512] = "";

	(void)state;
	assert_int_equal(read_text(config, "bus:\n  listen:\n  - query: tls+tcp://0.0.0.0:1\n", why,
				   sizeof(why)),
			 0);
	assert_true(config_finish(config, why, sizeof(why)) < 0);
	assert_string_equal(why, "f:3: bus.listen.0: tls+tcp:// needs cert, key and ca; name the "
				 "three PEM files");
	config_close(config);
}

/* What librdkafka says of its own settings, and what we say. */
static void test_kafka_options(void **state)
{
	static const struct {
		const char *options, *message;
	} wrong[] = {
		{ "nonsense=1", "No such configuration property: \"nonsense\"" },
		{ "linger.ms=5,compression.codec=brotli",
		  "Invalid value \"brotli\" for configuration property \"compression.codec\"" },
		{ "security.protocol=plain", "Invalid value \"plain\" for configuration property "
					     "\"security.protocol\"" },
		{ "linger.ms", "\"linger.ms\" has no value; write name=value" },
		{ "sasl.password=x", "no secret is written here; write sasl.password.file=PATH" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct config *config = opened();
		char text[256], wanted[256], why[512] = "";

		snprintf(text, sizeof(text),
			 "# one\nexport:\n- type: kafka\n  brokers: b\n  options: \"%s\"\n",
			 wrong[i].options);
		snprintf(wanted, sizeof(wanted), "f:3: export.kafka: options: %s",
			 wrong[i].message);
		assert_int_equal(read_text(config, text, why, sizeof(why)), 0);
		assert_true(config_finish(config, why, sizeof(why)) < 0);
		assert_string_equal(why, wanted);
		config_close(config);
	}
}

static char *printed(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_print(config, out);
	fclose(out);
	return text;
}

static void test_print_reads_back(void **state)
{
	struct config *config = opened(), *again = opened();
	char why[512] = "", *first, *second;

	(void)state;
	config_set(config, "interfaces.include", "eth0,veth*", why, sizeof(why));
	config_set(config, "interfaces.modes.eth0.100", "xdp", why, sizeof(why));
	config_set(config, "node_name", "odd \"name\": #1", why, sizeof(why));
	config_set(config, "tunnel_ports.vxlan", "1,2", why, sizeof(why));
	config_set(config, "sampling.interfaces.eth0", "9", why, sizeof(why));
	config_set(config, "flow.closed_timeout", "0s", why, sizeof(why));
	config_set(config, "bus.listen.0.query", "tcp://127.0.0.1:9", why, sizeof(why));
	first = printed(config);
	assert_int_equal(read_text(again, first, why, sizeof(why)), 0);
	second = printed(again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	config_close(config);
	config_close(again);
}

/* The file that is installed says the defaults, and names every setting. */
static void test_installed_file(void **state)
{
	struct config *config = opened(), *standard = opened();
	char why[512] = "", *first, *second;

	(void)state;
	assert_int_equal(config_read(config, SOURCE_ROOT "/deploy/flowd.yaml", why, sizeof(why)),
			 0);
	first = printed(config);
	second = printed(standard);
	assert_string_equal(first, second);
	free(first);
	free(second);
	config_close(config);
	config_close(standard);
}

static void test_command_line_over_file(void **state)
{
	char *arguments[] = { "flowd",
			      "-c",
			      SOURCE_ROOT "/deploy/flowd.yaml",
			      "--interface=eth0",
			      "-i",
			      "eth1",
			      "-m",
			      "xdp",
			      "-s",
			      "flow.active_timeout=5s",
			      "--run-dir",
			      "/tmp/x",
			      NULL };
	struct config *config = opened();
	enum command command;
	char why[512] = "";

	(void)state;
	assert_int_equal(command_line_read(12, arguments, &command, config, why, sizeof(why)), 0);
	assert_int_equal(command, COMMAND_RUN);
	assert_int_equal(config->include.count, 2);
	assert_string_equal(config->modes.rule[0].glob, "*");
	assert_int_equal(config->modes.rule[0].value, ATTACH_XDP);
	assert_int_equal(config->flow.active_timeout, UINT64_C(5000000000));
	assert_string_equal(config->bus.query, "ipc:///tmp/x/flowd.sock");
	assert_non_null(config->node_name);
	config_close(config);
}

static void test_command_line_mistakes(void **state)
{
	static const struct {
		char *argument, *message;
	} rows[] = {
		{ "--bogus", "--bogus: there is no such option; see flowd --help" },
		{ "eth0", "eth0: there is no such option; see flowd --help" },
		{ "--set", "--set: a value must follow" },
		{ "--check=1", "--check=1: takes no value" },
		{ "--set=flow", "--set flow: write KEY=VALUE, such as flow.active_timeout=5s" },
		{ "--set=flow.x=1",
		  "--set flow.x=1: flow.x: there is no such key; flowd --help lists them" },
		{ "--mode=eth0=fast",
		  "--mode eth0=fast: \"fast\" is not known; write auto, tc, xdp "
		  "or xdp-generic" },
		{ "--config=/nowhere.yaml",
		  "/nowhere.yaml: cannot be read: No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *arguments[] = { "flowd", rows[i].argument, NULL };
		struct config *config = opened();
		enum command command;
		char why[512] = "";

		assert_true(command_line_read(2, arguments, &command, config, why, sizeof(why)) <
			    0);
		assert_string_equal(why, rows[i].message);
		config_close(config);
	}
}

static void test_reload_names_what_needs_a_restart(void **state)
{
	struct config *config = opened(), *fresh = opened();
	char why[512], changed[512];

	(void)state;
	config_set(fresh, "log_level", "debug", why, sizeof(why));
	config_set(fresh, "flow.max_flows", "2048", why, sizeof(why));
	config_set(fresh, "interfaces.exclude", "eth9", why, sizeof(why));
	config_set(fresh, "sampling.interfaces.eth9", "100", why, sizeof(why));
	config_reload(config, fresh, changed, sizeof(changed));
	assert_string_equal(changed, "interfaces.exclude, sampling.interfaces, flow.max_flows");
	assert_int_equal(config->log_level, 3);
	assert_int_equal(config->flow.max_flows, 131072);
	config_close(config);
	config_close(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_filter_reads_and_sets),
		cmocka_unit_test(test_filter_reloads),
		cmocka_unit_test(test_filter_prints_what_it_reads),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_entrance_needs_certificates),
		cmocka_unit_test(test_kafka_options),
		cmocka_unit_test(test_print_reads_back),
		cmocka_unit_test(test_installed_file),
		cmocka_unit_test(test_command_line_over_file),
		cmocka_unit_test(test_command_line_mistakes),
		cmocka_unit_test(test_reload_names_what_needs_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
