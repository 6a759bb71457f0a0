/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Syslog: RFC 5424 messages by UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC
 * 5425). Syslog has no acknowledgement: what was sent is not known to have arrived.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flowd/export/stream.h"
#include "proto/address.h"
#include "proto/json_text.h"
#include "proto/protocol.h"
#include "proto/time.h"

#define HEAD_MAX     512
#define UDP_AT_ONCE  64
#define UDP_SIZE_MAX 65000

struct syslog_settings {
	struct export_settings common;
	const char *address, *app_name;
	uint64_t facility, severity, enterprise, structured;
};

struct export_target {
	const struct syslog_settings *settings;
	struct stream_address address;
	struct stream *stream;		  /* NULL: not connected */
	char before[16], after[HEAD_MAX]; /* in a message's header, around its time */
	char data[64];			  /* how structured data begin */
	struct buffer out;
};

#define AT(member) offsetof(struct syslog_settings, member)
/* RFC 5424, tables 1 and 2, in their order. */
static const char *const facilities[] = { "kern",     "user",	"mail",	  "daemon", "auth",
					  "syslog",   "lpr",	"news",	  "uucp",   "cron",
					  "authpriv", "ftp",	"ntp",	  "audit",  "alert",
					  "clock",    "local0", "local1", "local2", "local3",
					  "local4",   "local5", "local6", "local7", NULL };
static const char *const severities[] = { "emerg",  "alert", "crit",  "err", "warning",
					  "notice", "info",  "debug", NULL };
static const struct option rows[] = {
	{ "address", OPTION_TEXT, AT(address), 0, 0, NULL, NULL, false,
	  "udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT" },
	{ "facility", OPTION_NAME, AT(facility), 0, 0, "daemon", facilities, false,
	  "facility of the messages" },
	{ "severity", OPTION_NAME, AT(severity), 0, 0, "info", severities, false,
	  "severity of the messages" },
	{ "app_name", OPTION_TEXT, AT(app_name), 0, 0, "flowd", NULL, false,
	  "program that the messages name" },
	{ "structured_data", OPTION_SWITCH, AT(structured), 0, 0, "true", NULL, false,
	  "tell who spoke to whom in structured data too" },
	{ "enterprise", OPTION_COUNT, AT(enterprise), 1, UINT32_MAX, "32473", NULL, false,
	  "private enterprise number of the structured data" },
};

static int syslog_check(const struct export_settings *common, char *why, size_t why_size)
{
	const struct syslog_settings *settings = (const struct syslog_settings *)common;
	struct stream_address address;
	char what[256];
	int error = stream_parse(settings->address, "514", &address, what, sizeof(what));

	if (error)
		snprintf(why, why_size, "address: %s", what);
	else if (common->format == EXPORT_FORMAT_PROTOBUF)
		error = -EINVAL;
	if (common->format == EXPORT_FORMAT_PROTOBUF)
		snprintf(why, why_size, "format: syslog takes text; write native, cef or kv");
	return error;
}

/* The header's words are printable ASCII without spaces. */
static void syslog_word(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; text && *text && i + 1 < size; text++)
		out[i++] = *text > ' ' && *text < 0x7f ? *text : '_';
	if (!i)
		out[i++] = '-';
	out[i] = 0;
}

/* What all messages have in common. */
static void syslog_make_head(struct export_target *target, const char *node_name)
{
	const struct syslog_settings *settings = target->settings;
	char host[256], app[49];

	syslog_word(host, sizeof(host), node_name);
	syslog_word(app, sizeof(app), settings->app_name);
	snprintf(target->before, sizeof(target->before), "<%" PRIu64 ">1 ",
		 settings->facility * 8 + settings->severity);
	snprintf(target->after, sizeof(target->after), " %s %s %d ", host, app, (int)getpid());
	snprintf(target->data, sizeof(target->data), "[flow@%" PRIu64 " id=\"",
		 settings->enterprise);
}

static int syslog_open(struct export_target **out, const struct export_setup *setup, char *why,
		       size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));
	int error;

	if (!target)
		return -ENOMEM;
	target->settings = (const struct syslog_settings *)setup->settings;
	syslog_make_head(target, setup->node_name);
	error = stream_parse(target->settings->address,
			     strncmp(target->settings->address, "tls", 3) ? "514" : "6514",
			     &target->address, why, why_size);
	if (error) {
		free(target);
		return error;
	}
	*out = target;
	return 0;
}

/* ---- structured data ------------------------------------------------------------------------- */

static char *sd_number(char *out, const char *name, uint64_t number)
{
	*out++ = ' ';
	out = json_word(out, name);
	out = json_u64(json_literal(out, "=\""), number);
	return json_literal(out, "\"");
}

static char *sd_address(char *out, const char *name, const uint8_t address[16], bool ipv4)
{
	*out++ = ' ';
	out = json_word(out, name);
	out = address_write(json_literal(out, "=\""), address, ipv4);
	return json_literal(out, "\"");
}

/* [flow@PEN id="..." src="..." ...]: addresses and numbers need no escapes. */
static int syslog_prefix(struct export_target *target, const struct flow_record *record,
			 const char *id, struct buffer *body)
{
	char *out;

	if (!target->settings->structured)
		return buffer_append(body, "- ", 2);
	if (buffer_reserve(body, HEAD_MAX))
		return -ENOMEM;
	out = (char *)body->data + body->size;
	out = json_literal(json_word(json_word(out, target->data), id), "\"");
	if (record) {
		bool ipv4 = !(record->key.scope & FLOW_SCOPE_IPV6);

		out = sd_address(out, "src", record->key.src, ipv4);
		out = sd_address(out, "dst", record->key.dst, ipv4);
		if (protocol_has_ports(record->key.protocol)) {
			out = sd_number(out, "spt", record->key.src_port);
			out = sd_number(out, "dpt", record->key.dst_port);
		}
		out = sd_number(out, "proto", record->key.protocol);
		out = sd_number(out, "packets", record->packets);
		out = sd_number(out, "bytes", record->bytes);
	}
	out = json_literal(out, "] ");
	body->size = (size_t)(out - (char *)body->data);
	return 0;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* RFC 5424: at most six digits of a second. */
static size_t syslog_head(const struct export_target *target, const struct export_item *item,
			  char head[HEAD_MAX])
{
	char *out = json_word(head, target->before);

	out = json_word(time_write_micro(out, item->time_ns), target->after);
	out = json_literal(json_word(out, item_type_word(item->type)), " ");
	return (size_t)(out - head);
}

static int syslog_message(struct export_target *target, const struct export_item *item)
{
	char head[HEAD_MAX], *start, *out;
	size_t length = syslog_head(target, item, head);

	if (buffer_reserve(&target->out, JSON_U64_MAX + 1 + length + item->size))
		return -ENOMEM;
	out = start = (char *)target->out.data + target->out.size;
	if (target->address.kind != STREAM_UDP)
		out = json_literal(json_u64(out, length + item->size), " ");
	out = json_bytes(out, head, length);
	out = json_bytes(out, (const char *)item->body, item->size);
	target->out.size += (size_t)(out - start);
	return 0;
}

static int syslog_send_datagrams(struct export_target *target, const struct export_item *items,
				 size_t count, size_t *done, char *why, size_t why_size)
{
	size_t end[UDP_AT_ONCE], some = 0,
				 most = stream_is_doubted(target->stream) ? 1 : UDP_AT_ONCE;
	struct iovec part[UDP_AT_ONCE];
	struct mmsghdr message[UDP_AT_ONCE] = { 0 };
	int sent, error;

	target->out.size = 0;
	for (; some < most && some < count; some++) {
		if (syslog_message(target, &items[some]))
			return -ENOMEM;
		end[some] = target->out.size;
	}
	for (size_t i = 0; i < some; i++) {
		size_t start = i ? end[i - 1] : 0, size = end[i] - start;

		part[i] = (struct iovec){ target->out.data + start,
					  size < UDP_SIZE_MAX ? size : UDP_SIZE_MAX };
		message[i].msg_hdr.msg_iov = &part[i];
		message[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(stream_socket(target->stream), message, (unsigned int)some, 0);
	if (sent < 0)
		return stream_failed(target->stream, errno, why, why_size);
	if ((size_t)sent < some) { /* the kernel keeps the error to itself: one alone brings it */
		stream_doubt(target->stream);
		return 0;
	}
	error = stream_check(target->stream, why, why_size);
	if (!error)
		*done += some;
	return error;
}

static int syslog_send_stream(struct export_target *target, const struct export_item *items,
			      size_t count, size_t *done, char *why, size_t why_size)
{
	int error = 0;

	target->out.size = 0;
	for (size_t i = 0; i < count && !error; i++)
		error = syslog_message(target, &items[i]);
	if (!error)
		error = stream_write(target->stream, target->out.data, target->out.size, why,
				     why_size);
	if (!error)
		*done = count;
	return error;
}

static int syslog_send(struct export_target *target, const struct export_item *items, size_t count,
		       size_t *done, char *why, size_t why_size)
{
	int error = 0;

	if (target->stream && !stream_is_alive(target->stream)) {
		stream_abort(target->stream);
		target->stream = NULL;
	}
	if (!target->stream)
		error = stream_open(&target->stream, &target->address, &target->settings->common,
				    why, why_size);
	while (!error && *done < count)
		error = target->address.kind == STREAM_UDP
				? syslog_send_datagrams(target, items + *done, count - *done, done,
							why, why_size)
				: syslog_send_stream(target, items, count, done, why, why_size);
	if (error && target->stream) {
		stream_abort(target->stream);
		target->stream = NULL;
	}
	return error;
}

static void syslog_reopen(struct export_target *target)
{
	stream_close(target->stream);
	target->stream = NULL;
}

static void syslog_close(struct export_target *target)
{
	stream_close(target->stream);
	buffer_fini(&target->out);
	free(target);
}

const struct export_kind export_kind_syslog = {
	.name = "syslog",
	.help = "RFC 5424 messages by UDP, TCP or TLS",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct syslog_settings),
	.check = syslog_check,
	.open = syslog_open,
	.prefix = syslog_prefix,
	.send = syslog_send,
	.reopen = syslog_reopen,
	.close = syslog_close,
};
