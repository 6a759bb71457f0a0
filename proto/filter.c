/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/filter_tree.h"

static struct filter *filter_make(enum filter_op op)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	if (filter)
		filter->op = op;
	return filter;
}

struct filter *filter_true(void)
{
	return filter_make(FILTER_TRUE);
}

void filter_operand_fini(struct filter_operand *operand)
{
	if (operand->kind == OPERAND_TEXT) {
		free(operand->text);
	} else if (operand->kind == OPERAND_PATTERN) {
		free(operand->pattern.text);
		pattern_close(operand->pattern.pattern);
	}
}

int filter_pattern_make(const char *text, struct filter_operand *operand, char *why,
			size_t why_size)
{
	int error;

	*operand = (struct filter_operand){ .kind = OPERAND_PATTERN };
	operand->pattern.text = strdup(text);
	if (!operand->pattern.text)
		return -ENOMEM;
	error = pattern_open(&operand->pattern.pattern, text, why, why_size);
	if (error)
		filter_operand_fini(operand);
	return error;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	for (size_t i = 0; i < filter->child_count; i++)
		filter_free(filter->children[i]);
	for (size_t i = 0; i < filter->operand_count; i++)
		filter_operand_fini(&filter->operands[i]);
	free(filter->children);
	free(filter->operands);
	free(filter);
}

/* Room for one more in an array that grows at each power of two. 0 or -ENOMEM. */
static int grow(void **array, size_t count, size_t size)
{
	if (count & (count - 1))
		return 0;
	void *more = realloc(*array, (count ? count * 2 : 1) * size);
	if (!more)
		return -ENOMEM;
	*array = more;
	return 0;
}

static int add_child(struct filter *filter, struct filter *child)
{
	if (grow((void **)&filter->children, filter->child_count, sizeof(*filter->children)))
		return -ENOMEM;
	filter->children[filter->child_count++] = child;
	return 0;
}

/* Moves the children of `from`, a node of the same operation, and frees it. On failure `from` keeps
 * those that were not moved. */
static int absorb(struct filter *filter, struct filter *from)
{
	size_t moved = 0;

	while (moved < from->child_count && add_child(filter, from->children[moved]) == 0)
		moved++;
	from->child_count -= moved;
	if (from->child_count) {
		memmove(from->children, from->children + moved,
			from->child_count * sizeof(*from->children));
		return -ENOMEM;
	}
	filter_free(from);
	return 0;
}

/* Chains of one operation become one node with many children, so that depth stays small. */
static struct filter *join(enum filter_op op, struct filter *left, struct filter *right)
{
	if (!left || !right)
		return left ? left : right;
	struct filter *node = left->op == op ? left : filter_make(op);
	if (!node)
		goto fail;
	if (node != left) {
		if (add_child(node, left))
			goto fail;
		left = NULL;
	}
	if (right->op == op ? absorb(node, right) : add_child(node, right))
		goto fail;
	return node;
fail:
	if (node != left)
		filter_free(left);
	filter_free(node);
	filter_free(right);
	return NULL;
}

struct filter *filter_and(struct filter *left, struct filter *right)
{
	return join(FILTER_AND, left, right);
}

struct filter *filter_or(struct filter *left, struct filter *right)
{
	return join(FILTER_OR, left, right);
}

struct filter *filter_not(struct filter *child)
{
	struct filter *filter;

	if (!child)
		return NULL;
	if (child->op == FILTER_NOT) {
		filter = child->children[0];
		child->child_count = 0;
		filter_free(child);
		return filter;
	}
	filter = filter_make(FILTER_NOT);
	if (!filter || add_child(filter, child)) {
		filter_free(filter);
		filter_free(child);
		return NULL;
	}
	return filter;
}

struct filter *filter_leaf(const struct field *field)
{
	struct filter *filter = filter_make(FILTER_TEST);
	if (filter)
		filter->field = field;
	return filter;
}

int filter_leaf_add(struct filter *leaf, const struct filter_operand *operand)
{
	if (grow((void **)&leaf->operands, leaf->operand_count, sizeof(*leaf->operands))) {
		struct filter_operand dropped = *operand;
		filter_operand_fini(&dropped);
		return -ENOMEM;
	}
	leaf->operands[leaf->operand_count++] = *operand;
	return 0;
}

static int copy_operand(const struct filter_operand *from, struct filter_operand *to)
{
	char why[1];

	*to = *from;
	if (from->kind == OPERAND_PATTERN)
		return filter_pattern_make(from->pattern.text, to, why, sizeof(why));
	if (from->kind != OPERAND_TEXT)
		return 0;
	to->text = strdup(from->text);
	return to->text ? 0 : -ENOMEM;
}

static int copy_operands(struct filter *copy, const struct filter *filter)
{
	for (size_t i = 0; i < filter->operand_count; i++) {
		struct filter_operand operand;
		if (copy_operand(&filter->operands[i], &operand))
			return -ENOMEM;
		if (filter_leaf_add(copy, &operand))
			return -ENOMEM;
	}
	return 0;
}

static int copy_children(struct filter *copy, const struct filter *filter)
{
	for (size_t i = 0; i < filter->child_count; i++) {
		struct filter *child = filter_copy(filter->children[i]);
		if (!child || add_child(copy, child)) {
			filter_free(child);
			return -ENOMEM;
		}
	}
	return 0;
}

struct filter *filter_copy(const struct filter *filter)
{
	if (!filter)
		return NULL;
	struct filter *copy = filter_make(filter->op);
	if (!copy)
		return NULL;
	copy->field = filter->field;
	if (copy_operands(copy, filter) || copy_children(copy, filter)) {
		filter_free(copy);
		return NULL;
	}
	return copy;
}

enum filter_operand_kind filter_operand_kind_of(enum field_type type)
{
	switch (type) {
	case FIELD_NUMBER:
	case FIELD_PORT:
	case FIELD_NAME:
	case FIELD_TIME:
	case FIELD_DURATION:
	case FIELD_BOOL:
	case FIELD_MAC:
		return OPERAND_RANGE;
	case FIELD_ADDRESS:
		return OPERAND_NETWORK;
	case FIELD_TEXT:
	case FIELD_DOMAIN:
		return OPERAND_TEXT;
	case FIELD_PATTERN:
		return OPERAND_PATTERN;
	case FIELD_TCP_FLAGS:
		return OPERAND_FLAGS;
	}
	return OPERAND_RANGE;
}

void filter_network_mask(struct filter_operand *operand)
{
	for (unsigned bit = operand->network.prefix; bit < 128; bit = (bit | 7) + 1)
		operand->network.address[bit / 8] &= (uint8_t) ~(0xff >> bit % 8);
}

/* ---- matching ------------------------------------------------------------------------------- */

static bool glob_step(const char **pattern, char c)
{
	const char *at = *pattern;

	if (*at == '\\' && at[1])
		at++;
	else if (*at == '?') {
		*pattern = at + 1;
		return true;
	}
	if (*at != c)
		return false;
	*pattern = at + 1;
	return true;
}

/* Backtracks to the last * only, so that time is at most pattern times text. */
static bool glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern && glob_step(&pattern, *text)) {
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* An IPv6 network that is shorter than the mapping's prefix does not hold IPv4 addresses. */
static bool network_match(const struct filter_operand *operand, const struct field_value *value)
{
	unsigned prefix = operand->network.prefix, whole = prefix / 8, rest = prefix % 8;
	const uint8_t *a = value->address, *b = operand->network.address;

	if (prefix < 96 && value->number == 4)
		return false;
	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & (uint8_t)(0xff00 >> rest)) == 0;
}

static bool flags_match(const struct filter_operand *operand, uint64_t flags)
{
	uint16_t mask = operand->flags.mask;

	switch (operand->flags.mode) {
	case FLAGS_ALL:
		return (flags & mask) == mask;
	case FLAGS_EXACT:
		return flags == mask;
	case FLAGS_ANY:
		return (flags & mask) != 0;
	}
	return false;
}

static bool operand_match(const struct filter_operand *operand, const struct field_value *value)
{
	switch (operand->kind) {
	case OPERAND_RANGE:
		return value->number >= operand->range.low && value->number <= operand->range.high;
	case OPERAND_TEXT:
		return glob_match(operand->text, value->text);
	case OPERAND_NETWORK:
		return network_match(operand, value);
	case OPERAND_FLAGS:
		return flags_match(operand, value->number);
	case OPERAND_PATTERN:
		return pattern_matches(operand->pattern.pattern, value->text);
	}
	return false;
}

static bool test_match(const struct filter *filter, const struct flow_record *record)
{
	unsigned values = filter->field->values ? filter->field->values : 1;
	struct field_value value;

	for (unsigned index = 0; index < values; index++) {
		field_get(filter->field, record, index, &value);
		if (!value.present)
			continue;
		for (size_t i = 0; i < filter->operand_count; i++)
			if (operand_match(&filter->operands[i], &value))
				return true;
	}
	return false;
}

/* The first child that decides; `decides` is true for OR, false for AND. */
static bool any_child(const struct filter *filter, const struct flow_record *record, bool decides)
{
	for (size_t i = 0; i < filter->child_count; i++)
		if (filter_match(filter->children[i], record) == decides)
			return true;
	return false;
}

bool filter_match(const struct filter *filter, const struct flow_record *record)
{
	if (!filter)
		return true;
	switch (filter->op) {
	case FILTER_TRUE:
		return true;
	case FILTER_AND:
		return !any_child(filter, record, false);
	case FILTER_OR:
		return any_child(filter, record, true);
	case FILTER_NOT:
		return !filter_match(filter->children[0], record);
	case FILTER_TEST:
		return test_match(filter, record);
	}
	return false;
}
