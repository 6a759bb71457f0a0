/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/metric_context.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- facts, as Hubble's metrics tell them ------------------------------------------------------
 */

static const struct flow_endpoint *endpoint_of(const struct flow_record *record,
					       enum flow_side side)
{
	return record->ends[side].endpoint;
}

static void put(char *out, const char *text)
{
	snprintf(out, CONTEXT_TEXT_MAX, "%s", text ? text : "");
}

/* One more of a list with commas. */
static void add(char *out, const char *text)
{
	size_t length = strlen(out);

	snprintf(out + length, CONTEXT_TEXT_MAX - length, "%s%s", length ? "," : "", text);
}

#define TEXT(name, text)                                                                          \
	static void text_##name(const struct flow_record *record, enum flow_side side, char *out) \
	{                                                                                         \
		put(out, text);                                                                   \
	}
#define OF(fact) flow_end_text(&record->ends[side], ENDPOINT_##fact)

TEXT(namespace, OF(NAMESPACE))
TEXT(pod, OF(POD)) /* namespace/name */
TEXT(pod_name, endpoint_name_of(OF(POD)))
TEXT(workload_name, endpoint_name_of(OF(WORKLOAD)))

static void text_ip(const struct flow_record *record, enum flow_side side, char *out)
{
	const struct flow_key *key = &record->key;

	*address_write(out, side == FLOW_SOURCE ? key->src : key->dst,
		       !(key->scope & FLOW_SCOPE_IPV6)) = 0;
}

/* The names that the other end knows it by. */
static void text_dns(const struct flow_record *record, enum flow_side side, char *out)
{
	const char *names = side == FLOW_SOURCE ? record->source_names : record->destination_names;
	const char *name;

	*out = 0;
	for (unsigned i = 0; (name = flow_names_at(names, i)); i++)
		add(out, name);
}

static void text_workload(const struct flow_record *record, enum flow_side side, char *out)
{
	const char *name = endpoint_name_of(OF(WORKLOAD)), *space = OF(NAMESPACE);

	snprintf(out, CONTEXT_TEXT_MAX, "%s%s%s", name && space ? space : "",
		 name && space ? "/" : "", name ? name : "");
}

static void text_workload_kind(const struct flow_record *record, enum flow_side side, char *out)
{
	const char *joined = OF(WORKLOAD), *slash = joined ? strchr(joined, '/') : NULL;

	snprintf(out, CONTEXT_TEXT_MAX, "%.*s", slash ? (int)(slash - joined) : 0, joined);
}

/* All labels of the identity. */
static void text_identity(const struct flow_record *record, enum flow_side side, char *out)
{
	const struct flow_endpoint *endpoint = endpoint_of(record, side);
	const char *label;

	*out = 0;
	for (unsigned i = 0; (label = endpoint_label(endpoint, i)); i++)
		add(out, label);
}

/* "reserved:kube-apiserver" before all others, then the first that is reserved. */
static void text_reserved(const struct flow_record *record, enum flow_side side, char *out)
{
	const struct flow_endpoint *endpoint = endpoint_of(record, side);
	const char *label;

	*out = 0;
	for (unsigned i = 0; (label = endpoint_label(endpoint, i)); i++) {
		if (strncmp(label, "reserved:", 9))
			continue;
		if (!*out || !strcmp(label, "reserved:kube-apiserver"))
			put(out, label);
	}
}

/* The first label that names an application, as Kubernetes' users write it. */
static void text_app(const struct flow_record *record, enum flow_side side, char *out)
{
	static const char *const keys[] = { "k8s:app.kubernetes.io/name=", "k8s:k8s-app=",
					    "k8s:app=" };
	const struct flow_endpoint *endpoint = endpoint_of(record, side);
	const char *label;

	*out = 0;
	for (unsigned i = 0; !*out && (label = endpoint_label(endpoint, i)); i++) {
		for (size_t j = 0; j < COUNT(keys); j++)
			if (!strncmp(label, keys[j], strlen(keys[j])))
				put(out, label + strlen(keys[j]));
	}
}

static void text_direction(const struct flow_record *record, enum flow_side side, char *out)
{
	static const char *const names[] = { "unknown", "ingress", "egress" };

	(void)side;
	put(out, names[record->direction < COUNT(names) ? record->direction : 0]);
}

static const struct {
	const char *word;
	context_text_fn text;
} contexts[] = {
	{ "ip", text_ip },
	{ "pod", text_pod },
	{ "pod-name", text_pod_name },
	{ "namespace", text_namespace },
	{ "identity", text_identity },
	{ "reserved-identity", text_reserved },
	{ "dns", text_dns },
	{ "workload", text_workload },
	{ "workload-name", text_workload_name },
	{ "app", text_app },
};

/* Of labelsContext. */
#define BOTH(name, text)                                    \
	{ "source_" name, text, FLOW_SOURCE },              \
	{                                                   \
		"destination_" name, text, FLOW_DESTINATION \
	}
static const struct {
	const char *word;
	context_text_fn text;
	enum flow_side side;
} labels[] = {
	BOTH("ip", text_ip),
	BOTH("namespace", text_namespace),
	BOTH("pod", text_pod_name),
	BOTH("workload", text_workload_name),
	BOTH("workload_kind", text_workload_kind),
	BOTH("app", text_app),
	{ "traffic_direction", text_direction, FLOW_SOURCE },
};

/* ---- the options' text ------------------------------------------------------------------------
 */

static int refuse(const char *word, size_t length, const char *what, char *why, size_t why_size)
{
	snprintf(why, why_size, "\"%.*s\" is not known; %s", (int)length, word, what);
	return -EINVAL;
}

/* "pod|ip": one fact each. */
static int take_choices(const char *text, context_text_fn *choices, char *why, size_t why_size)
{
	size_t count = 0, length;

	for (; *text && count < CONTEXT_CHOICES; text += length + (text[length] == '|')) {
		size_t i = 0;

		length = strcspn(text, "|");
		while (i < COUNT(contexts) && (strlen(contexts[i].word) != length ||
					       memcmp(contexts[i].word, text, length)))
			i++;
		if (i == COUNT(contexts))
			return refuse(text, length,
				      "write ip, pod, pod-name, namespace, identity, "
				      "reserved-identity, dns, workload, workload-name or app",
				      why, why_size);
		choices[count++] = contexts[i].text;
	}
	return *text ? refuse(text, strlen(text), "4 are the most", why, why_size) : 0;
}

static int take_labels(struct metric_context *context, const char *text, char *why, size_t why_size)
{
	size_t length;

	for (; *text; text += length + (text[length] == ',')) {
		size_t i = 0;

		length = strcspn(text, ",");
		while (i < COUNT(labels) &&
		       (strlen(labels[i].word) != length || memcmp(labels[i].word, text, length)))
			i++;
		if (i == COUNT(labels) || context->label_count == CONTEXT_LABELS)
			return refuse(text, length,
				      "write source_ or destination_ with ip, namespace, pod, "
				      "workload, workload_kind or app, or traffic_direction",
				      why, why_size);
		context->label[context->label_count].name = labels[i].word;
		context->label[context->label_count].text = labels[i].text;
		context->label[context->label_count++].side = labels[i].side;
	}
	return 0;
}

static const struct {
	const char *name;
	enum flow_side side;
	int direction; /* -1: all */
} sides[] = {
	{ "sourceContext=", FLOW_SOURCE, -1 },
	{ "sourceIngressContext=", FLOW_SOURCE, FLOW_DIRECTION_INGRESS },
	{ "sourceEgressContext=", FLOW_SOURCE, FLOW_DIRECTION_EGRESS },
	{ "destinationContext=", FLOW_DESTINATION, -1 },
	{ "destinationIngressContext=", FLOW_DESTINATION, FLOW_DIRECTION_INGRESS },
	{ "destinationEgressContext=", FLOW_DESTINATION, FLOW_DIRECTION_EGRESS },
};

static int take_side(struct metric_context *context, size_t row, const char *text, char *why,
		     size_t why_size)
{
	enum flow_side side = sides[row].side;
	int error = 0;

	context->has[side] = true;
	for (int direction = 0; direction < 3 && !error; direction++) {
		if (sides[row].direction < 0 || sides[row].direction == direction)
			error = take_choices(text, context->choices[side][direction], why,
					     why_size);
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

/* ---- labels ---------------------------------------------------------------------------------- */

size_t metric_context_labels(const struct metric_context *context, const char **names)
{
	size_t count = 0;

	if (context->has[FLOW_SOURCE])
		names[count++] = "source";
	if (context->has[FLOW_DESTINATION])
		names[count++] = "destination";
	for (size_t i = 0; i < context->label_count; i++)
		names[count++] = context->label[i].name;
	return count;
}

void metric_context_values(const struct metric_context *context, const struct flow_record *record,
			   char texts[][CONTEXT_TEXT_MAX], const char **values)
{
	int direction = record->direction < 3 ? record->direction : 0;
	size_t count = 0;

	for (enum flow_side side = FLOW_SOURCE; side <= FLOW_DESTINATION; side++) {
		const context_text_fn *choice = context->choices[side][direction];

		if (!context->has[side])
			continue;
		*texts[count] = 0;
		for (; *choice && !*texts[count]; choice++)
			(*choice)(record, side, texts[count]);
		values[count] = texts[count];
		count++;
	}
	for (size_t i = 0; i < context->label_count; i++) {
		context->label[i].text(record, context->label[i].side, texts[count]);
		values[count] = texts[count];
		count++;
	}
}
