/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is attached, beside what others have there, and what is left when flowd ends or dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/netns/interfaces_fixture.h"

/* ---- how it is attached --------------------------------------------------------------------- */

static const struct interface_rule by_clsact[] = { { "*", ATTACH_CLSACT }, { NULL, ATTACH_AUTO } };

static void test_clsact_leaves_nothing(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add a0 type veth peer name a1");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, by_clsact), 0);
	assert_int_equal(fixture_find(fixture, "a0").info.mode, ATTACHED_CLSACT);
	assert_int_equal(fixture_filter_count("a0", true), 1);
	assert_int_equal(fixture_filter_count("a0", false), 1);
	fixture_unwatch(fixture);
	assert_false(fixture_has_clsact("a0"));
}

static void test_clsact_of_somebody_else(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add a0 type veth peer name a1; tc qdisc add dev a0 clsact; "
		      "tc filter add dev a0 ingress prio 1 protocol ip u32 match u32 0 0");
	assert_int_equal(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, by_clsact), 0);
	assert_int_equal(fixture_filter_count("a0", true), 1);
	fixture_unwatch(fixture);
	assert_true(fixture_has_clsact("a0"));
	assert_int_equal(fixture_filter_count("a0", true), 0);
	assert_int_equal(fixture_number("tc filter show dev a0 ingress | grep -c 'match 0000'"), 1);
}

static void test_clsact_used_by_another(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add a0 type veth peer name a1");
	assert_int_equal(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, by_clsact), 0);
	fixture_shell("tc filter add dev a0 egress prio 7 protocol ip u32 match u32 0 0");
	fixture_unwatch(fixture);
	assert_true(fixture_has_clsact("a0"));
	assert_int_equal(fixture_number("tc filter show dev a0 egress | grep -c 'match 0000'"), 1);
}

static void test_xdp(void **state)
{
	static const struct interface_rule rules[] = { { "native", ATTACH_XDP },
						       { "generic", ATTACH_XDP_GENERIC },
						       { NULL, ATTACH_AUTO } };
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add native type veth peer name generic");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, rules), 0);
	assert_int_equal(fixture_find(fixture, "native").info.mode, ATTACHED_XDP);
	assert_int_equal(fixture_find(fixture, "generic").info.mode, ATTACHED_XDP_GENERIC);
	assert_int_equal(fixture_program_count("native", true), 0);
	assert_int_equal(fixture_program_count("native", false), 1);
	fixture_unwatch(fixture);
	assert_int_equal(fixture_number("ip link show native | grep -c xdp"), 0);
}

static void test_auto_avoids_xdp_on_veth(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add a0 type veth peer name a1");
	assert_int_equal(fixture_watch(fixture, NULL, NULL, NULL), 0);
	assert_int_equal(fixture_number("ip link show a0 | grep -c xdp"), 0);
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
	struct fixture *fixture = fixture_begin(state);
	__u32 before = 0, after = 0;
	int fd;

	fixture_shell("ip link add a0 type veth peer name a1");
	fd = foreign_xdp("a0");
	bpf_xdp_query_id((int)if_nametoindex("a0"), 0, &before);
	assert_int_equal(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, rules), 0);
	assert_int_equal(fixture_find(fixture, "a0").info.mode, fixture_tc_mode());
	assert_non_null(fixture_find(fixture, "a0").info.note);
	fixture_unwatch(fixture);
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

	fixture_shell("ip link add a0 type veth peer name a1");
	assert_int_equal(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, first), 0);
	assert_int_equal(interfaces_open(&other, fixture->datapath, &options), -EBUSY);
	assert_null(other);
	assert_true(fixture_is_attached(fixture, "a0"));
}

static void test_second_is_refused(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	second_is_refused(fixture, NULL, NULL);
	assert_int_equal(fixture_program_count("a0", true), 1);
	assert_int_equal(fixture_program_count("a1", true), 0);
}

static void test_second_is_refused_by_clsact(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	second_is_refused(fixture, by_clsact, NULL);
	assert_int_equal(fixture_filter_count("a0", true), 1);
}

static void test_second_on_other_devices(void **state)
{
	const struct interfaces_options options = { .include = fixture_globs("a1", NULL) };
	struct fixture *fixture = fixture_begin(state);
	struct interfaces *other = NULL;

	fixture_shell("ip link add a0 type veth peer name a1");
	assert_int_equal(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, NULL), 0);
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
		_exit(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, rules) ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_crash_leaves_no_link(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	if (fixture_tc_mode() == ATTACHED_CLSACT) {
		print_message(
			"# skipped: no tcx before Linux 6.6, and filters outlive their maker\n");
		skip();
	}
	fixture_shell("ip link add a0 type veth peer name a1");
	attach_and_die(fixture, NULL);
	assert_int_equal(fixture_program_count("a0", true), 0);
	assert_int_equal(fixture_program_count("a0", false), 0);
}

static void test_filters_of_the_dead_are_removed(void **state)
{
	struct fixture *fixture = fixture_begin(state);

	fixture_shell("ip link add a0 type veth peer name a1");
	attach_and_die(fixture, by_clsact);
	assert_int_equal(fixture_filter_count("a0", true), 1);
	assert_int_equal(fixture_watch(fixture, fixture_globs("a0", NULL), NULL, NULL), 0);
	assert_int_equal(fixture_find(fixture, "a0").info.mode, fixture_tc_mode());
	assert_int_equal(fixture_program_count("a0", true), 1);
	assert_int_equal(fixture_filter_count("a0", false),
			 fixture_tc_mode() == ATTACHED_CLSACT ? 1 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_clsact_leaves_nothing),
		FIXTURE_TEST(test_clsact_of_somebody_else),
		FIXTURE_TEST(test_clsact_used_by_another),
		FIXTURE_TEST(test_xdp),
		FIXTURE_TEST(test_auto_avoids_xdp_on_veth),
		FIXTURE_TEST(test_xdp_of_somebody_else),
		FIXTURE_TEST(test_second_is_refused),
		FIXTURE_TEST(test_second_is_refused_by_clsact),
		FIXTURE_TEST(test_second_on_other_devices),
		FIXTURE_TEST(test_crash_leaves_no_link),
		FIXTURE_TEST(test_filters_of_the_dead_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
