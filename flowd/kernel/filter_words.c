/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The conditions of rules as the operator writes them. */
#include "flowd/kernel/filter_rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/address.h"
#include "proto/protocol.h"

/* Decimal digits alone, at most `high`. 0 or -EINVAL; *end is behind them. */
static int filter_words_number(const char *text, unsigned long high, unsigned long *number,
			       const char **end)
{
	char *behind;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*number = strtoul(text, &behind, 10);
	*end = behind;
	return errno || *number > high ? -EINVAL : 0;
}

static void filter_words_clear_host(struct filter_condition *condition)
{
	for (unsigned int bit = condition->bits; bit < 128; bit++)
		condition->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

static int filter_words_network(struct filter_condition *condition, const char *text)
{
	const char *slash = strchr(text, '/'), *end;
	char address[ADDRESS_TEXT_MAX];
	unsigned long bits;
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	int version;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = 0;
	if (address_parse(address, condition->address, &version))
		return -EINVAL;
	condition->ipv6 = version == 6;
	bits = version == 6 ? 128 : 32;
	if (slash && (filter_words_number(slash + 1, bits, &bits, &end) || *end))
		return -EINVAL;
	condition->bits = (uint8_t)(version == 6 ? bits : bits + 96);
	filter_words_clear_host(condition);
	return 0;
}

static int filter_words_ports(struct filter_condition *condition, const char *text)
{
	unsigned long low, high;
	const char *end;

	if (filter_words_number(text, 65535, &low, &end))
		return -EINVAL;
	high = low;
	if (*end == '-' && filter_words_number(end + 1, 65535, &high, &end))
		return -EINVAL;
	if (*end || !low || high < low)
		return -EINVAL;
	condition->low = (uint16_t)low;
	condition->high = (uint16_t)high;
	return 0;
}

/* A name may stand for two protocols, as "icmp" does. */
static int filter_words_protocol(struct filter_condition *condition, const char *text)
{
	int found = -EINVAL;
	unsigned long number;
	const char *end;

	if (!filter_words_number(text, 255, &number, &end) && !*end) {
		condition->low = condition->high = (uint16_t)number;
		return 0;
	}
	for (const struct field_name *row = protocol_names; row->name; row++) {
		if (strcasecmp(row->name, text))
			continue;
		if (!condition->low)
			condition->low = (uint16_t)row->number;
		condition->high = (uint16_t)row->number;
		found = 0;
	}
	return found;
}

static int filter_words_cgroup(const char *text)
{
	const char *part = text;
	unsigned int levels = 0;

	if (*text != '/')
		return -EINVAL;
	while (*part == '/' && part[1]) {
		size_t length = strcspn(++part, "/");

		if (!length || !strncmp(part, "..", length))
			return -EINVAL;
		part += length;
		levels++;
	}
	return levels < FLOW_FILTER_LEVELS ? 0 : -EINVAL;
}

static int filter_words_parse(struct filter_condition *condition, const char *text)
{
	switch ((enum filter_key)condition->key) {
	case FILTER_KEY_CIDR:
	case FILTER_KEY_SOURCE:
	case FILTER_KEY_DESTINATION:
		return filter_words_network(condition, text);
	case FILTER_KEY_PORT:
	case FILTER_KEY_SOURCE_PORT:
	case FILTER_KEY_DESTINATION_PORT:
		return filter_words_ports(condition, text);
	case FILTER_KEY_PROTOCOL:
		return filter_words_protocol(condition, text);
	case FILTER_KEY_INTERFACE:
		return *text ? 0 : -EINVAL;
	case FILTER_KEY_CGROUP:
		return filter_words_cgroup(text);
	case FILTER_KEY_COUNT:
		break;
	}
	return -EINVAL;
}

static const char *filter_words_form(enum filter_key key)
{
	switch (key) {
	case FILTER_KEY_CIDR:
	case FILTER_KEY_SOURCE:
	case FILTER_KEY_DESTINATION:
		return "an address or a network, such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32";
	case FILTER_KEY_PORT:
	case FILTER_KEY_SOURCE_PORT:
	case FILTER_KEY_DESTINATION_PORT:
		return "a port from 1 to 65535 or a range, such as 443 or 8000-8099";
	case FILTER_KEY_PROTOCOL:
		return "a protocol by name or number, such as tcp, icmp or 132";
	case FILTER_KEY_INTERFACE:
		return "a device's name or a glob, such as eth0 or \"veth*\"";
	case FILTER_KEY_CGROUP:
		return "a path from the root of the cgroup hierarchy, at most 7 deep, such as "
		       "/system.slice/nginx.service";
	case FILTER_KEY_COUNT:
		break;
	}
	return "";
}

/* "Either side" and "this side" in one rule would need two kinds of joining at once. */
static const char *filter_words_clash(const struct filter_rules *rules, uint32_t rule,
				      enum filter_key key)
{
	for (size_t i = 0; i < rules->condition_count; i++) {
		if (rules->condition[i].rule == rule &&
		    filter_key_clashes(rules->condition[i].key, key))
			return filter_key_name(rules->condition[i].key);
	}
	return NULL;
}

int filter_rules_condition(struct filter_rules *rules, uint32_t rule, enum filter_key key,
			   const char *text, char *why, size_t why_size)
{
	struct filter_condition condition = { .text = text,
					      .rule = (uint8_t)rule,
					      .key = (uint8_t)key };
	const char *clash = filter_words_clash(rules, rule, key);

	if (clash) {
		snprintf(why, why_size,
			 "cannot be in one rule with %s; keep one of them, or write two rules",
			 clash);
		return -EINVAL;
	}
	if (filter_words_parse(&condition, text)) {
		snprintf(why, why_size, "\"%s\" cannot be used; write %s", text,
			 filter_words_form(key));
		return -EINVAL;
	}
	if (rules->condition_count == FILTER_CONDITIONS_MAX) {
		snprintf(why, why_size, "too many values; all rules together may have %d",
			 FILTER_CONDITIONS_MAX);
		return -E2BIG;
	}
	rules->condition[rules->condition_count++] = condition;
	return 0;
}
