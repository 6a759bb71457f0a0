/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Devices that come, go, change name and namespace, and what is attached to them: the real kernel,
 * in network namespaces of the test's own, which end with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "flowd/kernel/datapath.h"
#include "flowd/kernel/interfaces.h"

#define TCX_INGRESS 46 /* linux/bpf.h of 6.6 and later */
#define TCX_EGRESS  47
#define COUNTS	    (FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS)

/* ---- a namespace, a datapath, devices ------------------------------------------------------- */

struct fixture {
	int outside; /* the namespace we came from */
	struct datapath *datapath;
	struct interfaces *interfaces;
};

static void __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command))
		fail_msg("failed: %s", command);
}

/* The number that the command prints. */
static int __attribute__((format(printf, 1, 2))) shell_number(const char *format, ...)
{
	char command[512];
	int number = -1;
	va_list arguments;
	FILE *pipe;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	if (fscanf(pipe, "%d", &number) != 1)
		number = -1;
	pclose(pipe);
	return number;
}

static int set_up(void **state)
{
	const struct datapath_options options = { .table_flows = 1024, .ring_bytes = 1 << 16 };
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	if (geteuid())
		return 0;
	fixture->outside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fixture->outside < 0 || unshare(CLONE_NEWNET))
		return -1;
	return datapath_open(&fixture->datapath, &options);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	interfaces_close(fixture->interfaces);
	datapath_close(fixture->datapath);
	if (fixture->outside > 0) {
		setns(fixture->outside, CLONE_NEWNET);
		close(fixture->outside);
	}
	free(fixture);
	return 0;
}

static struct fixture *begin(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture->datapath) {
		print_message("skipped: not root, so no network namespaces\n");
		skip();
	}
	return fixture;
}

static const char *const *globs(const char *first, const char *second)
{
	static const char *lists[8][3];
	static int next;
	const char **list = lists[next++ % 8];

	list[0] = first;
	list[1] = second;
	list[2] = NULL;
	return list;
}

static int watch(struct fixture *fixture, const char *const *include, const char *const *exclude,
		 const struct interface_rule *rules)
{
	const struct interfaces_options options = { .include = include,
						    .exclude = exclude,
						    .rules = rules };

	return interfaces_open(&fixture->interfaces, fixture->datapath, &options);
}

/* ---- looking -------------------------------------------------------------------------------- */

struct found {
	const char *name;
	bool present;
	struct interface_info info;
};

static void find_visit(void *context, const struct interface_info *info)
{
	struct found *found = context;

	if (strcmp(info->name, found->name))
		return;
	found->present = true;
	found->info = *info;
}

static struct found find(const struct fixture *fixture, const char *name)
{
	struct found found = { .name = name };

	interfaces_each(fixture->interfaces, find_visit, &found);
	return found;
}

static bool is_attached(const struct fixture *fixture, const char *name)
{
	struct found found = find(fixture, name);

	return found.present && found.info.mode != ATTACHED_NONE;
}

static bool is_absent(const struct fixture *fixture, const char *name)
{
	return !find(fixture, name).present;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

typedef bool (*condition_fn)(const struct fixture *fixture, const char *name);

/* Runs the watch as the daemon's loop would, for at most the second that is promised. */
static void expect(struct fixture *fixture, condition_fn condition, const char *name)
{
	struct pollfd poller = { .fd = interfaces_fd(fixture->interfaces), .events = POLLIN };
	int64_t deadline = now_ms() + 1000;

	while (!condition(fixture, name)) {
		int64_t left = deadline - now_ms();

		if (left <= 0)
			fail_msg("%s: not within a second", name);
		if (poll(&poller, 1, (int)left) > 0)
			assert_int_equal(interfaces_dispatch(fixture->interfaces), 0);
	}
}

static int tcx_count(const char *name, int type)
{
	__u32 ids[16], count = 16;

	if (bpf_prog_query((int)if_nametoindex(name), (enum bpf_attach_type)type, 0, NULL, ids,
			   &count))
		return -1;
	return (int)count;
}

static int filter_count(const char *name, const char *direction)
{
	return shell_number("tc filter show dev %s %s | grep -c 'tc_%s.*direct-action'", name,
			    direction, direction);
}

static bool has_clsact(const char *name)
{
	return shell_number("tc qdisc show dev %s | grep -c clsact", name) == 1;
}

static uint32_t role_of(const struct fixture *fixture, const char *name)
{
	return find(fixture, name).info.role;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static void test_appears_and_disappears(void **state)
{
	struct fixture *fixture = begin(state);

	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	assert_true(is_absent(fixture, "lo"));
	shell("ip link add a0 type veth peer name a1");
	expect(fixture, is_attached, "a0");
	expect(fixture, is_attached, "a1");
	assert_int_equal(find(fixture, "a0").info.mode, ATTACHED_TCX);
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 1);
	assert_int_equal(tcx_count("a0", TCX_EGRESS), 1);
	shell("ip link del a0");
	expect(fixture, is_absent, "a0");
	expect(fixture, is_absent, "a1");
}

static void test_names_outlive_devices(void **state)
{
	struct fixture *fixture = begin(state);
	uint32_t ifindex;

	shell("ip link add a0 type veth peer name a1");
	ifindex = if_nametoindex("a0");
	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	shell("ip link del a0");
	expect(fixture, is_absent, "a0");
	assert_string_equal(interfaces_name(fixture->interfaces, ifindex), "a0");
	assert_null(interfaces_name(fixture->interfaces, 123456));
}

static void test_globs(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add pod1 type veth peer name other; "
	      "ip link add pod2 type veth peer name podx");
	assert_int_equal(watch(fixture, globs("pod*", NULL), globs("pod[2-9]", NULL), NULL), 0);
	assert_true(is_attached(fixture, "pod1"));
	assert_true(is_attached(fixture, "podx"));
	assert_true(is_absent(fixture, "pod2"));
	assert_true(is_absent(fixture, "other"));
	assert_int_equal(tcx_count("pod2", TCX_INGRESS), 0);
}

static void test_rename(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add web1 type veth peer name peer");
	assert_int_equal(watch(fixture, globs("web*", NULL), NULL, NULL), 0);
	shell("ip link set web1 name web2");
	expect(fixture, is_attached, "web2");
	assert_int_equal(tcx_count("web2", TCX_INGRESS), 1);
	shell("ip link set web2 name quiet");
	expect(fixture, is_absent, "web2");
	assert_int_equal(tcx_count("quiet", TCX_INGRESS), 0);
	shell("ip link set quiet name web3");
	expect(fixture, is_attached, "web3");
}

/* A tcx link would follow its device into the other namespace. */
static void test_moves_away_and_back(void **state)
{
	struct fixture *fixture = begin(state);
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), away;

	shell("ip link add a0 type veth peer name a1");
	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	away = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	shell("ip link set a0 netns /proc/%d/fd/%d", getpid(), away);
	expect(fixture, is_absent, "a0");
	assert_int_equal(setns(away, CLONE_NEWNET), 0);
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 0);
	shell("ip link set a0 netns /proc/%d/fd/%d", getpid(), home);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	expect(fixture, is_attached, "a0");
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 1);
	close(home);
	close(away);
}

static void test_same_number_again(void **state)
{
	struct fixture *fixture = begin(state);

	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	for (int i = 0; i < 10; i++) {
		shell("ip link add index 77 name a0 type veth peer name a1 index 78");
		if (i % 2)
			expect(fixture, is_attached, "a0");
		shell("ip link del a0");
	}
	shell("ip link add index 77 name a0 type veth peer name a1 index 78");
	expect(fixture, is_attached, "a0");
	assert_int_equal(interfaces_dispatch(fixture->interfaces), 0);
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 1);
	assert_int_equal(tcx_count("a0", TCX_EGRESS), 1);
}

/* More changes than the socket holds: nothing is missed, a device that came back is seen anew. */
static void test_lost_messages(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add index 7777 name back type veth peer name back1 index 7778");
	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	shell("for i in $(seq 1500); do echo link set back mtu $((1000 + i)); done | "
	      "ip -batch -");
	shell("ip link del back; "
	      "ip link add index 7777 name back type veth peer name back1 index 7778; "
	      "ip link add late type veth peer name late1");
	expect(fixture, is_attached, "late");
	assert_true(is_attached(fixture, "back"));
	assert_int_equal(tcx_count("back", TCX_INGRESS), 1);
	assert_int_equal(tcx_count("back1", TCX_EGRESS), 1);
}

static void test_bridge_port_leaves(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add br0 type bridge; ip link add a0 type veth peer name a1; "
	      "ip link set a0 master br0");
	assert_int_equal(watch(fixture, globs("br0", "a0"), NULL, NULL), 0);
	assert_int_equal(role_of(fixture, "br0") & COUNTS, 0);
	assert_true(role_of(fixture, "br0") & FLOW_DEVICE_COVERED);
	assert_int_equal(role_of(fixture, "a0") & COUNTS, COUNTS);
	shell("ip link set a0 nomaster; ip link add marker type veth peer name marker1; "
	      "ip link set marker name a2; ip link set br0 alias done");
	assert_int_equal(interfaces_dispatch(fixture->interfaces), 0);
	assert_true(is_attached(fixture, "a0"));
	assert_int_equal(role_of(fixture, "br0") & COUNTS, COUNTS);
}

static void test_tunnel_has_no_link_header(void **state)
{
	struct fixture *fixture = begin(state);

	if (access("/dev/net/tun", R_OK | W_OK)) {
		print_message("skipped: no /dev/net/tun\n");
		skip();
	}
	shell("ip tuntap add dev tun0 mode tun");
	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	assert_true(is_attached(fixture, "tun0"));
	assert_true(role_of(fixture, "tun0") & FLOW_DEVICE_L3);
}

/* ---- how it is attached --------------------------------------------------------------------- */

static const struct interface_rule by_clsact[] = { { "*", ATTACH_CLSACT }, { NULL, ATTACH_AUTO } };

static void test_clsact_leaves_nothing(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add a0 type veth peer name a1");
	assert_int_equal(watch(fixture, NULL, NULL, by_clsact), 0);
	assert_int_equal(find(fixture, "a0").info.mode, ATTACHED_CLSACT);
	assert_int_equal(filter_count("a0", "ingress"), 1);
	assert_int_equal(filter_count("a0", "egress"), 1);
	interfaces_close(fixture->interfaces);
	fixture->interfaces = NULL;
	assert_false(has_clsact("a0"));
}

static void test_clsact_of_somebody_else(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add a0 type veth peer name a1; tc qdisc add dev a0 clsact; "
	      "tc filter add dev a0 ingress prio 1 protocol ip u32 match u32 0 0");
	assert_int_equal(watch(fixture, globs("a0", NULL), NULL, by_clsact), 0);
	assert_int_equal(filter_count("a0", "ingress"), 1);
	interfaces_close(fixture->interfaces);
	fixture->interfaces = NULL;
	assert_true(has_clsact("a0"));
	assert_int_equal(filter_count("a0", "ingress"), 0);
	assert_int_equal(shell_number("tc filter show dev a0 ingress | grep -c 'match 0000'"), 1);
}

static void test_clsact_used_by_another(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add a0 type veth peer name a1");
	assert_int_equal(watch(fixture, globs("a0", NULL), NULL, by_clsact), 0);
	shell("tc filter add dev a0 egress prio 7 protocol ip u32 match u32 0 0");
	interfaces_close(fixture->interfaces);
	fixture->interfaces = NULL;
	assert_true(has_clsact("a0"));
	assert_int_equal(shell_number("tc filter show dev a0 egress | grep -c 'match 0000'"), 1);
}

static void test_xdp(void **state)
{
	static const struct interface_rule rules[] = { { "native", ATTACH_XDP },
						       { "generic", ATTACH_XDP_GENERIC },
						       { NULL, ATTACH_AUTO } };
	struct fixture *fixture = begin(state);

	shell("ip link add native type veth peer name generic");
	assert_int_equal(watch(fixture, NULL, NULL, rules), 0);
	assert_int_equal(find(fixture, "native").info.mode, ATTACHED_XDP);
	assert_int_equal(find(fixture, "generic").info.mode, ATTACHED_XDP_GENERIC);
	assert_int_equal(tcx_count("native", TCX_INGRESS), 0);
	assert_int_equal(tcx_count("native", TCX_EGRESS), 1);
	interfaces_close(fixture->interfaces);
	fixture->interfaces = NULL;
	assert_int_equal(shell_number("ip link show native | grep -c xdp"), 0);
}

static void test_auto_avoids_xdp_on_veth(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add a0 type veth peer name a1");
	assert_int_equal(watch(fixture, NULL, NULL, NULL), 0);
	assert_int_equal(shell_number("ip link show a0 | grep -c xdp"), 0);
}

/* Somebody's XDP program: XDP_PASS. */
static int foreign_xdp(const char *name)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "GPL", program, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex(name), fd, XDP_FLAGS_DRV_MODE, NULL),
			 0);
	return fd;
}

static void test_xdp_of_somebody_else(void **state)
{
	static const struct interface_rule rules[] = { { "*", ATTACH_XDP }, { NULL, ATTACH_AUTO } };
	struct fixture *fixture = begin(state);
	__u32 before = 0, after = 0;
	int fd;

	shell("ip link add a0 type veth peer name a1");
	fd = foreign_xdp("a0");
	bpf_xdp_query_id((int)if_nametoindex("a0"), 0, &before);
	assert_int_equal(watch(fixture, globs("a0", NULL), NULL, rules), 0);
	assert_int_equal(find(fixture, "a0").info.mode, ATTACHED_TCX);
	assert_non_null(find(fixture, "a0").info.note);
	interfaces_close(fixture->interfaces);
	fixture->interfaces = NULL;
	bpf_xdp_query_id((int)if_nametoindex("a0"), 0, &after);
	assert_int_not_equal(before, 0);
	assert_int_equal(before, after);
	close(fd);
}

/* ---- other flowds --------------------------------------------------------------------------- */

static void second_is_refused(struct fixture *fixture, const struct interface_rule *first,
			      const struct interface_rule *second)
{
	const struct interfaces_options options = { .rules = second };
	struct interfaces *other = NULL;

	shell("ip link add a0 type veth peer name a1");
	assert_int_equal(watch(fixture, globs("a0", NULL), NULL, first), 0);
	assert_int_equal(interfaces_open(&other, fixture->datapath, &options), -EBUSY);
	assert_null(other);
	assert_true(is_attached(fixture, "a0"));
}

static void test_second_is_refused(void **state)
{
	struct fixture *fixture = begin(state);

	second_is_refused(fixture, NULL, NULL);
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 1);
	assert_int_equal(tcx_count("a1", TCX_INGRESS), 0);
}

static void test_second_is_refused_by_clsact(void **state)
{
	struct fixture *fixture = begin(state);

	second_is_refused(fixture, by_clsact, NULL);
	assert_int_equal(filter_count("a0", "ingress"), 1);
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 0);
}

static void test_second_on_other_devices(void **state)
{
	const struct interfaces_options options = { .include = globs("a1", NULL) };
	struct fixture *fixture = begin(state);
	struct interfaces *other = NULL;

	shell("ip link add a0 type veth peer name a1");
	assert_int_equal(watch(fixture, globs("a0", NULL), NULL, NULL), 0);
	assert_int_equal(interfaces_open(&other, fixture->datapath, &options), 0);
	interfaces_close(other);
}

/* A child attaches and dies without a word. */
static void attach_and_die(struct fixture *fixture, const struct interface_rule *rules)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(watch(fixture, globs("a0", NULL), NULL, rules) ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_crash_leaves_no_link(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add a0 type veth peer name a1");
	attach_and_die(fixture, NULL);
	assert_int_equal(tcx_count("a0", TCX_INGRESS), 0);
	assert_int_equal(tcx_count("a0", TCX_EGRESS), 0);
}

static void test_filters_of_the_dead_are_removed(void **state)
{
	struct fixture *fixture = begin(state);

	shell("ip link add a0 type veth peer name a1");
	attach_and_die(fixture, by_clsact);
	assert_int_equal(filter_count("a0", "ingress"), 1);
	assert_int_equal(watch(fixture, globs("a0", NULL), NULL, NULL), 0);
	assert_int_equal(find(fixture, "a0").info.mode, ATTACHED_TCX);
	assert_int_equal(filter_count("a0", "ingress"), 0);
	assert_int_equal(filter_count("a0", "egress"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_appears_and_disappears),
		CASE(test_names_outlive_devices),
		CASE(test_globs),
		CASE(test_rename),
		CASE(test_moves_away_and_back),
		CASE(test_same_number_again),
		CASE(test_lost_messages),
		CASE(test_bridge_port_leaves),
		CASE(test_tunnel_has_no_link_header),
		CASE(test_clsact_leaves_nothing),
		CASE(test_clsact_of_somebody_else),
		CASE(test_clsact_used_by_another),
		CASE(test_xdp),
		CASE(test_auto_avoids_xdp_on_veth),
		CASE(test_xdp_of_somebody_else),
		CASE(test_second_is_refused),
		CASE(test_second_is_refused_by_clsact),
		CASE(test_second_on_other_devices),
		CASE(test_crash_leaves_no_link),
		CASE(test_filters_of_the_dead_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
