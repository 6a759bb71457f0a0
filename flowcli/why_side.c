/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_side.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/terminal.h"
#include "proto/address.h"

/* What a name may be, most telling first. `also`: how it may be written in full. */
static const struct {
	const char *key, *also;
} names[] = { { "pod", NULL },	     { "service", NULL },    { "workload", NULL },
	      { "container", NULL }, { "unit", ".service" }, { "process", NULL },
	      { "host", NULL },	     { "name", NULL } };
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))
_Static_assert(NAME_COUNT <= WHY_SIDE_KINDS, "every name has a place");

/* ---- text ----------------------------------------------------------------------------------- */

/* "10.0.0.1", "10.0.0.1:80", "fd99::1", "[fd99::1]:80", "default/web:80". */
static int split(struct why_side *side, bool with_port)
{
	const char *text = side->text, *colon = strrchr(text, ':'), *bracket = strchr(text, ']');
	bool is_ipv6 = colon && strchr(text, ':') != colon && !strchr(text, '=');

	if (*text == '[' && bracket && with_port) {
		snprintf(side->host, sizeof(side->host), "%.*s", (int)(bracket - text - 1),
			 text + 1);
		snprintf(side->port, sizeof(side->port), "%s", bracket[1] ? bracket + 2 : "");
		return !bracket[1] || (bracket[1] == ':' && bracket[2]) ? 0 : -EINVAL;
	}
	if (!colon || is_ipv6 || !with_port || strchr(colon, '='))
		colon = text + strlen(text);
	if ((size_t)(colon - text) >= sizeof(side->host) ||
	    (*colon && strlen(colon + 1) >= sizeof(side->port)))
		return -EINVAL;
	snprintf(side->host, sizeof(side->host), "%.*s", (int)(colon - text), text);
	snprintf(side->port, sizeof(side->port), "%s", *colon ? colon + 1 : "");
	return !*side->host || (*colon && !colon[1]) ? -EINVAL : 0;
}

static bool is_network(const char *host)
{
	const char *slash = strchr(host, '/');
	char address[ADDRESS_TEXT_MAX + 1];
	uint8_t bytes[16];
	int version;

	if (!slash || (size_t)(slash - host) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - host), host);
	return !address_parse(address, bytes, &version);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static int add_test(struct filter **tree, const char *end, const char *key, const char *value,
		    char *why, size_t size)
{
	struct filter *test;
	char field[64];
	int error;

	snprintf(field, sizeof(field), "%s.%.40s", end, key);
	error = filter_test(field_find(field), value, &test, why, size);
	if (error)
		return error;
	test = filter_or(*tree, test);
	if (!test)
		return -ENOMEM;
	*tree = test;
	return 0;
}

static const char *const ends[2] = { "source", "destination" };

/* `key2`: a second field that may have the value; NULL for none. */
static int add_kind(struct why_side *side, const char *title, const char *key, const char *key2,
		    const char *value, char *why, size_t size)
{
	struct why_side_kind *kind = &side->kinds[side->kind_count++];
	int error = 0;

	kind->title = title;
	for (int end = 0; end < 2 && !error; end++) {
		error = add_test(&kind->tests[end], ends[end], key, value, why, size);
		if (!error && key2)
			error = add_test(&kind->tests[end], ends[end], key2, value, why, size);
	}
	return error;
}

/* The address itself, or the one that it is translated from or to. */
static int add_address(struct why_side *side, char *why, size_t size)
{
	return add_kind(side, "address", "ip", "xlated", side->host, why, size);
}

/* "pod=default/web": the words of the fields behind "source." and "destination." */
static int add_named(struct why_side *side, char *why, size_t size)
{
	char *equals = strchr(side->host, '=');
	char field[64];

	*equals = '\0';
	snprintf(field, sizeof(field), "source.%.40s", side->host);
	if (!field_find(field)) {
		snprintf(
			why, size,
			"'%.40s' is nothing that an end of a flow has; pod, service, workload, "
			"container, process, unit, host, name and ip are, or any field that 'flowcli "
			"list fields' has for source and destination",
			side->host);
		return -EINVAL;
	}
	side->name = equals + 1;
	return add_kind(side, side->host, side->host, NULL, side->name, why, size);
}

static int add_names(struct why_side *side, char *why, size_t size)
{
	int error = 0;

	for (size_t i = 0; i < NAME_COUNT && !error; i++) {
		char value[2 * sizeof(side->host) + 16];

		if (names[i].also)
			snprintf(value, sizeof(value), "%s,%s%s", side->host, side->host,
				 names[i].also);
		else
			snprintf(value, sizeof(value), "%s", side->host);
		error = add_kind(side, names[i].key, names[i].key, NULL, value, why, size);
	}
	return error;
}

int why_side_open(struct why_side *side, const char *text, bool with_port, char *why, size_t size)
{
	uint8_t address[16];
	int version, error;

	*side = (struct why_side){ .text = text, .name = side->host };
	if (split(side, with_port)) {
		snprintf(why, size, "'%.200s' cannot be read; expected %s", text,
			 with_port ? "an address or a name, perhaps with a port: 10.0.0.2:80, "
				     "[fd00::2]:80, default/web:80"
				   : "an address or a name: 10.0.0.1, fd00::1, default/client");
		return -EINVAL;
	}
	side->is_address = !address_parse(side->host, address, &version);
	if (side->is_address || is_network(side->host))
		error = add_address(side, why, size);
	else if (strchr(side->host, '='))
		error = add_named(side, why, size);
	else
		error = add_names(side, why, size);
	if (error)
		why_side_close(side);
	return error;
}

void why_side_close(struct why_side *side)
{
	for (unsigned i = 0; i < side->kind_count; i++) {
		filter_free(side->kinds[i].tests[FLOW_SOURCE]);
		filter_free(side->kinds[i].tests[FLOW_DESTINATION]);
	}
	side->kind_count = 0;
}

struct filter *why_side_filter(const struct why_side *side, enum flow_side end)
{
	struct filter *any = NULL;

	for (unsigned i = 0; i < side->kind_count; i++) {
		struct filter *test = filter_copy(side->kinds[i].tests[end]);

		if (!test) {
			filter_free(any);
			return NULL;
		}
		any = filter_or(any, test);
		if (!any)
			return NULL;
	}
	return any;
}

/* ---- who it was ----------------------------------------------------------------------------- */

/* What the record says where the test looked; a name may be one of several, so it is as written. */
static void value_of(const struct why_side *side, const char *title, enum flow_side end,
		     const struct flow_record *record, char *text, size_t size)
{
	struct field_value value;
	const struct field *field;
	char name[64], plain[256];

	snprintf(name, sizeof(name), "%s.%s", ends[end], title);
	field = field_find(name);
	if (field && field->type != FIELD_DOMAIN && field->values < 3) {
		field_get(field, record, 0, &value);
		field_format(field, &value, plain, sizeof(plain));
		if (value.present) {
			terminal_escape(plain, text, size);
			return;
		}
	}
	terminal_escape(side->name, text, size);
}

void why_side_note(struct why_side *side, const struct flow_record *record, enum flow_side end)
{
	char address[ADDRESS_TEXT_MAX], name[300], text[WHY_SIDE_TEXT];
	unsigned i = 0;

	if (side->is_address)
		return;
	while (i < side->kind_count && !filter_match(side->kinds[i].tests[end], record))
		i++;
	if (i == side->kind_count)
		return;
	address_write(address, end == FLOW_SOURCE ? record->key.src : record->key.dst,
		      !(record->key.scope & FLOW_SCOPE_IPV6));
	value_of(side, side->kinds[i].title, end, record, name, sizeof(name));
	snprintf(text, sizeof(text), "%s %s (%s)", side->kinds[i].title, name, address);
	for (unsigned m = 0; m < side->match_count; m++)
		if (!strcmp(side->matches[m], text))
			return;
	if (side->match_count == WHY_SIDE_MATCHES)
		side->more_matches = true;
	else
		strcpy(side->matches[side->match_count++], text);
}
