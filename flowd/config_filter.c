/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* filter.rules: a list of rules, each a mapping from keys to one value or a list of values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/config_reader.h"

static int config_filter_action(const char *text, bool *allow, char *why, size_t why_size)
{
	*allow = !strcmp(text, "allow");
	if (*allow || !strcmp(text, "deny"))
		return 0;
	snprintf(why, why_size, "\"%s\" is not known; write allow or deny", text);
	return -EINVAL;
}

static int config_filter_add(struct config *config, uint32_t rule, int key, const char *text,
			     char *why, size_t why_size)
{
	const char *kept = config_text(config, text);

	return filter_rules_condition(&config->filter.rules, rule, (enum filter_key)key,
				      kept ? kept : "", why, why_size);
}

static void config_filter_no_such_key(char *why, size_t why_size)
{
	size_t used = (size_t)snprintf(why, why_size, "there is no such key; there are action");

	for (int key = 0; key < FILTER_KEY_COUNT && used < why_size; key++)
		used += (size_t)snprintf(why + used, why_size - used, "%s%s",
					 key + 1 < FILTER_KEY_COUNT ? ", " : " and ",
					 filter_key_name((enum filter_key)key));
}

/* ---- the file ------------------------------------------------------------------------------- */

static int config_filter_read_one(struct reader *reader, uint32_t rule, int key, const char *name,
				  const yaml_node_t *node)
{
	const char *text = config_read_scalar(node);
	char what[256];

	if (!text || config_read_is_empty(node))
		return config_read_refuse(
			reader, config_read_line_of(node), name,
			"one value or a list of values is expected; leave the key "
			"out to ask for nothing");
	if (config_filter_add(reader->config, rule, key, text, what, sizeof(what)))
		return config_read_refuse(reader, config_read_line_of(node), name, what);
	return 0;
}

/* An empty list would be a rule that nothing satisfies, or one that everything does: refused. */
static int config_filter_read_values(struct reader *reader, uint32_t rule, int key,
				     const char *name, const yaml_node_t *node)
{
	int error = 0;

	if (node->type != YAML_SEQUENCE_NODE ||
	    node->data.sequence.items.start == node->data.sequence.items.top)
		return config_filter_read_one(reader, rule, key, name, node);
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !error; item++)
		error = config_filter_read_one(reader, rule, key, name,
					       yaml_document_get_node(&reader->document, *item));
	return error;
}

static int config_filter_read_action(struct reader *reader, uint32_t rule, const char *name,
				     const yaml_node_t *node)
{
	const char *text = config_read_scalar(node);
	bool allow;
	char what[256];

	if (config_filter_action(text ? text : "", &allow, what, sizeof(what)))
		return config_read_refuse(reader, config_read_line_of(node), name, what);
	if (allow)
		reader->config->filter.rules.allow |= UINT64_C(1) << rule;
	return 0;
}

static int config_filter_read_pair(struct reader *reader, uint32_t rule,
				   const yaml_node_pair_t *pair, uint32_t *seen)
{
	const yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
	const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
	const char *text = config_read_scalar(node);
	bool action = text && !strcmp(text, "action");
	int key = text ? filter_key_find(text) : -1;
	uint32_t bit = 1u << (action ? FILTER_KEY_COUNT : key < 0 ? 0 : key);
	char name[96], what[256];

	snprintf(name, sizeof(name), "filter.rules.%u.%.64s", rule, text ? text : "?");
	if (!action && key < 0) {
		config_filter_no_such_key(what, sizeof(what));
		return config_read_refuse(reader, config_read_line_of(node), name, what);
	}
	if (*seen & bit)
		return config_read_refuse(reader, config_read_line_of(node), name,
					  "given twice; write one list");
	*seen |= bit;
	return action ? config_filter_read_action(reader, rule, name, value)
		      : config_filter_read_values(reader, rule, key, name, value);
}

static int config_filter_read_rule(struct reader *reader, const yaml_node_t *node)
{
	unsigned int line = config_read_line_of(node);
	int rule = filter_rules_add(&reader->config->filter.rules, false), error = 0;
	uint32_t seen = 0;
	char name[64];

	if (rule < 0)
		return config_read_refuse(
			reader, line, "filter.rules",
			"too many rules; 64 are the most, and each key may have a "
			"list of values");
	snprintf(name, sizeof(name), "filter.rules.%d", rule);
	if (node->type != YAML_MAPPING_NODE)
		return config_read_refuse(reader, line, name,
					  "write {action: deny, cidr: 10.0.0.0/8, port: 443}");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top && !error; pair++)
		error = config_filter_read_pair(reader, (uint32_t)rule, pair, &seen);
	if (!error && !(seen & 1u << FILTER_KEY_COUNT))
		return config_read_refuse(
			reader, line, name,
			"no action is given; write action: allow or action: deny");
	return error;
}

int config_filter_read(struct reader *reader, const yaml_node_t *node)
{
	int error = 0;

	memset(&reader->config->filter.rules, 0, sizeof(reader->config->filter.rules));
	if (config_read_is_empty(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return config_read_refuse(reader, config_read_line_of(node), "filter.rules",
					  "a list of rules is expected; begin each with a dash");
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !error; item++)
		error = config_filter_read_rule(reader,
						yaml_document_get_node(&reader->document, *item));
	return error;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int config_filter_set_values(struct config *config, uint32_t rule, int key, const char *text,
				    char *why, size_t why_size)
{
	char *list = strdup(text), *place = NULL;
	int error = list ? 0 : -ENOMEM;

	for (char *one = list ? strtok_r(list, ",", &place) : NULL; one && !error;
	     one = strtok_r(NULL, ",", &place))
		error = config_filter_add(config, rule, key, one, why, why_size);
	free(list);
	return error;
}

int config_filter_set(struct config *config, const char *key, const char *text, char *why,
		      size_t why_size)
{
	struct filter_rules *rules = &config->filter.rules;
	char *end;
	unsigned long rule = strtoul(key, &end, 10);
	bool action = !strcmp(end, ".action"), allow;
	int which = *end == '.' ? filter_key_find(end + 1) : -1;

	if (end == key || (!action && which < 0) || rule > rules->count ||
	    (rule == rules->count && (!action || filter_rules_add(rules, false) < 0))) {
		snprintf(why, why_size,
			 "there is no such rule or key; a new rule begins with "
			 "filter.rules.%u.action=deny, and 64 are the most",
			 rules->count);
		return -EINVAL;
	}
	if (!action)
		return config_filter_set_values(config, (uint32_t)rule, which, text, why, why_size);
	if (config_filter_action(text, &allow, why, why_size))
		return -EINVAL;
	rules->allow &= ~(UINT64_C(1) << rule);
	rules->allow |= (uint64_t)allow << rule;
	return 0;
}

/* ---- printing, reload ----------------------------------------------------------------------- */

static void config_filter_print_key(const struct filter_rules *rules, uint32_t rule, int key,
				    FILE *out)
{
	const char *before = "";

	for (size_t i = 0; i < rules->condition_count; i++) {
		const struct filter_condition *condition = &rules->condition[i];

		if (condition->rule != rule || condition->key != key)
			continue;
		if (!*before)
			fprintf(out, ", %s: [", filter_key_name((enum filter_key)key));
		fputs(before, out);
		config_print_text(out, condition->text);
		before = ", ";
	}
	if (*before)
		fputc(']', out);
}

void config_filter_print(const struct config *config, FILE *out)
{
	const struct filter_rules *rules = &config->filter.rules;

	fputs("  # the first rule that a packet satisfies decides: a list of {action: allow or "
	      "deny},\n  # each with any of",
	      out);
	for (int key = 0; key < FILTER_KEY_COUNT; key++)
		fprintf(out, "%s %s", key ? "," : "", filter_key_name((enum filter_key)key));
	fputs(rules->count ? "\n  rules:\n" : "\n  rules: []\n", out);
	for (uint32_t rule = 0; rule < rules->count; rule++) {
		fprintf(out, "  - {action: %s", rules->allow >> rule & 1 ? "allow" : "deny");
		for (int key = 0; key < FILTER_KEY_COUNT; key++)
			config_filter_print_key(rules, rule, key, out);
		fputs("}\n", out);
	}
}

void config_filter_print_help(FILE *out)
{
	fputs("  filter.rules.N.action\n        what happens to packets that satisfy the rule "
	      "(allow or deny)\n",
	      out);
	for (int key = 0; key < FILTER_KEY_COUNT; key++)
		fprintf(out, "  filter.rules.N.%s\n        %s\n",
			filter_key_name((enum filter_key)key),
			filter_key_help((enum filter_key)key));
}

void config_filter_copy(struct config *config, const struct config *fresh)
{
	struct filter_rules *rules = &config->filter.rules;

	*rules = fresh->filter.rules;
	for (size_t i = 0; i < rules->condition_count; i++)
		rules->condition[i].text = config_text(config, rules->condition[i].text);
}
