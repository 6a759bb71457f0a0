/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who the ends are, between struct flow_end and message Endpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/codec_parts.h"

/* ---- record to message ---------------------------------------------------------------------- */

/* "a/b" in two; `first` has room for ENDPOINT_TEXT_MAX + 1. Returns b. */
static const char *split(const char *joined, char *first)
{
	const char *name = endpoint_name_of(joined);
	size_t length = joined && name > joined ? (size_t)(name - joined - 1) : 0;

	if (length > ENDPOINT_TEXT_MAX)
		length = ENDPOINT_TEXT_MAX;
	memcpy(first, joined ? joined : "", length);
	first[length] = '\0';
	return name;
}

static void image_hubble(struct end_image *image, const struct flow_endpoint *endpoint)
{
	Flowd__Endpoint *message = &image->endpoint;

	message->id = endpoint->id;
	message->identity = endpoint->identity;
	message->namespace_ = codec_string(endpoint->text[ENDPOINT_NAMESPACE]);
	message->cluster_name = codec_string(endpoint->text[ENDPOINT_CLUSTER]);
	message->pod_name = codec_string(endpoint_name_of(endpoint->text[ENDPOINT_POD]));
	for (unsigned i = 0; i < endpoint->label_count && i < ENDPOINT_LABELS_MAX; i++)
		image->labels[i] = codec_string(endpoint_label(endpoint, i));
	message->labels = image->labels;
	message->n_labels = endpoint->label_count;
	if (!endpoint->text[ENDPOINT_WORKLOAD])
		return;
	flowd__workload__init(&image->workload);
	image->workload.name =
		codec_string(split(endpoint->text[ENDPOINT_WORKLOAD], image->workload_kind));
	image->workload.kind = image->workload_kind;
	image->workloads[0] = &image->workload;
	message->workloads = image->workloads;
	message->n_workloads = 1;
}

static void image_own(struct end_image *image, const struct flow_endpoint *endpoint)
{
	Flowd__Endpoint *message = &image->endpoint;

	message->pod_uid = codec_string(endpoint->text[ENDPOINT_POD_UID]);
	message->node = codec_string(endpoint->text[ENDPOINT_NODE]);
	message->container_id = codec_string(endpoint->text[ENDPOINT_CONTAINER_ID]);
	message->container_name = codec_string(endpoint->text[ENDPOINT_CONTAINER_NAME]);
	message->image = codec_string(endpoint->text[ENDPOINT_IMAGE]);
	message->runtime = codec_string(endpoint->text[ENDPOINT_RUNTIME]);
	message->unit = codec_string(endpoint->text[ENDPOINT_UNIT]);
	message->cgroup = codec_string(endpoint->text[ENDPOINT_CGROUP]);
	message->host = codec_string(endpoint->text[ENDPOINT_HOST]);
	message->country = codec_string(endpoint->text[ENDPOINT_COUNTRY]);
	message->as_name = codec_string(endpoint->text[ENDPOINT_AS_NAME]);
	message->asn = endpoint->asn;
	message->netns = endpoint->netns;
	message->cgroup_id = endpoint->cgroup_id;
}

static Flowd__Service *image_service(struct end_image *image, const struct flow_endpoint *endpoint)
{
	if (!endpoint || !endpoint->text[ENDPOINT_SERVICE])
		return NULL;
	flowd__service__init(&image->service);
	image->service.name =
		codec_string(split(endpoint->text[ENDPOINT_SERVICE], image->service_namespace));
	image->service.namespace_ = image->service_namespace;
	return &image->service;
}

static Flowd__Endpoint *image_end(struct end_image *image, const struct flow_end *end)
{
	Flowd__Endpoint *message = &image->endpoint;

	if (!end->endpoint && !end->pid && !end->from && !end->missing && !end->is_xlated)
		return NULL;
	flowd__endpoint__init(message);
	if (end->endpoint) {
		image_hubble(image, end->endpoint);
		image_own(image, end->endpoint);
	}
	message->comm = codec_string(end->comm);
	message->pid = end->pid;
	message->uid = end->uid;
	message->from = end->from;
	message->missing = end->missing;
	if (end->is_xlated) {
		char *stop =
			address_write(image->xlated, end->xlated, address_is_mapped(end->xlated));

		snprintf(stop, sizeof(image->xlated) - (size_t)(stop - image->xlated), " %u%s",
			 end->xlated_port, end->is_xlated == END_XLATED_SHOWN ? " shown" : "");
		message->xlated = image->xlated;
	}
	return message;
}

static uint64_t end_cgroup(const struct flow_end *end)
{
	return end->endpoint ? end->endpoint->cgroup_id : 0;
}

void codec_identity_image(struct flow_image *image, const struct flow_record *record)
{
	const struct flow_end *source = &record->ends[FLOW_SOURCE];
	const struct flow_end *destination = &record->ends[FLOW_DESTINATION];
	Flowd__Flow *flow = &image->flow;

	flow->source = image_end(&image->ends[0], source);
	flow->destination = image_end(&image->ends[1], destination);
	flow->source_service = image_service(&image->ends[0], source->endpoint);
	flow->destination_service = image_service(&image->ends[1], destination->endpoint);
	flow->socket_cookie = record->socket_cookie;
	flow->cgroup_id = end_cgroup(source) ? end_cgroup(source) : end_cgroup(destination);
	if (source->is_xlated == END_XLATED_SHOWN && image->flow.ip) {
		address_write(image->source_xlated, source->xlated,
			      address_is_mapped(source->xlated));
		image->ip.source_xlated = image->source_xlated;
	}
}

/* ---- message to record ---------------------------------------------------------------------- */

/* "first/second" in the arena, or the second alone; NULL for nothing. */
static int join(struct arena *arena, const char *first, const char *second, const char **out)
{
	size_t size;
	char *joined;

	*out = codec_text(second);
	if (!*out || !first || !*first)
		return 0;
	size = strlen(first) + strlen(second) + 2;
	joined = arena_alloc(arena, size);
	if (!joined)
		return -ENOMEM;
	snprintf(joined, size, "%s/%s", first, second);
	*out = joined;
	return 0;
}

static int read_labels(const Flowd__Endpoint *message, struct flow_endpoint *endpoint,
		       struct arena *arena)
{
	size_t count = message->n_labels, size = 0;
	char *at;

	if (count > ENDPOINT_LABELS_MAX)
		count = ENDPOINT_LABELS_MAX;
	for (size_t i = 0; i < count; i++)
		size += strlen(message->labels[i]) + 1;
	at = size ? arena_alloc(arena, size) : NULL;
	if (size && !at)
		return -ENOMEM;
	endpoint->labels = at;
	endpoint->label_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, message->labels[i]) + 1;
	return 0;
}

static int read_joined(const Flowd__Endpoint *message, const Flowd__Service *service,
		       struct flow_endpoint *endpoint, struct arena *arena)
{
	const char **text = endpoint->text;
	int err = join(arena, message->namespace_, message->pod_name, &text[ENDPOINT_POD]);

	if (!err && message->n_workloads)
		err = join(arena, message->workloads[0]->kind, message->workloads[0]->name,
			   &text[ENDPOINT_WORKLOAD]);
	if (!err && service)
		err = join(arena, service->namespace_, service->name, &text[ENDPOINT_SERVICE]);
	return err;
}

static void read_texts(const Flowd__Endpoint *message, struct flow_endpoint *endpoint)
{
	const char **text = endpoint->text;

	text[ENDPOINT_CLUSTER] = codec_text(message->cluster_name);
	text[ENDPOINT_NAMESPACE] = codec_text(message->namespace_);
	text[ENDPOINT_POD_UID] = codec_text(message->pod_uid);
	text[ENDPOINT_NODE] = codec_text(message->node);
	text[ENDPOINT_CONTAINER_ID] = codec_text(message->container_id);
	text[ENDPOINT_CONTAINER_NAME] = codec_text(message->container_name);
	text[ENDPOINT_IMAGE] = codec_text(message->image);
	text[ENDPOINT_RUNTIME] = codec_text(message->runtime);
	text[ENDPOINT_UNIT] = codec_text(message->unit);
	text[ENDPOINT_CGROUP] = codec_text(message->cgroup);
	text[ENDPOINT_HOST] = codec_text(message->host);
	text[ENDPOINT_COUNTRY] = codec_text(message->country);
	text[ENDPOINT_AS_NAME] = codec_text(message->as_name);
	endpoint->id = message->id;
	endpoint->identity = message->identity;
	endpoint->asn = message->asn;
	endpoint->netns = message->netns;
	endpoint->cgroup_id = message->cgroup_id;
}

/* A name of a text that only an identified end has. */
static bool says_something(const Flowd__Endpoint *message, const Flowd__Service *service)
{
	return service || message->identity || message->id || message->cgroup_id ||
	       message->netns || message->asn || message->n_labels || *message->pod_name ||
	       *message->host || *message->container_id || *message->unit || *message->node ||
	       *message->cgroup || *message->country || *message->namespace_ ||
	       *message->cluster_name || *message->as_name || message->n_workloads ||
	       *message->container_name || *message->image || *message->runtime ||
	       *message->pod_uid;
}

static int read_xlated(const char *text, struct flow_end *end, const struct reason *reason)
{
	char address[ADDRESS_TEXT_MAX];
	const char *space = strchr(text, ' ');
	char *stop;
	unsigned long port;
	int version;

	if (!*text)
		return 0;
	if (!space || (size_t)(space - text) >= sizeof(address))
		return reason_set(reason, -EBADMSG, "flow: \"%.50s\" is no address and port", text);
	memcpy(address, text, (size_t)(space - text));
	address[space - text] = '\0';
	port = strtoul(space + 1, &stop, 10);
	end->is_xlated = strcmp(stop, " shown") ? END_XLATED_OWN : END_XLATED_SHOWN;
	if ((*stop && end->is_xlated == END_XLATED_OWN) || port > UINT16_MAX ||
	    address_parse(address, end->xlated, &version))
		return reason_set(reason, -EBADMSG, "flow: \"%.50s\" is no address and port", text);
	end->xlated_port = (uint16_t)port;
	return 0;
}

static int read_end(const Flowd__Endpoint *message, const Flowd__Service *service,
		    struct flow_end *end, struct arena *arena, const struct reason *reason)
{
	static const Flowd__Endpoint nobody = FLOWD__ENDPOINT__INIT;
	struct flow_endpoint *endpoint;

	if (!message && !service)
		return 0;
	if (!message)
		message = &nobody;
	if (codec_narrow(message->from, IDENTITY_FROM_COUNT - 1, "from", reason) ||
	    codec_narrow(message->missing, IDENTITY_MISSING_COUNT - 1, "missing", reason))
		return -EBADMSG;
	end->comm = codec_text(message->comm);
	end->pid = message->pid;
	end->uid = message->uid;
	end->from = (uint8_t)message->from;
	end->missing = (uint8_t)message->missing;
	if (read_xlated(message->xlated, end, reason))
		return -EBADMSG;
	if (!says_something(message, service))
		return 0;
	endpoint = arena_alloc(arena, sizeof(*endpoint));
	if (!endpoint)
		return reason_set(reason, -EBADMSG, "the message unfolds to too much");
	read_texts(message, endpoint);
	if (read_labels(message, endpoint, arena) || read_joined(message, service, endpoint, arena))
		return reason_set(reason, -EBADMSG, "the message unfolds to too much");
	end->endpoint = endpoint;
	return 0;
}

int codec_identity_read(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
			const struct reason *reason)
{
	record->socket_cookie = flow->socket_cookie;
	if (read_end(flow->source, flow->source_service, &record->ends[FLOW_SOURCE], arena, reason))
		return -EBADMSG;
	return read_end(flow->destination, flow->destination_service,
			&record->ends[FLOW_DESTINATION], arena, reason);
}
