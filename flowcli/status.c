/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `flowcli status`: one question, one page. */
#include "flowcli/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flowcli/connection.h"

static struct {
	const char *output;
	bool verbose;
} given = { .output = "compact" };

struct status_format {
	const char *name;
	void (*write)(const struct status_view *view, const struct status *status);
};
static const struct status_format formats[] = { { "compact", status_write_compact },
						{ "dict", status_write_dict },
						{ "json", status_write_json } };
static const char *const format_words[] = { "compact", "dict", "json", NULL };

static const struct option_row rows[] = { { .name = "output",
					    .letter = 'o',
					    .kind = OPTION_CHOICE,
					    .argument = "FORMAT",
					    .variable = &given.output,
					    .choices = format_words,
					    .help = "format" },
					  { .name = "verbose",
					    .letter = 'v',
					    .kind = OPTION_SWITCH,
					    .variable = &given.verbose,
					    .help = "show counters that are zero too" },
					  { 0 } };
static const struct option_group output_options = { "Output", rows };
static const struct option_group *const groups[] = { &output_options, &connection_options,
						     &help_options, NULL };

static void write_status(const struct status *status)
{
	struct server_options options;
	struct status_view view = { .verbose = given.verbose };

	connection_settings(&options);
	view.url = options.url;
	if (output_open(&view.output, STDOUT_FILENO))
		return;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(formats[i].name, given.output))
			formats[i].write(&view, status);
	output_flush(view.output);
	output_close(view.output);
}

static int run(int operand_count, const char *const *operands)
{
	struct server *server;
	struct reply reply;
	char why[512];

	(void)operand_count;
	(void)operands;
	if (connection_open(&server))
		return 1;
	int error = server_ask_status(server, connection_timeout_ms(), &reply, why, sizeof(why));
	server_close(server);
	if (error) {
		fprintf(stderr, "flowcli: %s\n", why);
		return 1;
	}
	write_status(&reply.status);
	reply_fini(&reply);
	return 0;
}

const struct command status_command = {
	.token = "status",
	.summary = "Show the daemon's health, history, interfaces, losses and own cost.",
	.examples = "  flowcli status\n"
		    "  flowcli status -o json | jq .ledger\n"
		    "  flowcli status --server tls+tcp://node1:4245 --tls-ca-file ca.pem",
	.groups = groups,
	.run = run,
};
