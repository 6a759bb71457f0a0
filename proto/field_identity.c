/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/field_identity.h"

#include <string.h>

#include "proto/address.h"

#define RESERVED_NAME(name, number, text) { text, number },
const struct field_name field_identity_names[] = { IDENTITY_RESERVED(RESERVED_NAME){ NULL, 0 } };
#define FROM_NAME(name, text) { text, IDENTITY_FROM_##name },
const struct field_name field_from_names[] = { IDENTITY_SOURCES(FROM_NAME){ NULL, 0 } };
#define MISSING_NAME(name, text) { text, IDENTITY_MISSING_##name },
const struct field_name field_missing_names[] = { IDENTITY_REASONS(MISSING_NAME){ NULL, 0 } };

static void get_text(const char *text, struct field_value *value)
{
	value->present = text && *text;
	value->text = text;
}

/* "a/b": the whole first, then b alone. */
static void get_joined(const char *joined, struct field_value *value)
{
	const char *name = endpoint_name_of(joined);

	if (value->index == 0)
		get_text(joined, value);
	else if (name != joined)
		get_text(name, value);
}

static void get_number(uint64_t number, struct field_value *value)
{
	value->present = number != 0;
	value->number = number;
}

/*
 * Each label three times: as it is, without where it is from, and its key alone. The key is cut out
 * into memory of the thread, valid until the next one is asked for.
 */
static void get_label(const struct flow_end *end, struct field_value *value)
{
	static __thread char key[ENDPOINT_TEXT_MAX + 1];
	const char *label = endpoint_label(end->endpoint, value->index / 3);
	const char *colon = label ? strchr(label, ':') : NULL;
	const char *equals = label ? strchr(label, '=') : NULL;
	size_t length;

	if (!label)
		return;
	if (value->index % 3 && colon && (!equals || colon < equals))
		label = colon + 1;
	if (value->index % 3 < 2) {
		get_text(label, value);
		return;
	}
	length = strcspn(label, "=");
	if (length > ENDPOINT_TEXT_MAX)
		length = ENDPOINT_TEXT_MAX;
	memcpy(key, label, length);
	key[length] = '\0';
	get_text(key, value);
}

static void get_container(const struct flow_end *end, struct field_value *value)
{
	const char *name = flow_end_text(end, ENDPOINT_CONTAINER_NAME);

	if (value->index == 0 && name)
		get_text(name, value);
	else
		get_text(flow_end_text(end, ENDPOINT_CONTAINER_ID), value);
}

static void get_identity(const struct flow_end *end, struct field_value *value)
{
	value->present = end->endpoint != NULL;
	value->number = end->endpoint ? end->endpoint->identity : 0;
}

static void get_uid(const struct flow_end *end, struct field_value *value)
{
	value->present = end->pid != 0;
	value->number = end->uid;
}

static void get_xlated(const struct flow_end *end, struct field_value *value)
{
	value->present = end->is_xlated;
	value->address = end->xlated;
	value->number = address_is_mapped(end->xlated) ? 4 : 6;
}

#define TEXT_OF(name)	  flow_end_text(end, ENDPOINT_##name)
#define NUMBER_OF(member) (end->endpoint ? end->endpoint->member : 0)
#define BOTH_ENDS(name, call)                                                                      \
	void field_source_##name(const struct flow_record *record, struct field_value *value)      \
	{                                                                                          \
		const struct flow_end *end = &record->ends[FLOW_SOURCE];                           \
		call;                                                                              \
	}                                                                                          \
	void field_destination_##name(const struct flow_record *record, struct field_value *value) \
	{                                                                                          \
		const struct flow_end *end = &record->ends[FLOW_DESTINATION];                      \
		call;                                                                              \
	}

BOTH_ENDS(pod, get_joined(TEXT_OF(POD), value))
BOTH_ENDS(namespace, get_text(TEXT_OF(NAMESPACE), value))
BOTH_ENDS(label, get_label(end, value))
BOTH_ENDS(workload, get_joined(TEXT_OF(WORKLOAD), value))
BOTH_ENDS(service, get_joined(TEXT_OF(SERVICE), value))
BOTH_ENDS(identity, get_identity(end, value))
BOTH_ENDS(container, get_container(end, value))
BOTH_ENDS(image, get_text(TEXT_OF(IMAGE), value))
BOTH_ENDS(process, get_text(end->comm, value))
BOTH_ENDS(pid, get_number(end->pid, value))
BOTH_ENDS(uid, get_uid(end, value))
BOTH_ENDS(unit, get_text(TEXT_OF(UNIT), value))
BOTH_ENDS(cgroup, get_text(TEXT_OF(CGROUP), value))
BOTH_ENDS(netns, get_number(NUMBER_OF(netns), value))
BOTH_ENDS(host, get_text(TEXT_OF(HOST), value))
BOTH_ENDS(node, get_text(TEXT_OF(NODE), value))
BOTH_ENDS(country, get_text(TEXT_OF(COUNTRY), value))
BOTH_ENDS(asn, get_number(NUMBER_OF(asn), value))
BOTH_ENDS(cluster, get_text(TEXT_OF(CLUSTER), value))
BOTH_ENDS(xlated, get_xlated(end, value))
BOTH_ENDS(identity_from, get_number(end->from, value))
BOTH_ENDS(identity_missing, get_number(end->missing, value))
