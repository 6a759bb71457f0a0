/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kafka by librdkafka: an idempotent producer, keyed by conversation, so that both directions of
 * one are in one partition and in order. The id that duplicates share is in the message's body; in
 * the header `id` where a body has no place for it, and on request: headers are costly there.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/export/export_kind.h"

struct kafka_settings {
	struct export_settings common;
	const char *brokers, *topic, *options;
	uint64_t timeout, id_header;
};

struct export_target {
	const struct kafka_settings *settings;
	const char *node_name;
	struct item_origin origin;
	rd_kafka_t *producer; /* NULL: to be made */
	rd_kafka_topic_t *topic;
	/* The batch on its way: */
	bool *arrived;
	size_t room, pending;
	char fault[192];
};

#define AT(member) offsetof(struct kafka_settings, member)
static const struct option rows[] = {
	{ "brokers", OPTION_TEXT, AT(brokers), 0, 0, NULL, NULL, false,
	  "brokers to begin with: HOST:PORT with commas" },
	{ "topic", OPTION_TEXT, AT(topic), 0, 0, "flows", NULL, false, "topic of the records" },
	{ "timeout", OPTION_DURATION, AT(timeout), CLOCK_S, CLOCK_S * 300, "5s", NULL, false,
	  "longest time until a message is acknowledged" },
	{ "id_header", OPTION_SWITCH, AT(id_header), 0, 0, "false", NULL, false,
	  "repeat the id of the body in the header id" },
	{ "options", OPTION_TEXT, AT(options), 0, 0, NULL, NULL, false,
	  "further settings of librdkafka, name=value with commas" },
};

static void kafka_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
	struct export_target *target = context;
	size_t index = (size_t)(uintptr_t)message->_private;

	(void)producer;
	target->pending--;
	target->arrived[index] = !message->err;
	if (message->err)
		snprintf(target->fault, sizeof(target->fault), "%s",
			 rd_kafka_err2str(message->err));
}

/* librdkafka tells of brokers that are down over and over: the delivery reports say it too. */
static void kafka_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
	(void)producer;
	(void)level;
	(void)facility;
	(void)text;
}

static bool kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *why,
		      size_t why_size)
{
	char what[160];

	if (!value || rd_kafka_conf_set(conf, name, value, what, sizeof(what)) == RD_KAFKA_CONF_OK)
		return true;
	snprintf(why, why_size, "options: %s", what);
	return false;
}

static bool kafka_set_tls(rd_kafka_conf_t *conf, const struct export_settings *common, char *why,
			  size_t why_size)
{
	bool tls = common->ca || common->cert;

	return kafka_set(conf, "security.protocol", tls ? "ssl" : NULL, why, why_size) &&
	       kafka_set(conf, "ssl.ca.location", common->ca, why, why_size) &&
	       kafka_set(conf, "ssl.certificate.location", common->cert, why, why_size) &&
	       kafka_set(conf, "ssl.key.location", common->key, why, why_size);
}

/* A name that ends in ".file" stands for the one before it, its value read from the file: so no
 * password is in the configuration. */
static bool kafka_set_option(rd_kafka_conf_t *conf, const char *text, size_t length, char *why,
			     size_t why_size)
{
	char name[1024], *value, *secret = NULL, *suffix;
	bool good;

	snprintf(name, sizeof(name), "%.*s", (int)length, text);
	value = strchr(name, '=');
	if (!value) {
		snprintf(why, why_size, "options: \"%s\" has no value; write name=value", name);
		return false;
	}
	*value++ = 0;
	suffix = strstr(name, ".file");
	if (suffix && !suffix[5]) {
		*suffix = 0;
		if (export_read_file(value, &secret, why, why_size))
			return false;
	}
	if (!secret && strstr(name, "password")) {
		snprintf(why, why_size, "options: no secret is written here; write %s.file=PATH",
			 name);
		return false;
	}
	good = kafka_set(conf, name, secret ? secret : value, why, why_size);
	free(secret);
	return good;
}

static rd_kafka_conf_t *kafka_conf(const struct kafka_settings *settings, char *why,
				   size_t why_size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *item, *list = settings->options;
	char timeout[24];
	size_t length;
	bool good;

	snprintf(timeout, sizeof(timeout), "%llu",
		 (unsigned long long)(settings->timeout / CLOCK_MS));
	good = kafka_set(conf, "bootstrap.servers", settings->brokers, why, why_size) &&
	       kafka_set(conf, "client.id", "flowd", why, why_size) &&
	       kafka_set(conf, "enable.idempotence", "true", why, why_size) &&
	       kafka_set(conf, "compression.codec", "lz4", why, why_size) &&
	       kafka_set(conf, "linger.ms", "5", why, why_size) &&
	       kafka_set(conf, "queue.buffering.max.messages", "131072", why, why_size) &&
	       kafka_set(conf, "reconnect.backoff.max.ms", "1000", why, why_size) &&
	       kafka_set(conf, "message.timeout.ms", timeout, why, why_size) &&
	       kafka_set_tls(conf, &settings->common, why, why_size);
	while (good && (length = export_list_next(&list, &item)))
		good = kafka_set_option(conf, item, length, why, why_size);
	if (good)
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

static int kafka_check(const struct export_settings *common, char *why, size_t why_size)
{
	const struct kafka_settings *settings = (const struct kafka_settings *)common;
	rd_kafka_conf_t *conf;

	if (!settings->brokers || !settings->topic) {
		snprintf(why, why_size, "brokers and topic are needed; write brokers: HOST:9092");
		return -EINVAL;
	}
	conf = kafka_conf(settings, why, why_size);
	if (!conf)
		return -EINVAL;
	rd_kafka_conf_destroy(conf);
	return 0;
}

static int kafka_open(struct export_target **out, const struct export_setup *setup, char *why,
		      size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));

	(void)why;
	(void)why_size;
	if (!target)
		return -ENOMEM;
	target->settings = (const struct kafka_settings *)setup->settings;
	target->node_name = setup->node_name;
	target->room = setup->batch;
	target->arrived = calloc(target->room, sizeof(*target->arrived));
	if (!target->arrived) {
		free(target);
		return -ENOMEM;
	}
	*out = target;
	return 0;
}

static void kafka_destroy(struct export_target *target)
{
	if (target->topic)
		rd_kafka_topic_destroy(target->topic);
	if (target->producer)
		rd_kafka_destroy(target->producer);
	target->topic = NULL;
	target->producer = NULL;
}

static int kafka_ensure(struct export_target *target, char *why, size_t why_size)
{
	rd_kafka_conf_t *conf;
	char what[160];

	if (target->producer)
		return 0;
	conf = kafka_conf(target->settings, why, why_size);
	if (!conf)
		return -EINVAL;
	rd_kafka_conf_set_dr_msg_cb(conf, kafka_delivered);
	rd_kafka_conf_set_log_cb(conf, kafka_log);
	rd_kafka_conf_set_opaque(conf, target);
	target->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, what, sizeof(what));
	if (!target->producer) {
		rd_kafka_conf_destroy(conf);
		snprintf(why, why_size, "%s", what);
		return -EINVAL;
	}
	target->topic = rd_kafka_topic_new(target->producer, target->settings->topic, NULL);
	if (target->topic)
		return 0;
	snprintf(why, why_size, "topic %s: %s", target->settings->topic,
		 rd_kafka_err2str(rd_kafka_last_error()));
	kafka_destroy(target);
	return -EINVAL;
}

/* 16 hexadecimal digits. */
static void kafka_key(uint64_t conversation, char key[16])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 15; i >= 0; i--, conversation >>= 4)
		key[i] = hex[conversation & 15];
}

/* Every format has the id in records and summaries, whatever the mask says; a loss has none. */
static bool kafka_wants_header(const struct export_target *target, const struct export_item *item)
{
	return target->settings->id_header || item->type == EXPORT_ITEM_LOSS;
}

static rd_kafka_headers_t *kafka_header(struct export_target *target,
					const struct export_item *item)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
	char id[ITEM_ID_MAX];

	item_id_of(&target->origin, target->node_name, item->epoch, item->position, id);
	rd_kafka_header_add(headers, "id", 2, id, ITEM_ID_MAX - 1);
	return headers;
}

/* Bodies are not copied: they lie in the batch, which is there until all of it is reported. */
static rd_kafka_resp_err_t kafka_produce(struct export_target *target,
					 const struct export_item *item, size_t index)
{
	char key[16];
	rd_kafka_resp_err_t result;
	bool wants_header = kafka_wants_header(target, item);
	rd_kafka_headers_t *headers = wants_header ? kafka_header(target, item) : NULL;

	kafka_key(item->conversation, key);
	for (;;) {
		result = rd_kafka_producev(
			target->producer, RD_KAFKA_V_RKT(target->topic),
			RD_KAFKA_V_KEY(key, sizeof(key)),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)item->body, item->size),
			RD_KAFKA_V_TIMESTAMP((int64_t)(item->time_ns / 1000000)),
			RD_KAFKA_V_OPAQUE((void *)(uintptr_t)index), RD_KAFKA_V_HEADERS(headers),
			RD_KAFKA_V_END);
		if (result != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		rd_kafka_poll(target->producer, 10);
	}
	if (result && headers) /* else they are the message's */
		rd_kafka_headers_destroy(headers);
	return result;
}

/* After a fatal error an idempotent producer sends no more. */
static void kafka_renew(struct export_target *target)
{
	char what[160];

	if (!rd_kafka_fatal_error(target->producer, what, sizeof(what)))
		return;
	kafka_destroy(target);
}

static int kafka_send(struct export_target *target, const struct export_item *items, size_t count,
		      size_t *done, char *why, size_t why_size)
{
	rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_NO_ERROR;
	int error = kafka_ensure(target, why, why_size);
	size_t sent = 0;

	if (error)
		return error;
	memset(target->arrived, 0, count * sizeof(*target->arrived));
	for (; sent < count && !refused; sent += !refused) {
		refused = kafka_produce(target, &items[sent], sent);
		target->pending += !refused;
	}
	/* message.timeout.ms bounds this */
	while (target->pending)
		rd_kafka_flush(target->producer, 100);
	while (*done < count && target->arrived[*done])
		(*done)++;
	if (*done == count)
		return 0;
	snprintf(why, why_size, "%s: %s", target->settings->brokers,
		 refused ? rd_kafka_err2str(refused) : target->fault);
	kafka_renew(target);
	return refused == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && *done == sent ? -EBADMSG
										: -EAGAIN;
}

static void kafka_close(struct export_target *target)
{
	kafka_destroy(target);
	free(target->arrived);
	free(target);
}

const struct export_kind export_kind_kafka = {
	.name = "kafka",
	.help = "messages to a topic of Kafka",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct kafka_settings),
	.batch = 5000, /* the producer packs each partition's messages by themselves */
	.acknowledges = true,
	.check = kafka_check,
	.open = kafka_open,
	.send = kafka_send,
	.close = kafka_close,
};
