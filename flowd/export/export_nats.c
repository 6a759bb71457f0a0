/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NATS JetStream by libnats: subject flows.<cluster>.<node>.<type>, the record's id as message id,
 * so that the stream drops what comes twice. A batch is published at once and acknowledged
 * together; when one message fails, all are published again.
 */
#include <errno.h>
#include <nats/nats.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/export/export_kind.h"

struct nats_settings {
	struct export_settings common;
	const char *servers, *cluster, *stream;
	uint64_t create, replicas, max_age, max_bytes, timeout;
	const char *credentials, *user, *password_file, *token_file;
};

struct export_target {
	const struct nats_settings *settings;
	char subject[EXPORT_ITEM_COUNT][200];
	const char *node_name;
	struct item_origin origin;
	natsConnection *connection;
	jsCtx *jetstream;
	bool created;
	atomic_size_t failed;
};

#define AT(member) offsetof(struct nats_settings, member)
static const struct option rows[] = {
	{ "servers", OPTION_TEXT, AT(servers), 0, 0, "nats://127.0.0.1:4222", NULL, false,
	  "servers to begin with: nats://HOST:PORT or tls://HOST:PORT with commas" },
	{ "cluster", OPTION_TEXT, AT(cluster), 0, 0, "default", NULL, false,
	  "the fleet's name in subjects" },
	{ "stream", OPTION_TEXT, AT(stream), 0, 0, "FLOWS", NULL, false,
	  "stream that keeps records" },
	{ "create", OPTION_SWITCH, AT(create), 0, 0, "true", NULL, false,
	  "make the stream where there is none" },
	{ "replicas", OPTION_COUNT, AT(replicas), 1, 5, "1", NULL, false,
	  "copies of a stream that is made" },
	{ "max_age", OPTION_DURATION, AT(max_age), 0, CLOCK_S * 86400 * 365, "24h", NULL, false,
	  "how long it keeps records; 0s: for ever" },
	{ "max_bytes", OPTION_BYTES, AT(max_bytes), UINT64_C(1) << 20, UINT64_C(1) << 50, "1GiB",
	  NULL, false, "its size at most" },
	{ "timeout", OPTION_DURATION, AT(timeout), CLOCK_MS * 100, CLOCK_S * 60, "5s", NULL, false,
	  "longest time until a batch is acknowledged" },
	{ "credentials", OPTION_PATH, AT(credentials), 0, 0, NULL, NULL, false,
	  "credentials file (JWT and seed)" },
	{ "user", OPTION_TEXT, AT(user), 0, 0, NULL, NULL, false, "user name, with password_file" },
	{ "password_file", OPTION_PATH, AT(password_file), 0, 0, NULL, NULL, false,
	  "file with the user's password" },
	{ "token_file", OPTION_PATH, AT(token_file), 0, 0, NULL, NULL, false, "file with a token" },
};

static enum export_format_id nats_format(const struct export_settings *settings)
{
	return settings->interval ? EXPORT_FORMAT_NATIVE : EXPORT_FORMAT_PROTOBUF;
}

/* A token of a subject: no dots, wildcards or spaces. */
static void nats_token(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; text && *text && i + 1 < size; text++)
		out[i++] = *text <= ' ' || strchr(".*>", *text) ? '_' : *text;
	out[i] = 0;
}

static int nats_check(const struct export_settings *common, char *why, size_t why_size)
{
	const struct nats_settings *settings = (const struct nats_settings *)common;
	const char *complaint = NULL;

	if (!settings->servers || !settings->stream || !settings->cluster)
		complaint = "servers, cluster and stream must not be empty";
	else if (strchr(settings->servers, '@'))
		complaint = "servers: no secret is written here; use user and password_file, "
			    "token_file or credentials";
	else if (settings->stream[strcspn(settings->stream, " .*>/\\")])
		complaint = "stream: a name without spaces, dots and wildcards is expected; write "
			    "FLOWS";
	else if (!settings->user != !settings->password_file)
		complaint = "user and password_file belong together; give both";
	if (!complaint)
		return 0;
	snprintf(why, why_size, "%s", complaint);
	return -EINVAL;
}

static int nats_open(struct export_target **out, const struct export_setup *setup, char *why,
		     size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));
	char cluster[64], node[100];

	(void)why;
	(void)why_size;
	if (!target)
		return -ENOMEM;
	target->settings = (const struct nats_settings *)setup->settings;
	target->node_name = setup->node_name;
	nats_token(cluster, sizeof(cluster), target->settings->cluster);
	nats_token(node, sizeof(node), setup->node_name);
	for (uint32_t type = 0; type < EXPORT_ITEM_COUNT; type++)
		snprintf(target->subject[type], sizeof(target->subject[type]), "flows.%s.%s.%s",
			 cluster, node, item_type_word(type));
	*out = target;
	return 0;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static natsStatus nats_set_servers(natsOptions *options, const struct nats_settings *settings)
{
	char text[8][256];
	const char *server[8], *item, *list = settings->servers;
	size_t length;
	int count = 0;

	while (count < 8 && (length = export_list_next(&list, &item))) {
		snprintf(text[count], sizeof(text[count]), "%.*s", (int)length, item);
		server[count] = text[count];
		count++;
	}
	return natsOptions_SetServers(options, server, count);
}

static natsStatus nats_set_tls(natsOptions *options, const struct nats_settings *settings)
{
	const struct export_settings *common = &settings->common;
	natsStatus status = NATS_OK;

	if (!common->ca && !common->cert && !strstr(settings->servers, "tls://"))
		return NATS_OK;
	status = natsOptions_SetSecure(options, true);
	if (status == NATS_OK && common->ca)
		status = natsOptions_LoadCATrustedCertificates(options, common->ca);
	if (status == NATS_OK && common->cert)
		status = natsOptions_LoadCertificatesChain(options, common->cert, common->key);
	if (status == NATS_OK && common->server_name)
		status = natsOptions_SetExpectedHostname(options, common->server_name);
	return status;
}

static int nats_set_secret(natsOptions *options, const struct nats_settings *settings, char *why,
			   size_t why_size)
{
	const char *path = settings->token_file ? settings->token_file : settings->password_file;
	char *secret;
	int error;

	if (settings->credentials &&
	    natsOptions_SetUserCredentialsFromFiles(options, settings->credentials, NULL))
		return -EINVAL;
	if (!path)
		return 0;
	error = export_read_file(path, &secret, why, why_size);
	if (error)
		return error;
	if (settings->token_file)
		natsOptions_SetToken(options, secret);
	else
		natsOptions_SetUserInfo(options, settings->user, secret);
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return 0;
}

static void nats_refused(jsCtx *jetstream, jsPubAckErr *refusal, void *context)
{
	struct export_target *target = context;

	(void)jetstream;
	(void)refusal;
	atomic_fetch_add(&target->failed, 1);
}

static int nats_fault(const struct export_target *target, const char *what, natsStatus status,
		      char *why, size_t why_size)
{
	const char *detail = nats_GetLastError(NULL); /* what the server said, where it answered */

	snprintf(why, why_size, "%s: %s: %s%s%s", target->settings->servers, what,
		 natsStatus_GetText(status), detail && *detail ? ": " : "", detail ? detail : "");
	return -ECONNABORTED;
}

static natsStatus nats_set_options(natsOptions *options, const struct nats_settings *settings)
{
	natsStatus status = nats_set_servers(options, settings);

	if (status == NATS_OK)
		status = nats_set_tls(options, settings);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, (int64_t)(settings->timeout / CLOCK_MS));
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectWait(options, 200);
	return status == NATS_OK ? natsOptions_SetName(options, "flowd") : status;
}

static int nats_connect(struct export_target *target, char *why, size_t why_size)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);
	jsOptions publish;
	int error = 0;

	if (status == NATS_OK)
		status = nats_set_options(options, target->settings);
	if (status == NATS_OK)
		error = nats_set_secret(options, target->settings, why, why_size);
	if (status == NATS_OK && !error)
		status = natsConnection_Connect(&target->connection, options);
	natsOptions_Destroy(options);
	if (error)
		return error;
	jsOptions_Init(&publish);
	publish.Wait = (int64_t)(target->settings->timeout / CLOCK_MS);
	publish.PublishAsync.MaxPending = 65536;
	publish.PublishAsync.ErrHandler = nats_refused;
	publish.PublishAsync.ErrHandlerClosure = target;
	if (status == NATS_OK)
		status = natsConnection_JetStream(&target->jetstream, target->connection, &publish);
	return status == NATS_OK ? 0 : nats_fault(target, "cannot connect", status, why, why_size);
}

static int nats_create_stream(struct export_target *target, char *why, size_t why_size)
{
	const struct nats_settings *settings = target->settings;
	const char *subjects[] = { "flows.>" };
	jsStreamInfo *found = NULL;
	jsStreamConfig config;
	jsErrCode code = 0;
	natsStatus status;

	if (target->created || !settings->create)
		return 0;
	status = js_GetStreamInfo(&found, target->jetstream, settings->stream, NULL, &code);
	jsStreamInfo_Destroy(found);
	jsStreamConfig_Init(&config);
	config.Name = settings->stream;
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.MaxAge = (int64_t)settings->max_age;
	config.MaxBytes = (int64_t)settings->max_bytes;
	config.Replicas = (int64_t)settings->replicas;
	config.Duplicates = (int64_t)(10 * 60 * CLOCK_S);
	if (status == NATS_NOT_FOUND)
		status = js_AddStream(NULL, target->jetstream, &config, NULL, &code);
	if (status != NATS_OK && code != JSStreamNameExistErr)
		return nats_fault(target, "cannot make the stream", status, why, why_size);
	target->created = true;
	return 0;
}

static void nats_disconnect(struct export_target *target)
{
	jsCtx_Destroy(target->jetstream);
	natsConnection_Destroy(target->connection);
	target->jetstream = NULL;
	target->connection = NULL;
	target->created = false;
}

static int nats_ensure(struct export_target *target, char *why, size_t why_size)
{
	int error = 0;

	if (!target->jetstream)
		error = nats_connect(target, why, why_size);
	if (!error)
		error = nats_create_stream(target, why, why_size);
	if (error)
		nats_disconnect(target);
	return error;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static natsStatus nats_publish(struct export_target *target, const struct export_item *item)
{
	uint32_t type = item->type < EXPORT_ITEM_COUNT ? item->type : EXPORT_ITEM_FLOW;
	char id[ITEM_ID_MAX];
	jsPubOptions options;
	natsMsg *message = NULL;
	natsStatus status;

	item_id_of(&target->origin, target->node_name, item->epoch, item->position, id);
	jsPubOptions_Init(&options);
	options.MsgId = id;
	status = natsMsg_Create(&message, target->subject[type], NULL, (const char *)item->body,
				(int)item->size);
	if (status == NATS_OK)
		status = js_PublishMsgAsync(target->jetstream, &message, &options);
	natsMsg_Destroy(message);
	return status;
}

/* What is still on its way is published again later. */
static void nats_forget_pending(struct export_target *target)
{
	natsMsgList pending = { 0 };

	if (js_PublishAsyncGetPendingList(&pending, target->jetstream) == NATS_OK)
		natsMsgList_Destroy(&pending);
}

static int nats_send(struct export_target *target, const struct export_item *items, size_t count,
		     size_t *done, char *why, size_t why_size)
{
	int error = nats_ensure(target, why, why_size);
	natsStatus status = NATS_OK;
	jsPubOptions wait;

	if (error)
		return error;
	atomic_store(&target->failed, 0);
	for (size_t i = 0; i < count && status == NATS_OK; i++)
		status = nats_publish(target, &items[i]);
	jsPubOptions_Init(&wait);
	wait.MaxWait = (int64_t)(target->settings->timeout / CLOCK_MS);
	if (status == NATS_OK)
		status = js_PublishAsyncComplete(target->jetstream, &wait);
	if (status == NATS_OK && !atomic_load(&target->failed)) {
		*done = count;
		return 0;
	}
	nats_forget_pending(target);
	if (natsConnection_IsClosed(target->connection))
		nats_disconnect(target);
	if (status != NATS_OK)
		return nats_fault(target, "not acknowledged", status, why, why_size);
	snprintf(why, why_size, "%s: the stream refused %zu of %zu messages",
		 target->settings->servers, atomic_load(&target->failed), count);
	return -EAGAIN;
}

static void nats_close_target(struct export_target *target)
{
	nats_disconnect(target);
	free(target);
}

const struct export_kind export_kind_nats = {
	.name = "nats",
	.help = "messages to a stream of NATS JetStream, for the whole fleet",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct nats_settings),
	.batch = 4000, /* published at once, then waited for */
	.acknowledges = true,
	.format = nats_format,
	.check = nats_check,
	.open = nats_open,
	.send = nats_send,
	.reopen = nats_disconnect,
	.close = nats_close_target,
};
