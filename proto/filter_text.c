/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filters between operands and text: what users write for a field, and the tree as text. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/address.h"
#include "proto/filter_tree.h"
#include "proto/tcp_flags.h"
#include "proto/time.h"

/* What a test is being built from; the message goes to `why`. */
struct operand_text {
	const struct field *field;
	const char *text; /* one operand */
	char *why;
	size_t why_size;
};

static int complain(const struct operand_text *operand, const char *problem, const char *expected)
{
	snprintf(operand->why, operand->why_size, "%s: \"%.80s\" %s; expected %s",
		 operand->field->name, operand->text, problem, expected);
	return -EINVAL;
}

/* ---- one operand of each type --------------------------------------------------------------- */

static int parse_digits(const char *text, uint64_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	}
	*number = value;
	return 0;
}

static int parse_duration(const char *text, uint64_t *number)
{
	return time_parse_duration(text, number);
}

static int parse_moment(const char *text, uint64_t *number)
{
	char why[1];

	if (time_parse_duration(text, number) == 0)
		return -EINVAL;
	return time_parse(text, 0, NULL, number, why, sizeof(why));
}

/* "A", "A<separator>B" or, unless *high is 0, "A<separator>" (up to *high); read by `parse`. */
static int parse_range(const char *text, const char *separator,
		       int (*parse)(const char *, uint64_t *), uint64_t *low, uint64_t *high)
{
	char first[64];
	const char *cut = strstr(text, separator);
	size_t length = cut ? (size_t)(cut - text) : strlen(text);

	if (length >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, length);
	first[length] = '\0';
	int err = parse(first, low);
	if (err)
		return err;
	if (!cut)
		*high = *low;
	else if (cut[strlen(separator)] || !*high)
		return parse(cut + strlen(separator), high);
	return 0;
}

static int take_range(const struct operand_text *operand, struct filter *leaf,
		      const char *separator, int (*parse)(const char *, uint64_t *),
		      const char *expected)
{
	struct filter_operand range = { .kind = OPERAND_RANGE };
	uint64_t max = operand->field->max ? operand->field->max : UINT64_MAX;
	int err;

	range.range.high = operand->field->type == FIELD_PORT ? 0 : max; /* a port is a slip then */
	err = parse_range(operand->text, separator, parse, &range.range.low, &range.range.high);
	if (err == -ERANGE || (!err && range.range.high > max) || (!err && range.range.low > max))
		return complain(operand, "is too large", expected);
	if (err)
		return complain(operand, "cannot be read", expected);
	if (range.range.low > range.range.high)
		return complain(operand, "runs backwards", expected);
	return filter_leaf_add(leaf, &range);
}

static int take_number(const struct operand_text *operand, struct filter *leaf)
{
	char expected[96];
	uint64_t max = operand->field->max ? operand->field->max : UINT64_MAX;

	snprintf(expected, sizeof(expected),
		 "a number from 0 to %" PRIu64 " or a range of them (1-2%s)", max,
		 operand->field->type == FIELD_PORT ? "" : ", 1-");
	return take_range(operand, leaf, "-", parse_digits, expected);
}

static void list_names(const struct field_name *names, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "a number or one of ");

	for (const struct field_name *name = names; name->name && used < size; name++) {
		if (name != names && strcasecmp(name->name, name[-1].name) == 0)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 name == names ? "" : ", ", name->name);
	}
}

/* Every number that the name stands for. */
static int take_name(const struct operand_text *operand, struct filter *leaf)
{
	struct filter_operand number = { .kind = OPERAND_RANGE };
	size_t before = leaf->operand_count;
	char expected[512];

	list_names(operand->field->names, expected, sizeof(expected));
	if (isdigit((unsigned char)*operand->text))
		return take_range(operand, leaf, "-", parse_digits, expected);
	for (const struct field_name *name = operand->field->names; name->name; name++) {
		if (strcasecmp(name->name, operand->text) != 0)
			continue;
		number.range.low = number.range.high = name->number;
		if (filter_leaf_add(leaf, &number))
			return -ENOMEM;
	}
	if (leaf->operand_count == before)
		return complain(operand, "is not known", expected);
	return 0;
}

static int take_bool(const struct operand_text *operand, struct filter *leaf)
{
	static const char *const words[] = { "false", "true", "no", "yes", "0", "1" };
	struct filter_operand number = { .kind = OPERAND_RANGE };

	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(operand->text, words[i]) == 0) {
			number.range.low = number.range.high = i % 2;
			return filter_leaf_add(leaf, &number);
		}
	}
	return complain(operand, "is neither", "true or false");
}

static int take_mac(const struct operand_text *operand, struct filter *leaf)
{
	struct filter_operand number = { .kind = OPERAND_RANGE };
	uint8_t mac[6];

	if (mac_parse(operand->text, mac))
		return complain(operand, "is no link-layer address", "aa:bb:cc:dd:ee:ff");
	for (int i = 0; i < 6; i++)
		number.range.low = number.range.low << 8 | mac[i];
	number.range.high = number.range.low;
	return filter_leaf_add(leaf, &number);
}

static int take_network(const struct operand_text *operand, struct filter *leaf)
{
	static const char expected[] =
		"an IPv4 or IPv6 address, or a network (10.0.0.0/8, fd00::/8)";
	struct filter_operand network = { .kind = OPERAND_NETWORK };
	const char *slash = strchr(operand->text, '/');
	size_t length = slash ? (size_t)(slash - operand->text) : strlen(operand->text);
	char address[ADDRESS_TEXT_MAX];
	uint64_t prefix;
	int version;

	if (length >= sizeof(address))
		return complain(operand, "is no address", expected);
	memcpy(address, operand->text, length);
	address[length] = '\0';
	if (address_parse(address, network.network.address, &version))
		return complain(operand, "is no address", expected);
	unsigned bits = version == 4 ? 32 : 128;
	if (!slash)
		prefix = bits;
	else if (strlen(slash + 1) > 3 || parse_digits(slash + 1, &prefix))
		return complain(operand, "has no prefix length behind the slash", expected);
	if (prefix > bits)
		return complain(operand, "has too long a prefix",
				version == 4 ? "at most /32" : "at most /128");
	network.network.prefix = (uint8_t)(128 - bits + prefix);
	filter_network_mask(&network);
	return filter_leaf_add(leaf, &network);
}

/* A path "/a/b" is itself and what "/a/b/" begins, not "/a/bc". */
static int take_text(const struct operand_text *operand, struct filter *leaf)
{
	struct filter_operand text = { .kind = OPERAND_TEXT };

	if (asprintf(&text.text, "%s%s", operand->text, operand->field->prefix ? "*" : "") < 0 ||
	    filter_leaf_add(leaf, &text))
		return -ENOMEM;
	if (!operand->field->path)
		return 0;
	return asprintf(&text.text, "%s/*", operand->text) < 0 ? -ENOMEM
							       : filter_leaf_add(leaf, &text);
}

/* As the names of records are. */
static int take_domain(const struct operand_text *operand, struct filter *leaf)
{
	struct filter_operand text = { .kind = OPERAND_TEXT, .text = strdup(operand->text) };
	size_t length = strlen(operand->text);

	if (!text.text)
		return -ENOMEM;
	if (length > 1 && text.text[length - 1] == '.' && text.text[length - 2] != '\\')
		text.text[length - 1] = '\0';
	for (char *at = text.text; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return filter_leaf_add(leaf, &text);
}

static int take_pattern(const struct operand_text *operand, struct filter *leaf)
{
	struct filter_operand pattern;
	char why[192];
	int err = filter_pattern_make(operand->text, &pattern, why, sizeof(why));

	if (err == -EINVAL)
		return complain(operand, "is no regular expression", why);
	return err ? err : filter_leaf_add(leaf, &pattern);
}

int filter_flags_parse(const char *text, struct filter_operand *operand)
{
	*operand = (struct filter_operand){ .kind = OPERAND_FLAGS };
	if (*text == '=') {
		operand->flags.mode = FLAGS_EXACT;
		text++;
	} else if (strncasecmp(text, "any:", 4) == 0) {
		operand->flags.mode = FLAGS_ANY;
		text += 4;
	}
	if (operand->flags.mode == FLAGS_EXACT && strcasecmp(text, "none") == 0)
		return 0;
	for (;;) {
		size_t length = strcspn(text, ",");
		uint16_t flag;
		if (tcp_flags_find(text, length, &flag))
			return -EINVAL;
		operand->flags.mask |= flag;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

static int take_flags(const struct operand_text *operand, struct filter *leaf)
{
	struct filter_operand flags;

	if (filter_flags_parse(operand->text, &flags))
		return complain(operand, "names no TCP flags",
				"SYN,ACK (all of them), =SYN (exactly), =none or any:SYN,RST, of "
				"FIN SYN RST PSH ACK URG ECE CWR NS");
	return filter_leaf_add(leaf, &flags);
}

static int take_operand(const struct operand_text *operand, struct filter *leaf)
{
	switch (operand->field->type) {
	case FIELD_NUMBER:
	case FIELD_PORT:
		return take_number(operand, leaf);
	case FIELD_ADDRESS:
		return take_network(operand, leaf);
	case FIELD_TEXT:
		return take_text(operand, leaf);
	case FIELD_DOMAIN:
		return take_domain(operand, leaf);
	case FIELD_PATTERN:
		return take_pattern(operand, leaf);
	case FIELD_NAME:
		return take_name(operand, leaf);
	case FIELD_TCP_FLAGS:
		return take_flags(operand, leaf);
	case FIELD_TIME:
		return take_range(operand, leaf, "..", parse_moment,
				  "a date or an RFC 3339 time, or two with .. between");
	case FIELD_DURATION:
		return take_range(operand, leaf, "-", parse_duration,
				  "a duration (250ms, 1h30m) or a range of them (1s-10s, 1s-)");
	case FIELD_BOOL:
		return take_bool(operand, leaf);
	case FIELD_MAC:
		return take_mac(operand, leaf);
	}
	return -EINVAL;
}

/* ---- the list ------------------------------------------------------------------------------- */

/* Ends the operand at its comma; a backslash keeps the next character. Returns what follows. */
static char *cut_operand(char *text)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == ',') {
			*text = '\0';
			return text + 1;
		}
	}
	return NULL;
}

static int take_list(struct operand_text *operand, char *list, struct filter *leaf)
{
	bool whole =
		operand->field->type == FIELD_TCP_FLAGS || operand->field->type == FIELD_PATTERN;

	for (char *next; list; list = next) {
		next = whole ? NULL : cut_operand(list);
		operand->text = list;
		if (!*list)
			return complain(operand, "is empty", "a value, or a list without gaps");
		int err = take_operand(operand, leaf);
		if (err)
			return err;
		if (leaf->operand_count > FILTER_NODES_MAX)
			return complain(operand, "comes after too many", "fewer values");
	}
	return 0;
}

int filter_test(const struct field *field, const char *text, struct filter **out, char *why,
		size_t why_size)
{
	struct operand_text operand = { .field = field, .why = why, .why_size = why_size };
	struct filter *leaf = filter_leaf(field);
	char *list = strdup(text);
	int err = leaf && list ? take_list(&operand, list, leaf) : -ENOMEM;

	free(list);
	if (err) {
		filter_free(leaf);
		return err;
	}
	*out = leaf;
	return 0;
}

/* ---- the tree as text ----------------------------------------------------------------------- */

/* Appends within a bound and counts on past it, as snprintf does. */
struct tree_text {
	char *text;
	size_t size;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct tree_text *out, const char *format,
						      ...)
{
	bool room = out->length < out->size;
	va_list args;

	va_start(args, format);
	int length = vsnprintf(room ? out->text + out->length : NULL,
			       room ? out->size - out->length : 0, format, args);
	va_end(args);
	if (length > 0)
		out->length += (size_t)length;
}

static int format_network(const struct filter_operand *operand, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX];
	bool ipv4 = operand->network.prefix >= 96 && address_is_mapped(operand->network.address);
	unsigned prefix = operand->network.prefix - (ipv4 ? 96u : 0u);

	address_write(address, operand->network.address, ipv4);
	if (operand->network.prefix == 128)
		return snprintf(text, size, "%s", address);
	return snprintf(text, size, "%s/%u", address, prefix);
}

static int format_flags(const struct filter_operand *operand, char *text, size_t size)
{
	static const char *const prefixes[] = { "", "=", "any:" };
	char names[TCP_FLAGS_TEXT_MAX] = "none";

	if (operand->flags.mask)
		tcp_flags_write(names, operand->flags.mask, ",");
	return snprintf(text, size, "%s%s", prefixes[operand->flags.mode], names);
}

static int format_range(const struct field *field, const struct filter_operand *operand, char *text,
			size_t size)
{
	struct field_value value = { .present = true, .number = operand->range.low };
	char low[64], high[64];

	if (field->type == FIELD_NAME && operand->range.low != operand->range.high)
		return snprintf(text, size, "%" PRIu64 "-%" PRIu64, operand->range.low,
				operand->range.high);
	field_format(field, &value, low, sizeof(low));
	if (operand->range.high == UINT64_MAX && operand->range.low != UINT64_MAX)
		return snprintf(text, size, "%s%s", low, field->type == FIELD_TIME ? ".." : "-");
	value.number = operand->range.high;
	field_format(field, &value, high, sizeof(high));
	if (operand->range.low == operand->range.high)
		return snprintf(text, size, "%s", low);
	return snprintf(text, size, "%s%s%s", low, field->type == FIELD_TIME ? ".." : "-", high);
}

int filter_operand_format(const struct field *field, const struct filter_operand *operand,
			  char *text, size_t size)
{
	switch (operand->kind) {
	case OPERAND_RANGE:
		return format_range(field, operand, text, size);
	case OPERAND_TEXT:
		return snprintf(text, size, "%s", operand->text);
	case OPERAND_NETWORK:
		return format_network(operand, text, size);
	case OPERAND_FLAGS:
		return format_flags(operand, text, size);
	case OPERAND_PATTERN:
		return snprintf(text, size, "%s", operand->pattern.text);
	}
	return 0;
}

static void put_test(struct tree_text *out, const struct filter *filter)
{
	put(out, "%s=", filter->field->name);
	for (size_t i = 0; i < filter->operand_count; i++) {
		put(out, "%s", i ? "," : "");
		bool room = out->length < out->size;
		out->length += (size_t)filter_operand_format(filter->field, &filter->operands[i],
							     room ? out->text + out->length : NULL,
							     room ? out->size - out->length : 0);
	}
}

static void put_tree(struct tree_text *out, const struct filter *filter)
{
	const char *joint = filter->op == FILTER_AND ? " and " : " or ";

	switch (filter->op) {
	case FILTER_TRUE:
		put(out, "true");
		break;
	case FILTER_AND:
	case FILTER_OR:
		put(out, "(");
		for (size_t i = 0; i < filter->child_count; i++) {
			put(out, "%s", i ? joint : "");
			put_tree(out, filter->children[i]);
		}
		put(out, ")");
		break;
	case FILTER_NOT:
		put(out, "not ");
		put_tree(out, filter->children[0]);
		break;
	case FILTER_TEST:
		put_test(out, filter);
		break;
	}
}

int filter_format(const struct filter *filter, char *text, size_t size)
{
	struct tree_text out = { .text = text, .size = size };

	if (size)
		*text = '\0';
	if (filter)
		put_tree(&out, filter);
	else
		put(&out, "true");
	return (int)out.length;
}
