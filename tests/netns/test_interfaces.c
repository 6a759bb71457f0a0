/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Devices that come, go, change name and namespace: the watch keeps up, with the real kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "tests/netns/interfaces_fixture.h"

#define COUNTS (FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS)

/* ---- coming and going ----------------------------------------------------------------------- */

static void test_appears_and_disappears(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	assert_true(fixture_is_absent(fixture, "lo"));
	fixture_shell("ip link add a0 type veth peer name a1");
	fixture_expect(fixture, fixture_is_attached, "a0");
	fixture_expect(fixture, fixture_is_attached, "a1");
	assert_int_equal(fixture_find(fixture, "a0").info.mode, fixture_tc_mode());
	assert_int_equal(fixture_program_count("a0", true), 1);
	assert_int_equal(fixture_program_count("a0", false), 1);
	fixture_shell("ip link del a0");
	fixture_expect(fixture, fixture_is_absent, "a0");
	fixture_expect(fixture, fixture_is_absent, "a1");
}

static void test_names_outlive_devices(void **state)
{
	struct fixture *fixture = fixture_begin(state);
	uint32_t ifindex;

	fixture_shell("ip link add a0 type veth peer name a1");
	ifindex = if_nametoindex("a0");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	fixture_shell("ip link del a0");
	fixture_expect(fixture, fixture_is_absent, "a0");
	assert_string_equal(interfaces_name(fixture->interfaces, ifindex), "a0");
	assert_null(interfaces_name(fixture->interfaces, 123456));
}

static void test_globs(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add pod1 type veth peer name other; "
		      "ip link add pod2 type veth peer name podx");
	assert_int_equal(fixture_watch(fixture, fixture_globs("pod*", NULL),
				       fixture_globs("pod[2-9]", NULL), NULL),
			 0);
	assert_true(fixture_is_attached(fixture, "pod1"));
	assert_true(fixture_is_attached(fixture, "podx"));
	assert_true(fixture_is_absent(fixture, "pod2"));
	assert_true(fixture_is_absent(fixture, "other"));
	assert_int_equal(fixture_program_count("pod2", true), 0);
}

static void test_rename(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add web1 type veth peer name peer");
	assert_int_equal(fixture_watch(fixture, fixture_globs("web*", NULL), NULL, NULL), 0);
	fixture_shell("ip link set web1 name web2");
	fixture_expect(fixture, fixture_is_attached, "web2");
	assert_int_equal(fixture_program_count("web2", true), 1);
	fixture_shell("ip link set web2 name quiet");
	fixture_expect(fixture, fixture_is_absent, "web2");
	assert_int_equal(fixture_program_count("quiet", true), 0);
	fixture_shell("ip link set quiet name web3");
	fixture_expect(fixture, fixture_is_attached, "web3");
}

/* A tcx link would follow its device into the other namespace. */
static void test_moves_away_and_back(void **state)
{
	struct fixture *fixture = fixture_begin(state);
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), away;

	fixture_shell("ip link add a0 type veth peer name a1");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	away = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	fixture_shell("ip link set a0 netns /proc/%d/fd/%d", getpid(), away);
	fixture_expect(fixture, fixture_is_absent, "a0");
	assert_int_equal(setns(away, CLONE_NEWNET), 0);
	assert_int_equal(fixture_program_count("a0", true), 0);
	fixture_shell("ip link set a0 netns /proc/%d/fd/%d", getpid(), home);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	fixture_expect(fixture, fixture_is_attached, "a0");
	assert_int_equal(fixture_program_count("a0", true), 1);
	close(home);
	close(away);
}

static void test_same_number_again(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	for (int i = 0; i < 10; i++) {
		fixture_shell("ip link add index 77 name a0 type veth peer name a1 index 78");
		if (i % 2)
			fixture_expect(fixture, fixture_is_attached, "a0");
		fixture_shell("ip link del a0");
	}
	fixture_shell("ip link add index 77 name a0 type veth peer name a1 index 78");
	fixture_expect(fixture, fixture_is_attached, "a0");
	assert_int_equal(interfaces_dispatch(fixture->interfaces), 0);
	assert_int_equal(fixture_program_count("a0", true), 1);
	assert_int_equal(fixture_program_count("a0", false), 1);
}

/* More changes than the socket holds: nothing is missed, a device that came back is seen anew. */
static void test_lost_messages(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add index 7777 name back type veth peer name back1 index 7778");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	fixture_shell("for i in $(seq 1500); do echo link set back mtu $((1000 + i)); done | "
		      "ip -batch -");
	fixture_shell("ip link del back; "
		      "ip link add index 7777 name back type veth peer name back1 index 7778; "
		      "ip link add late type veth peer name late1");
	fixture_expect(fixture, fixture_is_attached, "late");
	assert_true(fixture_is_attached(fixture, "back"));
	assert_int_equal(fixture_program_count("back", true), 1);
	assert_int_equal(fixture_program_count("back1", false), 1);
}

static void test_bridge_port_leaves(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add br0 type bridge; ip link add a0 type veth peer name a1; "
		      "ip link set a0 master br0");
	assert_int_equal(fixture_watch(fixture, fixture_globs("br0", "a0"), NULL, NULL), 0);
	assert_int_equal(fixture_role(fixture, "br0") & COUNTS, 0);
	assert_true(fixture_role(fixture, "br0") & FLOW_DEVICE_COVERED);
	assert_int_equal(fixture_role(fixture, "a0") & COUNTS, COUNTS);
	fixture_shell("ip link set a0 nomaster; ip link add marker type veth peer name marker1; "
		      "ip link set marker name a2; ip link set br0 alias done");
	assert_int_equal(interfaces_dispatch(fixture->interfaces), 0);
	assert_true(fixture_is_attached(fixture, "a0"));
	assert_int_equal(fixture_role(fixture, "br0") & COUNTS, COUNTS);
}

static void test_tunnel_has_no_link_header(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	if (access("/dev/net/tun", R_OK | W_OK)) {
		print_message("# skipped: no /dev/net/tun\n");
		skip();
	}
	fixture_shell("ip tuntap add dev tun0 mode tun");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	assert_true(fixture_is_attached(fixture, "tun0"));
	assert_true(fixture_role(fixture, "tun0") & FLOW_DEVICE_L3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_appears_and_disappears),
		FIXTURE_TEST(test_names_outlive_devices),
		FIXTURE_TEST(test_globs),
		FIXTURE_TEST(test_rename),
		FIXTURE_TEST(test_moves_away_and_back),
		FIXTURE_TEST(test_same_number_again),
		FIXTURE_TEST(test_lost_messages),
		FIXTURE_TEST(test_bridge_port_leaves),
		FIXTURE_TEST(test_tunnel_has_no_link_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
