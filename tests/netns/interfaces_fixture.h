/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A network namespace of the test's own, with devices in it, a datapath, and the watch under test.
 * Needs root; fixture_begin skips the test without.
 */
#ifndef INTERFACES_FIXTURE_H
#define INTERFACES_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "flowd/kernel/interfaces.h"

struct fixture {
	int outside; /* the namespace we came from */
	struct datapath *datapath;
	struct interfaces *interfaces;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

struct fixture *fixture_begin(void **state);
/* Opens the watch; the lists are borrowed. */
int fixture_watch(struct fixture *fixture, const char *const *include, const char *const *exclude,
		  const struct interface_rule *rules);
/* Closes it, as the daemon does at its end. */
void fixture_unwatch(struct fixture *fixture);
/* A list of one or two globs; good for the next seven calls. */
const char *const *fixture_globs(const char *first, const char *second);

/* Runs a command that must succeed. */
void fixture_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The number that the command prints. */
int fixture_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct found {
	const char *name;
	bool present;
	struct interface_info info;
};

struct found fixture_find(const struct fixture *fixture, const char *name);
bool fixture_is_attached(const struct fixture *fixture, const char *name);
bool fixture_is_absent(const struct fixture *fixture, const char *name);
uint32_t fixture_role(const struct fixture *fixture, const char *name);
typedef bool (*condition_fn)(const struct fixture *fixture, const char *name);

/* Runs the watch as the daemon's loop would, for at most the second that is promised. */
void fixture_expect(struct fixture *fixture, condition_fn condition, const char *name);

/* How this kernel attaches to tc by itself: ATTACHED_TCX, or ATTACHED_CLSACT before 6.6. */
enum attached_mode fixture_tc_mode(void);
/* Programs on that hook: by tcx where the kernel has it, else filters of ours. */
int fixture_program_count(const char *name, bool ingress);
/* Filters of ours under clsact. */
int fixture_filter_count(const char *name, bool ingress);
bool fixture_has_clsact(const char *name);

#endif
