/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who the ends are: Hubble's endpoints and services, and what extensions say beyond them. */
#include <stdio.h>
#include <string.h>

#include "proto/address.h"
#include "proto/json_members.h"
#include "proto/protocol.h"

#define TEXT_BYTES   384 /* between the quotes; texts are at most ENDPOINT_TEXT_MAX */
#define LABEL_BYTES  512
#define CGROUP_BYTES 1536

#define SOURCE_NAME(name, json_name) json_name,
static const char *const source_names[] = { IDENTITY_SOURCES(SOURCE_NAME) };
#define REASON_NAME(name, json_name) json_name,
static const char *const reason_names[] = { IDENTITY_REASONS(REASON_NAME) };

/* "key":"text", or nothing */
static char *put_text(char *out, const char *key, const char *text, size_t max)
{
	if (!text || !*text)
		return out;
	*out++ = '"';
	out = json_literal(json_word(out, key), "\":");
	return json_literal(json_string(out, text, max), ",");
}

/* Opens "side_what":{ or "side_what": */
static char *put_key(char *out, const char *side, const char *what)
{
	*out++ = '"';
	out = json_word(json_word(out, side), what);
	return json_literal(out, "\":");
}

/* "side_what":"text", or nothing */
static char *put_fact(char *out, const char *side, const char *what, const char *text)
{
	if (!text || !*text)
		return out;
	return json_literal(json_string(put_key(out, side, what), text, TEXT_BYTES), ",");
}

/* What was opened at `start` with a key and a brace is taken back when it stayed empty. */
static char *close_or_take_back(char *out, char *start)
{
	if (out[-1] == '{')
		return start;
	return json_literal(close_object(out, '}'), ",");
}

/* ---- Hubble's ------------------------------------------------------------------------------- */

static char *put_labels(char *out, const struct flow_endpoint *endpoint)
{
	const char *label = endpoint->labels;

	if (!endpoint->label_count)
		return out;
	out = json_literal(out, "\"labels\":[");
	for (unsigned i = 0; i < endpoint->label_count && i < ENDPOINT_LABELS_MAX; i++) {
		out = json_literal(json_string(out, label, LABEL_BYTES), ",");
		label += strlen(label) + 1;
	}
	return json_literal(close_object(out, ']'), ",");
}

/* The part before the slash as "key", if there is one. */
static char *put_first(char *out, const char *key, const char *joined)
{
	char first[ENDPOINT_TEXT_MAX + 1];
	const char *slash = strchr(joined, '/');

	if (!slash)
		return out;
	snprintf(first, sizeof(first), "%.*s", (int)(slash - joined), joined);
	return put_text(out, key, first, TEXT_BYTES);
}

static char *put_workload(char *out, const char *workload)
{
	if (!workload)
		return out;
	out = json_literal(out, "\"workloads\":[{");
	out = put_text(out, "name", endpoint_name_of(workload), TEXT_BYTES);
	out = put_first(out, "kind", workload);
	return json_literal(close_object(out, '}'), "],");
}

char *json_endpoint(char *out, const char *side, const struct flow_end *end)
{
	const struct flow_endpoint *endpoint = end->endpoint;
	char *start = out;

	if (!endpoint)
		return out;
	out = json_literal(put_key(out, side, ""), "{");
	if (endpoint->id)
		out = put_number(out, "ID", endpoint->id);
	if (endpoint->identity)
		out = put_number(out, "identity", endpoint->identity);
	out = put_text(out, "cluster_name", endpoint->text[ENDPOINT_CLUSTER], TEXT_BYTES);
	out = put_text(out, "namespace", endpoint->text[ENDPOINT_NAMESPACE], TEXT_BYTES);
	out = put_labels(out, endpoint);
	out = put_text(out, "pod_name", endpoint_name_of(endpoint->text[ENDPOINT_POD]), TEXT_BYTES);
	out = put_workload(out, endpoint->text[ENDPOINT_WORKLOAD]);
	return close_or_take_back(out, start);
}

char *json_service(char *out, const char *side, const struct flow_end *end)
{
	const char *service = flow_end_text(end, ENDPOINT_SERVICE);

	if (!service)
		return out;
	out = json_literal(put_key(out, side, "_service"), "{");
	out = put_text(out, "name", endpoint_name_of(service), TEXT_BYTES);
	out = put_first(out, "namespace", service);
	return json_literal(close_object(out, '}'), ",");
}

char *json_hubble_socket(char *out, const struct flow_record *record)
{
	uint64_t cgroup = 0;

	for (int side = FLOW_SOURCE; side <= FLOW_DESTINATION && !cgroup; side++)
		if (record->ends[side].endpoint)
			cgroup = record->ends[side].endpoint->cgroup_id;
	if (record->socket_cookie)
		out = put_count(out, "socket_cookie", record->socket_cookie);
	return cgroup ? put_count(out, "cgroup_id", cgroup) : out;
}

char *json_ip_xlated(char *out, const struct flow_record *record)
{
	const struct flow_end *source = &record->ends[FLOW_SOURCE];

	out = json_ip(out, record->key.src, record->key.dst, record->key.scope);
	if (source->is_xlated != END_XLATED_SHOWN)
		return out;
	out = json_literal(out - strlen("},"), ",\"source_xlated\":\"");
	out = address_write(out, source->xlated, address_is_mapped(source->xlated));
	return json_literal(out, "\"},");
}

/* ---- ours ----------------------------------------------------------------------------------- */

static char *put_container(char *out, const char *side, const struct flow_endpoint *endpoint)
{
	char *start = out;

	out = json_literal(put_key(out, side, "_container"), "{");
	out = put_text(out, "cgroup", endpoint->text[ENDPOINT_CGROUP], CGROUP_BYTES);
	out = put_text(out, "id", endpoint->text[ENDPOINT_CONTAINER_ID], TEXT_BYTES);
	out = put_text(out, "image", endpoint->text[ENDPOINT_IMAGE], TEXT_BYTES);
	out = put_text(out, "name", endpoint->text[ENDPOINT_CONTAINER_NAME], TEXT_BYTES);
	if (endpoint->netns)
		out = put_number(out, "netns", endpoint->netns);
	out = put_text(out, "pod_uid", endpoint->text[ENDPOINT_POD_UID], TEXT_BYTES);
	out = put_text(out, "runtime", endpoint->text[ENDPOINT_RUNTIME], TEXT_BYTES);
	return close_or_take_back(out, start);
}

static char *put_location(char *out, const char *side, const struct flow_endpoint *endpoint)
{
	char *start = out;

	out = json_literal(put_key(out, side, "_location"), "{");
	out = put_text(out, "as_name", endpoint->text[ENDPOINT_AS_NAME], TEXT_BYTES);
	if (endpoint->asn)
		out = put_number(out, "asn", endpoint->asn);
	out = put_text(out, "country", endpoint->text[ENDPOINT_COUNTRY], TEXT_BYTES);
	return close_or_take_back(out, start);
}

static char *put_process(char *out, const char *side, const struct flow_end *end)
{
	char *start = out;

	out = json_literal(put_key(out, side, "_process"), "{");
	out = put_text(out, "comm", end->comm, TEXT_BYTES);
	if (end->pid) {
		out = put_number(out, "pid", end->pid);
		out = put_number(out, "uid", end->uid);
	}
	out = put_text(out, "unit", flow_end_text(end, ENDPOINT_UNIT), TEXT_BYTES);
	return close_or_take_back(out, start);
}

static char *put_xlated(char *out, const char *side, const struct flow_end *end)
{
	bool ipv4 = address_is_mapped(end->xlated);

	if (!end->is_xlated)
		return out;
	out = json_literal(put_key(out, side, "_xlated"), "\"");
	if (!ipv4)
		*out++ = '[';
	out = address_write(out, end->xlated, ipv4);
	if (!ipv4)
		*out++ = ']';
	if (end->xlated_port) {
		*out++ = ':';
		out = json_u64(out, end->xlated_port);
	}
	return json_literal(out, "\",");
}

/* Where Hubble's l4 has no place for the ports. */
static char *put_port(char *out, const struct flow_record *record, enum flow_side side)
{
	if (!protocol_has_ports(record->key.protocol) || protocol_is_layer4(record->key.protocol))
		return out;
	if (side == FLOW_SOURCE)
		return put_number(out, "source_port", record->key.src_port);
	return put_number(out, "destination_port", record->key.dst_port);
}

char *json_end_facts(char *out, const struct flow_record *record, enum flow_side side)
{
	const struct flow_end *end = &record->ends[side];
	const char *name = side == FLOW_SOURCE ? "source" : "destination";

	if (end->endpoint) {
		out = put_container(out, name, end->endpoint);
		out = put_fact(out, name, "_host", end->endpoint->text[ENDPOINT_HOST]);
		out = put_location(out, name, end->endpoint);
		out = put_fact(out, name, "_node", end->endpoint->text[ENDPOINT_NODE]);
	}
	out = put_port(out, record, side);
	out = put_process(out, name, end);
	return put_xlated(out, name, end);
}

static char *put_pair(char *out, const char *key, const char *destination, const char *source)
{
	char *start = out;

	out = json_literal(put_key(out, key, ""), "{");
	out = put_text(out, "destination", destination, TEXT_BYTES);
	out = put_text(out, "source", source, TEXT_BYTES);
	return close_or_take_back(out, start);
}

static const char *from_name(const struct flow_end *end)
{
	return end->from ? NAME_OF(source_names, end->from) : "";
}

char *json_identity(char *out, const struct flow_record *record)
{
	const struct flow_end *source = &record->ends[FLOW_SOURCE];
	const struct flow_end *destination = &record->ends[FLOW_DESTINATION];

	out = put_pair(out, "identity_missing_reason", NAME_OF(reason_names, destination->missing),
		       NAME_OF(reason_names, source->missing));
	return put_pair(out, "identity_source", from_name(destination), from_name(source));
}
