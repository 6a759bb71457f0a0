/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What user space spends on a DNS message: parsing, pairing, naming and a copy into
 * history. bench_dns [MESSAGES]: queries of many names and their answers, in turn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "flowd/dns/dns.h"
#include "flowd/store/history.h"
#include "tests/bench/timing.h"
#include "tests/unit/dns_wire.h"

#define NAMES	 10000
#define ROUNDS	 5
#define MESSAGES 1000000

static void keep(void *context, const struct flow_record *record)
{
	history_append(context, record);
}

static void drop(void *context, const struct flow_record *record)
{
	(void)context;
	(void)record;
}

/* As 20,000 questions a second are; ns per message. */
static double run(unsigned messages, struct history *history)
{
	static struct wire query, response;
	struct dns_options options = DNS_OPTIONS_DEFAULT;
	uint64_t now_ns = 1;
	double begun;
	struct dns *dns;

	options.emit = history ? keep : drop;
	options.context = history;
	if (dns_open(&dns, &options))
		exit(1);
	begun = timing_thread_ns();
	for (unsigned i = 0; i < messages / 2; i++) {
		char name[64], address[32];
		struct dns_packet packet;

		snprintf(name, sizeof(name), "host%u.bench.example", i % NAMES);
		snprintf(address, sizeof(address), "10.1.%u.%u", i % NAMES >> 8, i & 255);
		wire_query(&query, i & 0xffff, name, 1);
		packet = wire_packet(&query, "10.0.0.1", 40000 + i % 4, "10.0.0.53", 53, now_ns);
		dns_take(dns, &packet);
		wire_response(&response, i & 0xffff, 0, name, 1);
		wire_a(&response, 30, address);
		packet = wire_packet(&response, "10.0.0.53", 53, "10.0.0.1", 40000 + i % 4,
				     now_ns + 20000);
		dns_take(dns, &packet);
		now_ns += 50000;
		if (i % 1000 == 0)
			dns_age(dns, now_ns);
	}
	begun = timing_thread_ns() - begun;
	dns_close(dns);
	return begun / messages;
}

int main(int argc, char **argv)
{
	unsigned messages = argc > 1 ? (unsigned)atoi(argv[1]) : MESSAGES;
	double alone[ROUNDS], kept[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		struct history *history;

		if (history_open(&history, 65536, 32u << 20))
			return 1;
		alone[round] = run(messages, NULL);
		kept[round] = run(messages, history);
		history_close(history);
	}
	printf("ns per message, with making it: %.0f; with its record kept in history: %.0f "
	       "(medians of %d)\n",
	       timing_median(alone, ROUNDS), timing_median(kept, ROUNDS), ROUNDS);
	return 0;
}
