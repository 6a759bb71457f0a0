/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/metric_context.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Hubble's word, and the end of our fields' names: source.END, destination.END. */
static const char *const contexts[][2] = {
	{ "ip", "ip" },
	{ "pod", "pod" },
	{ "pod-name", "pod" },
	{ "namespace", "namespace" },
	{ "identity", "identity" },
	{ "reserved-identity", "identity" },
	{ "dns", "name" },
	{ "workload", "workload" },
	{ "workload-name", "workload" },
	{ "app", "app" },
};
/* Of labelsContext. */
static const char *const labels[][2] = {
	{ "source_ip", "source.ip" },
	{ "source_namespace", "source.namespace" },
	{ "source_pod", "source.pod" },
	{ "source_workload", "source.workload" },
	{ "source_workload_kind", "source.workload.kind" },
	{ "source_app", "source.app" },
	{ "destination_ip", "destination.ip" },
	{ "destination_namespace", "destination.namespace" },
	{ "destination_pod", "destination.pod" },
	{ "destination_workload", "destination.workload" },
	{ "destination_workload_kind", "destination.workload.kind" },
	{ "destination_app", "destination.app" },
	{ "traffic_direction", "direction" },
};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int refuse(const char *word, size_t length, const char *what, char *why, size_t why_size)
{
	snprintf(why, why_size, "\"%.*s\" is not known; %s", (int)length, word, what);
	return -EINVAL;
}

/* "pod|ip": one field each. */
static int take_choices(const char *side, const char *text, const struct field **choices, char *why,
			size_t why_size)
{
	size_t count = 0, length;

	for (; *text && count < CONTEXT_CHOICES; text += length + (text[length] == '|')) {
		size_t i = 0;
		char name[64];

		length = strcspn(text, "|");
		while (i < COUNT(contexts) &&
		       (strlen(contexts[i][0]) != length || memcmp(contexts[i][0], text, length)))
			i++;
		if (i == COUNT(contexts))
			return refuse(text, length,
				      "write ip, pod, namespace, identity, dns, workload or app",
				      why, why_size);
		snprintf(name, sizeof(name), "%s.%s", side, contexts[i][1]);
		choices[count++] = field_find(name);
	}
	return 0;
}

static int take_labels(struct metric_context *context, const char *text, char *why, size_t why_size)
{
	size_t length;

	for (; *text; text += length + (text[length] == ',')) {
		size_t i = 0;

		length = strcspn(text, ",");
		while (i < COUNT(labels) &&
		       (strlen(labels[i][0]) != length || memcmp(labels[i][0], text, length)))
			i++;
		if (i == COUNT(labels) || context->label_count == CONTEXT_LABELS)
			return refuse(text, length,
				      "write source_ip, destination_pod, "
				      "traffic_direction ...; 8 are the most",
				      why, why_size);
		context->label[context->label_count] = labels[i][0];
		context->label_field[context->label_count++] = field_find(labels[i][1]);
	}
	return 0;
}

static const struct {
	const char *name, *side;
	int direction; /* -1: all */
} sides[] = {
	{ "sourceContext=", "source", -1 },
	{ "sourceIngressContext=", "source", FLOW_DIRECTION_INGRESS },
	{ "sourceEgressContext=", "source", FLOW_DIRECTION_EGRESS },
	{ "destinationContext=", "destination", -1 },
	{ "destinationIngressContext=", "destination", FLOW_DIRECTION_INGRESS },
	{ "destinationEgressContext=", "destination", FLOW_DIRECTION_EGRESS },
};

static int take_side(struct metric_context *context, size_t side, const char *text, char *why,
		     size_t why_size)
{
	bool source = sides[side].side[0] == 's';
	int error = 0;

	*(source ? &context->has_source : &context->has_destination) = true;
	for (int direction = 0; direction < 3 && !error; direction++) {
		if (sides[side].direction >= 0 && sides[side].direction != direction)
			continue;
		error = take_choices(sides[side].side, text,
				     source ? context->source[direction]
					    : context->destination[direction],
				     why, why_size);
	}
	return error;
}

bool metric_context_option(struct metric_context *context, const char *option, int *error,
			   char *why, size_t why_size)
{
	static const char all[] = "labelsContext=";

	if (!strncmp(option, all, sizeof(all) - 1)) {
		*error = take_labels(context, option + sizeof(all) - 1, why, why_size);
		return true;
	}
	for (size_t i = 0; i < COUNT(sides); i++) {
		if (strncmp(option, sides[i].name, strlen(sides[i].name)))
			continue;
		*error = take_side(context, i, option + strlen(sides[i].name), why, why_size);
		return true;
	}
	return false;
}

size_t metric_context_labels(const struct metric_context *context, const char **names)
{
	size_t count = 0;

	if (context->has_source)
		names[count++] = "source";
	if (context->has_destination)
		names[count++] = "destination";
	for (size_t i = 0; i < context->label_count; i++)
		names[count++] = context->label[i];
	return count;
}

static bool field_text(const struct field *field, const struct flow_record *record, char *text)
{
	struct field_value value;

	*text = 0;
	if (!field)
		return false;
	field_get(field, record, 0, &value);
	if (value.present)
		field_format(field, &value, text, CONTEXT_TEXT_MAX);
	return *text;
}

static const char *first_choice(const struct field *const *choices,
				const struct flow_record *record, char *text)
{
	for (size_t i = 0; i < CONTEXT_CHOICES && !field_text(choices[i], record, text); i++)
		;
	return text;
}

void metric_context_values(const struct metric_context *context, const struct flow_record *record,
			   char texts[][CONTEXT_TEXT_MAX], const char **values)
{
	int direction = record->direction < 3 ? record->direction : 0;
	size_t count = 0;

	if (context->has_source) {
		values[count] = first_choice(context->source[direction], record, texts[count]);
		count++;
	}
	if (context->has_destination) {
		values[count] = first_choice(context->destination[direction], record, texts[count]);
		count++;
	}
	for (size_t i = 0; i < context->label_count; i++) {
		field_text(context->label_field[i], record, texts[count]);
		values[count] = texts[count];
		count++;
	}
}
