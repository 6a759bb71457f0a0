/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections for exporters that speak a protocol of their own: UDP, TCP, and TLS 1.2 or later over
 * TCP. Writing and connecting wait some seconds at most. Closing a TLS or TCP connection says
 * goodbye and waits for the peer's: a reset would take with it what the peer has not read yet.
 */
#ifndef EXPORT_STREAM_H
#define EXPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "flowd/export/export_kind.h"

enum stream_kind { STREAM_UDP, STREAM_TCP, STREAM_TLS };

struct stream_address {
	enum stream_kind kind;
	char host[256];
	char port[8];
};

/* "udp://host:port", "tcp://[::1]:port", "tls://host". `port`: when none is written. 0, or -EINVAL
 * with the sentence. */
int stream_parse(const char *text, const char *port, struct stream_address *out, char *why,
		 size_t why_size);

struct stream;
/* The certificates are those of the settings. 0, or negative errno with the sentence. */
int stream_open(struct stream **out, const struct stream_address *address,
		const struct export_settings *settings, char *why, size_t why_size);
/* Accepts NULL. */
void stream_close(struct stream *stream);
/* The same without goodbye, after an error. */
void stream_abort(struct stream *stream);

/* All of it. 0, or negative errno with the sentence; over UDP with what stream_check() says. */
int stream_write(struct stream *stream, const void *data, size_t size, char *why, size_t why_size);
/*
 * Over UDP nobody says that a datagram has arrived, but a host says that nobody listens. Of a
 * stream in doubt - new, or refused - one datagram is sent and stream_check() waits for such an
 * answer; of others it looks whether one has come. 0: none has; else what was sent last has not
 * arrived, and what was sent shortly before may not have.
 */
int stream_check(struct stream *stream, char *why, size_t why_size);
bool stream_is_doubted(const struct stream *stream);
void stream_doubt(struct stream *stream);
/* Fills in the sentence for this errno of a send; returns it negative. */
int stream_failed(const struct stream *stream, int error, char *why, size_t why_size);
/* The peer has not closed. */
bool stream_is_alive(struct stream *stream);
int stream_socket(const struct stream *stream);

#endif
