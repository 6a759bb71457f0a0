/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filters between the tree and message Expr. What comes from the wire is checked as strictly as
 * what a user types. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/codec_parts.h"
#include "proto/filter_tree.h"

/* ---- tree to message ------------------------------------------------------------------------ */

static int image_range(Flowd__Operand *image, const struct filter_operand *operand,
		       struct arena *arena)
{
	if (operand->range.low == operand->range.high) {
		image->value_case = FLOWD__OPERAND__VALUE_NUMBER;
		image->number = operand->range.low;
		return 0;
	}
	Flowd__NumberRange *range = arena_alloc(arena, sizeof(*range));
	if (!range)
		return -ENOMEM;
	flowd__number_range__init(range);
	range->low = operand->range.low;
	range->high = operand->range.high;
	image->value_case = FLOWD__OPERAND__VALUE_RANGE;
	image->range = range;
	return 0;
}

static int image_network(Flowd__Operand *image, const struct filter_operand *operand,
			 struct arena *arena)
{
	Flowd__Network *network = arena_alloc(arena, sizeof(*network));
	if (!network)
		return -ENOMEM;
	flowd__network__init(network);
	network->address.data = (uint8_t *)(uintptr_t)operand->network.address;
	network->address.len = sizeof(operand->network.address);
	network->prefix = operand->network.prefix;
	image->value_case = FLOWD__OPERAND__VALUE_NETWORK;
	image->network = network;
	return 0;
}

/* Flags travel as the text that users write for them. */
static int image_text(Flowd__Operand *image, const struct field *field,
		      const struct filter_operand *operand, struct arena *arena)
{
	image->value_case = FLOWD__OPERAND__VALUE_TEXT;
	if (operand->kind == OPERAND_TEXT) {
		image->text = operand->text;
		return 0;
	}
	int length = filter_operand_format(field, operand, NULL, 0);
	image->text = arena_alloc(arena, (size_t)length + 1);
	if (!image->text)
		return -ENOMEM;
	filter_operand_format(field, operand, image->text, (size_t)length + 1);
	return 0;
}

static Flowd__Operand *image_operand(const struct field *field,
				     const struct filter_operand *operand, struct arena *arena)
{
	Flowd__Operand *image = arena_alloc(arena, sizeof(*image));
	int err = 0;

	if (!image)
		return NULL;
	flowd__operand__init(image);
	switch (operand->kind) {
	case OPERAND_RANGE:
		err = image_range(image, operand, arena);
		break;
	case OPERAND_NETWORK:
		err = image_network(image, operand, arena);
		break;
	case OPERAND_TEXT:
	case OPERAND_FLAGS:
	case OPERAND_PATTERN:
		err = image_text(image, field, operand, arena);
		break;
	}
	return err ? NULL : image;
}

static int image_test(Flowd__Expr *image, const struct filter *filter, struct arena *arena)
{
	image->field = codec_string(filter->field->name);
	image->n_operands = filter->operand_count;
	image->operands = arena_alloc(arena, filter->operand_count * sizeof(*image->operands));
	if (!image->operands)
		return -ENOMEM;
	for (size_t i = 0; i < filter->operand_count; i++) {
		image->operands[i] = image_operand(filter->field, &filter->operands[i], arena);
		if (!image->operands[i])
			return -ENOMEM;
	}
	return 0;
}

static int image_children(Flowd__Expr *image, const struct filter *filter, struct arena *arena)
{
	image->n_children = filter->child_count;
	image->children = arena_alloc(arena, filter->child_count * sizeof(*image->children));
	if (!image->children)
		return -ENOMEM;
	for (size_t i = 0; i < filter->child_count; i++) {
		image->children[i] = codec_filter_image(filter->children[i], arena);
		if (!image->children[i])
			return -ENOMEM;
	}
	return 0;
}

static Flowd__Expr__Op image_op(enum filter_op op)
{
	switch (op) {
	case FILTER_TRUE:
		return FLOWD__EXPR__OP__OP_TRUE;
	case FILTER_AND:
		return FLOWD__EXPR__OP__OP_AND;
	case FILTER_OR:
		return FLOWD__EXPR__OP__OP_OR;
	case FILTER_NOT:
		return FLOWD__EXPR__OP__OP_NOT;
	case FILTER_TEST:
		return FLOWD__EXPR__OP__OP_TEST;
	}
	return FLOWD__EXPR__OP__OP_TRUE;
}

Flowd__Expr *codec_filter_image(const struct filter *filter, struct arena *arena)
{
	Flowd__Expr *image = arena_alloc(arena, sizeof(*image));

	if (!image)
		return NULL;
	flowd__expr__init(image);
	image->op = image_op(filter->op);
	if (filter->op == FILTER_TEST && image_test(image, filter, arena))
		return NULL;
	if (filter->child_count && image_children(image, filter, arena))
		return NULL;
	return image;
}

/* ---- message to tree ------------------------------------------------------------------------ */

static int read_range(const Flowd__Operand *image, const struct field *field,
		      struct filter_operand *operand, const struct reason *reason)
{
	bool single = image->value_case == FLOWD__OPERAND__VALUE_NUMBER;
	uint64_t max = field->max ? field->max : UINT64_MAX;

	operand->range.low = single ? image->number : image->range->low;
	operand->range.high = single ? image->number : image->range->high;
	if (operand->range.low > operand->range.high || operand->range.high > max)
		return reason_set(reason, -EINVAL,
				  "filter: %s: range %llu-%llu is not within 0-%llu", field->name,
				  (unsigned long long)operand->range.low,
				  (unsigned long long)operand->range.high, (unsigned long long)max);
	return 0;
}

static int read_network(const Flowd__Operand *image, const struct field *field,
			struct filter_operand *operand, const struct reason *reason)
{
	const Flowd__Network *network = image->network;

	if (network->address.len != 16 || network->prefix > 128)
		return reason_set(reason, -EINVAL,
				  "filter: %s: a network is 16 bytes and a prefix up to 128",
				  field->name);
	memcpy(operand->network.address, network->address.data, 16);
	operand->network.prefix = (uint8_t)network->prefix;
	filter_network_mask(operand);
	return 0;
}

static int read_text(const Flowd__Operand *image, struct filter_operand *operand)
{
	operand->text = strdup(image->text);
	return operand->text ? 0 : -ENOMEM;
}

static int read_pattern(const Flowd__Operand *image, const struct field *field,
			struct filter_operand *operand, const struct reason *reason)
{
	char why[192];
	int err = filter_pattern_make(image->text, operand, why, sizeof(why));

	if (err == -EINVAL)
		return reason_set(reason, err,
				  "filter: %s: \"%.40s\" is no regular expression; expected %s",
				  field->name, image->text, why);
	return err;
}

static bool operand_fits(const Flowd__Operand *image, enum filter_operand_kind kind)
{
	switch (image->value_case) {
	case FLOWD__OPERAND__VALUE_NUMBER:
		return kind == OPERAND_RANGE;
	case FLOWD__OPERAND__VALUE_RANGE:
		return kind == OPERAND_RANGE && image->range;
	case FLOWD__OPERAND__VALUE_TEXT:
		return (kind == OPERAND_TEXT || kind == OPERAND_FLAGS || kind == OPERAND_PATTERN) &&
		       image->text;
	case FLOWD__OPERAND__VALUE_NETWORK:
		return kind == OPERAND_NETWORK && image->network;
	case FLOWD__OPERAND__VALUE__NOT_SET:
	default:
		return false;
	}
}

static int read_operand(const Flowd__Operand *image, const struct field *field,
			struct filter_operand *operand, const struct reason *reason)
{
	*operand = (struct filter_operand){ .kind = filter_operand_kind_of(field->type) };
	if (!operand_fits(image, operand->kind))
		return reason_set(reason, -EINVAL,
				  "filter: %s: an operand is not of the field's type", field->name);
	switch (operand->kind) {
	case OPERAND_RANGE:
		return read_range(image, field, operand, reason);
	case OPERAND_NETWORK:
		return read_network(image, field, operand, reason);
	case OPERAND_TEXT:
		return read_text(image, operand);
	case OPERAND_PATTERN:
		return read_pattern(image, field, operand, reason);
	case OPERAND_FLAGS:
		break;
	}
	if (filter_flags_parse(image->text, operand))
		return reason_set(reason, -EINVAL, "filter: %s: \"%.40s\" names no TCP flags",
				  field->name, image->text);
	return 0;
}

static int read_test(const Flowd__Expr *expr, struct filter **out, const struct reason *reason)
{
	const struct field *field = field_find(expr->field);
	struct filter_operand operand;

	if (!field)
		return reason_set(reason, -EINVAL, "filter: there is no field \"%.40s\"",
				  expr->field);
	if (!expr->n_operands || expr->n_children)
		return reason_set(reason, -EINVAL,
				  "filter: %s: a test has operands and no children", field->name);
	struct filter *leaf = filter_leaf(field);
	int err = leaf ? 0 : -ENOMEM;
	for (size_t i = 0; !err && i < expr->n_operands; i++) {
		err = read_operand(expr->operands[i], field, &operand, reason);
		if (!err)
			err = filter_leaf_add(leaf, &operand);
	}
	if (err) {
		filter_free(leaf);
		return err;
	}
	*out = leaf;
	return 0;
}

static int read_not(const Flowd__Expr *expr, struct filter **out, const struct reason *reason)
{
	struct filter *child;

	if (expr->n_children != 1)
		return reason_set(reason, -EINVAL, "filter: NOT has one child, not %zu",
				  expr->n_children);
	int err = codec_filter_read(expr->children[0], &child, reason);
	if (err)
		return err;
	*out = filter_not(child);
	return *out ? 0 : -ENOMEM;
}

static int read_branch(const Flowd__Expr *expr, struct filter **out, const struct reason *reason)
{
	struct filter *(*join)(struct filter *, struct filter *) =
		expr->op == FLOWD__EXPR__OP__OP_AND ? filter_and : filter_or;
	struct filter *all = NULL, *child;

	if (!expr->n_children)
		return reason_set(reason, -EINVAL, "filter: AND and OR need children");
	for (size_t i = 0; i < expr->n_children; i++) {
		int err = codec_filter_read(expr->children[i], &child, reason);
		if (!err) {
			all = join(all, child);
			err = all ? 0 : -ENOMEM;
		} else {
			filter_free(all);
		}
		if (err)
			return err;
	}
	*out = all;
	return 0;
}

int codec_filter_read(const Flowd__Expr *expr, struct filter **out, const struct reason *reason)
{
	switch (expr->op) {
	case FLOWD__EXPR__OP__OP_TRUE:
		*out = filter_true();
		return *out ? 0 : -ENOMEM;
	case FLOWD__EXPR__OP__OP_AND:
	case FLOWD__EXPR__OP__OP_OR:
		return read_branch(expr, out, reason);
	case FLOWD__EXPR__OP__OP_NOT:
		return read_not(expr, out, reason);
	case FLOWD__EXPR__OP__OP_TEST:
		return read_test(expr, out, reason);
	default:
		return reason_set(reason, -EINVAL, "filter: operation %d is not known", expr->op);
	}
}
