/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/connection.h"

#include <stdio.h>
#include <stdlib.h>

static struct server_options given;
static uint64_t timeout_s;

static const struct option_row rows[] = {
	{ .name = "server",
	  .kind = OPTION_TEXT,
	  .argument = "URL",
	  .variable = &given.url,
	  .help = "the daemon's address, ipc:// or tls+tcp:// (FLOWCLI_SERVER, else " SERVER_DEFAULT
		  ")" },
	{ .name = "timeout",
	  .kind = OPTION_COUNT,
	  .argument = "SECONDS",
	  .variable = &timeout_s,
	  .help = "how long to wait for an answer (5)" },
	{ .name = "tls-ca-file",
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.tls_ca_file,
	  .help = "certificate that signed the daemon's, PEM (FLOWCLI_TLS_CA_FILE)" },
	{ .name = "tls-cert-file",
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.tls_cert_file,
	  .help = "our certificate, PEM (FLOWCLI_TLS_CERT_FILE)" },
	{ .name = "tls-key-file",
	  .kind = OPTION_TEXT,
	  .argument = "FILE",
	  .variable = &given.tls_key_file,
	  .help = "its key, PEM (FLOWCLI_TLS_KEY_FILE)" },
	{ .name = "tls-server-name",
	  .kind = OPTION_TEXT,
	  .argument = "NAME",
	  .variable = &given.tls_server_name,
	  .help = "name in the daemon's certificate (FLOWCLI_TLS_SERVER_NAME, else the host of "
		  "the address)" },
	{ 0 }
};

const struct option_group connection_options = { "Connection", rows };

static const char *choose(const char *option, const char *variable, const char *fallback)
{
	const char *environment = getenv(variable);

	if (option)
		return option;
	return environment && *environment ? environment : fallback;
}

void connection_settings(struct server_options *options)
{
	options->url = choose(given.url, "FLOWCLI_SERVER", SERVER_DEFAULT);
	options->tls_ca_file = choose(given.tls_ca_file, "FLOWCLI_TLS_CA_FILE", NULL);
	options->tls_cert_file = choose(given.tls_cert_file, "FLOWCLI_TLS_CERT_FILE", NULL);
	options->tls_key_file = choose(given.tls_key_file, "FLOWCLI_TLS_KEY_FILE", NULL);
	options->tls_server_name = choose(given.tls_server_name, "FLOWCLI_TLS_SERVER_NAME", NULL);
}

bool connection_given(void)
{
	return given.url || given.tls_ca_file || given.tls_cert_file || given.tls_key_file ||
	       given.tls_server_name || timeout_s;
}

uint32_t connection_timeout_ms(void)
{
	return timeout_s ? (timeout_s < 86400 ? (uint32_t)timeout_s * 1000 : 86400000) : 5000;
}

int connection_open(struct server **out)
{
	struct server_options options;
	char why[512];

	connection_settings(&options);
	int error = server_open(out, &options, why, sizeof(why));
	if (error)
		fprintf(stderr, "flowcli: %s\n", why);
	return error;
}
