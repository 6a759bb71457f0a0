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
	{ "bus:\n  listen:\n  - query: tls+tcp://0.0.0.0:1\n    cart: /x\n",
	  "f:4: bus.listen.0.cart: there is no such key; there are query, events, cert, key and ca" },
	{ "bus:\n  listen: 5\n",
	  "f:2: bus.listen: a list of entrances is expected; begin each with a dash" },
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

static void test_all_kinds(void **state)
{
	struct config *config = opened();
	char why[512] = "";

	(void)state;
	assert_int_equal(
		read_text(config,
			  "interfaces:\n  include: [eth0, \"veth*\"]\n  modes:\n"
			  "    eth0: xdp\n    \"*\": tc\n"
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
	assert_int_equal(config->modes.rule[0].mode, ATTACH_XDP);
	assert_int_equal(config->modes.rule[1].mode, ATTACH_TC);
	assert_null(config->modes.rule[2].glob);
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
	assert_string_equal(why,
			    "line 3: bus.listen.0: tls+tcp:// needs cert, key and ca; name the "
			    "three PEM files");
	config_close(config);
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
	assert_int_equal(config->modes.rule[0].mode, ATTACH_XDP);
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
	config_reload(config, fresh, changed, sizeof(changed));
	assert_string_equal(changed, "flow.max_flows, interfaces.exclude");
	assert_int_equal(config->log_level, 3);
	assert_int_equal(config->flow.max_flows, 131072);
	config_close(config);
	config_close(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_entrance_needs_certificates),
		cmocka_unit_test(test_print_reads_back),
		cmocka_unit_test(test_installed_file),
		cmocka_unit_test(test_command_line_over_file),
		cmocka_unit_test(test_command_line_mistakes),
		cmocka_unit_test(test_reload_names_what_needs_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
