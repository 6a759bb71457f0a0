/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/fleet.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/clock.h"
#include "flowcli/connection.h"
#include "flowcli/fleet_merge.h"
#include "flowcli/interrupt.h"

#define SKEW_NS	     (60 * UINT64_C(1000000000)) /* a node's clock may be behind by so much */
#define HOLD_NS	     (1 * UINT64_C(1000000000))	 /* following: how long others may be late */
#define WAIT_MS	     200
#define LAST_DEFAULT 20
#define SERVERS_MAX  8

static struct {
	const char *url, *cluster, *node, *stream, *credentials;
} given;

static const struct option_row rows[] = {
	{ .name = "nats",
	  .kind = OPTION_TEXT,
	  .argument = "URL",
	  .variable = &given.url,
	  .help = "ask the fleet's stream instead of a daemon: nats:// or tls:// addresses with "
		  "commas" },
	{ .name = "cluster",
	  .kind = OPTION_TEXT,
	  .argument = "NAME",
	  .variable = &given.cluster,
	  .help = "with --nats: only this cluster" },
	{ .name = "node",
	  .kind = OPTION_TEXT,
	  .argument = "GLOB",
	  .variable = &given.node,
	  .help = "with --nats: only nodes of this name; * and ? match" },
	{ .name = "nats-stream",
	  .kind = OPTION_TEXT,
	  .argument = "NAME",
	  .variable = &given.stream,
	  .help = "with --nats: the stream (FLOWS)" },
	{ .name = "nats-credentials",
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.credentials,
	  .help = "with --nats: credentials file (JWT and seed)" },
	{ 0 }
};

const struct option_group fleet_options = { "The fleet", rows };

bool fleet_given(void)
{
	return given.url;
}

const char *fleet_stray_option(void)
{
	for (const struct option_row *row = rows + 1; row->name; row++) {
		if (!given.url && *(const char *const *)row->variable)
			return row->name;
	}
	return NULL;
}

struct fleet {
	struct observation *observation;
	natsConnection *connection;
	jsCtx *jetstream;
	natsSubscription *subscription;
	struct fleet_window window;
	struct fleet_nodes nodes;
	uint64_t last_wanted; /* --last: the newest so many are kept until the end */
	uint64_t strange;     /* messages that are no records of ours */
	bool at_end;	      /* nothing newer was in the stream */
};

static int fail(const char *what, natsStatus status)
{
	fprintf(stderr, "flowcli: %s: %s: %s\n", given.url, what, natsStatus_GetText(status));
	return -EIO;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static natsStatus set_tls(natsOptions *options)
{
	struct server_options tls;
	natsStatus status;

	connection_settings(&tls);
	if (!tls.tls_ca_file && !tls.tls_cert_file && !strstr(given.url, "tls://"))
		return NATS_OK;
	status = natsOptions_SetSecure(options, true);
	if (status == NATS_OK && tls.tls_ca_file)
		status = natsOptions_LoadCATrustedCertificates(options, tls.tls_ca_file);
	if (status == NATS_OK && tls.tls_cert_file)
		status = natsOptions_LoadCertificatesChain(options, tls.tls_cert_file,
							   tls.tls_key_file);
	if (status == NATS_OK && tls.tls_server_name)
		status = natsOptions_SetExpectedHostname(options, tls.tls_server_name);
	return status;
}

static natsStatus set_servers(natsOptions *options)
{
	char text[2048], *place = NULL;
	const char *server[SERVERS_MAX];
	int count = 0;

	snprintf(text, sizeof(text), "%s", given.url);
	for (char *one = strtok_r(text, ",", &place); one && count < SERVERS_MAX;
	     one = strtok_r(NULL, ",", &place))
		server[count++] = one;
	return natsOptions_SetServers(options, server, count);
}

static natsStatus connect_fleet(struct fleet *fleet)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);

	if (status == NATS_OK)
		status = set_servers(options);
	if (status == NATS_OK)
		status = set_tls(options);
	if (status == NATS_OK && given.credentials)
		status = natsOptions_SetUserCredentialsFromFiles(options, given.credentials, NULL);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, connection_timeout_ms());
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsConnection_Connect(&fleet->connection, options);
	natsOptions_Destroy(options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&fleet->jetstream, fleet->connection, NULL);
	return status;
}

/* Where to begin. A message reaches the stream after its record was made. */
static void place(const struct fleet *fleet, jsConsumerConfig *config)
{
	const struct observation *observation = fleet->observation;

	config->DeliverPolicy = js_DeliverAll;
	if (observation->since_ns > SKEW_NS) {
		config->DeliverPolicy = js_DeliverByStartTime;
		config->OptStartTime = (int64_t)(observation->since_ns - SKEW_NS);
	} else if (observation->follow && !observation->all && !fleet->last_wanted) {
		config->DeliverPolicy = js_DeliverNew;
	}
}

static natsStatus subscribe(struct fleet *fleet)
{
	char subject[256];
	jsSubOptions options;

	jsSubOptions_Init(&options);
	options.Stream = given.stream ? given.stream : "FLOWS";
	options.Ordered = true;
	place(fleet, &options.Config);
	snprintf(subject, sizeof(subject), "flows.%s.>", given.cluster ? given.cluster : "*");
	return js_SubscribeSync(&fleet->subscription, fleet->jetstream, subject, NULL, &options,
				NULL);
}

/* What has left the stream is told where everything was asked for. */
static void tell_oldest(struct fleet *fleet)
{
	struct observation *observation = fleet->observation;
	jsStreamInfo *info = NULL;

	if (js_GetStreamInfo(&info, fleet->jetstream, given.stream ? given.stream : "FLOWS", NULL,
			     NULL) != NATS_OK)
		return;
	if (!info->State.Msgs)
		fleet->at_end = true;
	if (observation->since_ns && info->State.FirstSeq > 1 &&
	    (uint64_t)info->State.FirstTime > observation->since_ns)
		sink_missing(&observation->sink,
			     "--since is older than the oldest message of the stream");
	jsStreamInfo_Destroy(info);
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool is_wanted(const struct observation *observation, const struct flow_record *record)
{
	return record->time_ns >= observation->since_ns &&
	       (!observation->until_ns || record->time_ns <= observation->until_ns) &&
	       filter_match(observation->filter, record);
}

static void tell_gap(struct fleet *fleet, const struct fleet_node *node, uint64_t missing)
{
	struct flow_loss loss = { .source = "stream", .records = missing, .node_name = node->name };

	sink_loss(&fleet->observation->sink, &loss);
}

/* Writes the oldest of the window. */
static void write_top(struct fleet *fleet)
{
	const struct fleet_message *top = fleet_window_top(&fleet->window);
	struct sink *sink = &fleet->observation->sink;

	for (size_t i = 0; i < top->answer.loss_count; i++)
		sink_loss(sink, &top->answer.losses[i]);
	for (size_t i = 0; i < top->answer.record_count; i++)
		sink_record(sink, &top->answer.records[i]);
	fleet_window_pop(&fleet->window);
}

/* With --last the window keeps the newest so many, else as many as it holds. */
static void make_room(struct fleet *fleet)
{
	size_t most = fleet->last_wanted && fleet->last_wanted < FLEET_WINDOW
			      ? (size_t)fleet->last_wanted
			      : FLEET_WINDOW;

	while (fleet->window.count > most) {
		if (fleet->last_wanted)
			fleet_window_pop(&fleet->window);
		else
			write_top(fleet);
	}
}

static void take_answer(struct fleet *fleet, struct answer *answer, uint64_t sequence)
{
	struct fleet_node *node;
	uint64_t missing;
	enum fleet_verdict verdict;
	const char *name = answer->node_name ? answer->node_name : "";

	if (given.node && fnmatch(given.node, name, 0)) {
		answer_fini(answer);
		return;
	}
	verdict = fleet_nodes_judge(&fleet->nodes, answer, sequence, &node, &missing);
	if (verdict == FLEET_GAP)
		tell_gap(fleet, node, missing);
	if (verdict == FLEET_TWICE ||
	    (answer->record_count && !is_wanted(fleet->observation, &answer->records[0]))) {
		answer_fini(answer);
		return;
	}
	if (node)
		node->records += answer->record_count;
	fleet_window_push(&fleet->window, answer, clock_steady_ns());
	make_room(fleet);
}

static void take_message(struct fleet *fleet, natsMsg *message)
{
	jsMsgMetaData *about = NULL;
	struct answer answer;
	uint64_t sequence;
	char why[256];

	if (natsMsg_GetDataLength(message) <= 0 ||
	    codec_unpack_batch((const uint8_t *)natsMsg_GetData(message),
			       (size_t)natsMsg_GetDataLength(message), &sequence, &answer, why,
			       sizeof(why)))
		fleet->strange++;
	else
		take_answer(fleet, &answer, sequence);
	if (natsMsg_GetMetaData(&about, message) == NATS_OK)
		fleet->at_end = about->NumPending == 0;
	jsMsgMetaData_Destroy(about);
}

/* Following: what came a while ago is written, however much others are late. */
static void write_ripe(struct fleet *fleet)
{
	uint64_t now = clock_steady_ns();

	if (!fleet->observation->follow || (fleet->last_wanted && !fleet->at_end))
		return;
	fleet->last_wanted = 0;
	while (fleet->window.count && now - fleet_window_top(&fleet->window)->came_ns >= HOLD_NS)
		write_top(fleet);
	writer_flush(&fleet->observation->sink.writer);
}

static bool wants_more(const struct fleet *fleet)
{
	const struct observation *observation = fleet->observation;

	if (sink_is_full(&observation->sink) || interrupt_requested())
		return false;
	return observation->follow || !fleet->at_end;
}

static int receive(struct fleet *fleet)
{
	int error = 0;

	while (!error && wants_more(fleet)) {
		natsMsg *message = NULL;
		natsStatus status =
			natsSubscription_NextMsg(&message, fleet->subscription, WAIT_MS);

		if (status == NATS_OK)
			take_message(fleet, message);
		else if (status != NATS_TIMEOUT)
			error = fail("the stream cannot be read", status);
		natsMsg_Destroy(message);
		write_ripe(fleet);
	}
	while (fleet->window.count && !sink_is_full(&fleet->observation->sink))
		write_top(fleet);
	return error;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void tell_nodes(struct fleet *fleet)
{
	struct sink *sink = &fleet->observation->sink;

	for (size_t i = 0; i < fleet->nodes.count && !sink->quiet; i++) {
		const struct fleet_node *node = &fleet->nodes.node[i];
		char name[256];

		terminal_escape(node->name, name, sizeof(name));
		fprintf(stderr, "node %s: %" PRIu64 " records, %s", name, node->records,
			node->lost ? "INCOMPLETE" : "complete");
		if (node->lost)
			fprintf(stderr, ", %" PRIu64 " messages missing", node->lost);
		if (node->restarts)
			fprintf(stderr, ", started again %" PRIu64 " times", node->restarts);
		fputc('\n', stderr);
	}
	sink_fact(sink, "%zu node%s", fleet->nodes.count, fleet->nodes.count == 1 ? "" : "s");
	if (fleet->strange)
		sink_missing(sink, "%" PRIu64 " messages are no records that can be read",
			     fleet->strange);
}

static void set_limits(struct fleet *fleet)
{
	struct observation *observation = fleet->observation;
	bool ranged = observation->all || observation->since_ns || observation->until_ns;

	observation->sink.limit = observation->first;
	fleet->last_wanted = observation->last;
	if (!ranged && !observation->first && !observation->last && !observation->follow)
		fleet->last_wanted = LAST_DEFAULT;
}

static int open_fleet(struct fleet *fleet)
{
	natsStatus status;

	fleet->nodes.node = calloc(FLEET_NODES, sizeof(*fleet->nodes.node));
	if (!fleet->nodes.node || fleet_window_open(&fleet->window)) {
		fprintf(stderr, "flowcli: not enough memory\n");
		return -ENOMEM;
	}
	status = connect_fleet(fleet);
	if (status != NATS_OK)
		return fail("cannot connect", status);
	set_limits(fleet);
	tell_oldest(fleet);
	status = subscribe(fleet);
	return status == NATS_OK ? 0 : fail("cannot subscribe to the stream", status);
}

static void close_fleet(struct fleet *fleet)
{
	natsSubscription_Destroy(fleet->subscription);
	jsCtx_Destroy(fleet->jetstream);
	natsConnection_Destroy(fleet->connection);
	if (fleet->window.messages)
		fleet_window_close(&fleet->window);
	free(fleet->nodes.node);
}

int fleet_observe(struct observation *observation)
{
	struct fleet fleet = { .observation = observation };
	int error = open_fleet(&fleet), status;

	if (error) {
		close_fleet(&fleet);
		writer_close(&observation->sink.writer);
		return 1;
	}
	interrupt_open();
	error = receive(&fleet);
	if (interrupt_requested() && !observation->follow)
		sink_missing(&observation->sink, "interrupted");
	if (error)
		sink_missing(&observation->sink, "the answer broke off");
	tell_nodes(&fleet);
	status = sink_finish(&observation->sink);
	close_fleet(&fleet);
	if (status || error)
		return 1;
	return interrupt_requested() && !observation->follow ? 130 : 0;
}
