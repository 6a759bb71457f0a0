/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/netns/interfaces_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flowd/kernel/check_hook.h"

#define TCX_INGRESS 46 /* linux/bpf.h of 6.6 and later */
#define TCX_EGRESS  47

/* ---- a namespace, a datapath, devices ------------------------------------------------------- */

void fixture_shell(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command))
		fail_msg("failed: %s", command);
}

int fixture_number(const char *format, ...)
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

int fixture_set_up(void **state)
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

int fixture_tear_down(void **state)
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

struct fixture *fixture_begin(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture->datapath) {
		print_message("# skipped: not root, so no network namespaces\n");
		skip();
	}
	return fixture;
}

const char *const *fixture_globs(const char *first, const char *second)
{
	static const char *lists[8][3];
	static int next;
	const char **list = lists[next++ % 8];

	list[0] = first;
	list[1] = second;
	list[2] = NULL;
	return list;
}

int fixture_watch(struct fixture *fixture, const char *const *include, const char *const *exclude,
		  const struct interface_rule *rules)
{
	const struct interfaces_options options = { .include = include,
						    .exclude = exclude,
						    .rules = rules };

	return interfaces_open(&fixture->interfaces, fixture->datapath, &options);
}

void fixture_unwatch(struct fixture *fixture)
{
	interfaces_close(fixture->interfaces);
	fixture->interfaces = NULL;
}

/* ---- looking -------------------------------------------------------------------------------- */

static void find_visit(void *context, const struct interface_info *info)
{
	struct found *found = context;

	if (!info->wanted || strcmp(info->name, found->name))
		return;
	found->present = true;
	found->info = *info;
}

struct found fixture_find(const struct fixture *fixture, const char *name)
{
	struct found found = { .name = name };

	interfaces_each(fixture->interfaces, find_visit, &found);
	return found;
}

bool fixture_is_attached(const struct fixture *fixture, const char *name)
{
	struct found found = fixture_find(fixture, name);

	return found.present && found.info.mode != ATTACHED_NONE;
}

bool fixture_is_absent(const struct fixture *fixture, const char *name)
{
	return !fixture_find(fixture, name).present;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void fixture_expect(struct fixture *fixture, condition_fn condition, const char *name)
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

int fixture_filter_count(const char *name, bool ingress)
{
	const char *direction = ingress ? "ingress" : "egress";

	return fixture_number("tc filter show dev %s %s | grep -c 'tc_%s.*direct-action'", name,
			      direction, direction);
}

enum attached_mode fixture_tc_mode(void)
{
	return check_hook_tcx() ? ATTACHED_CLSACT : ATTACHED_TCX;
}

int fixture_program_count(const char *name, bool ingress)
{
	__u32 ids[16], count = 16;

	if (fixture_tc_mode() == ATTACHED_CLSACT)
		return fixture_filter_count(name, ingress);
	assert_int_equal(bpf_prog_query((int)if_nametoindex(name),
					(enum bpf_attach_type)(ingress ? TCX_INGRESS : TCX_EGRESS),
					0, NULL, ids, &count),
			 0);
	return (int)count;
}

bool fixture_has_clsact(const char *name)
{
	return fixture_number("tc qdisc show dev %s | grep -c clsact", name) == 1;
}

uint32_t fixture_role(const struct fixture *fixture, const char *name)
{
	return fixture_find(fixture, name).info.role;
}
