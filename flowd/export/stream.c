/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_WAIT_S	  5
#define STREAM_GOODBYE_MS 2000
#define STREAM_DOUBT_MS	  250 /* for an ICMP error to come back */

struct stream {
	int socket;
	struct stream_address address;
	bool doubted;	  /* UDP: nothing has been sent since it was opened, or refused */
	SSL_CTX *context; /* NULL: not TLS */
	SSL *ssl;
};

/* ---- addresses ------------------------------------------------------------------------------- */

static const char *const schemes[] = {
	[STREAM_UDP] = "udp://", [STREAM_TCP] = "tcp://", [STREAM_TLS] = "tls://"
};

static int parse_refuse(const char *text, char *why, size_t why_size)
{
	snprintf(why, why_size,
		 "\"%.100s\" is no address; write udp://HOST:PORT, tcp://HOST:PORT or "
		 "tls://HOST:PORT",
		 text ? text : "");
	return -EINVAL;
}

int stream_parse(const char *text, const char *port, struct stream_address *out, char *why,
		 size_t why_size)
{
	const char *host = NULL, *end, *colon;
	size_t length;

	for (int kind = 0; text && kind < 3 && !host; kind++) {
		if (strncmp(text, schemes[kind], strlen(schemes[kind])))
			continue;
		host = text + strlen(schemes[kind]);
		out->kind = (enum stream_kind)kind;
	}
	if (!host)
		return parse_refuse(text, why, why_size);
	end = *host == '[' ? strchr(host, ']') : NULL;
	if (*host == '[' && !end)
		return parse_refuse(text, why, why_size);
	colon = strchr(end ? end : host, ':');
	length = colon ? (size_t)(colon - host) : strlen(host);
	if (end) {
		host++;
		length = (size_t)(end - host);
	}
	if (!length || length >= sizeof(out->host) || (colon && strlen(colon + 1) > 5))
		return parse_refuse(text, why, why_size);
	snprintf(out->host, sizeof(out->host), "%.*s", (int)length, host);
	snprintf(out->port, sizeof(out->port), "%s", colon ? colon + 1 : port);
	return 0;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static int tls_refuse(const struct stream *stream, const char *what, char *why, size_t why_size)
{
	char detail[160] = "no reason is told";
	unsigned long code = ERR_peek_last_error();
	long verify = stream->ssl ? SSL_get_verify_result(stream->ssl) : X509_V_OK;

	if (verify != X509_V_OK)
		snprintf(detail, sizeof(detail), "%s", X509_verify_cert_error_string(verify));
	else if (code)
		ERR_error_string_n(code, detail, sizeof(detail));
	ERR_clear_error();
	snprintf(why, why_size, "%s:%s: %s: %s; check ca, cert, key and server_name",
		 stream->address.host, stream->address.port, what, detail);
	return -EPROTO;
}

static bool tls_load(SSL_CTX *context, const struct export_settings *settings)
{
	if (settings->ca ? !SSL_CTX_load_verify_file(context, settings->ca)
			 : !SSL_CTX_set_default_verify_paths(context))
		return false;
	return !settings->cert ||
	       (SSL_CTX_use_certificate_chain_file(context, settings->cert) == 1 &&
		SSL_CTX_use_PrivateKey_file(context, settings->key, SSL_FILETYPE_PEM) == 1);
}

/* The peer's certificate must be for this name, or address. */
static bool tls_expect(SSL *ssl, const char *name)
{
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name))
		return true;
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static int tls_open(struct stream *stream, const struct export_settings *settings, char *why,
		    size_t why_size)
{
	const char *name = settings->server_name ? settings->server_name : stream->address.host;

	stream->context = SSL_CTX_new(TLS_client_method());
	if (!stream->context)
		return -ENOMEM;
	SSL_CTX_set_min_proto_version(stream->context, TLS1_2_VERSION);
	SSL_CTX_set_verify(stream->context, SSL_VERIFY_PEER, NULL);
	if (!tls_load(stream->context, settings))
		return tls_refuse(stream, "the certificates cannot be used", why, why_size);
	stream->ssl = SSL_new(stream->context);
	if (!stream->ssl || !tls_expect(stream->ssl, name) ||
	    !SSL_set_fd(stream->ssl, stream->socket))
		return -ENOMEM;
	if (SSL_connect(stream->ssl) != 1)
		return tls_refuse(stream, "TLS failed", why, why_size);
	return 0;
}

/* Our close_notify, then the peer's: what it has not read yet is not lost by a reset. */
static void tls_goodbye(struct stream *stream)
{
	struct pollfd wait = { .fd = stream->socket, .events = POLLIN };
	char rest[512];

	if (SSL_shutdown(stream->ssl) != 0)
		return;
	while (poll(&wait, 1, STREAM_GOODBYE_MS) > 0 &&
	       SSL_read(stream->ssl, rest, sizeof(rest)) > 0)
		;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void stream_set_options(int socket, bool tcp)
{
	const struct timeval wait = { .tv_sec = STREAM_WAIT_S };
	const int on = 1;

	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (tcp)
		setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int stream_connect(struct stream *stream, char *why, size_t why_size)
{
	const struct stream_address *address = &stream->address;
	bool tcp = address->kind != STREAM_UDP;
	struct addrinfo wanted = { .ai_socktype = tcp ? SOCK_STREAM : SOCK_DGRAM }, *found;
	int result = getaddrinfo(address->host, address->port, &wanted, &found), error = ENOENT;

	if (result) {
		snprintf(why, why_size, "%s:%s: %s", address->host, address->port,
			 gai_strerror(result));
		return -EHOSTUNREACH;
	}
	for (struct addrinfo *one = found; one && stream->socket < 0; one = one->ai_next) {
		stream->socket =
			socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
		if (stream->socket < 0)
			continue;
		stream_set_options(stream->socket, tcp);
		if (!connect(stream->socket, one->ai_addr, one->ai_addrlen))
			break;
		error = errno == EINPROGRESS ? ETIMEDOUT : errno;
		close(stream->socket);
		stream->socket = -1;
	}
	freeaddrinfo(found);
	if (stream->socket >= 0)
		return 0;
	snprintf(why, why_size, "%s:%s: cannot connect: %s", address->host, address->port,
		 strerror(error));
	return -error;
}

int stream_open(struct stream **out, const struct stream_address *address,
		const struct export_settings *settings, char *why, size_t why_size)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int error;

	if (!stream)
		return -ENOMEM;
	stream->socket = -1;
	stream->address = *address;
	stream->doubted = address->kind == STREAM_UDP;
	error = stream_connect(stream, why, why_size);
	if (!error && address->kind == STREAM_TLS)
		error = tls_open(stream, settings, why, why_size);
	if (error) {
		stream_abort(stream);
		return error;
	}
	*out = stream;
	return 0;
}

void stream_abort(struct stream *stream)
{
	if (!stream)
		return;
	SSL_free(stream->ssl);
	SSL_CTX_free(stream->context);
	if (stream->socket >= 0)
		close(stream->socket);
	free(stream);
}

void stream_close(struct stream *stream)
{
	struct pollfd wait = { .events = POLLIN };
	char rest[512];

	if (!stream)
		return;
	if (stream->ssl)
		tls_goodbye(stream);
	wait.fd = stream->socket;
	if (stream->address.kind != STREAM_UDP && !shutdown(stream->socket, SHUT_WR)) {
		while (poll(&wait, 1, STREAM_GOODBYE_MS) > 0 &&
		       recv(stream->socket, rest, sizeof(rest), 0) > 0)
			;
	}
	stream_abort(stream);
}

/* ---- writing --------------------------------------------------------------------------------- */

int stream_socket(const struct stream *stream)
{
	return stream->socket;
}

bool stream_is_alive(struct stream *stream)
{
	char byte;
	ssize_t got;

	if (stream->ssl) {
		struct pollfd wait = { .fd = stream->socket, .events = POLLIN };

		/* session tickets are read here too */
		while (poll(&wait, 1, 0) > 0) {
			int read = SSL_read(stream->ssl, &byte, 1);

			if (read <= 0)
				return SSL_get_error(stream->ssl, read) == SSL_ERROR_WANT_READ;
		}
		return true;
	}
	if (stream->address.kind == STREAM_UDP)
		return true;
	got = recv(stream->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

int stream_failed(const struct stream *stream, int error, char *why, size_t why_size)
{
	const char *what = strerror(error == EAGAIN ? ETIMEDOUT : error);

	if (stream->address.kind == STREAM_UDP && error == ECONNREFUSED)
		what = "refused; start what listens on this UDP port, or correct the address";
	snprintf(why, why_size, "%s:%s: cannot send: %s", stream->address.host,
		 stream->address.port, what);
	return error == EAGAIN ? -ETIMEDOUT : -error;
}

bool stream_is_doubted(const struct stream *stream)
{
	return stream->doubted;
}

void stream_doubt(struct stream *stream)
{
	stream->doubted = true;
}

int stream_check(struct stream *stream, char *why, size_t why_size)
{
	struct pollfd wait = { .fd = stream->socket };
	int error = 0;
	socklen_t size = sizeof(error);

	if (stream->doubted)
		poll(&wait, 1, STREAM_DOUBT_MS);
	getsockopt(stream->socket, SOL_SOCKET, SO_ERROR, &error, &size);
	stream->doubted = error;
	return error ? stream_failed(stream, error, why, why_size) : 0;
}

int stream_write(struct stream *stream, const void *data, size_t size, char *why, size_t why_size)
{
	const char *at = data;

	while (size) {
		ssize_t sent;

		errno = 0;
		if (stream->ssl) {
			sent = SSL_write(stream->ssl, at, size > 1 << 20 ? 1 << 20 : (int)size);
			if (sent <= 0)
				return errno ? stream_failed(stream, errno, why, why_size)
					     : tls_refuse(stream, "TLS failed", why, why_size);
		} else {
			sent = send(stream->socket, at, size, MSG_NOSIGNAL);
			if (sent < 0 && errno == EINTR)
				continue;
			if (sent < 0) {
				stream->doubted = stream->address.kind == STREAM_UDP;
				return stream_failed(stream, errno, why, why_size);
			}
		}
		at += sent;
		size -= (size_t)sent;
	}
	return stream->address.kind == STREAM_UDP ? stream_check(stream, why, why_size) : 0;
}
