/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPFIX (RFC 7011) over UDP and TCP. One template for each IP version, and options records that
 * name the interfaces. Over UDP the templates come again and again. The sequence number counts the
 * data records sent before, per session and domain. The options are the device's, so they have
 * domain 0; there are collectors that count only flows, and would miss them in ours.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/export/ipfix_element.h"
#include "flowd/export/stream.h"

#define VERSION	       10
#define HEAD_SIZE      16
#define SET_HEAD       4
#define SET_TEMPLATES  2
#define SET_OPTIONS    3
#define TEMPLATE_IPV4  256
#define TEMPLATE_IPV6  257
#define TEMPLATE_NAMES 258
#define NAMES_MAX      256
#define NAME_BYTES     16
#define TCP_MESSAGE    65000
#define ITEM_IPV4      16 /* types of items */
#define ITEM_IPV6      17

struct ipfix_settings {
	struct export_settings common;
	const char *address;
	uint64_t domain, interval, message;
};

struct ipfix_name {
	uint32_t ifindex;
	char name[NAME_BYTES];
};

struct export_target {
	const struct ipfix_settings *settings;
	struct stream_address address;
	struct stream *stream;
	uint32_t sequence[2];  /* of our domain, and of the names' */
	bool naming;	       /* the message is about names */
	uint64_t described_ns; /* when the templates were sent; 0 = not on this session */
	uint8_t *message;
	size_t size, room;
	size_t set;	  /* where the open set begins; 0 = none */
	uint32_t pending; /* data records in the message */
	/* Written by the intake: */
	pthread_mutex_t lock;
	struct ipfix_name names[NAMES_MAX];
	size_t name_count, names_sent;
};

#define AT(member) offsetof(struct ipfix_settings, member)
static const struct option rows[] = {
	{ "address", OPTION_TEXT, AT(address), 0, 0, NULL, NULL, false,
	  "udp://HOST:PORT or tcp://HOST:PORT" },
	{ "domain", OPTION_COUNT, AT(domain), 0, UINT32_MAX, "1", NULL, false,
	  "observation domain" },
	{ "template_interval", OPTION_DURATION, AT(interval), CLOCK_S, CLOCK_S * 3600, "60s", NULL,
	  false, "how often templates are sent again over UDP" },
	{ "message_size", OPTION_COUNT, AT(message), 512, 65000, "1400", NULL, false,
	  "bytes of a message over UDP, at most" },
};

static int ipfix_check(const struct export_settings *common, char *why, size_t why_size)
{
	const struct ipfix_settings *settings = (const struct ipfix_settings *)common;
	struct stream_address address;
	char what[256];
	int error = stream_parse(settings->address, "4739", &address, what, sizeof(what));

	if (error)
		snprintf(why, why_size, "address: %s", what);
	else if (address.kind == STREAM_TLS)
		error = -EINVAL;
	if (error && address.kind == STREAM_TLS)
		snprintf(why, why_size, "address: IPFIX is sent over udp:// or tcp:// only");
	return error;
}

static int ipfix_open(struct export_target **out, const struct export_setup *setup, char *why,
		      size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));
	int error;

	if (!target)
		return -ENOMEM;
	target->settings = (const struct ipfix_settings *)setup->settings;
	pthread_mutex_init(&target->lock, NULL);
	error = stream_parse(target->settings->address, "4739", &target->address, why, why_size);
	target->room = target->address.kind == STREAM_UDP ? target->settings->message : TCP_MESSAGE;
	target->message = malloc(TCP_MESSAGE);
	if (error || !target->message) {
		free(target->message);
		free(target);
		return error ? error : -ENOMEM;
	}
	*out = target;
	return 0;
}

/* ---- the intake's side ------------------------------------------------------------------------
 */

static void ipfix_learn(struct export_target *target, uint32_t ifindex, const char *name)
{
	size_t i = 0;

	while (i < target->name_count && target->names[i].ifindex != ifindex)
		i++;
	if (i == NAMES_MAX ||
	    (i < target->name_count && !strncmp(target->names[i].name, name, NAME_BYTES - 1)))
		return;
	target->names[i].ifindex = ifindex;
	snprintf(target->names[i].name, NAME_BYTES, "%s", name);
	target->name_count += i == target->name_count;
	if (target->names_sent > i)
		target->names_sent = i;
}

static int ipfix_encode(struct export_target *target, const struct flow_record *record,
			struct export_item *item, struct buffer *body)
{
	pthread_mutex_lock(&target->lock);
	for (size_t i = 0; i < record->point_count; i++) {
		if (record->points[i].interface)
			ipfix_learn(target, record->points[i].ifindex, record->points[i].interface);
	}
	pthread_mutex_unlock(&target->lock);
	item->type = record->key.scope & FLOW_SCOPE_IPV6 ? ITEM_IPV6 : ITEM_IPV4;
	return ipfix_write_record(record, body);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void message_begin(struct export_target *target)
{
	target->naming = false;
	target->size = HEAD_SIZE;
	target->set = 0;
	target->pending = 0;
}

static void set_close(struct export_target *target)
{
	if (target->set)
		ipfix_put(target->message + target->set + 2, target->size - target->set, 2);
	target->set = 0;
}

static int message_send(struct export_target *target, char *why, size_t why_size)
{
	uint8_t *at = target->message;
	int error;

	if (target->size == HEAD_SIZE)
		return 0;
	set_close(target);
	at = ipfix_put(at, VERSION, 2);
	at = ipfix_put(at, target->size, 2);
	at = ipfix_put(at, clock_realtime_ns() / CLOCK_S, 4);
	at = ipfix_put(at, target->sequence[target->naming], 4);
	ipfix_put(at, target->naming ? 0 : target->settings->domain, 4);
	error = stream_write(target->stream, target->message, target->size, why, why_size);
	if (!error)
		target->sequence[target->naming] += target->pending;
	message_begin(target);
	return error;
}

/* Opens the set unless it is open. */
static void set_open(struct export_target *target, uint16_t id)
{
	uint8_t *at = target->message + target->set;

	if (target->set && at[0] == id >> 8 && at[1] == (id & 0xff))
		return;
	set_close(target);
	target->set = target->size;
	ipfix_put(target->message + target->set, id, 2);
	target->size += SET_HEAD;
}

static void put(struct export_target *target, uint64_t number, size_t bytes)
{
	ipfix_put(target->message + target->size, number, bytes);
	target->size += bytes;
}

static void put_template(struct export_target *target, uint16_t id, enum ipfix_family family)
{
	size_t rows_count, count_at;
	const struct ipfix_element *element = ipfix_elements(&rows_count);
	uint16_t count = 0;

	set_open(target, SET_TEMPLATES);
	put(target, id, 2);
	count_at = target->size;
	put(target, 0, 2);
	for (size_t i = 0; i < rows_count; i++) {
		if (!ipfix_element_used(&element[i], family))
			continue;
		put(target, element[i].id | (element[i].enterprise ? 0x8000 : 0), 2);
		put(target, element[i].length, 2);
		if (element[i].enterprise)
			put(target, element[i].enterprise, 4);
		count++;
	}
	ipfix_put(target->message + count_at, count, 2);
}

/* Scope ingressInterface (10), then interfaceName (82). */
static void put_names_template(struct export_target *target)
{
	static const uint16_t words[] = { TEMPLATE_NAMES, 2, 1, 10, 4, 82, NAME_BYTES };

	set_open(target, SET_OPTIONS);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		put(target, words[i], 2);
}

/* Messages of their own: the one for flows is empty when this begins, and when it ends. */
static int send_names(struct export_target *target, char *why, size_t why_size)
{
	int error = 0;

	message_begin(target);
	pthread_mutex_lock(&target->lock);
	for (; target->names_sent < target->name_count && !error; target->names_sent++) {
		const struct ipfix_name *name = &target->names[target->names_sent];

		target->naming = true;
		if (target->size + SET_HEAD + 4 + NAME_BYTES > target->room) {
			error = message_send(target, why, why_size);
			target->naming = true;
		}
		set_open(target, TEMPLATE_NAMES);
		put(target, name->ifindex, 4);
		memcpy(target->message + target->size, name->name, NAME_BYTES);
		target->size += NAME_BYTES;
		target->pending++;
	}
	pthread_mutex_unlock(&target->lock);
	return error ? error : message_send(target, why, why_size);
}

static int send_templates(struct export_target *target, char *why, size_t why_size)
{
	int error;

	message_begin(target);
	put_template(target, TEMPLATE_IPV4, IPFIX_IPV4);
	put_template(target, TEMPLATE_IPV6, IPFIX_IPV6);
	error = message_send(target, why, why_size);
	if (error)
		return error;
	target->naming = true;
	put_names_template(target);
	return message_send(target, why, why_size);
}

/* At the session's start and, over UDP, every interval. */
static int describe(struct export_target *target, char *why, size_t why_size)
{
	uint64_t now_ns = clock_monotonic_ns();
	bool again = target->address.kind == STREAM_UDP &&
		     now_ns - target->described_ns >= target->settings->interval;
	int error;

	if (target->described_ns && !again)
		return send_names(target, why, why_size);
	error = send_templates(target, why, why_size);
	if (error)
		return error;
	target->described_ns = now_ns;
	pthread_mutex_lock(&target->lock);
	target->names_sent = 0;
	pthread_mutex_unlock(&target->lock);
	return send_names(target, why, why_size);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void ipfix_disconnect(struct export_target *target)
{
	stream_close(target->stream);
	target->stream = NULL;
}

static int ipfix_connect(struct export_target *target, char *why, size_t why_size)
{
	if (target->stream && stream_is_alive(target->stream))
		return 0;
	ipfix_disconnect(target);
	target->described_ns = 0;
	if (target->address.kind != STREAM_UDP)
		target->sequence[0] = target->sequence[1] =
			0; /* a TCP connection is a session of its own */
	message_begin(target);
	return stream_open(&target->stream, &target->address, &target->settings->common, why,
			   why_size);
}

static int ipfix_add(struct export_target *target, const struct export_item *item, char *why,
		     size_t why_size)
{
	uint16_t id = item->type == ITEM_IPV6 ? TEMPLATE_IPV6 : TEMPLATE_IPV4;
	int error = 0;

	if (target->size + SET_HEAD + item->size > target->room)
		error = message_send(target, why, why_size);
	if (error)
		return error;
	set_open(target, id);
	memcpy(target->message + target->size, item->body, item->size);
	target->size += item->size;
	target->pending++;
	return 0;
}

static int ipfix_send(struct export_target *target, const struct export_item *items, size_t count,
		      size_t *done, char *why, size_t why_size)
{
	int error = ipfix_connect(target, why, why_size);

	if (!error)
		error = describe(target, why, why_size);
	for (size_t i = 0; i < count && !error; i++) {
		uint32_t pending = target->pending;

		error = ipfix_add(target, &items[i], why, why_size);
		if (!error && target->pending <= pending)
			*done = i; /* those before went with the message */
	}
	if (!error)
		error = message_send(target, why, why_size);
	if (!error)
		*done = count;
	else
		message_begin(target);
	if (error && target->address.kind != STREAM_UDP) {
		stream_abort(target->stream);
		target->stream = NULL;
	}
	return error;
}

static void ipfix_close(struct export_target *target)
{
	stream_close(target->stream);
	pthread_mutex_destroy(&target->lock);
	free(target->message);
	free(target);
}

const struct export_kind export_kind_ipfix = {
	.name = "ipfix",
	.help = "IPFIX messages by UDP or TCP",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct ipfix_settings),
	.check = ipfix_check,
	.open = ipfix_open,
	.encode = ipfix_encode,
	.send = ipfix_send,
	.reopen = ipfix_disconnect,
	.close = ipfix_close,
};
