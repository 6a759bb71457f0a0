/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_known.h"

#include <errno.h>
#include <string.h>

#include "flowcli/conversation.h"
#include "proto/address.h"

static uint64_t held(const struct why_known *known)
{
	return known->count < WHY_KNOWN_MAX ? known->count : WHY_KNOWN_MAX;
}

static struct flow_key turned(const struct flow_key *key)
{
	struct flow_key back = *key;

	memcpy(back.src, key->dst, sizeof(back.src));
	memcpy(back.dst, key->src, sizeof(back.dst));
	back.src_port = key->dst_port;
	back.dst_port = key->src_port;
	return back;
}

bool why_known_has(const struct why_known *known, const struct flow_key *key, bool *back)
{
	for (uint64_t i = 0; i < held(known); i++) {
		const struct flow_key *there = &known->there[i];

		if (!conversation_is(there, key))
			continue;
		*back = memcmp(there->src, key->src, sizeof(key->src)) ||
			there->src_port != key->src_port;
		return true;
	}
	return false;
}

void why_known_add(struct why_known *known, const struct flow_key *key, bool back)
{
	bool way;

	if (!why_known_has(known, key, &way))
		known->there[known->count++ % WHY_KNOWN_MAX] = back ? turned(key) : *key;
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool is_pair(const struct flow_key *left, const struct flow_key *right)
{
	return !memcmp(left->src, right->src, sizeof(left->src)) &&
	       !memcmp(left->dst, right->dst, sizeof(left->dst));
}

/* The key is the first of its pair of addresses. */
static bool is_first(const struct why_known *known, uint64_t index)
{
	for (uint64_t i = 0; i < index; i++)
		if (is_pair(&known->there[i], &known->there[index]))
			return false;
	return true;
}

static struct filter *address_test(const char *field, const uint8_t address[16], bool ipv4)
{
	char text[ADDRESS_TEXT_MAX], why[256];
	struct filter *test = NULL;

	address_write(text, address, ipv4);
	return filter_test(field_find(field), text, &test, why, sizeof(why)) ? NULL : test;
}

static struct filter *pair_test(const uint8_t source[16], const uint8_t destination[16], bool ipv4)
{
	struct filter *left = address_test("source.ip", source, ipv4);
	struct filter *right = address_test("destination.ip", destination, ipv4);

	if (left && right)
		return filter_and(left, right);
	filter_free(left);
	filter_free(right);
	return NULL;
}

/* Both ways, added to what is there already; 0 or -ENOMEM, and then *tree is gone. */
static int add_pair(struct filter **tree, const struct flow_key *key)
{
	bool ipv4 = !(key->scope & FLOW_SCOPE_IPV6);

	for (int back = 0; back < 2; back++) {
		struct filter *pair =
			pair_test(back ? key->dst : key->src, back ? key->src : key->dst, ipv4);

		if (!pair) {
			filter_free(*tree);
			*tree = NULL;
			return -ENOMEM;
		}
		*tree = filter_or(*tree, pair);
		if (!*tree)
			return -ENOMEM;
	}
	return 0;
}

int why_known_filter(const struct why_known *known, struct filter **out)
{
	struct filter *pairs = NULL, *events = NULL;
	unsigned count = 0;
	char why[256];

	*out = NULL;
	for (uint64_t i = 0; i < held(known) && count < WHY_KNOWN_PAIRS; i++) {
		if (!is_first(known, i))
			continue;
		if (add_pair(&pairs, &known->there[i]))
			return -ENOMEM;
		count++;
	}
	if (!pairs)
		return 0;
	if (filter_test(field_find("type"), "drop,tcp", &events, why, sizeof(why))) {
		filter_free(pairs);
		return -ENOMEM;
	}
	*out = filter_and(events, pairs);
	return *out ? 0 : -ENOMEM;
}
