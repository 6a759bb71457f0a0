/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stage of the tests of flowd/dns: clients and servers that say what they are told, and the
 * records that come of it. */
#ifndef TESTS_DNS_STAGE_H
#define TESTS_DNS_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flowd/dns/dns.h"
#include "proto/record_parts.h"
#include "tests/unit/dns_wire.h"

#define SECOND	1000000000ull
#define MS	1000000ull
#define CLIENT	"10.0.0.1"
#define SERVER	"10.0.0.53"
#define SERVER2 "10.0.0.54"
#define RECORDS 64

static struct dns *dns;
static struct wire wire;
static struct flow_record records[RECORDS];
static void *parts[RECORDS];
static size_t count;

static inline void keep(void *context, const struct flow_record *record)
{
	size_t size = record_parts_size(record);

	(void)context;
	assert_true(count < RECORDS);
	records[count] = *record;
	parts[count] = malloc(size);
	record_parts_move(&records[count], parts[count]);
	count++;
}

static inline int open_with(size_t max_pending, size_t name_bytes)
{
	struct dns_options options = DNS_OPTIONS_DEFAULT;

	options.emit = keep;
	options.max_pending = max_pending;
	options.name_bytes = name_bytes;
	options.hash_seed[0] = 1;
	options.hash_seed[1] = 2;
	return dns_open(&dns, &options);
}

static inline int set_up(void **state)
{
	(void)state;
	return open_with(1024, 1 << 20);
}

static inline void forget(void)
{
	while (count)
		free(parts[--count]);
}

static inline int tear_down(void **state)
{
	(void)state;
	dns_close(dns);
	forget();
	return 0;
}

static inline void ask_from(const char *client, unsigned port, unsigned id, const char *name,
			    const char *server, uint64_t time_ns)
{
	struct dns_packet packet;

	wire_query(&wire, id, name, 1);
	packet = wire_packet(&wire, client, port, server, 53, time_ns);
	dns_take(dns, &packet);
}

static inline void answer_to(const char *client, unsigned port, unsigned id, const char *name,
			     const char *address, const char *server, uint64_t time_ns)
{
	struct dns_packet packet;

	wire_response(&wire, id, address ? 0 : 3, name, 1);
	if (address)
		wire_a(&wire, 30, address);
	packet = wire_packet(&wire, server, 53, client, port, time_ns);
	dns_take(dns, &packet);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
