/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/filter_rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define EITHER	  3u /* sides */
#define BIT(rule) (UINT64_C(1) << (rule))

static const struct {
	const char *name;
	uint32_t dimension;
	unsigned int sides;
	const char *help;
} keys[] = {
#define FILTER_KEY_ROW(id, name, dimension, sides, help) { name, dimension, sides, help },
	FILTER_KEYS(FILTER_KEY_ROW)
};

const char *filter_key_name(enum filter_key key)
{
	return keys[key].name;
}

const char *filter_key_help(enum filter_key key)
{
	return keys[key].help;
}

int filter_key_find(const char *name)
{
	for (int key = 0; key < FILTER_KEY_COUNT; key++) {
		if (!strcmp(keys[key].name, name))
			return key;
	}
	return -1;
}

bool filter_key_clashes(enum filter_key a, enum filter_key b)
{
	return keys[a].dimension == keys[b].dimension && keys[a].sides != keys[b].sides &&
	       (keys[a].sides | keys[b].sides) == EITHER &&
	       (keys[a].sides == EITHER || keys[b].sides == EITHER);
}

int filter_rules_add(struct filter_rules *rules, bool allow)
{
	if (rules->count == FLOW_FILTER_RULES)
		return -E2BIG;
	rules->allow &= ~BIT(rules->count);
	if (allow)
		rules->allow |= BIT(rules->count);
	return (int)rules->count++;
}

bool filter_rules_equal(const struct filter_rules *a, const struct filter_rules *b)
{
	bool equal = a->allow == b->allow && a->count == b->count &&
		     a->deny_others == b->deny_others && a->condition_count == b->condition_count;

	for (size_t i = 0; i < a->condition_count && equal; i++)
		equal = a->condition[i].rule == b->condition[i].rule &&
			a->condition[i].key == b->condition[i].key &&
			!strcmp(a->condition[i].text, b->condition[i].text);
	return equal;
}

bool filter_rules_active(const struct filter_rules *rules)
{
	return rules->count || rules->deny_others;
}

uint32_t filter_rules_dimensions(const struct filter_rules *rules)
{
	uint32_t dimensions = 0;

	for (size_t i = 0; i < rules->condition_count; i++)
		dimensions |= keys[rules->condition[i].key].dimension;
	return dimensions;
}

/* ---- masks ---------------------------------------------------------------------------------- */

static uint64_t filter_rules_all(const struct filter_rules *rules)
{
	return rules->count == FLOW_FILTER_RULES ? ~UINT64_C(0) : BIT(rules->count) - 1;
}

/* The rules with a condition in the dimension, and there on any of these sides. */
static uint64_t filter_rules_with(const struct filter_rules *rules, uint32_t dimension,
				  unsigned int sides)
{
	uint64_t with = 0;

	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (keys[condition->key].dimension == dimension &&
		    (!sides || keys[condition->key].sides & sides))
			with |= BIT(condition->rule);
	}
	return with;
}

/* Those whose condition either side may satisfy. */
static uint64_t filter_rules_either(const struct filter_rules *rules, enum filter_key key)
{
	uint64_t either = 0;

	for (size_t i = 0; i < rules->condition_count; i++) {
		if (rules->condition[i].key == key)
			either |= BIT(rules->condition[i].rule);
	}
	return either;
}

static void filter_rules_free_of(const struct filter_rules *rules, struct flow_filter_bank *bank)
{
	uint64_t all = filter_rules_all(rules);

	bank->allow = rules->allow & all;
	bank->rules = all;
	bank->otherwise = !rules->deny_others;
	bank->either_address = filter_rules_either(rules, FILTER_KEY_CIDR);
	bank->either_port = filter_rules_either(rules, FILTER_KEY_PORT);
	bank->addressed = filter_rules_with(rules, FLOW_FILTER_ADDRESS, 0);
	bank->no_interface = all & ~filter_rules_with(rules, FLOW_FILTER_INTERFACE, 0);
	bank->no_cgroup = all & ~filter_rules_with(rules, FLOW_FILTER_CGROUP, 0);
	for (unsigned int side = 0; side < FLOW_FILTER_SIDES; side++) {
		bank->no_address[side] =
			all & ~filter_rules_with(rules, FLOW_FILTER_ADDRESS, 1u << side);
		bank->no_port[side] = all & ~filter_rules_with(rules, FLOW_FILTER_PORT, 1u << side);
	}
}

static void filter_rules_protocols(const struct filter_rules *rules, struct flow_filter_bank *bank)
{
	uint64_t none =
		filter_rules_all(rules) & ~filter_rules_with(rules, FLOW_FILTER_PROTOCOL, 0);

	for (size_t i = 0; i < 256; i++)
		bank->protocol[i] = none;
	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (condition->key != FILTER_KEY_PROTOCOL)
			continue;
		bank->protocol[condition->low] |= BIT(condition->rule);
		bank->protocol[condition->high] |= BIT(condition->rule);
	}
}

uint64_t filter_rules_of_interface(const struct filter_rules *rules, const char *name)
{
	uint64_t found =
		filter_rules_all(rules) & ~filter_rules_with(rules, FLOW_FILTER_INTERFACE, 0);

	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (condition->key == FILTER_KEY_INTERFACE && !fnmatch(condition->text, name, 0))
			found |= BIT(condition->rule);
	}
	return found;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static void filter_rules_of_port(const struct filter_rules *rules,
				 const struct flow_filter_bank *bank, unsigned int port,
				 uint64_t found[FLOW_FILTER_SIDES])
{
	memcpy(found, bank->no_port, sizeof(bank->no_port));
	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (keys[condition->key].dimension != FLOW_FILTER_PORT || port < condition->low ||
		    port > condition->high)
			continue;
		for (unsigned int side = 0; side < FLOW_FILTER_SIDES; side++) {
			if (keys[condition->key].sides & 1u << side)
				found[side] |= BIT(condition->rule);
		}
	}
}

/* Index of the class with these masks, made where there is none; -E2BIG. */
static int filter_rules_class(struct flow_filter_bank *bank, unsigned int *classes,
			      const uint64_t found[FLOW_FILTER_SIDES])
{
	for (unsigned int i = 0; i < *classes; i++) {
		if (!memcmp(bank->port[i], found, sizeof(bank->port[i])))
			return (int)i;
	}
	if (*classes == FLOW_FILTER_PORT_CLASSES)
		return -E2BIG;
	memcpy(bank->port[*classes], found, sizeof(bank->port[0]));
	return (int)(*classes)++;
}

/* The first port above `port` whose masks may differ; 65536 when none does. */
static unsigned int filter_rules_next_port(const struct filter_rules *rules, unsigned int port)
{
	unsigned int next = 65536;

	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (keys[condition->key].dimension != FLOW_FILTER_PORT)
			continue;
		if (condition->low > port && condition->low < next)
			next = condition->low;
		if (condition->high >= port && condition->high + 1u < next)
			next = condition->high + 1u;
	}
	return next;
}

static int filter_rules_ports(const struct filter_rules *rules, struct flow_filter_bank *bank)
{
	unsigned int classes = 0, port = 0;

	while (port < 65536) {
		unsigned int next = filter_rules_next_port(rules, port);
		uint64_t found[FLOW_FILTER_SIDES];
		int class;

		filter_rules_of_port(rules, bank, port, found);
		class = filter_rules_class(bank, &classes, found);
		if (class < 0)
			return class;
		memset(bank->port_class + port, class, next - port);
		port = next;
	}
	return 0;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static bool filter_rules_contains(const struct filter_condition *outer,
				  const struct filter_condition *inner)
{
	unsigned int bytes = outer->bits / 8, rest = outer->bits % 8;

	if (outer->ipv6 != inner->ipv6 || outer->bits > inner->bits ||
	    memcmp(outer->address, inner->address, bytes))
		return false;
	return !rest || (outer->address[bytes] ^ inner->address[bytes]) >> (8 - rest) == 0;
}

static uint64_t filter_rules_of_prefix(const struct filter_rules *rules,
				       const struct filter_condition *prefix, unsigned int side)
{
	uint64_t found = 0;

	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (keys[condition->key].dimension == FLOW_FILTER_ADDRESS &&
		    keys[condition->key].sides & 1u << side &&
		    filter_rules_contains(condition, prefix))
			found |= BIT(condition->rule);
	}
	return found;
}

/* The same prefix in two rules is entered twice, each time with the rules of both. */
static void filter_rules_prefixes(const struct filter_rules *rules, struct filter_tables *tables)
{
	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		for (unsigned int side = 0; side < FLOW_FILTER_SIDES; side++) {
			struct filter_prefix *entry = &tables->prefix[tables->prefix_count];

			if (keys[condition->key].dimension != FLOW_FILTER_ADDRESS ||
			    !(keys[condition->key].sides & 1u << side))
				continue;
			entry->key.length = FLOW_FILTER_PREFIX((uint32_t)condition->bits);
			entry->key.side = (uint8_t)side;
			entry->key.ipv6 = condition->ipv6 ? FLOW_SCOPE_IPV6 : 0;
			memcpy(entry->key.address, condition->address, sizeof(entry->key.address));
			entry->rules = tables->bank.no_address[side] |
				       filter_rules_of_prefix(rules, condition, side);
			tables->prefix_count++;
		}
	}
}

int filter_rules_compile(const struct filter_rules *rules, struct filter_tables *tables)
{
	memset(tables, 0, sizeof(*tables));
	tables->state = filter_rules_dimensions(rules);
	if (filter_rules_active(rules))
		tables->state |= FLOW_FILTER_ON;
	filter_rules_free_of(rules, &tables->bank);
	filter_rules_protocols(rules, &tables->bank);
	filter_rules_prefixes(rules, tables);
	return filter_rules_ports(rules, &tables->bank);
}
