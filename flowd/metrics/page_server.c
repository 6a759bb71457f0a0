/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/page_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flowd/base/clock.h"
#include "flowd/export/export_kind.h"
#include "flowd/metrics/series.h"

#define TEXT_TYPE	 "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct page_server {
	struct MHD_Daemon *daemon;
	struct page_options options;
	char *cert, *key, *token;
	pthread_mutex_t lock;
	struct series_family *requests, *durations; /* by status code */
};

/* "127.0.0.1:9965", "[::1]:9965" */
static int parse_listen(const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

	memset(address, 0, sizeof(*address));
	if (!colon || *end || !port || port > 65535 || colon - text >= (long)sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = 0;
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? 0 : -EINVAL;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? 0 : -EINVAL;
}

int page_check(const struct page_options *options, char *why, size_t why_size)
{
	struct sockaddr_storage address;

	if (parse_listen(options->listen, &address)) {
		snprintf(why, why_size,
			 "metrics.listen: \"%.64s\" is no address; write "
			 "127.0.0.1:9965 or [::1]:9965",
			 options->listen);
		return -EINVAL;
	}
	if (!options->cert != !options->key) {
		snprintf(why, why_size, "metrics.cert and metrics.key belong together; name both");
		return -EINVAL;
	}
	return 0;
}

/* ---- answering ------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status,
			      const char *type, char *body, size_t size,
			      enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, body, mode);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status,
				   const char *text)
{
	return answer(connection, status, "text/plain", (char *)(uintptr_t)text, strlen(text),
		      MHD_RESPMEM_PERSISTENT);
}

/* In a time that does not depend on where they differ. */
static bool is_token(const char *given, const char *token)
{
	static const char scheme[] = "Bearer ";
	size_t length = strlen(token);
	unsigned char differ = 0;

	if (!given || strncasecmp(given, scheme, sizeof(scheme) - 1))
		return false;
	given += sizeof(scheme) - 1;
	if (strlen(given) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		differ |= (unsigned char)(given[i] ^ token[i]);
	return !differ;
}

static enum MHD_Result answer_page(struct page_server *server, struct MHD_Connection *connection,
				   unsigned int *status)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	bool openmetrics = accept && strstr(accept, "application/openmetrics-text");
	struct buffer page = { 0 };
	int error = server->options.make(server->options.context, openmetrics, &page);

	*status = error ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK;
	if (error) {
		buffer_fini(&page);
		return answer_text(connection, *status,
				   "flowd is too busy, or has no memory; ask again\n");
	}
	return answer(connection, *status, openmetrics ? OPENMETRICS_TYPE : TEXT_TYPE,
		      (char *)page.data, page.size, MHD_RESPMEM_MUST_FREE);
}

/* Hubble's metrics of its own page. */
static void count_request(struct page_server *server, unsigned int status, uint64_t took_ns)
{
	char code[16];
	const char *values[] = { code };

	snprintf(code, sizeof(code), "%u", status);
	pthread_mutex_lock(&server->lock);
	series_add(server->requests, values, 1, 0);
	series_observe(server->durations, values, took_ns, 0);
	pthread_mutex_unlock(&server->lock);
}

int page_server_write(struct page_server *server, bool openmetrics, struct buffer *page)
{
	int error;

	if (!server)
		return 0;
	pthread_mutex_lock(&server->lock);
	error = series_write(server->requests, openmetrics, 0, page);
	if (!error)
		error = series_write(server->durations, openmetrics, 0, page);
	pthread_mutex_unlock(&server->lock);
	return error;
}

/* The answer's status in *status. */
static enum MHD_Result respond(struct page_server *server, struct MHD_Connection *connection,
			       const char *url, const char *method, unsigned int *status)
{
	const char *authorization =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");

	*status = MHD_HTTP_UNAUTHORIZED;
	if (server->token && !is_token(authorization, server->token))
		return answer_text(connection, *status, "a token is needed\n");
	*status = MHD_HTTP_METHOD_NOT_ALLOWED;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return answer_text(connection, *status, "GET it\n");
	*status = MHD_HTTP_NOT_FOUND;
	if (strcmp(url, "/metrics"))
		return answer_text(connection, *status, "there is only /metrics\n");
	return answer_page(server, connection, status);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	struct page_server *server = context;
	uint64_t begun_ns = clock_monotonic_ns();
	enum MHD_Result result;
	unsigned int status;

	(void)version;
	(void)upload;
	if (!*state) { /* the headers; the answer comes with the next call */
		*state = server;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	result = respond(server, connection, url, method, &status);
	count_request(server, status, clock_monotonic_ns() - begun_ns);
	return result;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int read_secrets(struct page_server *server, char *why, size_t why_size)
{
	const struct page_options *options = &server->options;
	int error = 0;

	if (options->cert)
		error = export_read_file(options->cert, &server->cert, why, why_size);
	if (!error && options->key)
		error = export_read_file(options->key, &server->key, why, why_size);
	if (!error && options->token_file)
		error = export_read_file(options->token_file, &server->token, why, why_size);
	return error;
}

static int start(struct page_server *server, char *why, size_t why_size)
{
	unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
	struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, server->cert },
					{ MHD_OPTION_HTTPS_MEM_KEY, 0, server->key },
					{ MHD_OPTION_END, 0, NULL } };
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	struct sockaddr_storage address;

	if (parse_listen(server->options.listen, &address))
		return -EINVAL;
	if (address.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	if (server->cert)
		flags |= MHD_USE_TLS;
	server->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_CONNECTION_LIMIT, 16u, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
		MHD_OPTION_ARRAY, server->cert ? tls : none, MHD_OPTION_END);
	if (server->daemon)
		return 0;
	snprintf(why, why_size, "metrics.listen: cannot listen on %s: %s", server->options.listen,
		 errno ? strerror(errno) : "check metrics.cert and metrics.key");
	return errno ? -errno : -EINVAL;
}

static int open_counts(struct page_server *server)
{
	static const struct series_about requests = {
		.name = "hubble_metrics_http_handler_requests_total",
		.help = "Requests of this page",
		.labels = { "code" },
		.limit = 8,
	};
	static const struct series_about durations = {
		.name = "hubble_metrics_http_handler_request_duration_seconds",
		.help = "Time to make this page",
		.type = SERIES_SECONDS,
		.labels = { "code" },
		.limit = 8,
	};
	int error = series_open(&server->requests, &requests);

	return error ? error : series_open(&server->durations, &durations);
}

int page_server_open(struct page_server **out, const struct page_options *options, char *why,
		     size_t why_size)
{
	struct page_server *server = calloc(1, sizeof(*server));
	int error;

	if (!server)
		return -ENOMEM;
	server->options = *options;
	pthread_mutex_init(&server->lock, NULL);
	error = open_counts(server);
	if (!error)
		error = read_secrets(server, why, why_size);
	errno = 0;
	if (!error)
		error = start(server, why, why_size);
	if (error) {
		page_server_close(server);
		return error;
	}
	*out = server;
	return 0;
}

static void free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void page_server_close(struct page_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	free_secret(server->cert);
	free_secret(server->key);
	free_secret(server->token);
	series_close(server->requests);
	series_close(server->durations);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
